/*
 * test_search.c - finding records, verifying the log, trimming its old end: by a plain list of what
 * was written, and by damaging what is on disk.
 */
#include "audit/ledger.h"
#include "audit/line.h"
#include "audit/search.h"
#include "base/clock.h"
#include "tests/unit/store/fixture.h"

#define T0 INT64_C(1800000000)
#define DAY INT64_C(86400)
#define N 4000u

static struct store *s;

/* What was written, as the naive reader has it. */
static struct rec {
	struct audit_entry e;
	int64_t time;
} recs[N];
static const char *const names[] = {"a@example.org", "b@example.org", "o\"brien@example.org"};
static const char *const kinds[] = {"event", "user", "peer"};
static const enum audit_action actions[] = {AUDIT_write, AUDIT_read, AUDIT_account, AUDIT_reception,
					    AUDIT_approval};

static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	unsigned from = *(unsigned *)arg;
	for (unsigned i = from; i < from + 50; i++) {
		clock_freeze(recs[i].time * 1000000, 1000);
		TRY(audit_add(w, &recs[i].e, f));
	}
	return ERR_OK;
}

static uint64_t seed = 42;
static unsigned any(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static void fill(void)
{
	int64_t now = T0;
	for (unsigned i = 0; i < N; i++) {
		struct audit_entry *e = &recs[i].e;
		now += any(900);
		if (i == N / 2)
			now -= 7200; /* somebody sets the clock back */
		recs[i].time = now;
		e->action = actions[any(ARRAY_LEN(actions))];
		e->outcome = (enum audit_outcome)any(3);
		e->who.kind = any(4) ? AUDIT_BY_USER : AUDIT_BY_PEER;
		e->who.id = 1 + any(3);
		e->who.name = str_c(names[e->who.id - 1]);
		e->who.address = any(2) ? STR("192.0.2.1") : STR("2001:db8::1");
		e->kind = kinds[any(3)];
		e->id = 1 + any(5);
		e->object = fix_uuid(any(20));
		if (e->action == AUDIT_approval)
			e->second = str_c(names[any(3)]);
	}
	for (unsigned i = 0; i < N; i += 50)
		fix_run(s, run_add, &i);
}

/* ---- searching ---- */

struct got {
	unsigned n, wrong;
	char time[24];
	bool oldest;
};

static bool take(void *user, struct str line)
{
	struct got *g = user;
	struct str time = audit_line_get(line, "time");
	int order = g->n ? str_cmp(time, str_c(g->time)) : 0;
	/* the clock was set back once: two of the merged orders are out of line there */
	g->wrong += g->oldest ? order < 0 : order > 0;
	snprintf(g->time, sizeof(g->time), "%.*s", STR_ARG(time));
	g->n++;
	return true;
}

static bool fits(const struct rec *r, const struct audit_filter *q)
{
	char pair[40], object[UUID_TEXT_LEN + 1];
	static const char *const outcomes[] = {"ok", "refused", "failed"};
	const struct audit_entry *e = &r->e;
	snprintf(pair, sizeof(pair), "%s:%llu", e->who.kind == AUDIT_BY_USER ? "user" : "peer",
		 (unsigned long long)e->who.id);
	bool actor = !q->actor.n || str_is(q->actor, pair) || str_eq(q->actor, e->who.name) ||
		     (e->second.n && str_eq(q->actor, e->second)) ||
		     str_is(q->actor, e->who.kind == AUDIT_BY_USER ? "user" : "peer");
	snprintf(pair, sizeof(pair), "%s:%llu", e->kind, (unsigned long long)e->id);
	bool what = !q->object.n || str_is(q->object, pair) || str_is(q->object, e->kind) ||
		    str_is(q->object, uuid_format(e->object, object));
	return actor && what && (!q->action.n || str_is(q->action, audit_action_name(e->action))) &&
	       (!q->outcome.n || str_is(q->outcome, outcomes[e->outcome])) &&
	       (!q->address.n || str_eq(q->address, e->who.address)) &&
	       (!q->from || r->time >= q->from) && (!q->until || r->time < q->until);
}

static void search(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	unsigned wrong = 0, found = 0, out_of_line = 0;
	is_ok(store_read(s, &t, &f), "read");
	for (unsigned i = 0; i < 400; i++) {
		struct audit_filter q = {.limit = 100000, .oldest_first = any(2)};
		struct got g = {.oldest = q.oldest_first};
		char pair[40], object[UUID_TEXT_LEN + 1];
		unsigned want = 0;
		bool more;
		if (any(3) == 0)
			q.action = str_c(audit_action_name(actions[any(5)]));
		if (any(4) == 0)
			q.outcome = STR("refused");
		if (any(4) == 0)
			q.address = STR("2001:db8::1");
		snprintf(pair, sizeof(pair), "%s:%u", any(2) ? "user" : "peer", 1 + any(4));
		switch (any(6)) {
		case 0:
			q.actor = str_c(names[any(3)]);
			break;
		case 1:
			q.actor = str_c(pair);
			break;
		case 2:
			q.actor = STR("peer");
			break;
		case 3:
			q.object = str_c(uuid_format(fix_uuid(any(22)), object));
			break;
		case 4:
			q.object = any(2) ? STR("event") : STR("user:3");
			break;
		default:
			break;
		}
		if (any(2))
			q.from = recs[any(N)].time;
		if (any(2))
			q.until = recs[any(N)].time;
		for (unsigned k = 0; k < N; k++)
			want += fits(&recs[k], &q);
		if (audit_search(t, &q, take, &g, &more, &f) != ERR_OK || more || g.n != want) {
			wrong++;
			diag("search %u: %u of %u", i, g.n, want);
		}
		found += g.n;
		out_of_line += g.wrong > 20; /* those of the two hours */
	}
	is_uint(wrong, 0, "400 searches find what a plain list has");
	ok(found > 10000, "%u records", found);
	is_uint(out_of_line, 0, "in order");
}

static bool two(void *user, struct str line)
{
	(void)line;
	return ++*(unsigned *)user < 2;
}

static void pages(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct audit_filter q = {.limit = 30, .skip = N - 10};
	struct got g = {0};
	struct fail f = {0};
	unsigned n = 0;
	bool more;
	is_ok(store_read(s, &t, &f), "read");
	is_ok(audit_search(t, &q, take, &g, &more, &f), "the last page");
	ok(g.n == 10 && !more, "%u records", g.n);
	q = (struct audit_filter){.limit = 30};
	g = (struct got){0};
	is_ok(audit_search(t, &q, take, &g, &more, &f), "the first");
	ok(g.n == 30 && more, "there is more");
	is_ok(audit_search(t, &q, two, &n, &more, &f), "one may stop");
	is_uint(n, 2, "at will");
	q = (struct audit_filter){.only_user = 2, .limit = N};
	g = (struct got){0};
	unsigned want = 0;
	for (unsigned k = 0; k < N; k++)
		want += recs[k].e.who.kind == AUDIT_BY_USER && recs[k].e.who.id == 2;
	is_ok(audit_search(t, &q, take, &g, &more, &f), "of one user");
	is_uint(g.n, want, "only his");
}

/* ---- verifying ---- */

static struct audit_report rep[AUDIT_CHAINS];

static bool intact(void)
{
	struct fail f = {0};
	if (audit_verify(s, rep, &f) != ERR_OK)
		bail_out("verify: %s", f.text);
	for (unsigned c = 0; c < AUDIT_CHAINS; c++)
		if (rep[c].broken)
			return false;
	return true;
}

struct damage {
	uint8_t key[AUDIT_KEY_BYTES];
	char value[AUDIT_LINE_MAX + 64];
	size_t n;
};

static enum err run_damage(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct damage *d = arg;
	struct str key = {(char *)d->key, sizeof(d->key)};
	return d->n ? store_book_put(w, BOOK_AUDIT, key, (struct str){d->value, d->n}, f)
		    : store_book_del(w, BOOK_AUDIT, key, f);
}

static struct damage record(enum audit_chain c, uint64_t seq)
{
	struct damage d = {0};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str v;
	audit_key(c, seq, d.key);
	if (store_read(s, &t, NULL) != ERR_OK ||
	    store_book_get(t, BOOK_AUDIT, (struct str){(char *)d.key, sizeof(d.key)}, &v) != ERR_OK)
		bail_out("no record %llu", (unsigned long long)seq);
	memcpy(d.value, v.p, v.n);
	d.n = v.n;
	return d;
}

static void verify(void)
{
	ok(intact(), "what was written is intact");
	is_uint(rep[0].records + rep[1].records, N, "all of it");
	is_uint(rep[0].first, 1, "from the first");
	/* every byte of one record, its digest included */
	struct damage good = record(AUDIT_CHAIN_log, 77), bad;
	unsigned unseen = 0, elsewhere = 0;
	for (size_t i = 0; i < good.n; i++) {
		bad = good;
		bad.value[i] ^= 1;
		fix_run(s, run_damage, &bad);
		unseen += intact();
		elsewhere += rep[0].at != 77 && rep[0].at != 78;
	}
	is_uint(unseen, 0, "a changed bit is found, whichever of %zu bytes", good.n);
	is_uint(elsewhere, 0, "where it is");
	bad = good;
	bad.n = 0;
	fix_run(s, run_damage, &bad);
	ok(!intact() && rep[0].at == 77, "a record that is gone: %s", rep[0].why);
	/* a record that was rewritten with a digest that fits */
	bad = good;
	char *name = memmem(bad.value, bad.n, "\"outcome\":\"", 11);
	name[11] = 'x';
	struct sha256 own = hash_sha256((struct str){bad.value + 32, bad.n - 32});
	memcpy(bad.value, own.b, 32);
	fix_run(s, run_damage, &bad);
	ok(!intact() && rep[0].at == 78, "the next one tells: %s", rep[0].why);
	fix_run(s, run_damage, &good);
	ok(intact(), "put back");
	/* two records changed places */
	struct damage other = record(AUDIT_CHAIN_log, 78), swapped = good;
	memcpy(swapped.key, other.key, sizeof(swapped.key));
	fix_run(s, run_damage, &swapped);
	ok(!intact(), "a record in another's place: %s", rep[0].why);
	fix_run(s, run_damage, &other);
	ok(intact(), "put back");
}

/* ---- trimming ---- */

static void trim(void)
{
	struct fail f = {0};
	struct audit_filter q = {.limit = 100000, .action = STR("reception")};
	uint64_t removed, had = rep[0].records, receptions = rep[1].records;
	int64_t last = recs[N - 1].time;
	struct sha256 tip = rep[1].tip;
	struct got g = {0};
	bool more;
	clock_freeze((last + DAY) * 1000000, 1000);
	is_ok(audit_trim(s, last + DAY, 10, 0, &removed, &more, &f), "nothing at a time");
	ok(more && !removed, "there is more to do");
	is_ok(audit_trim(s, last + DAY, 10, 1000, &removed, &more, &f), "trim %s", f.text);
	ok(!more, "done");
	ok(removed > had / 2 && removed < had, "%llu of %llu records went",
	   (unsigned long long)removed, (unsigned long long)had);
	ok(intact(), "what is left is intact: %s", rep[0].why);
	ok(rep[0].trimmed == rep[0].first - 1 && rep[0].trimmed >= removed, "after a marker");
	is_uint(rep[1].records, receptions, "reception records are kept half a year");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	is_ok(store_read(s, &t, &f), "read");
	is_ok(audit_search(t, &q, take, &g, &more, &f), "search %s", f.text);
	is_uint(g.n, receptions, "and found");
	q = (struct audit_filter){.limit = 100000, .until = last - 12 * DAY,
				  .action = STR("approval")};
	g = (struct got){0};
	is_ok(audit_search(t, &q, take, &g, &more, &f), "search");
	is_uint(g.n, 0, "what went is not found");
	store_read_end(t);
	t = NULL;
	is_ok(audit_trim(s, last + DAY, 1, 1000, &removed, &more, &f), "shorter than what is allowed");
	ok(intact(), "intact");
	uint64_t left = rep[0].records;
	ok(left > 100, "a week is kept at least");
	is_ok(audit_trim(s, last + 184 * DAY, 10, 1000, &removed, &more, &f), "just half a year later");
	ok(intact() && rep[1].records > 0, "still there: %llu", (unsigned long long)rep[1].records);
	is_ok(audit_trim(s, last + 190 * DAY, 10, 1000, &removed, &more, &f), "after half a year");
	ok(intact(), "intact: %s %s", rep[0].why, rep[1].why);
	is_uint(rep[1].records, 1, "the newest of a chain stays");
	is_mem(rep[1].tip.b, tip.b, 32, "with its digest");
	/* the record that vouched for the other chain's marker goes, and another has been written */
	fix_run(s, run_add, &(unsigned){0});
	clock_freeze((last + 400 * DAY) * 1000000, 1000);
	is_ok(audit_trim(s, last + 400 * DAY, 10, 1000, &removed, &more, &f), "a year later");
	ok(intact(), "intact: %s %s", rep[0].why, rep[1].why);
	/* a marker that nobody vouches for */
	struct damage d = record(AUDIT_CHAIN_log, 0), gone = d;
	gone.n = 0;
	fix_run(s, run_damage, &gone);
	ok(!intact(), "no marker: %s", rep[0].why);
	struct damage good = d;
	char *digit = memmem(d.value, d.n, "\"trimmed\":", 10);
	digit[10] = digit[10] == '1' ? '2' : '1';
	fix_run(s, run_damage, &d);
	ok(!intact(), "a marker that claims more: %s", rep[0].why);
	fix_run(s, run_damage, &good);
}

/* ---- what the ledger vouches for ---- */

static struct ledger *ledger;

static void open_ledger(void)
{
	struct fail f = {0};
	struct ledger_opts o = {.store = s, .key_file = fix_path("ledger.key")};
	if (ledger_open(&o, &ledger, &f) != ERR_OK)
		bail_out("ledger: %s", f.text);
}

static void told(void *user, const char *what)
{
	(*(unsigned *)user)++;
	(void)what;
}

static unsigned ledger_problems(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct ledger_report r;
	struct fail f = {0};
	unsigned n = 0;
	if (store_read(s, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	(void)!ledger_verify(t, NULL, NULL, told, &n, &r, &f);
	return n;
}

/* Cut off at its new end, by somebody who can write the store, and before the next restart. */
static void anchors(void)
{
	struct fail f = {0};
	struct damage cut[5];
	clock_thaw();
	open_ledger();
	is_ok(ledger_checkpoint(ledger, &f), "checkpoint %s", f.text);
	ok(intact() && rep[0].anchor == rep[0].last && rep[1].anchor == rep[1].last,
	   "the ledger vouches for %llu records", (unsigned long long)rep[0].anchor);
	uint64_t anchored = rep[0].anchor;
	is_ok(ledger_checkpoint(ledger, &f), "nothing new");
	ok(intact() && rep[0].anchor == anchored, "no second leaf for it");
	fix_run(s, run_add, &(unsigned){100});
	ok(intact() && rep[0].last > anchored && rep[0].anchor == anchored, "newer records are not vouched for");
	is_ok(ledger_checkpoint(ledger, &f), "checkpoint");
	ok(intact() && rep[0].anchor == rep[0].last, "now they are");
	is_uint(ledger_problems(), 0, "the ledger is intact");
	for (unsigned i = 0; i < ARRAY_LEN(cut); i++) {
		cut[i] = record(AUDIT_CHAIN_log, rep[0].last - i);
		struct damage gone = cut[i];
		gone.n = 0;
		fix_run(s, run_damage, &gone);
	}
	ok(!intact() && rep[0].at == rep[0].anchor, "cut off: %s", rep[0].why);
	ok(ledger_problems() > 0, "the ledger tells, too");
	ledger_close(ledger);
	open_ledger();
	fix_run(s, run_add, &(unsigned){150});
	is_ok(ledger_checkpoint(ledger, &f), "the next checkpoint names the shorter log");
	ok(!intact(), "it is found all the same: %s", rep[0].why);
	ledger_close(ledger);
}

int main(void)
{
	fix_begin();
	s = fix_open("store", (struct store_opts){0});
	fill();
	search();
	pages();
	verify();
	trim();
	anchors();
	clock_thaw();
	store_close(s);
	return fix_end();
}
