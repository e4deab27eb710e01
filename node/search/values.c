/*
 * values.c - look up many values; see values.h.
 */
#include "search/values.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"
#include "search/eye.h"

#define LONG_WALK 64
#define MEMO_SLOTS 256
#define MEMO_HITS 100
/* So many values that are not there take as long as one that is hidden; more of them in one list would
   cost more than they hide. */
#define INSTEAD_MAX 64

struct memo {
	uint32_t head; /* + 1; 0: none */
	uint32_t limit, n;
	bool more;
	struct search_hit hits[MEMO_HITS];
};
struct value_eye {
	struct index *ix;
	struct eye eye;
	struct memo *memo;
	unsigned insteads;
};

struct value_eye *value_eye_new(struct index *ix, const struct search_visible *vis)
{
	struct value_eye *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->ix = ix;
	e->eye.vis = vis;
	return e;
}

void value_eye_free(struct value_eye *e)
{
	if (!e)
		return;
	eye_free(&e->eye);
	free(e->memo);
	free(e);
}

static struct memo *slot(struct value_eye *e, uint32_t head)
{
	if (!e->memo)
		e->memo = calloc(MEMO_SLOTS, sizeof(*e->memo));
	return e->memo ? &e->memo[(head * UINT32_C(2654435761)) >> 24] : NULL;
}

static enum err keep(struct arena *a, const struct search_hit *v, uint32_t n, struct value_hits *out)
{
	if (!n)
		return ERR_OK;
	out->v = ARENA_ARRAY(a, struct search_hit, n);
	if (!out->v)
		return ERR_LIMIT;
	memcpy(out->v, v, n * sizeof(*v));
	out->n = n;
	return ERR_OK;
}

static enum err walk(struct value_eye *e, uint32_t head, uint32_t limit, struct arena *a,
		     struct value_hits *out)
{
	const struct ix_view *v = &e->eye.v;
	struct memo *m = e->memo ? slot(e, head) : NULL;
	struct search_hit hits[MEMO_HITS];
	uint32_t steps = 0, last = IX_NONE, n = 0;

	if (m && m->head == head + 1 && m->limit == limit) {
		out->more = m->more;
		return keep(a, m->hits, m->n, out);
	}
	for (uint32_t at = head; at != IX_NONE; at = view_value_next(v, at), steps++) {
		uint32_t row = at >> 1;
		bool yes;

		/* both parts of a pair may be equal */
		if (row == last || !view_live(v, row) || v->flags[row] & IX_DELETED)
			continue;
		last = row;
		TRY(eye_row(&e->eye, row, &yes));
		if (!yes)
			continue;
		if (n == limit) {
			out->more = true;
			break;
		}
		hits[n++] = (struct search_hit){.event_id = e->eye.event.id,
						.object_id = v->row[row].object,
						.attr_id = v->row[row].id};
	}
	if (steps >= LONG_WALK && (m = slot(e, head))) {
		*m = (struct memo){.head = head + 1, .limit = limit, .n = n, .more = out->more};
		memcpy(m->hits, hits, n * sizeof(*hits));
	}
	return keep(a, hits, n, out);
}

static void not_there(struct value_eye *e, struct str folded)
{
	const struct search_visible *vis = e->eye.vis;

	if (vis && vis->instead && e->insteads++ < INSTEAD_MAX)
		vis->instead(vis->user, hash_64(folded.p, folded.n, 0));
}

enum err value_eye_look(struct value_eye *e, const struct store_rtxn *t, const struct str *values,
			size_t n, uint32_t limit, struct arena *a, struct value_hits *out,
			struct fail *f)
{
	struct str *folded = ARENA_ARRAY(a, struct str, n);
	uint32_t *head = ARENA_ARRAY(a, uint32_t, n);
	enum err err = ERR_OK;
	bool fresh;

	if (BUG(limit > MEMO_HITS))
		return fail(f, ERR_BUG, "so many hits are not kept");
	memset(out, 0, n * sizeof(*out));
	for (size_t i = 0; i < n && folded && head; i++) {
		char *room = arena_alloc(a, 2 * values[i].n + 1);

		if (!room)
			return fail(f, ERR_LIMIT, "the values are too long");
		folded[i] = index_fold(values[i], room);
	}
	if (!folded || !head)
		return fail(f, ERR_LIMIT, "too many values at a time");
	err = eye_open(&e->eye, e->ix, t, &fresh);
	if (err != ERR_OK)
		return fail(f, err, "cannot look values up");
	if (fresh) {
		free(e->memo);
		e->memo = NULL;
	}
	view_values(&e->eye.v, folded, n, head);
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		if (head[i] != IX_NONE && folded[i].n)
			err = walk(e, head[i], limit, a, &out[i]);
		else
			not_there(e, folded[i]);
	eye_shut(&e->eye);
	return err == ERR_OK ? err : fail(f, err, "looking values up");
}
