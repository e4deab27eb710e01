/*
 * events.c - search in events: each condition on attributes is a test of its own, "the event has
 * at least one attribute such that ..." - one that the audience may see.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

static void recount(const struct plan *p, const struct bits *events, uint64_t *rows)
{
	*rows = 0;
	for (uint64_t w = 0; w < (events->n + 63) / 64; w++)
		for (uint64_t m = events->w[w]; m; m &= m - 1)
			*rows += IX_GET(p->v.ev[w * 64 + (uint64_t)__builtin_ctzll(m)].rows);
}

/* Events that satisfy a filter by themselves, as far as columns tell. */
static void mark_by_event(const struct plan *p, enum filter f, struct bits *mark)
{
	const struct tagset *s = f == COND_TAGS	    ? &p->tags_any
				 : f >= COND_TAGS_ALL ? &p->tags_all[f - COND_TAGS_ALL]
						    : NULL;
	roaring_uint32_iterator_t it;

	if (f == COND_UUID)
		for (uint64_t w = 0; w < (mark->n + 63) / 64; w++)
			mark->w[w] |= p->uuid_any.w[w];
	if (s && s->set)
		for (roaring_init_iterator(s->events, &it); it.has_value;
		     roaring_advance_uint32_iterator(&it))
			bit_set(mark, it.current_value);
}

static enum err narrow_by(struct plan *p, enum filter f, struct bits *events, uint64_t *rows)
{
	struct bits mark = {0};
	enum err e = bits_make(&mark, p->v.events);

	if (e == ERR_OK) {
		mark_by_event(p, f, &mark);
		e = candidates(p, COND_BIT(f), events, *rows, NULL, &mark);
	}
	if (e == ERR_OK) {
		for (uint64_t w = 0; w < (mark.n + 63) / 64; w++)
			events->w[w] &= mark.w[w];
		recount(p, events, rows);
	}
	bits_free(&mark);
	return e;
}

enum err narrow_events(struct plan *p, struct bits *events, uint64_t *rows)
{
	/* the cheap and narrow ones first */
	static const enum filter first[] = {COND_UUID, COND_ID, COND_VALUE, COND_EXACT, COND_VALUE1, COND_VALUE2};
	uint64_t left = p->filters & ~p->by_record;

	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (left & COND_BIT(first[i])) {
			TRY(narrow_by(p, first[i], events, rows));
			left &= ~COND_BIT(first[i]);
		}
	for (; left; left &= left - 1)
		TRY(narrow_by(p, (enum filter)__builtin_ctzll(left), events, rows));
	return ERR_OK;
}

/* Does the event satisfy it without any attribute? */
static bool by_itself(const struct plan *p, enum filter f)
{
	if (f == COND_UUID)
		return bit_get(&p->uuid_any, p->place);
	if (f == COND_TAGS)
		return p->tags_any.set && tags_show(p, &p->event.tags, &p->tags_any.ids);
	if (f >= COND_TAGS_ALL)
		return tags_show(p, &p->event.tags, &p->tags_all[f - COND_TAGS_ALL].ids);
	return false;
}

enum err some_row(struct plan *p, enum filter f, bool *yes)
{
	bool record = needs_attr(p, COND_BIT(f));
	struct misp_object room;
	const struct misp_object *o = NULL;
	struct misp_attr a;

	*yes = by_itself(p, f);
	for (uint32_t r = IX_GET(p->v.ev[p->place].last_row); r && !*yes;
	     r = p->v.row[r - 1].ev_prev) {
		uint32_t row = r - 1;
		enum err e;

		if (++p->polled % p->every == 0)
			TRY(plan_poll(p));
		if (row >= p->v.rows || !view_live(&p->v, row) || !row_maybe(p, f, row))
			continue;
		if (record) {
			e = attr_load(p, row, &a, &room, &o);
			if (e == ERR_NOENT)
				continue;
			if (e != ERR_OK)
				return e;
		}
		*yes = attr_ok(p, f, row, record ? &a : NULL, o) &&
		       (!record || attr_visible(p, &a, o));
	}
	return ERR_OK;
}

static enum err all_tests(struct plan *p, bool *yes)
{
	*yes = true;
	for (uint64_t m = p->filters; m && *yes; m &= m - 1)
		TRY(some_row(p, (enum filter)__builtin_ctzll(m), yes));
	if (*yes && (p->wild || p->q->scope == SCOPE_EVENT_INDEX))
		TRY(wild_ok(p, yes));
	return ERR_OK;
}

/* ---- results -------------------------------------------------------------------------------- */

struct found {
	struct order_key k;
	uint64_t id;
};

/* By number the numbers are enough; another order wants keys. */
struct founds {
	uint64_t *id;
	struct found *v;
	size_t n, cap;
};

static int found_cmp(const void *a, const void *b, void *order)
{
	const struct found *x = a, *y = b;
	int c = order_cmp(order, &x->k, &y->k);

	return c ? c : order_tie(order, x->id, y->id);
}

static int id_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static enum err founds_room(struct plan *p, struct founds *l, bool keyed)
{
	size_t cap = l->cap ? l->cap * 2 : 256, item = keyed ? sizeof(*l->v) : sizeof(*l->id);
	void *v;

	if (l->n < l->cap)
		return ERR_OK;
	TRY(plan_room(p, 2 * cap * item));
	v = reallocarray(keyed ? (void *)l->v : l->id, cap, item);
	if (!v)
		return fail(p->f, ERR_NOMEM, "no memory for a search");
	if (keyed)
		l->v = v;
	else
		l->id = v;
	l->cap = cap;
	return ERR_OK;
}

static enum err found_add(struct plan *p, struct founds *l, const struct order *o, uint64_t id)
{
	TRY(founds_room(p, l, o->n > 0));
	if (o->n) {
		l->v[l->n].id = id;
		/* texts of a record live as long as the transaction */
		order_event_key(o, &p->event, &l->v[l->n].k);
	} else {
		l->id[l->n] = id;
	}
	l->n++;
	return ERR_OK;
}

static enum err test_events(struct plan *p, const struct bits *events, const struct order *o,
			    struct founds *l)
{
	const bool records = o->n || p->filters || p->wild;

	for (uint64_t w = 0; w < (events->n + 63) / 64; w++)
		for (uint64_t m = events->w[w]; m; m &= m - 1) {
			uint32_t place = (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(m));
			bool yes = true, record = records || !event_told(p, place);
			enum err e = (record ? event_load : event_wanted)(p, place);

			if ((++p->polled & 511) == 0)
				TRY(plan_poll(p));
			if (e == ERR_NOENT)
				continue;
			if (e != ERR_OK)
				return e;
			if (record)
				TRY(all_tests(p, &yes));
			if (yes)
				TRY(found_add(p, l, o, p->v.ev[place].id));
		}
	return ERR_OK;
}

/* By number, as events are found: mostly nothing is to be sorted. */
static bool in_order(const struct founds *l, const struct order *o)
{
	for (size_t i = 1; i < l->n; i++)
		if (o->n ? found_cmp(&l->v[i - 1], &l->v[i], (void *)(uintptr_t)o) > 0
			 : l->id[i - 1] > l->id[i])
			return false;
	return true;
}

static void put_in_order(struct founds *l, const struct order *o)
{
	if (in_order(l, o))
		return;
	if (o->n)
		qsort_r(l->v, l->n, sizeof(*l->v), found_cmp, (void *)(uintptr_t)o);
	else
		qsort(l->id, l->n, sizeof(*l->id), id_cmp);
}

static enum err page(struct plan *p, struct founds *l, const struct order *o,
		     struct search_result *out)
{
	uint64_t from = 0, n = l->n;

	out->total = l->n;
	put_in_order(l, o);
	if (p->q->limit) {
		if (__builtin_mul_overflow(p->q->limit, p->q->page ? p->q->page - 1 : 0, &from) ||
		    from > l->n)
			from = l->n;
		n = MIN(p->q->limit, l->n - from);
		out->more = from + n < l->n;
	}
	out->n = n;
	out->hits = n ? ARENA_ARRAY(p->a, struct search_hit, n) : NULL;
	if (n && !out->hits)
		return fail(p->f, ERR_LIMIT, "the search has too many results");
	for (uint64_t i = 0; i < n; i++)
		out->hits[i] = (struct search_hit){.event_id =
							       o->n ? l->v[from + i].id : l->id[from + i]};
	return ERR_OK;
}

enum err search_events(struct plan *p, struct search_result *out)
{
	struct founds l = {0};
	struct bits events = {0};
	struct order o;
	uint64_t rows;
	enum err e;

	(void)order_parse(&o, p->q->order, p->q->scope);
	e = candidate_events(p, &events, &rows);
	if (e == ERR_OK)
		e = narrow_events(p, &events, &rows);
	if (e == ERR_OK)
		e = test_events(p, &events, &o, &l);
	if (e == ERR_OK)
		e = page(p, &l, &o, out);
	bits_free(&events);
	free(l.v);
	free(l.id);
	return e;
}
