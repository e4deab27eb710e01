/*
 * candidates.c - access paths: where the rows that may match come from.
 *
 * Estimates are exact or upper bounds, for they cost little: lengths of value chains, rows of the
 * events in question, sizes of bitmaps. The narrowest is taken; when none is narrow, columns or
 * the text are scanned.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

enum path { PATH_SCAN, PATH_TEXT, PATH_VALUE, PATH_UUID, PATH_EVENTS, PATH_TAGS, PATH_IDS };

/* Rows looked at between two polls. */
#define SLICE IX_ZONE_ROWS

/* ---- estimates ------------------------------------------------------------------------------ */

/* The exact terms that some row must hold; NULL when there are none or a pattern is among them. */
static const struct terms *exact_terms(const struct texts *x)
{
	bool plain = x->any.n > 0;

	for (uint32_t i = 0; i < x->any.n && plain; i++)
		plain = !x->any.v[i].like && !x->any.v[i].part && x->any.v[i].s.n;
	if (plain)
		return &x->any;
	plain = x->all.n > 0;
	for (uint32_t i = 0; i < x->all.n && plain; i++)
		plain = !x->all.v[i].like && !x->all.v[i].part && x->all.v[i].s.n;
	return plain ? &x->all : NULL;
}

/* The patterns that some row must hold, each with a piece of text to look for. */
static const struct terms *text_terms(const struct texts *x)
{
	bool good = x->any.n > 0 && x->any.n <= 8;

	for (uint32_t i = 0; i < x->any.n && good; i++) {
		const struct term *t = &x->any.v[i];

		size_t n = (t->like ? like_literal(t->s) : t->s).n;

		good = n >= 2 && n < 65536;
	}
	return good ? &x->any : NULL;
}

const struct texts *filter_texts(const struct plan *p, enum filter f)
{
	return f == COND_VALUE	  ? &p->value
	       : f == COND_VALUE1	  ? &p->value1
	       : f == COND_VALUE2	  ? &p->value2
	       : f == COND_EXACT	  ? &p->exact
	       : f == COND_NOT_VALUE ? &p->value_none
				  : NULL;
}

/* Terms of the first text filter for which `pick` has an answer. */
static const struct terms *terms_of(const struct plan *p, uint64_t filters,
				    const struct terms *(*pick)(const struct texts *))
{
	for (; filters; filters &= filters - 1) {
		const struct texts *x =
			filter_texts(p, (enum filter)__builtin_ctzll(filters));
		const struct terms *t = x ? pick(x) : NULL;

		if (t)
			return t;
	}
	return NULL;
}

static uint64_t value_rows(const struct plan *p, const struct terms *t, uint64_t most)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t->n && n < most; i++)
		for (uint32_t at = view_value(&p->v, t->v[i].s); at != IX_NONE && n < most;
		     at = view_value_next(&p->v, at))
			n++;
	return n;
}

static uint64_t tag_rows(const struct plan *p, const struct tagset *s)
{
	uint64_t n = roaring_bitmap_get_cardinality(s->rows);
	roaring_uint32_iterator_t it;

	for (roaring_init_iterator(s->events, &it); it.has_value;
	     roaring_advance_uint32_iterator(&it))
		n += IX_GET(p->v.ev[it.current_value].rows);
	return n;
}

/* The narrowest of the tag conditions. */
static const struct tagset *tag_path(const struct plan *p, uint64_t filters, uint64_t *est)
{
	const struct tagset *best = NULL;

	*est = UINT64_MAX;
	if (filters & COND_BIT(COND_TAGS) && p->tags_any.set) {
		best = &p->tags_any;
		*est = tag_rows(p, best);
	}
	for (unsigned i = 0; i < p->n_all; i++)
		if (filters & COND_BIT(COND_TAGS_ALL + i)) {
			uint64_t n = tag_rows(p, &p->tags_all[i]);

			if (n < *est) {
				*est = n;
				best = &p->tags_all[i];
			}
		}
	return best;
}

/* ---- gathering ------------------------------------------------------------------------------ */

struct gather {
	struct plan *p;
	uint64_t filters;
	const struct bits *events; /* NULL: any */
	struct rowset *out;
	struct bits *mark; /* instead of `out` */
};

static bool wanted(const struct gather *g, uint32_t row)
{
	uint32_t place = g->p->v.event[row];

	if (!g->mark && g->p->id_after && g->p->v.row[row].id <= g->p->id_after)
		return false;
	if (!g->mark && g->p->few && g->p->v.row[row].id > g->p->id_max) {
		g->p->left_out = true;
		return false;
	}
	if (g->mark && bit_get(g->mark, place))
		return false;
	return (!g->events || bit_get(g->events, place)) && view_live(&g->p->v, row) &&
	       row_maybe_all(g->p, g->filters, row);
}

/* Only the lowest ids stay. */
static enum err keep_few(struct gather *g)
{
	struct plan *p = g->p;

	TRY(order_rows(&p->v, g->out->v, g->out->n));
	g->out->n = p->few;
	p->id_max = p->v.row[g->out->v[p->few - 1]].id;
	p->left_out = true;
	return ERR_OK;
}

/* So many at a time are cut down to `few`: sorting many costs more than sorting often. */
static uint64_t spill(uint64_t few)
{
	return few < 4096 ? 4 * few : few + few / 4;
}

static enum err keep(struct gather *g, uint32_t row)
{
	if (g->mark) {
		bit_set(g->mark, g->p->v.event[row]);
		return ERR_OK;
	}
	if (g->p->set) {
		bit_set(g->p->set, row);
		return ERR_OK;
	}
	if ((g->out->n & 0xffff) == 0xffff)
		TRY(plan_room(g->p, 2 * sizeof(*g->out->v) * g->out->n));
	if (rows_add(g->out, row) != ERR_OK ||
	    (g->p->few && g->out->n == spill(g->p->few) && keep_few(g) != ERR_OK))
		return fail(g->p->f, ERR_NOMEM, "no memory for a search");
	return ERR_OK;
}

static enum err take(struct gather *g, uint32_t row)
{
	if (++g->p->polled % g->p->every == 0)
		TRY(plan_poll(g->p));
	return row < g->p->v.rows && wanted(g, row) ? keep(g, row) : ERR_OK;
}

static int row_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Several ways may have led to one row. */
static void once_each(struct rowset *r)
{
	size_t n = 0;

	if (!r)
		return;
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), row_cmp);
	for (size_t i = 0; i < r->n; i++)
		if (!n || r->v[n - 1] != r->v[i])
			r->v[n++] = r->v[i];
	r->n = n;
}

static enum err by_value(struct gather *g, const struct terms *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t at = view_value(&g->p->v, t->v[i].s); at != IX_NONE;
		     at = view_value_next(&g->p->v, at))
			TRY(take(g, at >> 1));
	once_each(g->out);
	return ERR_OK;
}

static enum err of_event(struct gather *g, uint32_t place)
{
	for (uint32_t r = atomic_load_explicit(&g->p->v.ev[place].last_row, memory_order_acquire);
	     r; r = g->p->v.row[r - 1].ev_prev)
		TRY(take(g, r - 1));
	return ERR_OK;
}

static enum err by_events(struct gather *g, const struct bits *events)
{
	for (uint64_t w = 0; w < (events->n + 63) / 64; w++)
		for (uint64_t m = events->w[w]; m; m &= m - 1)
			TRY(of_event(g, (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(m))));
	once_each(g->out);
	return ERR_OK;
}

static enum err by_uuid(struct gather *g)
{
	for (size_t i = 0; i < g->p->uuid_rows.n; i++)
		TRY(take(g, g->p->uuid_rows.v[i]));
	return by_events(g, &g->p->uuid_any);
}

static enum err by_ids(struct gather *g)
{
	for (uint32_t i = 0; i < g->p->attr_ids.n; i++) {
		uint32_t row = view_row_of(&g->p->v, g->p->attr_ids.v[i]);

		if (row != IX_NONE)
			TRY(take(g, row));
	}
	once_each(g->out);
	return ERR_OK;
}

static enum err by_tags(struct gather *g, const struct tagset *s)
{
	roaring_uint32_iterator_t it;

	for (roaring_init_iterator(s->rows, &it); it.has_value;
	     roaring_advance_uint32_iterator(&it))
		TRY(take(g, it.current_value));
	for (roaring_init_iterator(s->events, &it); it.has_value;
	     roaring_advance_uint32_iterator(&it))
		if (it.current_value < g->p->v.events)
			TRY(of_event(g, it.current_value));
	once_each(g->out);
	return ERR_OK;
}

/* The row whose text `at` lies in: the last one that begins there or before. */
static uint32_t row_at(const struct ix_view *v, uint64_t at, uint32_t from)
{
	uint32_t lo = from, step = 1, hi;

	while (lo + step < v->rows && v->row[lo + step].text <= at) {
		lo += step;
		step *= 2;
	}
	hi = MIN(lo + step, v->rows);
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->row[mid].text <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Can none of these rows be wanted? */
static bool passed_by(const struct gather *g, uint64_t filters, uint32_t zone)
{
	struct plan *p = g->p;
	bool below = !g->mark && p->id_after, above = !g->mark && p->few && p->id_max != UINT64_MAX;
	struct ix_zone z;

	if (!(below || above || filters & COND_BIT(COND_TIME)) || !view_zone(&p->v, zone, &z))
		return false;
	if ((filters & COND_BIT(COND_TIME) && (z.time_max < p->time_from || z.time_min > p->time_to)) ||
	    (below && z.id_max <= p->id_after))
		return true;
	if (!above || z.id_min <= p->id_max)
		return false;
	p->left_out = true;
	return true;
}

static enum err by_text(struct gather *g, const struct terms *t)
{
	const struct ix_view *v = &g->p->v;

	for (uint32_t i = 0; i < t->n; i++) {
		struct str piece = t->v[i].like ? like_literal(t->v[i].s) : t->v[i].s;
		uint64_t at = 0;
		uint32_t row = 0;

		while (at < v->text_end) {
			/* in slices, so that a search that nobody waits for ends */
			uint64_t end = MIN(at + ((uint64_t)8 << 20), v->text_end);
			uint64_t hit = text_find(v->text, at, end, piece);

			TRY(plan_poll(g->p));
			if (hit == end) {
				at = end == v->text_end ? end : end - (piece.n - 1);
				continue;
			}
			row = row_at(v, hit, row);
			if (passed_by(g, g->filters, row / IX_ZONE_ROWS))
				row = (row / IX_ZONE_ROWS + 1) * IX_ZONE_ROWS - 1;
			else
				TRY(take(g, row));
			if (row + 1 >= v->rows)
				break;
			at = v->row[++row].text;
		}
	}
	if (t->n > 1)
		once_each(g->out);
	return ERR_OK;
}

#ifdef __clang__
#define VECTORS /* at O2 already */
#else
#define VECTORS __attribute__((optimize("O3")))
#endif

/* Columns of a slice of rows that can be compared without branches: 1 for those that pass. */
VECTORS static void mask_slice(const struct plan *p, uint64_t filters, uint32_t from, uint32_t n,
			       uint8_t *mask)
{
	const uint32_t *time = p->v.time + from;
	const uint16_t *type = p->v.type + from;
	const uint8_t *flags = p->v.flags + from;
	uint16_t only = 0;
	unsigned types = 0;

	memset(mask, 1, n);
	if (filters & COND_BIT(COND_TIME)) {
		uint32_t lo = p->time_from, span = p->time_to - p->time_from;

		for (uint32_t i = 0; i < n; i++)
			mask[i] = (uint8_t)(time[i] - lo <= span);
	}
	if (filters & COND_BIT(COND_TYPE)) {
		for (uint16_t t = 0; t < ATTR_TYPE_LIMIT; t++)
			if (p->type_ok[t]) {
				only = t;
				types++;
			}
		if (types == 1)
			for (uint32_t i = 0; i < n; i++)
				mask[i] &= (uint8_t)(type[i] == only);
		else
			for (uint32_t i = 0; i < n; i++)
				mask[i] &= type[i] < ATTR_TYPE_LIMIT && p->type_ok[type[i]];
	}
	if (filters & COND_BIT(COND_TO_IDS) && p->q->to_ids < 3) {
		uint8_t want = p->q->to_ids == 2 ? IX_TO_IDS : 0;

		for (uint32_t i = 0; i < n; i++)
			mask[i] &= (uint8_t)((flags[i] & IX_TO_IDS) == want);
	}
	if (filters & COND_BIT(COND_DELETED) && p->q->deleted < 3) {
		uint8_t want = p->q->deleted == 2 ? IX_DELETED : 0;

		for (uint32_t i = 0; i < n; i++)
			mask[i] &= (uint8_t)((flags[i] & IX_DELETED) == want);
	}
}

static enum err by_scan(struct gather *g)
{
	const uint64_t fast = COND_BIT(COND_TIME) | COND_BIT(COND_TYPE) |
			      COND_BIT(COND_TO_IDS) | COND_BIT(COND_DELETED);
	uint64_t all = g->filters;
	uint8_t mask[SLICE];
	enum err e = ERR_OK;

	g->filters &= ~fast;
	for (uint32_t from = 0; from < g->p->v.rows && e == ERR_OK; from += SLICE) {
		uint32_t n = MIN(SLICE, g->p->v.rows - from);

		if (passed_by(g, all, from / SLICE))
			continue;
		mask_slice(g->p, all & fast, from, n, mask);
		e = plan_poll(g->p);
		for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
			uint64_t eight;

			if (i % 8 == 0 && i + 8 <= n) {
				memcpy(&eight, mask + i, 8);
				if (!eight) {
					i += 7;
					continue;
				}
			}
			if (!mask[i])
				continue;
			/* a thousand patterns on each row take their time */
			if (++g->p->polled % g->p->every == 0 && (e = plan_poll(g->p)) != ERR_OK)
				break;
			if (wanted(g, from + i))
				e = keep(g, from + i);
		}
	}
	g->filters = all;
	return e;
}

/* The narrowest way to the rows that may satisfy all of some filters. */
struct way {
	enum path path;
	uint64_t most; /* rows that it leads to, at most */
	const struct terms *value, *text;
	const struct tagset *tags;
};

static struct way way_of(struct plan *p, uint64_t filters, const struct bits *events, uint64_t event_rows)
{
	struct way w = {.path = PATH_SCAN, .most = p->v.rows / 8};
	uint64_t est;

	w.value = terms_of(p, filters, exact_terms);
	w.text = terms_of(p, filters, text_terms);
	w.tags = tag_path(p, filters, &est);
	if (w.text)
		w.path = PATH_TEXT;
	if (w.tags && est < w.most) {
		w.most = est;
		w.path = PATH_TAGS;
	}
	if (events && event_rows < w.most) {
		w.most = event_rows;
		w.path = PATH_EVENTS;
	}
	if (filters & COND_BIT(COND_UUID) && (p->uuid_rows.n || p->q->uuid.any.n || p->q->uuid.all.n)) {
		est = p->uuid_rows.n;
		for (uint32_t i = 0; i < p->v.events; i++)
			if (bit_get(&p->uuid_any, i))
				est += IX_GET(p->v.ev[i].rows);
		if (est <= w.most) {
			w.most = est;
			w.path = PATH_UUID;
		}
	}
	if (filters & COND_BIT(COND_ID) && p->attr_ids.set && p->attr_ids.n <= w.most) {
		w.most = p->attr_ids.n;
		w.path = PATH_IDS;
	}
	if (w.value) {
		est = value_rows(p, w.value, w.most + 1);
		if (est <= w.most) {
			w.most = est;
			w.path = PATH_VALUE;
		}
	}
	if (w.path == PATH_SCAN || w.path == PATH_TEXT)
		w.most = p->v.rows;
	return w;
}

uint64_t candidates_most(struct plan *p, uint64_t filters, const struct bits *events, uint64_t event_rows)
{
	return way_of(p, filters, events, event_rows).most;
}

enum err candidates(struct plan *p, uint64_t filters, const struct bits *events,
		    uint64_t event_rows, struct rowset *out, struct bits *mark)
{
	struct gather g = {p, filters, events, out, mark};
	struct way w = way_of(p, filters, events, event_rows);

	switch (w.path) {
	case PATH_VALUE:
		return by_value(&g, w.value);
	case PATH_TEXT:
		return by_text(&g, w.text);
	case PATH_UUID:
		return by_uuid(&g);
	case PATH_EVENTS:
		return by_events(&g, events);
	case PATH_TAGS:
		return by_tags(&g, w.tags);
	case PATH_IDS:
		return by_ids(&g);
	case PATH_SCAN:
	default:
		return by_scan(&g);
	}
}

enum err candidate_events(struct plan *p, struct bits *out, uint64_t *rows)
{
	*rows = 0;
	TRY(bits_make(out, p->v.events));
	/* a few ids need no look at all events */
	if (p->event_ids.set) {
		for (uint32_t i = 0; i < p->event_ids.n; i++) {
			uint32_t place = view_event_of(&p->v, p->event_ids.v[i]);

			if (place != IX_NONE && place < p->v.events && event_maybe(p, place) &&
			    !bit_get(out, place)) {
				bit_set(out, place);
				*rows += IX_GET(p->v.ev[place].rows);
			}
		}
		return ERR_OK;
	}
	for (uint32_t place = 0; place < p->v.events; place++) {
		if ((place & (SLICE - 1)) == 0)
			TRY(plan_poll(p));
		if (event_maybe(p, place)) {
			bit_set(out, place);
			*rows += IX_GET(p->v.ev[place].rows);
		}
	}
	return ERR_OK;
}
