/*
 * test_set.c - a set against a slow definition of what should be shown, over random events, budgets,
 * ages and formats; differences between serials; a refill that is broken off; numbers.
 */
#include "subs/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "tests/tap/tap.h"

#define EVENTS 10
#define PER_EVENT 12
#define ENTRIES (EVENTS * PER_EVENT)
#define NOW 1700000000
#define REMEMBERED 6

static uint64_t seed = 11;
static unsigned pick(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static const struct {
	enum ind_kind kind;
	const char *value;
} pool[] = {
	{IND_DOMAIN, "evil.example"},	  {IND_DOMAIN, "a.evil.example"},
	{IND_DOMAIN, "b.a.evil.example"}, {IND_HOST, "evil.example"},
	{IND_HOST, "a.evil.example"},	  {IND_HOST, "c.b.a.evil.example"},
	{IND_HOST, "other.example"},	  {IND_DOMAIN, "evil-twin.example"},
	{IND_IP, "198.51.100.0/24"},	  {IND_IP, "198.51.100.7"},
	{IND_IP, "198.51.100.128/25"},	  {IND_IP, "198.51.100.129"},
	{IND_IP, "203.0.113.9"},	  {IND_IP, "2001:db8::/48"},
	{IND_IP, "2001:db8::1"},	  {IND_URL, "http://evil.example/a"},
	{IND_URL, "http://evil.example/ab"}, {IND_MD5, "d41d8cd98f00b204e9800998ecf8427e"},
	{IND_EMAIL, "a@evil.example"},	  {IND_EMAIL_SRC, "a@evil.example"},
	{IND_EMAIL_DST, "a@evil.example"}, {IND_FILENAME, "evil.exe"},
};

/* ---- the model ---- */

struct thing {
	bool there;
	struct indicator i;
	struct ind_key key;
};
static struct thing things[EVENTS][PER_EVENT];
static struct arena *arena;
static int64_t now;
static struct set_rules rules;

struct row {
	struct ind_key key;
	struct indicator i;
	uint64_t score;
	char text[600];
	bool out;
};

static bool newer(const struct indicator *a, const struct indicator *b)
{
	return a->changed != b->changed ? a->changed > b->changed : uuid_cmp(a->attr, b->attr) < 0;
}

static int64_t age_end(const struct indicator *i)
{
	int64_t at = i->last_seen ? i->last_seen : MAX(i->changed, i->first_seen);
	return rules.max_age ? at + rules.max_age : INT64_MAX;
}

static void text_of(const struct indicator *i, char *out, size_t n)
{
	OWN(buf) struct buf b = BUF(1 << 16), head = BUF(1 << 20);
	struct indicator bare = *i;
	struct sensor_run r = {.format = rules.format, .opts = &rules.opts, .out = &head};
	bare.number = 0;
	if (sensor_begin(&r) != ERR_OK)
		bail_out("begin");
	r.out = &b;
	if (rules.format->item(&r, &bare) != ERR_OK)
		bail_out("item");
	snprintf(out, n, "%.*s", (int)b.n, b.n ? b.p : "");
	sensor_free(&r);
}

static int by_key(const void *a, const void *b)
{
	return ind_key_cmp(&((const struct row *)a)->key, &((const struct row *)b)->key);
}

static int by_score(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->score != y->score ? (x->score < y->score ? -1 : 1) : by_key(a, b);
}

static size_t merged(struct row *v)
{
	size_t n = 0;
	for (unsigned e = 0; e < EVENTS; e++)
		for (unsigned k = 0; k < PER_EVENT; k++) {
			const struct thing *t = &things[e][k];
			size_t at = 0;
			if (!t->there || age_end(&t->i) <= now ||
			    !(rules.format->kinds & UINT64_C(1) << t->i.kind))
				continue;
			while (at < n && ind_key_cmp(&v[at].key, &t->key) != 0)
				at++;
			if (at == n) {
				v[n++] = (struct row){.key = t->key, .i = t->i};
				continue;
			}
			struct indicator a = v[at].i, b = t->i;
			v[at].i = newer(&a, &b) ? a : b;
			v[at].i.threat_level = !a.threat_level	 ? b.threat_level
					       : !b.threat_level ? a.threat_level
								 : MIN(a.threat_level, b.threat_level);
			v[at].i.tlp = MAX(a.tlp, b.tlp);
			v[at].i.last_seen = MAX(a.last_seen, b.last_seen);
			v[at].i.direction = a.direction | b.direction;
		}
	return n;
}

static size_t model(struct row *v)
{
	size_t n = merged(v), left = 0;
	unsigned flags = rules.format->flags;
	for (size_t i = 0; i < n; i++) {
		uint64_t level = v[i].i.threat_level ? v[i].i.threat_level : 7;
		uint64_t t = (uint64_t)(INT64_MAX - v[i].i.changed);
		v[i].score = rules.priority == SET_SEVEREST ? level << 60 | t >> 4 : t;
		text_of(&v[i].i, v[i].text, sizeof(v[i].text));
	}
	if (rules.max_entries) {
		qsort(v, n, sizeof(*v), by_score);
		n = MIN(n, rules.max_entries);
	}
	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (flags & SENSOR_DISJOINT && ind_key_covers(&v[k].key, &v[i].key))
				v[i].out = true;
	for (size_t i = 0; i < n; i++)
		if (!v[i].out)
			v[left++] = v[i];
	if (flags & (SENSOR_NUMBERED | SENSOR_WHOLE))
		return left;
	n = left;
	left = 0;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < left && strcmp(v[k].text, v[i].text) != 0)
			k++;
		if (k == left)
			v[left++] = v[i];
	}
	return left;
}

/* ---- the set ---- */

static struct uuid event_uuid(unsigned e)
{
	struct uuid u = UUID_NIL;
	u.b[0] = (uint8_t)(e + 1);
	return u;
}

static void event_make(unsigned e)
{
	for (unsigned k = 0; k < PER_EVENT; k++) {
		struct thing *t = &things[e][k];
		unsigned p = pick(sizeof(pool) / sizeof(*pool));
		t->there = pick(3) == 0;
		if (!ind_make(arena, pool[p].kind, str_c(pool[p].value), &t->i))
			bail_out("%s", pool[p].value);
		t->i.event = event_uuid(e);
		t->i.attr.b[0] = (uint8_t)e;
		t->i.attr.b[1] = (uint8_t)k;
		t->i.changed = NOW - (int64_t)pick(50);
		t->i.last_seen = pick(3) ? 0 : NOW - (int64_t)pick(60);
		t->i.threat_level = (uint8_t)pick(5);
		t->i.tlp = (uint8_t)pick(6);
		t->i.direction = t->i.kind == IND_IP ? (uint8_t)(1 + pick(2)) : 0;
		ind_key(&t->i, &t->key);
	}
}

static enum err event_write(struct set_write *w, unsigned e, struct fail *f)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	TRY(set_event_begin(w, event_uuid(e), f));
	for (unsigned k = 0; k < PER_EVENT; k++) {
		if (!things[e][k].there)
			continue;
		buf_clear(&b);
		ind_pack(&b, &things[e][k].i, false);
		TRY(set_put(w, buf_str(&b), now, f));
	}
	return set_event_end(w, event_uuid(e), f);
}

static enum err step(struct ind_set *s, struct fail *f)
{
	OWN(set_write) struct set_write *w = NULL;
	unsigned first = pick(EVENTS), n = 1 + pick(3);
	bool more = true;
	TRY(set_begin(s, &w, f));
	set_batch(w);
	for (unsigned i = 0; i < n; i++) {
		event_make((first + i) % EVENTS);
		TRY(event_write(w, (first + i) % EVENTS, f));
	}
	now += pick(4);
	while (more)
		TRY(set_expire(w, now, 3, &more, f));
	return set_commit(&w, true, now, f);
}

static enum err refill(struct ind_set *s, bool broken, bool hide, struct fail *f)
{
	OWN(set_write) struct set_write *w = NULL;
	TRY(set_begin(s, &w, f));
	TRY(set_refill(w, hide, f));
	TRY(set_commit(&w, false, now, f));
	for (unsigned e = 0; e < EVENTS; e++) {
		if (broken && e == EVENTS / 2)
			return ERR_OK;
		TRY(set_begin(s, &w, f));
		set_batch(w);
		TRY(event_write(w, e, f));
		TRY(set_commit(&w, false, now, f));
	}
	TRY(set_begin(s, &w, f));
	TRY(set_sweep(w, f));
	return set_commit(&w, true, now, f);
}

/* ---- comparing ---- */

struct seen {
	uint64_t serial;
	size_t n;
	struct row v[ENTRIES];
};

static size_t shown(struct ind_set *s, struct seen *out)
{
	OWN(set_read) struct set_read *r = NULL;
	struct fail f = {0};
	struct indicator i;
	if (set_read_open(s, &r, &f) != ERR_OK)
		bail_out("%s", f.text);
	out->n = 0;
	out->serial = set_read_info(r).serial;
	while (set_read_next(r, &i) == ERR_OK && out->n < ENTRIES) {
		struct row *x = &out->v[out->n++];
		*x = (struct row){.i = i};
		x->i.value = arena_str(arena, i.value);
		ind_key(&i, &x->key);
		text_of(&x->i, x->text, sizeof(x->text));
	}
	return out->n;
}

static bool same_rows(const struct row *a, size_t na, const struct row *b, size_t nb)
{
	bool same = na == nb;
	for (size_t i = 0; i < na && i < nb && same; i++)
		same = ind_key_cmp(&a[i].key, &b[i].key) == 0 && strcmp(a[i].text, b[i].text) == 0;
	if (!same)
		for (size_t i = 0; i < MAX(na, nb); i++)
			diag("%-40.*s | %-40.*s", i < na ? (int)a[i].i.value.n : 0,
			     i < na ? a[i].i.value.p : "", i < nb ? (int)b[i].i.value.n : 0,
			     i < nb ? b[i].i.value.p : "");
	return same;
}

/* What was seen with the changes since is what is seen now. */
static bool leads_here(struct ind_set *s, const struct seen *old, const struct seen *is)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(arena) struct arena *a = arena_new(4 << 20);
	struct set_changes c;
	struct fail f = {0};
	static struct row v[2 * ENTRIES];
	size_t n = old->n;
	if (set_read_open(s, &r, &f) != ERR_OK ||
	    set_read_changes(r, old->serial, 100000, a, &c) != ERR_OK)
		return false;
	memcpy(v, old->v, n * sizeof(*v));
	for (size_t i = 0; i < c.n; i++) {
		struct indicator x;
		struct ind_key k;
		if (c.v[i].was.p) {
			size_t at = 0;
			if (!ind_unpack(c.v[i].was, &x))
				return false;
			ind_key(&x, &k);
			while (at < n && ind_key_cmp(&v[at].key, &k) != 0)
				at++;
			char text[600];
			text_of(&x, text, sizeof(text));
			if (at == n || strcmp(text, v[at].text) != 0)
				return false; /* what goes must have been there, in these words */
			v[at] = v[--n];
		}
		if (c.v[i].is.p) {
			if (!ind_unpack(c.v[i].is, &x))
				return false;
			v[n] = (struct row){.i = x};
			v[n].i.value = arena_str(arena, x.value);
			ind_key(&x, &v[n].key);
			text_of(&x, v[n].text, sizeof(v[n].text));
			n++;
		}
	}
	qsort(v, n, sizeof(*v), by_key);
	return same_rows(v, n, is->v, is->n);
}

static bool numbers_differ(const struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < i; k++)
			if (s->v[i].i.number == s->v[k].i.number)
				return false;
	return true;
}

static void wipe(const char *dir)
{
	char path[600];
	const char *const files[] = {"data.mdb", "lock.mdb"};
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void run(const char *format, uint64_t max, enum set_priority prio, int64_t age)
{
	static struct seen remembered[REMEMBERED], is;
	static struct row want[ENTRIES];
	char dir[] = "/tmp/test_set.XXXXXX";
	struct ind_set *s = NULL;
	struct fail f = {0};
	unsigned bad = 0, jumps = 0;
	memset(things, 0, sizeof(things));
	memset(remembered, 0, sizeof(remembered));
	now = NOW;
	rules = (struct set_rules){.format = sensor_find(str_c(format))->format,
				   .opts = {.name = STR("t"), .base_url = STR("http://x")},
				   .max_entries = max,
				   .priority = prio,
				   .max_age = age};
	if (!mkdtemp(dir) || !is_ok(set_open(dir, &rules, &s, &f), "%s: opens", format))
		bail_out("%s", f.text);
	ok(!set_info(s).ready, "not ready before it is filled");
	for (unsigned i = 0; i < 120 && bad < 2; i++) {
		enum err e = ERR_OK;
		if (i % 20 == 13)
			e = refill(s, true, pick(2), &f);
		if (e == ERR_OK)
			e = i % 20 == 13 || i == 0 ? refill(s, false, pick(2), &f) : step(s, &f);
		if (e != ERR_OK)
			bail_out("%s: %s %s", format, err_name(e), f.text);
		size_t n = model(want);
		shown(s, &is);
		if (!same_rows(want, n, is.v, is.n) || set_info(s).shown != n) {
			diag("%s step %u: want %zu, shown %zu", format, i, n, is.n);
			bad++;
		}
		if (rules.format->flags & SENSOR_NUMBERED && !numbers_differ(&is))
			bad++;
		for (unsigned k = 0; k < REMEMBERED; k++)
			if (remembered[k].serial) {
				jumps++;
				if (!leads_here(s, &remembered[k], &is)) {
					diag("%s step %u: changes since %llu lead elsewhere", format, i,
					     (unsigned long long)remembered[k].serial);
					bad++;
				}
			}
		remembered[pick(REMEMBERED)] = is;
	}
	ok(!bad && jumps > 100, "%s, budget %llu, %s, age %lld: as defined, and from %u older serials",
	   format, (unsigned long long)max, set_priority_name(prio), (long long)age, jumps);
	set_close(s);
	is_ok(set_open(dir, &rules, &s, &f), "opens again");
	struct seen again;
	shown(s, &again);
	ok(again.serial == is.serial && same_rows(is.v, is.n, again.v, again.n), "as it was");
	set_close(s);
	wipe(dir);
}

int main(void)
{
	const char *e = getenv("SET_SEED");
	arena = arena_new(256 << 20);
	if (e)
		seed = strtoull(e, NULL, 10);
	run("domain-list", 0, SET_NEWEST, 0);
	run("values", 0, SET_NEWEST, 0);
	run("values", 7, SET_SEVEREST, 25);
	run("nftables", 0, SET_NEWEST, 0);
	run("nftables", 4, SET_NEWEST, 30);
	run("unbound", 5, SET_SEVEREST, 0);
	run("rpz", 0, SET_NEWEST, 20);
	run("suricata-rules", 6, SET_NEWEST, 0);
	run("suricata-datarep", 0, SET_NEWEST, 40);
	run("splunk", 9, SET_NEWEST, 0);
	arena_free(arena);
	return done_testing();
}
