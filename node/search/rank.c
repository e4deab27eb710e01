/*
 * rank.c - which values correlate most, and which over the limit, of what one audience sees.
 *
 * How many rows hold a value bounds what can be seen of it, so values are asked in that order and
 * the walk ends where no further one can reach the page.
 */
#include <stdlib.h>

#include "base/own.h"
#include "search/correlator.h"
#include "search/exclude.h"

#define POLL_MASK 0xffff

struct candidate {
	uint32_t head; /* IX_PART */
	uint32_t rows; /* that may correlate, seen or not */
};
struct ranked {
	uint32_t head;
	uint64_t count;
};

struct rank {
	struct eye eye;
	struct exclude *exclude;
	enum correlate_list list;
	uint64_t limit;
	const volatile bool *cancelled;
	struct candidate *c;
	size_t n, cap;
	uint32_t *places; /* events of one value's rows */
	size_t n_places, cap_places;
	struct ranked *best; /* descending */
	uint64_t n_best, want;
};

static enum err poll(const struct rank *r)
{
	return r->cancelled && *r->cancelled ? ERR_CANCELLED : ERR_OK;
}

/* ---- candidates ----------------------------------------------------------------------------- */

static enum err add_candidate(struct rank *r, uint32_t head)
{
	const struct ix_view *v = &r->eye.v;
	uint32_t n = 0;

	for (uint32_t at = head; at != IX_NONE; at = view_value_next(v, at))
		n += part_correlates(v, at) && view_live(v, at >> 1);
	if (n < 2)
		return ERR_OK;
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 1024;
		struct candidate *c = reallocarray(r->c, cap, sizeof(*c));

		if (!c)
			return ERR_NOMEM;
		r->c = c;
		r->cap = cap;
	}
	r->c[r->n++] = (struct candidate){head, n};
	return ERR_OK;
}

static int by_rows(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return x->head < y->head ? -1 : x->head > y->head;
}

/* The newest row of each value that more than one row has: nobody's chain leads to it. */
static enum err find_candidates(struct rank *r)
{
	const struct ix_view *v = &r->eye.v;
	uint8_t *led_to = calloc(1, (size_t)v->rows / 4 + 1); /* a bit for each part */
	enum err e = led_to ? ERR_OK : ERR_NOMEM;

	for (uint32_t row = 0; row < v->rows && e == ERR_OK; row++)
		for (unsigned part = 0; part < 2; part++) {
			uint32_t prev = v->row[row].prev[part];

			if (prev)
				led_to[(prev - 1) / 8] |= (uint8_t)(1u << ((prev - 1) % 8));
		}
	for (uint32_t row = 0; row < v->rows && e == ERR_OK; row++) {
		if ((row & POLL_MASK) == 0)
			e = poll(r);
		for (unsigned part = 0; part < 2 && e == ERR_OK; part++) {
			uint32_t at = IX_PART(row, part);

			if (v->row[row].prev[part] && !(led_to[at / 8] >> (at % 8) & 1))
				e = add_candidate(r, at);
		}
	}
	free(led_to);
	if (e == ERR_OK && r->n)
		qsort(r->c, r->n, sizeof(*r->c), by_rows);
	return e;
}

/* ---- counts --------------------------------------------------------------------------------- */

static enum err gather(struct rank *r, uint32_t head)
{
	const struct ix_view *v = &r->eye.v;
	uint32_t last = IX_NONE, steps = 0;

	r->n_places = 0;
	for (uint32_t at = head; at != IX_NONE; at = view_value_next(v, at)) {
		bool yes;

		if ((++steps & 0xfff) == 0)
			TRY(poll(r));
		if (at >> 1 == last || !part_correlates(v, at))
			continue;
		TRY(row_correlates(&r->eye, at >> 1, &yes));
		if (!yes)
			continue;
		last = at >> 1;
		if (r->n_places == r->cap_places) {
			size_t cap = r->cap_places ? 2 * r->cap_places : 1024;
			uint32_t *p = reallocarray(r->places, cap, sizeof(*p));

			if (!p)
				return ERR_NOMEM;
			r->places = p;
			r->cap_places = cap;
		}
		r->places[r->n_places++] = v->event[last];
	}
	return ERR_OK;
}

static int by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t pairs(uint64_t sum, uint64_t squares)
{
	return (sum * sum - squares) / 2;
}

/*
 * An attribute sees those of other events, and correlates when they are not more than the limit: a pair
 * is there when one of its two does.
 */
static uint64_t count_of(struct rank *r)
{
	uint64_t total = r->n_places, squares = 0, blocked = 0, blocked_squares = 0;

	if (total)
		qsort(r->places, total, sizeof(*r->places), by_place);
	for (size_t i = 0, k; i < total; i = k) {
		for (k = i; k < total && r->places[k] == r->places[i]; k++)
			;
		squares += (k - i) * (k - i);
		if (r->limit && total - (k - i) > r->limit) {
			blocked += k - i;
			blocked_squares += (k - i) * (k - i);
		}
	}
	if (r->list == OVER_CORRELATIONS)
		return blocked ? total : 0;
	return pairs(total, squares) - pairs(blocked, blocked_squares);
}

/* ---- the page ------------------------------------------------------------------------------- */

static struct str text_of(const struct ix_view *v, uint32_t at)
{
	struct str one, two;

	view_parts(v, at >> 1, &one, &two);
	return at & 1 ? two : one;
}

/* Take it in at its place, if it reaches the page. */
static void keep(struct rank *r, struct ranked new)
{
	uint64_t i = r->n_best;

	if (i == r->want)
		i--;
	else
		r->n_best++;
	for (; i > 0; i--) {
		const struct ranked *b = &r->best[i - 1];

		if (b->count > new.count ||
		    (b->count == new.count &&
		     str_cmp(text_of(&r->eye.v, b->head), text_of(&r->eye.v, new.head)) < 0))
			break;
		r->best[i] = *b;
	}
	r->best[i] = new;
}

static bool reaches(const struct rank *r, struct ranked new)
{
	const struct ranked *last = &r->best[r->n_best - 1];

	return r->n_best < r->want || new.count > last->count ||
	       (new.count == last->count &&
		str_cmp(text_of(&r->eye.v, new.head), text_of(&r->eye.v, last->head)) < 0);
}

static enum err rank_all(struct rank *r)
{
	for (size_t i = 0; i < r->n; i++) {
		uint64_t rows = r->c[i].rows;
		uint64_t most = r->list == OVER_CORRELATIONS ? rows : pairs(rows, rows);
		struct ranked new = {.head = r->c[i].head};

		if (r->n_best == r->want && most < r->best[r->n_best - 1].count)
			break;
		if (r->list == OVER_CORRELATIONS && rows <= r->limit)
			break;
		if (exclude_match(r->exclude, text_of(&r->eye.v, new.head)))
			continue;
		TRY(gather(r, new.head));
		new.count = count_of(r);
		if (new.count && reaches(r, new))
			keep(r, new);
	}
	return ERR_OK;
}

static enum err page(struct rank *r, uint64_t skip, struct arena *a, struct correlate_rank **out,
		     uint64_t *n)
{
	*n = r->n_best > skip ? r->n_best - skip : 0;
	if (!*n)
		return ERR_OK;
	*out = ARENA_ARRAY(a, struct correlate_rank, *n);
	if (!*out)
		return ERR_LIMIT;
	for (uint64_t i = 0; i < *n; i++) {
		const struct ranked *b = &r->best[skip + i];

		(*out)[i].count = b->count;
		(*out)[i].value = arena_str(a, text_of(&r->eye.v, b->head));
		if (!(*out)[i].value.p)
			return ERR_LIMIT;
	}
	return ERR_OK;
}

enum err correlate_ranks(struct index *ix, struct correlator *c, const struct search_visible *vis,
			 const struct store_rtxn *t, enum correlate_list list, uint64_t skip,
			 uint64_t n, const volatile bool *cancelled, struct arena *a,
			 struct correlate_rank **out, uint64_t *n_out, struct fail *f)
{
	struct rank r = {.list = list,
			 .limit = c ? c->rules.limit : CORRELATE_LIMIT,
			 .cancelled = cancelled,
			 .eye.vis = vis};
	bool fresh;
	enum err e;

	*out = NULL;
	*n_out = 0;
	if (__builtin_add_overflow(skip, n, &r.want) || r.want > 100000)
		return fail(f, ERR_LIMIT, "so deep no list goes");
	if (!n || (list == OVER_CORRELATIONS && !r.limit))
		return ERR_OK;
	r.best = calloc(r.want, sizeof(*r.best));
	e = r.best ? eye_open(&r.eye, ix, t, &fresh) : ERR_NOMEM;
	if (e == ERR_OK) {
		e = exclude_load(t, &r.exclude);
		if (e == ERR_OK)
			e = find_candidates(&r);
		if (e == ERR_OK)
			e = rank_all(&r);
		if (e == ERR_OK)
			e = page(&r, skip, a, out, n_out);
		eye_shut(&r.eye);
	}
	eye_free(&r.eye);
	exclude_free(r.exclude);
	free(r.c);
	free(r.places);
	free(r.best);
	return e == ERR_OK ? e : fail(f, e, "ranking correlations");
}
