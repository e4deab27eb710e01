/*
 * correlate.c - correlations of one attribute, by value index and near rows; see correlate.h.
 *
 * A value that many rows hold is walked once for an event: what came of long walks is remembered, so
 * that an event full of one value costs its length, and not its square.
 */
#include "search/correlate.h"

#include <stdlib.h>

#include "base/own.h"
#include "search/correlator.h"
#include "search/exclude.h"
#include "search/ssdeep.h"

#define LONG_WALK 64
#define MEMO_SLOTS 1024
#define MEMO_HITS 32

/* What a long walk along a value gave. */
struct memo {
	uint32_t head; /* IX_PART of its newest row + 1; 0: none */
	uint64_t event_id; /* that asked */
	bool over;
	uint32_t n;
	struct search_hit hits[MEMO_HITS];
};

struct correlate {
	struct index *ix;
	struct correlator *shared; /* may be NULL */
	uint32_t limit;
	struct eye eye;
	struct exclude *exclude;
	struct memo *memo; /* MEMO_SLOTS, made when first needed */
};

/* One question under way: an attribute, a part of its value, a way. */
struct asking {
	struct correlate *c;
	const struct misp_event *e;
	const struct misp_attr *attr;
	struct correlation *v; /* all of the attribute */
	uint32_t n, cap;
	uint32_t first; /* where those of this part and way begin */
	uint8_t way, part;
	struct ssdeep like; /* BY_LIKENESS */
	bool over, any_over;
	struct arena *a;
	enum err err;
};

/* ---- shared --------------------------------------------------------------------------------- */

struct correlator *correlator_new(struct index *ix, const struct correlate_rules *rules)
{
	OWN(correlator) struct correlator *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ix = ix;
	c->rules = *rules;
	if ((rules->networks || rules->ssdeep) &&
	    !(c->near = near_new(rules->networks, rules->ssdeep != 0)))
		return NULL;
	return MOVE(c);
}

void correlator_free(struct correlator *c)
{
	if (c)
		near_free(c->near);
	free(c);
}

size_t correlator_bytes(struct correlator *c)
{
	return sizeof(*c) + (c->near ? near_bytes(c->near) : 0);
}

struct correlate *correlate_new(struct index *ix, struct correlator *shared,
				const struct search_visible *vis)
{
	struct correlate *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ix = ix;
	c->shared = shared;
	c->limit = shared ? shared->rules.limit : CORRELATE_LIMIT;
	c->eye.vis = vis;
	return c;
}

void correlate_free(struct correlate *c)
{
	if (!c)
		return;
	eye_free(&c->eye);
	exclude_free(c->exclude);
	free(c->memo);
	free(c);
}

enum err row_correlates(struct eye *e, uint32_t row, bool *yes)
{
	uint8_t known;

	*yes = false;
	if (!view_live(&e->v, row))
		return ERR_OK;
	TRY(eye_event(e, e->v.event[row], &known));
	if (!(known & EYE_SEEN) || known & EYE_NO_CORRELATION)
		return ERR_OK;
	TRY(eye_row(e, row, yes));
	*yes = *yes && !e->attr.deleted && !e->attr.disable_correlation;
	return ERR_OK;
}

/* ---- one row -------------------------------------------------------------------------------- */

static bool hit_known(const struct asking *q, uint64_t attr_id)
{
	for (uint32_t i = q->first; i < q->n; i++)
		if (q->v[i].hit.attr_id == attr_id)
			return true;
	return false;
}

static enum err push(struct asking *q, struct search_hit hit)
{
	if (q->n == q->cap) {
		uint32_t cap = q->cap ? 2 * q->cap : 32;
		struct correlation *v = ARENA_ARRAY(q->a, struct correlation, cap);

		if (!v)
			return ERR_LIMIT;
		if (q->n)
			memcpy(v, q->v, q->n * sizeof(*v));
		q->v = v;
		q->cap = cap;
	}
	q->v[q->n++] = (struct correlation){hit, q->way, q->part};
	return ERR_OK;
}

/* False: no need to look further. */
static bool found(struct asking *q, struct search_hit hit)
{
	if (hit_known(q, hit.attr_id))
		return true;
	if (q->c->limit && q->n - q->first == q->c->limit) {
		q->over = true;
		return false;
	}
	q->err = push(q, hit);
	return q->err == ERR_OK;
}

static bool try_row(struct asking *q, uint32_t row)
{
	struct eye *e = &q->c->eye;
	struct ssdeep other;
	struct str one, two;
	bool yes;

	if (e->v.ev[e->v.event[row]].id == q->e->id)
		return true;
	q->err = row_correlates(e, row, &yes);
	if (q->err != ERR_OK || !yes)
		return q->err == ERR_OK;
	if (q->way == BY_LIKENESS) { /* letters of the index are folded, so ask the record */
		type_split((enum attr_type)e->attr.type, e->attr.value, &one, &two);
		if (!ssdeep_parse(near_kind_of(e->attr.type, 0) == NEAR_SSDEEP ? one : two, &other) ||
		    ssdeep_compare(&q->like, &other) < q->c->shared->rules.ssdeep)
			return true;
	}
	return found(q, (struct search_hit){.event_id = e->event.id,
					    .object_id = e->v.row[row].object,
					    .attr_id = e->v.row[row].id});
}

/* ---- equal values --------------------------------------------------------------------------- */

static struct memo *memo_slot(struct correlate *c, uint32_t head)
{
	if (!c->memo)
		c->memo = calloc(MEMO_SLOTS, sizeof(*c->memo));
	return c->memo ? &c->memo[(head * UINT32_C(2654435761)) >> 22] : NULL;
}

static bool from_memo(struct asking *q, uint32_t head)
{
	const struct memo *m = q->c->memo ? memo_slot(q->c, head) : NULL;

	if (!m || m->head != head + 1 || m->event_id != q->e->id)
		return false;
	q->over = m->over;
	for (uint32_t i = 0; i < m->n && !m->over && q->err == ERR_OK; i++)
		q->err = push(q, m->hits[i]);
	return true;
}

static void to_memo(struct asking *q, uint32_t head)
{
	uint32_t n = q->over ? 0 : q->n - q->first;
	struct memo *m = n <= MEMO_HITS ? memo_slot(q->c, head) : NULL;

	if (!m)
		return;
	*m = (struct memo){.head = head + 1, .event_id = q->e->id, .over = q->over, .n = n};
	for (uint32_t i = 0; i < n; i++)
		m->hits[i] = q->v[q->first + i].hit;
}

static void by_value(struct asking *q, struct str folded)
{
	const struct ix_view *v = &q->c->eye.v;
	uint32_t head = view_value(v, folded);
	unsigned steps = 0;

	if (head == IX_NONE || from_memo(q, head))
		return;
	for (uint32_t at = head; at != IX_NONE; at = view_value_next(v, at), steps++)
		if (part_correlates(v, at) && !try_row(q, at >> 1))
			break;
	if (steps >= LONG_WALK && q->err == ERR_OK)
		to_memo(q, head);
}

/* ---- what is near --------------------------------------------------------------------------- */

static bool near_row(void *user, uint32_t row)
{
	struct asking *q = user;
	const struct ix_view *v = &q->c->eye.v;
	unsigned part = near_kind_of(v->type[row], 0) == NEAR_NONE;

	return !part_correlates(v, IX_PART(row, part)) || try_row(q, row);
}

static void by_near(struct asking *q, enum near_kind kind, struct str part, struct str folded)
{
	struct near *near = q->c->shared ? q->c->shared->near : NULL;
	enum err e;

	if (!near || (kind == NEAR_SSDEEP && !ssdeep_parse(part, &q->like)))
		return;
	e = near_follow(near, &q->c->eye.v);
	if (e == ERR_OK)
		e = near_each(near, &q->c->eye.v, kind, folded, near_row, q);
	if (q->err == ERR_OK)
		q->err = e;
}

/* ---- one attribute -------------------------------------------------------------------------- */

static void begin_way(struct asking *q, enum correlate_way way)
{
	q->way = (uint8_t)way;
	q->first = q->n;
	q->over = false;
}

/* More than the limit is as good as none. */
static void end_way(struct asking *q)
{
	if (q->over)
		q->n = q->first;
	q->any_over |= q->over;
}

static void ask_part(struct asking *q, struct str part, struct str folded)
{
	enum near_kind kind = near_kind_of(q->attr->type, q->part);

	begin_way(q, BY_VALUE);
	by_value(q, folded);
	end_way(q);
	if (q->err != ERR_OK || kind == NEAR_NONE)
		return;
	begin_way(q, kind == NEAR_ADDRESS ? BY_NETWORK : BY_LIKENESS);
	by_near(q, kind, part, folded);
	end_way(q);
}

/* The same attribute may have been found by both parts, and in both ways. */
static void only_once(struct asking *q)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		uint32_t k = 0;

		while (k < n && q->v[k].hit.attr_id != q->v[i].hit.attr_id)
			k++;
		if (k == n)
			q->v[n++] = q->v[i];
	}
	q->n = n;
}

static void ask_parts(struct asking *q, enum type_correlates on)
{
	struct str part[2] = {q->attr->value, STR_NONE};

	if (type_is_pair(type_get((enum attr_type)q->attr->type)))
		type_split((enum attr_type)q->attr->type, q->attr->value, &part[0], &part[1]);
	for (q->part = 0; q->part < (on == CORR_BOTH ? 2 : 1) && q->err == ERR_OK; q->part++) {
		char small[1024], *room = small;
		struct str folded;

		if (!part[q->part].n)
			continue;
		if (2 * part[q->part].n > sizeof(small) &&
		    !(room = malloc(2 * part[q->part].n))) {
			q->err = ERR_NOMEM;
			return;
		}
		folded = index_fold(part[q->part], room);
		if (folded.n && !exclude_match(q->c->exclude, folded))
			ask_part(q, part[q->part], folded);
		if (room != small)
			free(room);
	}
}

static enum err look(struct correlate *c, const struct store_rtxn *t)
{
	bool fresh;

	TRY(eye_open(&c->eye, c->ix, t, &fresh));
	if (!fresh)
		return ERR_OK;
	free(c->memo);
	c->memo = NULL;
	exclude_free(c->exclude);
	c->exclude = NULL;
	enum err e = exclude_load(t, &c->exclude);
	if (e != ERR_OK)
		eye_shut(&c->eye);
	return e;
}

enum err correlate_attr(struct correlate *c, const struct store_rtxn *t, const struct misp_event *e,
			const struct misp_attr *attr, struct arena *a, struct correlations *out,
			struct fail *f)
{
	const struct type_row *row = type_get((enum attr_type)attr->type);
	struct asking q = {.c = c, .e = e, .attr = attr, .a = a};
	enum err err;

	*out = (struct correlations){0};
	if (!row || row->correlates == CORR_NEVER || attr->deleted || attr->disable_correlation ||
	    e->disable_correlation)
		return ERR_OK;
	err = look(c, t);
	if (err != ERR_OK)
		return fail(f, err, "cannot look for correlations");
	ask_parts(&q, row->correlates);
	eye_shut(&c->eye);
	if (q.err != ERR_OK)
		return fail(f, q.err, "looking for correlations");
	only_once(&q);
	*out = (struct correlations){q.v, q.n, q.any_over};
	return ERR_OK;
}
