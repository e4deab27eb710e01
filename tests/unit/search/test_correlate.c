/*
 * test_correlate.c - correlations of every attribute of random stores, for three callers, beside a
 * reference that compares everything with everything; and the lists over the whole store.
 */
#include "search/correlate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "model/fold.h"
#include "model/types.h"
#include "search/near.h"
#include "search/ssdeep.h"
#include "tests/tap/tap.h"
#include "tests/unit/index/seed.h"

/* ---- callers -------------------------------------------------------------------------------- */

static bool most_events(void *user, const struct misp_event *e)
{
	(void)user;
	return e->id % 5 != 0;
}

static bool most_attrs(void *user, const struct misp_event *e, const struct misp_object *o,
		       const struct misp_attr *a)
{
	(void)user;
	(void)e;
	return a->id % 4 != 0 && (!a->object_id == !o) && (!o || o->id % 6 != 0);
}

static bool some_events(void *user, const struct misp_event *e)
{
	(void)user;
	return e->org_id == 2;
}

static const struct search_visible most = {NULL, most_events, most_attrs, NULL, NULL};
static const struct search_visible some = {NULL, some_events, NULL, NULL, NULL};
static const struct search_visible *const callers[] = {NULL, &most, &some};

/* ---- the reference -------------------------------------------------------------------------- */

struct one {
	struct misp_event e;
	struct misp_attr a;
	bool seen[ARRAY_LEN(callers)], may; /* may correlate at all */
	struct str part[2];
	unsigned parts; /* that correlate */
};

struct world {
	struct seed sd;
	struct index *ix;
	struct store_rtxn *t;
	struct arena *a;
	struct one *v;
	size_t n;
};

static const char *const excluded[] = {"10.0.2.1", "192.0.2.1%", "%example.net/3", NULL};

static bool is_excluded(struct str s)
{
	return value_same(s, STR("10.0.2.1")) || str_has_prefix(s, STR("192.0.2.1")) ||
	       str_has_suffix(s, STR("example.net/3"));
}

static void see_one(struct world *w, struct one *o)
{
	const struct type_row *row = type_get((enum attr_type)o->a.type);
	struct misp_object room;
	const struct misp_object *object = NULL;

	if (o->a.object_id &&
	    store_el_get(w->t, EL_OBJECT, (struct el_key){o->e.body, 0, o->a.object_id}, w->a,
			 &room) == ERR_OK)
		object = &room;
	for (size_t i = 0; i < ARRAY_LEN(callers); i++)
		o->seen[i] = !callers[i] || (callers[i]->event(NULL, &o->e) &&
					     (!callers[i]->attr ||
					      callers[i]->attr(NULL, &o->e, object, &o->a)));
	o->may = !o->a.deleted && !o->a.disable_correlation && !o->e.disable_correlation &&
		 row->correlates != CORR_NEVER;
	o->parts = row->correlates == CORR_BOTH && type_is_pair(row) ? 2 : 1;
	o->part[0] = o->a.value;
	if (type_is_pair(row))
		type_split((enum attr_type)o->a.type, o->a.value, &o->part[0], &o->part[1]);
}

static void read_all(struct world *w)
{
	struct fail f = {0};
	uint64_t id = 0;
	struct misp_event e;

	if (store_read(w->sd.s, &w->t, &f) != ERR_OK)
		bail_out("%s", f.text);
	w->n = 0;
	w->a = arena_new((size_t)256 << 20);
	w->v = NULL;
	while (store_next(w->t, T_EVENT, &id, w->a, &e) == ERR_OK) {
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct misp_attr a;
		struct el_key key;

		if (store_el_iter_new(w->t, EL_ATTR, (struct el_key){.body = e.body}, false, &it) !=
		    ERR_OK)
			bail_out("iterator");
		while (store_el_iter_next(it, w->a, &key, &a) == ERR_OK && key.body == e.body) {
			w->v = realloc(w->v, (w->n + 1) * sizeof(*w->v));
			w->v[w->n] = (struct one){.e = e, .a = a};
			see_one(w, &w->v[w->n++]);
		}
	}
}

static void forget_all(struct world *w)
{
	store_read_end(w->t);
	arena_free(w->a);
	free(w->v);
}

static bool plain_address(struct str s, unsigned char out[16], int *family, int *bits)
{
	char text[64];
	struct str host, len = str_split(s, '/', &host);
	uint64_t n = 0;

	snprintf(text, sizeof(text), "%.*s", STR_ARG(host));
	memset(out, 0, 16);
	*family = inet_pton(AF_INET, text, out) == 1 ? 4 : inet_pton(AF_INET6, text, out) == 1 ? 6 : 0;
	*bits = len.p ? (str_u64(len, &n), (int)n) : -1;
	return *family != 0;
}

static bool holds(struct str x, struct str y)
{
	unsigned char a[16], b[16];
	int fa, fb, na, nb;

	if (!plain_address(x, a, &fa, &na) || !plain_address(y, b, &fb, &nb) || fa != fb ||
	    (na < 0) == (nb < 0))
		return false;
	for (int i = 0, bits = MAX(na, nb); i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool meets(const struct one *x, unsigned p, const struct one *y, enum correlate_way way,
		  unsigned alike)
{
	enum near_kind want = way == BY_NETWORK ? NEAR_ADDRESS : NEAR_SSDEEP;
	struct ssdeep s, t;

	for (unsigned q = 0; q < y->parts; q++) {
		if (way == BY_VALUE && value_same(x->part[p], y->part[q]))
			return true;
		if (way == BY_VALUE || near_kind_of(x->a.type, p) != want ||
		    near_kind_of(y->a.type, q) != want)
			continue;
		if (way == BY_NETWORK && holds(x->part[p], y->part[q]))
			return true;
		if (way == BY_LIKENESS && ssdeep_parse(x->part[p], &s) &&
		    ssdeep_parse(y->part[q], &t) && ssdeep_compare(&s, &t) >= alike)
			return true;
	}
	return false;
}

static void mark(const struct world *w, const struct one *x, unsigned caller, unsigned p,
		 enum correlate_way way, const struct correlate_rules *rules, bool *got)
{
	uint64_t n = 0;
	bool *mine = calloc(w->n + 1, 1);

	for (size_t i = 0; i < w->n; i++) {
		const struct one *y = &w->v[i];

		if (y->e.id != x->e.id && y->may && y->seen[caller] &&
		    meets(x, p, y, way, rules->ssdeep)) {
			mine[i] = true;
			n++;
		}
	}
	for (size_t i = 0; i < w->n && (!rules->limit || n <= rules->limit); i++)
		got[i] |= mine[i];
	free(mine);
}

static void reference(const struct world *w, const struct one *x, unsigned caller,
		      const struct correlate_rules *rules, bool *got)
{
	memset(got, 0, w->n);
	for (unsigned p = 0; p < x->parts && x->may; p++) {
		if (!x->part[p].n || is_excluded(x->part[p]))
			continue;
		mark(w, x, caller, p, BY_VALUE, rules, got);
		if (rules->networks)
			mark(w, x, caller, p, BY_NETWORK, rules, got);
		if (rules->ssdeep)
			mark(w, x, caller, p, BY_LIKENESS, rules, got);
	}
}

/* ---- comparison ----------------------------------------------------------------------------- */

static unsigned ways_seen[CORRELATE_WAYS], overs;

static bool same(const struct world *w, const struct one *x, const struct correlations *got,
		 const bool *want)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += want[i];
	if (n != got->n)
		return false;
	for (uint32_t k = 0; k < got->n; k++) {
		size_t i = 0;

		while (i < w->n && w->v[i].a.id != got->v[k].hit.attr_id)
			i++;
		if (i == w->n || !want[i] || w->v[i].e.id != got->v[k].hit.event_id ||
		    w->v[i].a.object_id != got->v[k].hit.object_id)
			return false;
		ways_seen[got->v[k].way]++;
	}
	(void)x;
	overs += got->over;
	return true;
}

static void compare(struct world *w, struct correlator *c, const struct correlate_rules *rules)
{
	for (unsigned i = 0; i < ARRAY_LEN(callers); i++) {
		struct correlate *mine = correlate_new(w->ix, c, callers[i]);
		bool *want = calloc(w->n + 1, 1);
		unsigned bad = 0, asked = 0;

		for (size_t k = 0; k < w->n; k++) {
			OWN(arena) struct arena *a = arena_new(1 << 22);
			const struct one *x = &w->v[k];
			struct correlations got;
			struct fail f = {0};

			if (!x->seen[i])
				continue;
			asked++;
			if (correlate_attr(mine, w->t, &x->e, &x->a, a, &got, &f) != ERR_OK)
				bail_out("%s", f.text);
			reference(w, x, i, rules, want);
			if (!same(w, x, &got, want) && bad++ < 3) {
				size_t n = 0;

				for (size_t m = 0; m < w->n; m++)
					n += want[m];
				diag("event %llu %s \"%.*s\": got %u, want %zu",
				     (unsigned long long)x->e.id,
				     type_get((enum attr_type)x->a.type)->name.p,
				     STR_ARG(x->a.value), got.n, n);
			}
		}
		is_uint(bad, 0, "caller %u, limit %u: %u attributes of %zu", i, rules->limit, asked,
			w->n);
		correlate_free(mine);
		free(want);
	}
}

/* ---- the lists ------------------------------------------------------------------------------ */

struct tally {
	struct str folded;
	uint64_t count;
};

static int by_tally(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return str_cmp(x->folded, y->folded);
}

static bool has_part(const struct one *o, struct str folded)
{
	for (unsigned p = 0; p < o->parts && o->may; p++)
		if (value_same(o->part[p], folded))
			return true;
	return false;
}

/* Pairs, or holders when some event sees too many of others. */
static uint64_t tally_value(const struct world *w, unsigned caller, struct str folded,
			    uint64_t limit, enum correlate_list list)
{
	uint64_t holders = 0, n = 0;
	bool over = false;

	for (size_t i = 0; i < w->n; i++) {
		const struct one *x = &w->v[i];
		uint64_t others = 0;

		if (!x->seen[caller] || !has_part(x, folded))
			continue;
		holders++;
		for (size_t k = 0; k < w->n; k++)
			others += w->v[k].e.id != x->e.id && w->v[k].seen[caller] &&
				  has_part(&w->v[k], folded);
		over |= limit && others > limit;
		for (size_t k = 0; k < w->n; k++) {
			const struct one *y = &w->v[k];
			uint64_t theirs = 0;

			if (k <= i || y->e.id == x->e.id || !y->seen[caller] || !has_part(y, folded))
				continue;
			for (size_t m = 0; m < w->n; m++)
				theirs += w->v[m].e.id != y->e.id && w->v[m].seen[caller] &&
					  has_part(&w->v[m], folded);
			n += !limit || others <= limit || theirs <= limit;
		}
	}
	return list == TOP_CORRELATIONS ? n : over ? holders : 0;
}

static size_t tally_all(struct world *w, unsigned caller, uint64_t limit, enum correlate_list list,
			struct tally *out)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		for (unsigned p = 0; p < w->v[i].parts; p++) {
			struct str s = w->v[i].part[p], folded;
			size_t k = 0;

			if (!w->v[i].may || !s.n || is_excluded(s))
				continue;
			folded = value_fold_into(s, arena_alloc(w->a, 2 * s.n));
			while (k < n && !str_eq(out[k].folded, folded))
				k++;
			if (k == n)
				out[n++].folded = folded;
		}
	for (size_t k = 0; k < n; k++)
		out[k].count = tally_value(w, caller, out[k].folded, limit, list);
	qsort(out, n, sizeof(*out), by_tally);
	while (n && !out[n - 1].count)
		n--;
	return n;
}

static void compare_lists(struct world *w, struct correlator *c, const struct correlate_rules *rules)
{
	struct tally *want = calloc(2 * w->n + 1, sizeof(*want));

	for (unsigned i = 0; i < ARRAY_LEN(callers); i++)
		for (enum correlate_list list = TOP_CORRELATIONS; list <= OVER_CORRELATIONS; list++) {
			OWN(arena) struct arena *a = arena_new(1 << 22);
			size_t n = tally_all(w, i, rules->limit, list, want);
			struct correlate_rank *got;
			uint64_t n_got, skip = i;
			unsigned bad = 0;
			struct fail f = {0};

			if (correlate_ranks(w->ix, c, callers[i], w->t, list, skip, 12, NULL, a, &got,
					    &n_got, &f) != ERR_OK)
				bail_out("%s", f.text);
			n = n > skip ? MIN(n - skip, 12) : 0;
			for (size_t k = 0; k < n && k < n_got; k++)
				bad += got[k].count != want[skip + k].count ||
				       !str_eq(got[k].value, want[skip + k].folded);
			ok(!bad && n == n_got, "caller %u, %s: %zu values", i,
			   list == TOP_CORRELATIONS ? "top" : "over", n);
		}
	free(want);
}

/* ---- stores --------------------------------------------------------------------------------- */

static enum err put_exclusions(struct store_wtxn *w, void *arg, struct fail *f)
{
	for (const char *const *v = arg; *v; v++) {
		struct misp_exclusion x = {.value = str_c(*v)};

		x.id = store_new_row_id(w, T_EXCLUSION);
		TRY(store_put(w, T_EXCLUSION, x.id, &x, f));
	}
	return ERR_OK;
}

static void one_store(uint64_t rng, const struct correlate_rules *rules, bool lists)
{
	OWN(correlator) struct correlator *c = NULL;
	struct world w = {0};
	struct fail f = {0};

	seed_open(&w.sd, rng);
	w.sd.meets = true;
	if (index_open(w.sd.s, NULL, NULL, &w.ix, &f) != ERR_OK ||
	    store_run(w.sd.s, put_exclusions, (void *)(uintptr_t)excluded, &f) != ERR_OK)
		bail_out("%s", f.text);
	for (unsigned i = 0; i < 25; i++)
		seed_event(&w.sd, 2 + (unsigned)seed_rand(&w.sd, 12));
	seed_event(&w.sd, 80); /* sees itself in long walks */
	c = correlator_new(w.ix, rules);
	for (unsigned round = 0; round < 3; round++) {
		read_all(&w);
		compare(&w, c, rules);
		if (lists && round == 2)
			compare_lists(&w, c, rules);
		forget_all(&w);
		for (unsigned i = 0; i < 40; i++)
			seed_change(&w.sd);
	}
	ok(correlator_bytes(c) > sizeof(void *), "says what it holds");
	index_close(w.ix);
	seed_close(&w.sd);
}

int main(void)
{
	one_store(1, &(struct correlate_rules){.limit = 3, .networks = true, .ssdeep = 40}, true);
	one_store(2, &(struct correlate_rules){.limit = 20, .networks = true}, false);
	one_store(3, &(struct correlate_rules){.limit = 0, .networks = true, .ssdeep = 70}, true);
	one_store(4, &(struct correlate_rules){.limit = 8}, true);
	for (unsigned i = 0; i < CORRELATE_WAYS; i++)
		ok(ways_seen[i] > 30, "way %u led to %u", i, ways_seen[i]);
	ok(overs > 100, "%u over the limit", overs);
	return done_testing();
}
