/*
 * test_value_event.c - a text becomes an event and brings it up to date: what is new, what left, what people have
 * deleted, what is no value; and that nothing happens when nothing is new.
 */
#include "sync/value_event.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static struct world w;
static struct value_event_result res;
static char faults[1000];
static unsigned found;

static void on_fault(void *user, uint64_t line, struct str text, struct str why)
{
	size_t n = strlen(faults);
	(void)user, (void)why;
	snprintf(faults + n, sizeof(faults) - n, "%llu:%.*s ", (unsigned long long)line, STR_ARG(text));
}

static enum err on_found(void *user, const struct value_new *v, struct fail *f)
{
	(void)user, (void)v, (void)f;
	found++;
	return ERR_OK;
}

#define GIVE(h, member, v) ((h)->member = (v), ENTITY_SET_HAS((h), EVENT_F_##member))

struct ask {
	const char *text;
	uint64_t event_id;
	bool delta, dry;
};

/* `kept`: what the last text held, by which what left is known. */
static enum err take(struct ask a, bool keep)
{
	OWN(value_cache) struct value_cache before = {0};
	OWN(value_cache_writer) struct value_cache_writer *taken = NULL;
	struct fail f = {0};
	int fd = value_event_spool(w.dir);
	struct value_event_opts o = {.in = &w.in,
				     .fd = fd,
				     .read = {.format = VALUES_LIST},
				     .origin = {.kind = ORIGIN_FEED, .id = 1, .time = clock_now()},
				     .facts = {.kind = AUD_FEED,
					       .org_id = 1,
					       .perm_sync = true,
					       .perm_publish = true,
					       .elements_inherit = true,
					       .made_here = true,
					       .default_attr_distribution = DIST_INHERIT,
					       .now = clock_now()},
				     .event_id = a.event_id,
				     .delta = a.delta,
				     .dry = a.dry,
				     .found = on_found,
				     .fault = on_fault};
	if (fd < 0 || write(fd, a.text, strlen(a.text)) != (ssize_t)strlen(a.text))
		bail_out("no file for the text");
	GIVE(&o.head, uuid, uuid_random());
	GIVE(&o.head, info, STR("a list"));
	GIVE(&o.head, distribution, DIST_ALL);
	GIVE(&o.head, timestamp, clock_now());
	if (keep && value_cache_writer_new(w.dir, VALUE_CACHE_TAKEN, 1, &taken, &f) != ERR_OK)
		bail_out("no cache: %s", f.text);
	if (a.delta && value_cache_open(w.dir, VALUE_CACHE_TAKEN, 1, &before) == ERR_OK)
		o.before = &before;
	o.taken = taken;
	faults[0] = 0;
	found = 0;
	enum err e = value_event_take(&o, &res, &f);
	if (e != ERR_OK)
		diag("%s: %s", err_name(e), f.text);
	if (e == ERR_OK && taken)
		is_ok(value_cache_commit(MOVE(taken), NULL, &f), "what it held is kept");
	close(fd);
	return e;
}

/* Live and deleted attributes of an event. */
static void count(uint64_t id, unsigned *live, unsigned *gone)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct fail f = {0};
	struct misp_event e;
	struct misp_attr row;
	*live = *gone = 0;
	if (store_read(w.store, &t, &f) != ERR_OK || store_get(t, T_EVENT, id, a, &e) != ERR_OK)
		return;
	struct el_key key = {.body = e.body};
	if (store_el_iter_new(t, EL_ATTR, key, false, &it) != ERR_OK)
		return;
	while (store_el_iter_next(it, a, &key, &row) == ERR_OK)
		(*(row.deleted ? gone : live))++;
}

static void holds(uint64_t id, unsigned live, unsigned gone, const char *what)
{
	unsigned l, g;
	count(id, &l, &g);
	ok(l == live && g == gone, "%s: %u live, %u deleted (want %u, %u)", what, l, g, live, gone);
}

int main(void)
{
	world_open(&w, "default");
	is_err(take((struct ask){.text = "# nothing\n\n"}, false), ERR_INVAL, "a text without values");
	is_err(take((struct ask){.text = "1.2.3.4\n", .event_id = 999}, false), ERR_NOENT,
	      "an event that is not there");
	is_ok(take((struct ask){.text = "1.2.3.4\nnothing\n5.6.7.8\n1.2.3.4\n", .dry = true}, false), "a dry run");
	ok(res.added == 2 && found == 2 && !res.changed && !res.event_id, "tells two, and makes nothing");
	is_str(faults, "2:nothing ", "and what is none");

	is_ok(take((struct ask){.text = "1.2.3.4\na.example.org\nb.example.org\n"}, true), "three values");
	uint64_t id = res.event_id;
	ok(id && res.made && res.changed && res.added == 3, "make an event");
	holds(id, 3, 0, "with them");
	is_ok(take((struct ask){.text = "b.example.org\n1.2.3.4\na.example.org\n",
				.event_id = id,
				.delta = true},
		   true),
	      "the same again");
	ok(!res.changed && res.current == 3, "changes nothing");
	is_ok(take((struct ask){.text = "c.example.org\n1.2.3.4\n", .event_id = id}, false),
	      "another text without delta");
	ok(res.added == 1 && res.current == 1 && !res.removed, "only adds");
	holds(id, 4, 0, "so");
	is_ok(take((struct ask){.text = "1.2.3.4\n", .event_id = id, .delta = true}, true), "what left");
	is_uint(res.removed, 2, "is removed, but not what was never in the list");
	holds(id, 2, 2, "so");
	is_ok(take((struct ask){.text = "1.2.3.4\na.example.org\n", .event_id = id, .delta = true}, true),
	      "what is back");
	ok(res.restored == 1 && !res.added, "is restored, not added anew");
	holds(id, 3, 1, "so");
	is_err(take((struct ask){.text = "<nothing>\n", .event_id = id, .delta = true}, true), ERR_INVAL,
	      "an empty text");
	holds(id, 3, 1, "empties nothing");
	world_close(&w);
	return done_testing();
}
