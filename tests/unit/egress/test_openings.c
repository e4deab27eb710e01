/*
 * test_openings.c - embargoes that end become changes, for every class, in sharing groups and for single
 * attributes; searches for what is new find them; what was missed while the node was down is made up for.
 */
#include "egress/openings.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "egress/view.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define T0 INT64_C(1900000000) /* 2030-03-17T17:46:40Z */

static const char *iso(int64_t t, char out[32])
{
	struct clock_civil c = clock_to_civil(t);

	snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute,
		 c.second);
	return out;
}

static uint64_t add(struct world *w, unsigned n, const char *event_tag, const char *attr_tag)
{
	char json[900];

	snprintf(json, sizeof(json),
		 "{\"Event\":{\"uuid\":\"5f000000-0000-4000-8000-0000000000%02u\",\"info\":\"e\","
		 "\"distribution\":\"3\",\"published\":true,\"publish_timestamp\":\"1000\","
		 "\"timestamp\":\"1000\",\"Tag\":[{\"name\":\"tlp:clear\"},{\"name\":\"%s\"}],"
		 "\"Attribute\":[{\"type\":\"domain\",\"value\":\"a%u.example\",\"Tag\":["
		 "{\"name\":\"%s\"}]}]}}",
		 n, event_tag, n, attr_tag);
	return world_add(w, json);
}

static const char *tag(char out[96], const char *predicate, int64_t t)
{
	char at[32];

	snprintf(out, 96, "embargo:%s=\\\"%s\\\"", predicate, iso(t, at));
	return out;
}

/* How often the event has opened, by the change log. */
static unsigned opened(struct world *w, uint64_t event_id)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct change c;
	uint64_t seq = 0;
	unsigned n = 0;

	if (store_read(w->store, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	while (store_change_next(t, &seq, &c) == ERR_OK)
		n += c.op == CHANGE_OPEN && c.event_id == event_id;
	return n;
}

/* At most two seconds: the thread looks five times a second. */
static bool opens(struct world *w, uint64_t event_id, unsigned times)
{
	for (int i = 0; i < 40 && opened(w, event_id) < times; i++)
		usleep(50000);
	return opened(w, event_id) == times;
}

/* Does an audience of this class find the event among what was published since `from`? */
static bool finds(struct world *w, uint8_t cls, uint64_t event_id, int64_t from)
{
	struct audience aud = {.kind = AUD_PEER,
			       .tlp = TLP_UPTO_AMBER,
			       .release_class = cls,
			       .profile = PROFILE_FULL};
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(view) struct view *v = NULL;
	struct search_result res;
	struct search_visible vis;
	struct fail f = {0};
	struct query q = {.scope = SCOPE_EVENTS};

	q.publish_timestamp.set = true;
	q.publish_timestamp.from = from;
	q.publish_timestamp.to = INT64_MAX;
	if (view_open_as(&w->out, &aud, &v, &f) != ERR_OK)
		bail_out("%s", f.text);
	vis = view_visible(v);
	if (search_run(w->index, view_txn(v), &q, &vis, NULL, a, &res, &f) != ERR_OK)
		bail_out("%s", f.text);
	for (uint64_t i = 0; i < res.n; i++)
		if (res.hits[i].event_id == event_id)
			return true;
	return false;
}

/* The time of change that an audience of this class is told. */
static int64_t told(struct world *w, uint8_t cls, uint64_t event_id)
{
	struct audience aud = {.kind = AUD_PEER, .tlp = TLP_UPTO_AMBER, .release_class = cls, .profile = PROFILE_FULL};
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct verdict verdict;
	struct fail f = {0};

	if (view_open_as(&w->out, &aud, &v, &f) != ERR_OK ||
	    view_verdict(v, event_id, a, &e, &verdict, &f) != ERR_OK)
		bail_out("%s", f.text);
	return e.timestamp;
}

static void start(struct world *w)
{
	struct fail f = {0};
	struct openings *o;

	if (openings_start(&w->out, &o, &f) != ERR_OK)
		bail_out("%s", f.text);
	w->out.openings = o;
}

static void stop(struct world *w)
{
	struct openings *o = w->out.openings;

	w->out.openings = NULL;
	openings_stop(o);
}

static void use_policy(struct world *w, const char *text)
{
	struct fail f = {0};
	struct policy *p;
	const struct policy_file none = {STR(""), STR("")};

	if (policy_parse_files(str_c(text), "policy", &none, 1, &p, &f) != ERR_OK)
		bail_out("%s", f.text);
	policy_unref(w->policy);
	w->policy = p;
}

/* Classes of the site open as the shipped ones do; what is known of them goes by their names. */
static void own_classes(void)
{
	struct world w;
	uint64_t cert;
	char a[96];

	world_open(&w, "default");
	w.now = T0;
	use_policy(&w, "classes: [own, partner, cert, sector, public]\n");
	start(&w);
	cert = add(&w, 1, tag(a, "cert", T0 + 100), "x");
	usleep(600000);
	is_uint(openings_pending(w.out.openings), 1, "one time for three classes");
	ok(!finds(&w, CLASS_PARTNER - 1, cert, T0) && finds(&w, CLASS_PARTNER, cert, 1000), "shut for cert alone");
	w.now = T0 + 100;
	ok(opens(&w, cert, 1), "opens");
	ok(finds(&w, CLASS_PARTNER - 1, cert, T0 + 100), "for its class");
	ok(finds(&w, CLASS_SECTOR, cert, T0 + 100), "and for wider ones");
	stop(&w);
	world_reopen(&w);
	w.now = T0 + 200;
	use_policy(&w, "classes: [own, partner, cert, sector, public]\n");
	start(&w);
	ok(finds(&w, CLASS_PARTNER - 1, cert, T0 + 100), "it is remembered");
	use_policy(&w, "classes: [own, partner, other, sector, public]\n");
	openings_rescan(w.out.openings);
	for (int i = 0; i < 40 && openings_of(w.out.openings, cert, CLASS_PARTNER - 1); i++)
		usleep(50000);
	is_int(openings_of(w.out.openings, cert, CLASS_PARTNER - 1), 0, "not for another class with its number");
	is_int(openings_of(w.out.openings, cert, CLASS_SECTOR), T0 + 100, "the shipped ones stay");
	stop(&w);
	world_close(&w);
}

int main(void)
{
	struct world w;
	char a[96], b[96];
	uint64_t sector, partner, element, ids[4];

	world_open(&w, "default");
	w.now = T0;
	start(&w);
	sector = add(&w, 1, tag(a, "sector", T0 + 100), "x");
	partner = add(&w, 2, tag(a, "partner", T0 + 200), "x");
	element = add(&w, 3, "x", tag(a, "public", T0 + 300));
	usleep(600000);
	is_uint(opened(&w, sector) + opened(&w, partner) + opened(&w, element), 0, "none opens early");
	is_uint(openings_pending(w.out.openings), 3, "times that are waited for");
	ok(!finds(&w, CLASS_SECTOR, sector, T0), "shut");
	w.now = T0 + 100;
	ok(opens(&w, sector, 1), "class sector, with no audience of that class in the policy");
	ok(finds(&w, CLASS_SECTOR, sector, T0 + 100), "new for who was shut out");
	ok(finds(&w, CLASS_PUBLIC, sector, T0 + 100), "and for wider classes, which it shut as well");
	ok(!finds(&w, CLASS_PARTNER, sector, T0 + 100), "not for who had it before");
	ok(!finds(&w, CLASS_SECTOR, sector, T0 + 101), "nor for later questions");
	ok(finds(&w, CLASS_SECTOR, sector, 1000), "found by its own time too");
	w.now = T0 + 300;
	ok(opens(&w, partner, 1), "class partner");
	ok(opens(&w, element, 1), "an attribute's embargo");
	ok(finds(&w, CLASS_PUBLIC, element, T0 + 300), "is news of the event");
	is_int(told(&w, CLASS_PUBLIC, element), T0 + 300, "which is newer for those who may have it");
	is_int(told(&w, CLASS_PARTNER, element), 1000, "not for those who had it");
	is_int(told(&w, CLASS_SECTOR, sector), 1000, "an event that opens as a whole keeps its time");
	ok(openings_at(w.out.openings, element, T0 + 300) && !openings_at(w.out.openings, element, T0 + 299) &&
		   !openings_at(w.out.openings, sector, T0 + 100), "a copy with that time is ours");
	ok(add(&w, 4, "embargo:until=\\\"soon\\\"", "x") > 0, "a time that cannot be read");
	(void)add(&w, 5, "x", "embargo:publik=\\\"2030-01-01T00:00:00Z\\\"");
	for (int i = 0; i < 40 && openings_unreadable(w.out.openings, ids, 4) < 2; i++)
		usleep(50000);
	is_uint(openings_unreadable(w.out.openings, ids, 4), 2, "events whose embargo nobody can read");
	stop(&w);

	/* a time comes while the node is down, and the clock is not trusted at first */
	partner = add(&w, 6, tag(b, "until", T0 + 400), "x");
	world_reopen(&w);
	w.now = T0 + 500;
	w.distrust = true;
	start(&w);
	usleep(600000);
	is_uint(opened(&w, partner), 0, "nothing opens while nobody vouches for the clock");
	ok(!finds(&w, CLASS_SECTOR, sector, T0 + 100), "what was open is shut again");
	w.distrust = false;
	ok(opens(&w, partner, 1), "then what was missed");
	is_uint(opened(&w, sector), 1, "and nothing twice");
	ok(finds(&w, CLASS_SECTOR, sector, T0 + 100), "what opened before the restart is remembered");
	is_int(told(&w, CLASS_PUBLIC, element), T0 + 300, "of elements, too");
	stop(&w);
	world_close(&w);
	own_classes();
	return done_testing();
}
