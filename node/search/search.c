/*
 * search.c - the room's entry: run a query over one snapshot, or look up one value.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

static uint64_t text_seed(uint64_t h, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* A number made from what the query names. */
static uint64_t query_seed(const struct query *q)
{
	const struct query_terms *terms[] = {&q->value.any, &q->uuid.any, &q->eventid.any, &q->tags.any};
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t k = 0; k < ARRAY_LEN(terms); k++)
		for (uint32_t i = 0; i < terms[k]->n && i < 8; i++)
			h = text_seed(h, terms[k]->v[i]);
	return h ^ h >> 29;
}

/* Is there nothing about events that only their records tell? */
static bool columns_tell(const struct plan *p)
{
	const struct query *q = p->q;

	if (p->vis && p->vis->event && !p->vis->all_events)
		return false;
	if (p->wild || p->event_any.set || p->event_none.set || p->tags_none.set || p->n_event_all ||
	    p->info.set || p->sgs.set || p->sgs_none.set || q->event_timestamp.set ||
	    q->publish_timestamp.set)
		return false;
	if (q->scope == SCOPE_EVENT_INDEX)
		return !p->email.set && !q->has_proposal && !p->value_none.set;
	return q->scope == SCOPE_ATTRIBUTES || q->scope == SCOPE_EVENTS;
}

static enum err run_plan(struct plan *p, struct search_result *out)
{
	static enum err (*const scopes[SCOPE_COUNT])(struct plan *, struct search_result *) = {
		[SCOPE_EVENTS] = search_events,
		[SCOPE_ATTRIBUTES] = search_attrs,
		[SCOPE_OBJECTS] = search_objects,
		[SCOPE_SIGHTINGS] = search_sightings,
		[SCOPE_EVENT_INDEX] = search_events,
	};
	uint64_t steady = columns_tell(p) ? view_steady(&p->v, p->t) : 0;
	enum err e;

	p->columns = steady != 0;
	e = scopes[p->q->scope](p, out);
	if (!p->columns || view_steady(&p->v, p->t) == steady)
		return e;
	/* something was written meanwhile: what columns say and what the snapshot has may differ */
	search_rows_free(out->rows);
	*out = (struct search_result){0};
	memset(p->seen, 0, p->v.events);
	p->columns = false;
	return scopes[p->q->scope](p, out);
}

enum err search_run(struct index *ix, const struct store_rtxn *t, const struct query *q,
		    const struct search_visible *vis, const struct search_how *how,
		    struct arena *a, struct search_result *out, struct fail *f)
{
	static const struct search_how freely;
	struct plan *p;
	enum err e;

	*out = (struct search_result){0};
	if (BUG((unsigned)q->scope >= SCOPE_COUNT))
		return fail(f, ERR_BUG, "no such scope");
	if (!index_sound(ix))
		return fail(f, ERR_STORE, "the index is not complete");
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(f, ERR_NOMEM, "no memory for a search");
	p->q = q;
	p->ix = ix;
	p->t = t;
	p->vis = vis;
	p->how = how ? how : &freely;
	p->a = a;
	p->f = f;
	index_view_begin(ix, &p->v);
	e = plan_make(p);
	if (e == ERR_OK && p->nothing)
		/* behind the end of nothing, MISP counts one more */
		out->total = q->scope == SCOPE_ATTRIBUTES && q->limit && q->page > 1;
	else if (e == ERR_OK)
		e = run_plan(p, out);
	if (e == ERR_OK && !p->asked && vis && vis->instead)
		vis->instead(vis->user, query_seed(q));
	index_view_end(&p->v);
	plan_free(p);
	free(p);
	if (e != ERR_OK) {
		search_rows_free(out->rows);
		*out = (struct search_result){0};
	}
	return e;
}

/* ---- one value ------------------------------------------------------------------------------ */

struct lookup {
	struct ix_view v;
	const struct store_rtxn *t;
	const struct search_visible *vis;
	struct arena *arena; /* made when a record is read */
	struct fail *f;
};

/* Ask the audience's rules about a row; without any, columns are enough. */
static enum err row_seen(struct lookup *l, uint32_t row, bool *yes)
{
	struct el_key key = {.parent = l->v.row[row].object, .id = l->v.row[row].id};
	struct misp_event e;
	struct misp_object o;
	struct misp_attr a;
	bool has_object = false;
	enum err err;

	*yes = true;
	if (!l->vis || (!l->vis->event && !l->vis->attr))
		return ERR_OK;
	int known = l->vis->known ? l->vis->known(l->vis->user, l->v.ev[l->v.event[row]].id) : -1;

	*yes = known == 1 && !l->vis->attr;
	if (known == 0 || *yes)
		return ERR_OK;
	if (!l->arena && !(l->arena = arena_new((size_t)16 << 20)))
		return fail(l->f, ERR_NOMEM, "no memory for a look-up");
	arena_reset(l->arena);
	err = store_get(l->t, T_EVENT, l->v.ev[l->v.event[row]].id, l->arena, &e);
	if (err != ERR_OK || (l->vis->event && !l->vis->event(l->vis->user, &e)))
		return err == ERR_NOENT ? ERR_OK : err;
	if (l->vis->attr) {
		key.body = e.body;
		err = store_el_get(l->t, EL_ATTR, key, l->arena, &a);
		if (err == ERR_OK && key.parent) {
			struct el_key okey = {e.body, 0, key.parent};

			has_object = store_el_get(l->t, EL_OBJECT, okey, l->arena, &o) == ERR_OK;
		}
		if (err != ERR_OK)
			return err == ERR_NOENT ? ERR_OK : err;
		if (!l->vis->attr(l->vis->user, &e, has_object ? &o : NULL, &a))
			return ERR_OK;
	}
	*yes = true;
	return ERR_OK;
}

/* The rows of a value, oldest first; they fit on the stack but for busy values. */
static enum err value_rows(struct lookup *l, struct str folded, struct rowset *r)
{
	uint32_t last = IX_NONE;

	for (uint32_t at = view_value(&l->v, folded); at != IX_NONE;
	     at = view_value_next(&l->v, at)) {
		uint32_t row = at >> 1;

		/* both parts of a pair may be equal */
		if (row == last || !view_live(&l->v, row) || l->v.flags[row] & IX_DELETED)
			continue;
		last = row;
		if (rows_add(r, row) != ERR_OK)
			return fail(l->f, ERR_NOMEM, "no memory for a look-up");
	}
	for (size_t i = 0; i < r->n / 2; i++) {
		uint32_t swap = r->v[i];

		r->v[i] = r->v[r->n - 1 - i];
		r->v[r->n - 1 - i] = swap;
	}
	return order_rows(&l->v, r->v, r->n);
}

static enum err look_up(struct lookup *l, struct str folded, uint64_t limit, struct arena *a,
			struct search_result *out)
{
	struct rowset r = {0};
	enum err e = value_rows(l, folded, &r);
	uint64_t room = limit ? MIN(limit, r.n) : r.n;

	if (e == ERR_OK && r.n && !(out->hits = ARENA_ARRAY(a, struct search_hit, room)))
		e = fail(l->f, ERR_LIMIT, "the look-up has too many results");
	for (size_t i = 0; i < r.n && e == ERR_OK; i++) {
		uint32_t row = r.v[i];
		bool yes;

		e = row_seen(l, row, &yes);
		if (e != ERR_OK || !yes)
			continue;
		if (out->n == room) {
			out->more = true;
			break;
		}
		out->hits[out->n++] =
			(struct search_hit){.event_id = l->v.ev[l->v.event[row]].id,
					    .object_id = l->v.row[row].object,
					    .attr_id = l->v.row[row].id};
	}
	if (e == ERR_OK && !r.n && l->vis && l->vis->instead)
		l->vis->instead(l->vis->user, text_seed(r.n, folded));
	out->total = out->n;
	rows_free(&r);
	return e;
}

enum err search_value(struct index *ix, const struct store_rtxn *t, struct str value,
		      const struct search_visible *vis, uint64_t limit, struct arena *a,
		      struct search_result *out, struct fail *f)
{
	struct lookup l = {.t = t, .vis = vis, .f = f};
	char small[1024], *room = small;
	struct str folded;
	enum err e;

	*out = (struct search_result){0};
	if (!index_sound(ix))
		return fail(f, ERR_STORE, "the index is not complete");
	if (2 * value.n > sizeof(small) && !(room = calloc(2, value.n)))
		return fail(f, ERR_NOMEM, "no memory for a look-up");
	folded = index_fold(value, room);
	index_view_begin(ix, &l.v);
	e = folded.n ? look_up(&l, folded, limit, a, out) : ERR_OK;
	index_view_end(&l.v);
	arena_free(l.arena);
	if (room != small)
		free(room);
	if (e != ERR_OK)
		*out = (struct search_result){0};
	return e;
}
