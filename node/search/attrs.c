/*
 * attrs.c - search in attributes: all conditions on the same attribute and its event.
 *
 * Candidates come from the columns, are put in order, and only as many records are read as the
 * page needs.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"
#include "search/rows.h"

#define MANY 400 /* results of a page that are kept as rows where that may be */
#define FEW_SPARE 8 /* invisible ones that cost no second try */

enum err hits_add(struct plan *p, struct hits *h, struct search_hit hit)
{
	if (h->n == h->cap) {
		uint64_t cap = h->cap ? h->cap * 2 : 256;
		struct search_hit *v;

		TRY(plan_room(p, 2 * cap * sizeof(*v)));
		v = realloc(h->v, cap * sizeof(*v));
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
	TRY(plan_room(p, (r->n + 1) * sizeof(*v)));
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
	const bool ages = p->vis && p->vis->decayed;
	bool record = needs_attr(p, p->filters) || warned || ages;
	enum err e = (record || ask ? event_load : event_wanted)(p, p->v.event[row]);

	*yes = *listed = false;
	if (e == ERR_OK && record)
		e = attr_load(p, row, &a, &room, &o);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	for (uint64_t m = ask; m; m &= m - 1)
		if (!attr_ok(p, (enum filter)__builtin_ctzll(m), row, record ? &a : NULL, o))
			return ERR_OK;
	*yes = !record || attr_visible(p, &a, o);
	*listed = *yes && ((warned && p->vis->listed(p->vis->user, a.type, a.value)) ||
			   (ages && p->vis->decayed(p->vis->user, &p->event, &a)));
	return ERR_OK;
}

/* The rows on their way to a page: which are to be skipped, which were found. */
struct paging {
	uint64_t limit, skip, found, last_id;
	uint32_t before; /* the last row that was skipped; IX_NONE: none */
	struct hits *hits; /* NULL: they are only counted */
};

static uint64_t skip_of(const struct plan *p)
{
	uint64_t skip = 0;

	if (p->q->limit &&
	    __builtin_mul_overflow(p->q->limit, p->q->page ? p->q->page - 1 : 0, &skip))
		skip = UINT64_MAX;
	return skip;
}

/* One row whose columns fit. *taken: it is a result of this page; *full: the page has its end. */
static enum err page_row(struct plan *p, struct paging *g, uint32_t row, struct search_result *out,
			 bool *taken, bool *full)
{
	bool yes, listed;

	*taken = *full = false;
	if (++p->polled % p->every == 0)
		TRY(plan_poll(p));
	TRY(row_ok(p, row, &yes, &listed));
	if (!yes)
		return ERR_OK;
	if (g->skip) {
		g->skip--;
		g->before = row;
		return ERR_OK;
	}
	if (g->limit && g->found == g->limit) {
		*full = out->more = true;
		return ERR_OK;
	}
	g->found++;
	g->last_id = p->v.row[row].id;
	/* warning lists and decay make pages shorter, they do not move them */
	if (listed) {
		out->skipped++;
		return ERR_OK;
	}
	*taken = true;
	return !g->hits ? ERR_OK
			: hits_add(p, g->hits,
				   (struct search_hit){.event_id = p->v.ev[p->v.event[row]].id,
						       .object_id = p->v.row[row].object,
						       .attr_id = p->v.row[row].id});
}

/* What MISP counts: a full page has one more, and so has an empty one behind the end. */
static void page_count(const struct plan *p, const struct paging *g, struct search_result *out)
{
	out->total = g->found + (g->limit && (g->found - out->skipped == g->limit ||
					      (!g->found && p->q->page > 1)));
}

/* Without hits, what was found stays in `r`. */
static enum err page(struct plan *p, struct rowset *r, struct paging *g, struct search_result *out)
{
	bool taken, full = false;
	size_t kept = 0;

	for (size_t i = 0; i < r->n && !full; i++) {
		TRY(page_row(p, g, r->v[i], out, &taken, &full));
		if (taken && !g->hits)
			r->v[kept++] = r->v[i];
	}
	if (!g->hits)
		r->n = kept;
	page_count(p, g, out);
	return ERR_OK;
}

/* ---- all, in the order of their ids ---------------------------------------------------------- */

/* Whole words of `set` that come after all that came before, in order: nothing of them was moved. */
static bool in_order(const struct plan *p, uint64_t word, uint64_t *last)
{
	struct ix_zone z;

	if (word % (IX_ZONE_ROWS / 64) || !view_zone(&p->v, (uint32_t)(word / (IX_ZONE_ROWS / 64)), &z) ||
	    !z.sorted || z.id_min <= *last)
		return false;
	*last = z.id_max;
	return true;
}

/* Take the rows out of `set` that do not stand in the order of their ids; sorted into `moved`. */
static enum err take_moved(struct plan *p, struct bits *set, struct rowset *moved)
{
	uint64_t last = 0;

	for (uint64_t w = 0; w < (set->n + 63) / 64; w++) {
		if (in_order(p, w, &last)) {
			w += IX_ZONE_ROWS / 64 - 1;
			continue;
		}
		for (uint64_t m = set->w[w]; m; m &= m - 1) {
			uint32_t row = (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(m));

			if (p->v.row[row].id > last) {
				last = p->v.row[row].id;
				continue;
			}
			bit_clear(set, row);
			if (rows_add(moved, row) != ERR_OK)
				return fail(p->f, ERR_NOMEM, "no memory for a search");
			TRY(plan_room(p, 2 * sizeof(*moved->v) * moved->n));
		}
	}
	return moved->n && order_rows(&p->v, moved->v, moved->n) != ERR_OK
		       ? fail(p->f, ERR_NOMEM, "no memory for a search")
		       : ERR_OK;
}

/* Ask the records, in order; what is no result is taken out of `set` and `moved`. */
static enum err page_set(struct plan *p, struct bits *set, struct rowset *moved, struct paging *g,
			 struct search_result *out)
{
	const uint64_t words = (set->n + 63) / 64;
	size_t at = 0, kept = 0;
	bool taken, full = false;
	uint64_t w;

	for (w = 0; w <= words && !full; w++) {
		uint64_t m = w < words ? set->w[w] : 0;

		do {
			uint32_t row = m ? (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(m)) : IX_NONE;
			bool end = w == words;

			/* those that were moved come where their ids stand */
			while (at < moved->n && !full && (m || end) &&
			       (end || p->v.row[moved->v[at]].id < p->v.row[row].id)) {
				TRY(page_row(p, g, moved->v[at], out, &taken, &full));
				if (taken)
					moved->v[kept++] = moved->v[at];
				at++;
			}
			if (!m)
				break;
			m &= m - 1;
			taken = false;
			if (!full)
				TRY(page_row(p, g, row, out, &taken, &full));
			if (!taken)
				bit_clear(set, row);
		} while (m);
	}
	/* what comes behind the page */
	if (w < words)
		memset(set->w + w, 0, (words - w) * sizeof(*set->w));
	moved->n = kept;
	page_count(p, g, out);
	return ERR_OK;
}

/* All rows as bits: what was found as rows for whoever takes them, else as hits. */
static enum err by_bits(struct plan *p, const struct bits *events, uint64_t event_rows,
			struct paging *g, struct search_result *out)
{
	const bool as_rows = !g->hits;
	struct rowset moved = {0};
	struct bits set = {0};
	enum err e = bits_make(&set, p->v.rows);

	p->set = &set;
	if (e == ERR_OK)
		e = candidates(p, p->filters, events, event_rows, NULL, NULL);
	p->set = NULL;
	if (e == ERR_OK)
		e = take_moved(p, &set, &moved);
	if (e == ERR_OK)
		e = page_set(p, &set, &moved, g, out);
	if (e == ERR_OK && as_rows) {
		struct search_rows_from from = {set.w, (set.n + 63) / 64, moved.v, moved.n};

		out->rows = search_rows_new(p->ix, &from);
		if (out->rows) {
			out->n = g->found - out->skipped;
			return ERR_OK;
		}
		e = fail(p->f, ERR_NOMEM, "no memory for a search");
	}
	bits_free(&set);
	rows_free(&moved);
	return e;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static bool by_id(const struct plan *p)
{
	struct order o;

	(void)order_parse(&o, p->q->order, SCOPE_ATTRIBUTES);
	return o.n == 0;
}

/* So few candidates that a list of them is shorter than bits for all rows. */
static bool narrow(struct plan *p, const struct bits *events, uint64_t event_rows)
{
	return candidates_most(p, p->filters, events, event_rows) <= p->v.rows / 256;
}

/*
 * How many of the lowest ids a page may need, all being visible; with `spare` for those that are not.
 * 0: as good as all, or another order is wanted.
 */
static uint64_t few_of(const struct plan *p, uint64_t spare, uint64_t covered)
{
	uint64_t n;

	if (!by_id(p) || !p->q->limit ||
	    __builtin_mul_overflow(p->q->limit, MAX(p->q->page, 1), &n) ||
	    __builtin_add_overflow(n - covered, spare, &n) || n > p->v.rows / 64)
		return 0;
	return n;
}

static enum err one_try(struct plan *p, const struct bits *events, uint64_t event_rows,
			struct paging *g, struct search_result *out)
{
	struct rowset rows = {0};
	enum err e;

	p->id_max = UINT64_MAX;
	p->left_out = false;
	e = candidates(p, p->filters, events, event_rows, &rows, NULL);
	if (e == ERR_OK)
		e = put_in_order(p, &rows);
	if (e == ERR_OK)
		e = page(p, &rows, g, out);
	if (e == ERR_OK && !g->hits) {
		struct search_rows_from from = {.moved = rows.v, .n_moved = rows.n};

		out->rows = search_rows_new(p->ix, &from);
		out->n = g->found - out->skipped;
		if (out->rows)
			return ERR_OK;
		e = fail(p->f, ERR_NOMEM, "no memory for a search");
	}
	rows_free(&rows);
	return e;
}

/* The lowest ids, or another order. Many that are not visible: again, with more. */
static enum err some_rows(struct plan *p, const struct bits *events, uint64_t event_rows,
			  struct hits *hits, struct search_result *out)
{
	struct search_pages *pages = by_id(p) && p->q->limit ? p->how->pages : NULL;
	uint64_t spare = FEW_SPARE, covered = 0, skip = skip_of(p), seq = store_seq(p->t);
	bool bits = by_id(p) && !narrow(p, events, event_rows);
	enum err e = ERR_OK;

	if (pages && skip)
		(void)search_pages_get(pages, p->how->page_key, seq, skip, &covered, &p->id_after);
	for (bool again = true; again && e == ERR_OK; spare *= 16) {
		struct paging g = {
			.limit = p->q->limit, .skip = skip - covered, .hits = hits,
			.before = IX_NONE};

		p->few = few_of(p, spare, covered);
		hits->n = 0;
		search_rows_free(out->rows);
		*out = (struct search_result){0};
		/* a row is an eighth of a hit */
		if (p->how->rows && (!p->q->limit || p->q->limit > MANY))
			g.hits = NULL;
		e = (bits && !p->few ? by_bits : one_try)(p, events, event_rows, &g, out);
		again = p->few && p->left_out && !out->more;
		if (e == ERR_OK && !again && pages && g.found && g.found == g.limit)
			search_pages_put(pages, p->how->page_key, seq, skip,
					 g.before == IX_NONE ? p->id_after : p->v.row[g.before].id,
					 skip + g.found, g.last_id);
	}
	return e;
}

enum err search_attrs(struct plan *p, struct search_result *out)
{
	struct bits events = {0};
	struct hits hits = {0};
	uint64_t event_rows = 0;
	enum err e = ERR_OK;

	if (p->event_set)
		e = candidate_events(p, &events, &event_rows);
	if (e == ERR_OK)
		e = some_rows(p, p->event_set ? &events : NULL, event_rows, &hits, out);
	if (e == ERR_OK && !out->rows)
		e = hits_move(p, &hits, out);
	bits_free(&events);
	free(hits.v);
	return e;
}
