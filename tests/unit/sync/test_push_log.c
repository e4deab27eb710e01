/* test_push_log.c - one walk marks what each step of a push has to look at. */
#include "sync/push_log.h"

#include <stdlib.h>

#include "tests/tap/tap.h"
#include "tests/unit/store/fixture.h"

#define PEER 7

static struct store *s;
static uint64_t last; /* number of the newest change */

static enum err put(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_change(w, arg, f);
}

static void happens(enum change_op op, uint8_t kind, uint64_t event, uint64_t id, uint64_t peer)
{
	struct fail f = {0};
	struct change c = {.op = op, .kind = kind, .id = id, .event_id = event, .parent = 1};
	if (peer)
		c.origin = (struct origin){.kind = ORIGIN_PEER, .id = peer};
	is_err(store_run(s, put, &c, &f), ERR_OK, "a change");
	last = c.seq;
}

static struct push_log *walk(const struct push_cursors *from)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct push_log *l = calloc(1, sizeof(*l));
	struct fail f = {0};
	is_err(store_read(s, &t, &f), ERR_OK, "reading");
	is_err(push_log_read(l, t, PEER, from, &f), ERR_OK, "the walk");
	return l;
}

static void marks(void)
{
	happens(CHANGE_ADD, CHANGE_TABLE(T_EVENT), 1, 1, 0);
	uint64_t from = last;
	happens(CHANGE_ADD, CHANGE_TABLE(T_EVENT), 5, 5, 0);
	happens(CHANGE_EDIT, CHANGE_EL(EL_ATTR), 4, 40, 0);
	happens(CHANGE_ADD, CHANGE_EL(EL_PROPOSAL), 3, 32, 0);
	happens(CHANGE_ADD, CHANGE_EL(EL_PROPOSAL), 3, 31, 0);
	happens(CHANGE_EDIT, CHANGE_EL(EL_PROPOSAL), 3, 32, 0);
	happens(CHANGE_ADD, CHANGE_EL(EL_PROPOSAL), 2, 21, 8);
	happens(CHANGE_ADD, CHANGE_EL(EL_PROPOSAL), 6, 61, PEER);
	happens(CHANGE_EDIT, CHANGE_TABLE(T_EVENT), 6, 6, PEER);
	happens(CHANGE_DELETE, CHANGE_TABLE(T_EVENT), 9, 9, 0);
	happens(CHANGE_ADD, CHANGE_TABLE(T_CLUSTER), 0, 70, 0);
	happens(CHANGE_ADD, CHANGE_TABLE(T_CLUSTER), 0, 71, PEER);
	happens(CHANGE_ADD, CHANGE_TABLE(T_ANALYST), 0, 80, 0);
	const struct push_cursors all = {from, from, from, from};
	OWN(push_log) struct push_log *l = walk(&all);
	size_t n;
	is_int((int)push_log_bits(l, 1), 0, "what stands before the cursors is not looked at");
	is_int((int)push_log_bits(l, 5), PUSH_EVENT | PUSH_HEAD | PUSH_SIGHTING | PUSH_ABOUT,
	       "the head of an event");
	is_int((int)push_log_bits(l, 4), PUSH_EVENT | PUSH_ABOUT, "an attribute");
	is_int((int)push_log_bits(l, 3), PUSH_PROPOSAL | PUSH_ABOUT,
	       "a proposal does not change its event");
	is_int((int)push_log_bits(l, 2), PUSH_PROPOSAL | PUSH_ABOUT, "another peer's goes on");
	is_int((int)push_log_bits(l, 6), PUSH_ABOUT,
	       "what came from the peer does not go back, but notes about it may");
	is_int((int)push_log_bits(l, 9), 0, "an event that is deleted does not go");
	const struct search_hit *h = push_log_proposals(l, 3, &n);
	ok(h && n == 2 && h[0].id == 31 && h[1].id == 32, "proposals of an event, each once");
	ok(!push_log_proposals(l, 4, &n) && !n, "none between two that have some");
	ok(!push_log_proposals(l, 99, &n) && !n, "none behind the last");
	ok(!push_log_proposals(l, 5, &n) && !n, "the head of an event is no proposal");
	ok(l->clusters.n == 1 && l->clusters.v[0] == 70, "clusters that others changed");
	ok(l->analyst.n == 1 && l->analyst.v[0] == 80, "notes");
	ok(!l->groups, "no sharing group");
}

/* Each step has got as far as it has; one without a cursor needs nothing. */
static void cursors(void)
{
	uint64_t first = last;
	happens(CHANGE_EDIT, CHANGE_TABLE(T_EVENT), 11, 11, 0);
	happens(CHANGE_ADD, CHANGE_EL(EL_PROPOSAL), 11, 1, 0);
	happens(CHANGE_EDIT, CHANGE_TABLE(T_SG), 0, 1, 0);
	uint64_t second = last;
	happens(CHANGE_EDIT, CHANGE_TABLE(T_EVENT), 12, 12, 0);
	const struct push_cursors some = {.events = second, .proposals = first};
	OWN(push_log) struct push_log *l = walk(&some);
	is_int((int)push_log_bits(l, 11), PUSH_PROPOSAL, "events are further than proposals");
	is_int((int)push_log_bits(l, 12), PUSH_EVENT | PUSH_HEAD, "sightings and notes ask for nothing");
	ok(!l->groups, "the group was seen by the last push");
	const struct push_cursors behind = {.events = first};
	OWN(push_log) struct push_log *g = walk(&behind);
	ok(g->groups, "a group that changed");
	const struct push_cursors none = {0};
	OWN(push_log) struct push_log *o = walk(&none);
	is_int((int)o->n, 0, "nobody asks");
}

static void marked_later(void)
{
	OWN(push_log) struct push_log *l = calloc(1, sizeof(*l));
	OWN(id_list) struct id_list ids = {0};
	struct fail f = {0};
	bool good = true;
	for (uint64_t id = 30000; id; id--)
		good &= push_log_mark(l, id % 1000 + 1, id % 2 ? PUSH_BRINGS : PUSH_NEW, &f) == ERR_OK;
	ok(good, "marks");
	is_err(push_log_events(l, PUSH_BRINGS, &ids, &f), ERR_OK, "those of a kind");
	ok(ids.n == 500 && ids.v[0] == 2 && ids.v[499] == 1000, "each once, in order");
	is_int((int)push_log_bits(l, 3), PUSH_NEW, "the others are others");
	push_log_add(l, 3, PUSH_SIGHTINGS_DONE);
	push_log_add(l, 99999, PUSH_SIGHTINGS_DONE);
	is_int((int)push_log_bits(l, 3), PUSH_NEW | PUSH_SIGHTINGS_DONE, "what is done is added");
	is_int((int)push_log_bits(l, 99999), 0, "to what is there");
	ok(l->cap <= 4096, "memory follows the number of events");
}

int main(void)
{
	fix_begin();
	s = fix_open("store", (struct store_opts){.map_size = 64u << 20});
	marks();
	cursors();
	marked_later();
	store_close(s);
	return fix_end();
}
