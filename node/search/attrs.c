/*
 * attrs.c - search in attributes: all conditions on the same attribute and its event.
 *
 * Candidates come from the columns, are put in order, and only as many records are read as the
 * page needs.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

#define FEW_SPARE 8 /* invisible ones that cost no second try */

enum err hits_add(struct plan *p, struct hits *h, struct search_hit hit)
{
	if (h->n == h->cap) {
		uint64_t cap = h->cap ? h->cap * 2 : 256;
		struct search_hit *v = realloc(h->v, cap * sizeof(*v));

		if (!v)
			return fail(p->f, ERR_NOMEM, "no memory for a search");
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = hit;
	return ERR_OK;
}

enum err hits_move(struct plan *p, struct hits *h, struct search_result *out)
{
	out->n = h->n;
	out->hits = NULL;
	if (!h->n)
		return ERR_OK;
	out->hits = ARENA_ARRAY(p->a, struct search_hit, h->n);
	if (!out->hits)
		return fail(p->f, ERR_LIMIT, "the search has too many results");
	memcpy(out->hits, h->v, h->n * sizeof(*h->v));
	return ERR_OK;
}

/* ---- order ---------------------------------------------------------------------------------- */

struct keyed {
	struct order_key k;
	uint64_t id;
	uint32_t row;
};

static int keyed_cmp(const void *a, const void *b, void *order)
{
	const struct keyed *x = a, *y = b;
	int c = order_cmp(order, &x->k, &y->k);

	return c ? c : order_tie(order, x->id, y->id);
}

static enum err put_in_order(struct plan *p, struct rowset *r)
{
	struct order o;
	struct keyed *v;
	enum err e = ERR_OK;

	(void)order_parse(&o, p->q->order, SCOPE_ATTRIBUTES);
	if (!o.n)
		return order_rows(&p->v, r->v, r->n);
	v = reallocarray(NULL, r->n + 1, sizeof(*v));
	if (!v)
		return fail(p->f, ERR_NOMEM, "no memory for a search");
	for (size_t i = 0; i < r->n && e == ERR_OK; i++) {
		v[i].row = r->v[i];
		v[i].id = p->v.row[r->v[i]].id;
		e = order_row_key(p, &o, r->v[i], &v[i].k);
	}
	if (e == ERR_OK)
		qsort_r(v, r->n, sizeof(*v), keyed_cmp, &o);
	for (size_t i = 0; i < r->n && e == ERR_OK; i++)
		r->v[i] = v[i].row;
	free(v);
	return e;
}

/* ---- records -------------------------------------------------------------------------------- */

/* What is left to ask of a row whose columns fit. */
static enum err row_ok(struct plan *p, uint32_t row, bool *yes, bool *listed)
{
	const bool warned = p->q->enforce_warninglist && p->vis && p->vis->listed;
	const uint64_t ask = p->filters & (p->by_record | ~(COND_BIT(COND_TAGS_ALL) - 1) |
					   COND_BIT(COND_TAGS));
	struct misp_object room;
	const struct misp_object *o = NULL;
	struct misp_attr a;
	bool record = needs_attr(p, p->filters) || warned;
	enum err e = event_load(p, p->v.event[row]);

	*yes = *listed = false;
	if (e == ERR_OK && record)
		e = attr_load(p, row, &a, &room, &o);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	for (uint64_t m = ask; m; m &= m - 1)
		if (!attr_ok(p, (enum filter)__builtin_ctzll(m), row, record ? &a : NULL, o))
			return ERR_OK;
	*yes = !record || attr_visible(p, &a, o);
	*listed = *yes && warned && p->vis->listed(p->vis->user, a.type, a.value);
	return ERR_OK;
}

static enum err page(struct plan *p, const struct rowset *r, struct hits *h,
		     struct search_result *out)
{
	uint64_t limit = p->q->limit, skip = 0, found = 0;

	if (limit && __builtin_mul_overflow(limit, p->q->page ? p->q->page - 1 : 0, &skip))
		skip = UINT64_MAX;
	for (size_t i = 0; i < r->n; i++) {
		uint32_t row = r->v[i];
		bool yes, listed;

		if (i % 512 == 0)
			TRY(plan_poll(p));
		TRY(row_ok(p, row, &yes, &listed));
		if (!yes)
			continue;
		if (skip) {
			skip--;
			continue;
		}
		if (limit && found == limit) {
			out->more = true;
			break;
		}
		found++;
		/* warning lists make pages shorter, they do not move them */
		if (listed) {
			out->skipped++;
			continue;
		}
		TRY(hits_add(p, h,
			     (struct search_hit){.event_id = p->v.ev[p->v.event[row]].id,
						 .object_id = p->v.row[row].object,
						 .attr_id = p->v.row[row].id}));
	}
	/* what MISP counts: a full page has one more, and so has an empty one behind the end */
	out->total = found + (limit && (found - out->skipped == limit || (!found && p->q->page > 1)));
	return ERR_OK;
}

/*
 * How many of the lowest ids a page may need, all being visible; with `spare` for those that are not.
 * 0: as good as all, or another order is wanted.
 */
static uint64_t few_of(const struct plan *p, uint64_t spare)
{
	struct order o;
	uint64_t n;

	(void)order_parse(&o, p->q->order, SCOPE_ATTRIBUTES);
	if (o.n || !p->q->limit ||
	    __builtin_mul_overflow(p->q->limit, MAX(p->q->page, 1), &n) ||
	    __builtin_add_overflow(n, spare, &n) || n > p->v.rows / 4)
		return 0;
	return n;
}

static enum err one_try(struct plan *p, const struct bits *events, uint64_t event_rows,
			struct hits *hits, struct search_result *out)
{
	struct rowset rows = {0};
	enum err e;

	p->id_max = UINT64_MAX;
	p->left_out = false;
	hits->n = 0;
	out->more = false;
	out->skipped = 0;
	e = candidates(p, p->filters, events, event_rows, &rows, NULL);
	if (e == ERR_OK)
		e = put_in_order(p, &rows);
	if (e == ERR_OK)
		e = page(p, &rows, hits, out);
	rows_free(&rows);
	return e;
}

enum err search_attrs(struct plan *p, struct search_result *out)
{
	struct bits events = {0};
	struct hits hits = {0};
	uint64_t event_rows = 0, spare = FEW_SPARE;
	enum err e = ERR_OK;

	if (p->event_set)
		e = candidate_events(p, &events, &event_rows);
	/* many that are not visible: again, with more */
	for (bool again = true; again && e == ERR_OK; spare *= 16) {
		p->few = few_of(p, spare);
		e = one_try(p, p->event_set ? &events : NULL, event_rows, &hits, out);
		again = p->few && p->left_out && !out->more;
	}
	if (e == ERR_OK)
		e = hits_move(p, &hits, out);
	bits_free(&events);
	free(hits.v);
	return e;
}
