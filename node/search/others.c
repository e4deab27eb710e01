/*
 * others.c - search in objects and sightings.
 *
 * Objects: conditions on the event, on the object, and for each condition on attributes "some
 * attribute of this object". Sightings: of one event or attribute, or of all, by time.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

static int hit_cmp(const void *a, const void *b)
{
	const struct search_hit *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Sort by id and keep the page that is asked for. */
static enum err page(struct plan *p, struct hits *h, struct search_result *out)
{
	uint64_t limit = p->q->limit, from = 0;

	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), hit_cmp);
	out->total = h->n;
	if (limit) {
		if (__builtin_mul_overflow(limit, p->q->page ? p->q->page - 1 : 0, &from) ||
		    from > h->n)
			from = h->n;
		out->more = h->n - from > limit;
		h->n = MIN(limit, h->n - from);
		if (h->n)
			memmove(h->v, h->v + from, h->n * sizeof(*h->v));
	}
	return hits_move(p, h, out);
}

/* ---- objects -------------------------------------------------------------------------------- */

static bool seen_ok(const struct query_range *r, int64_t t)
{
	return !r->set || (t != MICRO_NONE && t >= r->from && t <= r->to);
}

static bool object_wanted(const struct plan *p, const struct misp_object *o)
{
	return flags_wanted(o->deleted, 1, p->q->deleted ? p->q->deleted : 1) &&
	       object_ok(p, o) && seen_ok(&p->q->first_seen, o->first_seen) &&
	       seen_ok(&p->q->last_seen, o->last_seen);
}

static bool object_visible(const struct plan *p, const struct misp_object *o)
{
	return !p->vis || !p->vis->object || p->vis->object(p->vis->user, &p->event, o);
}

/* Take off `left` the filters that this attribute satisfies. */
static void test_attr(const struct plan *p, const struct misp_attr *a,
		      const struct misp_object *o, uint64_t *left)
{
	uint32_t row = view_row_of(&p->v, a->id);

	if (row == IX_NONE)
		return;
	for (uint64_t m = *left; m; m &= m - 1) {
		enum filter f = (enum filter)__builtin_ctzll(m);

		if (row_maybe(p, f, row) && attr_ok(p, f, row, a, o))
			*left &= ~COND_BIT(f);
	}
}

/* An object is seen through its attributes; one that has none stands for itself where nothing is
   hidden, for it must look like one whose attributes all are. */
static enum err object_tests(struct plan *p, const struct misp_object *o, bool *yes)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	uint64_t left = p->filters & ~COND_BIT(COND_UUID);
	bool any = false, visible = false;
	struct misp_attr a;
	struct el_key key;
	enum err e;

	if (p->q->uuid.any.n && !bit_get(&p->uuid_any, p->place))
		left |= COND_BIT(COND_UUID);
	TRY(store_el_iter_new(p->t, EL_ATTR, (struct el_key){p->event.body, o->id, 0}, true, &it));
	for (;;) {
		arena_reset(p->attr_arena);
		e = store_el_iter_next(it, p->attr_arena, &key, &a);
		if (e != ERR_OK || (visible && !left))
			break;
		any = true;
		a.id = key.id;
		if (!attr_visible(p, &a, o))
			continue;
		visible = true;
		test_attr(p, &a, o, &left);
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(p->f, e, "cannot read attributes");
	/* that nothing deleted is wanted says nothing about an object without attributes */
	if (!any)
		left &= ~COND_BIT(COND_DELETED);
	*yes = !left && (visible || (!any && (!p->vis || !p->vis->attr)));
	return ERR_OK;
}

static enum err objects_of(struct plan *p, uint32_t place, struct hits *h)
{
	enum err e = event_load(p, place);

	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	for (uint32_t s = IX_GET(p->v.ev[place].last_el); s; s = p->v.el[s - 1].ev_prev) {
		const struct ix_el *el = &p->v.el[s - 1];
		struct el_key key = {p->event.body, 0, el->id};
		struct misp_object o;
		bool yes = false;

		if (++p->polled % p->every == 0)
			TRY(plan_poll(p));
		if (s > p->v.els || el->kind != EL_OBJECT || view_dead(IX_GET(el->died), p->v.gen))
			continue;
		e = store_el_get(p->t, EL_OBJECT, key, NULL, &o);
		if (e != ERR_OK && e != ERR_NOENT)
			return fail(p->f, e, "cannot read an object");
		o.id = el->id;
		if (e == ERR_NOENT || !object_wanted(p, &o) || !object_visible(p, &o))
			continue;
		TRY(object_tests(p, &o, &yes));
		if (yes)
			TRY(hits_add(p, h,
				     (struct search_hit){.event_id = p->event.id,
							 .object_id = el->id,
							 .id = el->id}));
	}
	return ERR_OK;
}

static enum err each_event(struct plan *p, const struct bits *events, struct hits *h,
			   enum err (*fn)(struct plan *p, uint32_t place, struct hits *h))
{
	for (uint64_t w = 0; w < (events->n + 63) / 64; w++)
		for (uint64_t m = events->w[w]; m; m &= m - 1)
			if (IX_GET(p->v.ev[w * 64 + (uint64_t)__builtin_ctzll(m)].els))
				TRY(fn(p, (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(m)), h));
	return ERR_OK;
}

enum err search_objects(struct plan *p, struct search_result *out)
{
	uint64_t keep = p->filters;
	struct bits events = {0};
	struct hits hits = {0};
	uint64_t rows;
	enum err e;

	e = candidate_events(p, &events, &rows);
	/* objects without attributes exist: being alive is no reason to leave an event out */
	p->filters &= ~COND_BIT(COND_DELETED);
	if (e == ERR_OK)
		e = narrow_events(p, &events, &rows);
	p->filters = keep;
	if (e == ERR_OK)
		e = each_event(p, &events, &hits, objects_of);
	if (e == ERR_OK)
		e = page(p, &hits, out);
	if (e == ERR_OK)
		out->total = out->n;
	bits_free(&events);
	free(hits.v);
	return e;
}

/* ---- sightings ------------------------------------------------------------------------------ */

/* Of a single thing, any and all ask the same. */
static const struct query_terms *wanted_terms(const struct query_filter *q)
{
	return q->any.n ? &q->any : &q->all;
}

static bool listed(const struct query_filter *q, uint64_t n)
{
	const struct query_terms *t = wanted_terms(q);
	uint64_t x;

	for (uint32_t i = 0; i < q->none.n; i++)
		if (str_u64(q->none.v[i], &x) && x == n)
			return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (str_u64(t->v[i], &x) && x == n)
			return true;
	return !t->n;
}

static bool uuid_listed(const struct query_filter *q, struct uuid u)
{
	const struct query_terms *t = wanted_terms(q);
	struct uuid x;

	for (uint32_t i = 0; i < t->n; i++)
		if (uuid_parse(t->v[i], &x) && uuid_eq(x, u))
			return true;
	return false;
}

/* An organisation by id, UUID or name. */
static bool org_listed(const struct plan *p, const struct query_filter *q, uint64_t org_id)
{
	struct misp_org o = {0};
	bool known, in_any = !wanted_terms(q)->n;

	if (!q->set)
		return true;
	known = store_get(p->t, T_ORG, org_id, NULL, &o) == ERR_OK;
	for (uint32_t pass = 0; pass < 2; pass++) {
		const struct query_terms *t = pass ? &q->none : wanted_terms(q);

		for (uint32_t i = 0; i < t->n; i++) {
			struct uuid u;
			uint64_t id;
			bool hit = (str_u64(t->v[i], &id) && id == org_id) ||
				   (known && (str_eq(t->v[i], o.name) ||
					      (uuid_parse(t->v[i], &u) && uuid_eq(u, o.uuid))));

			if (hit && pass)
				return false;
			in_any |= hit;
		}
	}
	return in_any;
}

/* `id` and `uuid` are of what the context says: the sighting, its attribute, its event. */
static bool context_ok(const struct plan *p, const struct ix_el *el)
{
	const struct query *q = p->q;
	uint64_t id = el->id;
	struct uuid uuid = el->uuid;

	if (q->sighting_context == SIGHTINGS_OF_EVENT) {
		id = p->event.id;
		uuid = p->event.uuid;
	} else if (q->sighting_context == SIGHTINGS_OF_ATTRIBUTE) {
		uint32_t row = view_row_of(&p->v, el->parent);

		id = el->parent;
		uuid = row == IX_NONE ? UUID_NIL : p->v.row[row].uuid;
	}
	/* the id may be a UUID, too */
	if (q->id.set && !listed(&q->id, id) && !uuid_listed(&q->id, uuid))
		return false;
	return !q->uuid.set || uuid_listed(&q->uuid, uuid);
}

static bool sighting_ok(const struct plan *p, const struct misp_sighting *s)
{
	const struct query *q = p->q;

	if (q->sighted.set &&
	    (s->date_sighting < q->sighted.from || s->date_sighting > q->sighted.to))
		return false;
	if (q->sighting_type.set && !listed(&q->sighting_type, s->type))
		return false;
	if (wanted_terms(&q->source)->n) {
		const struct query_terms *t = wanted_terms(&q->source);
		bool hit = false;

		for (uint32_t i = 0; i < t->n; i++)
			hit |= str_eq(t->v[i], s->source);
		if (!hit)
			return false;
	}
	return org_listed(p, &q->org, s->org_id);
}

enum err attr_seen(struct plan *p, uint64_t attr_id, bool *yes)
{
	uint32_t row = view_row_of(&p->v, attr_id);
	struct misp_object room;
	const struct misp_object *o;
	struct misp_attr a;
	enum err e;

	*yes = row != IX_NONE && p->v.event[row] == p->place;
	if (!*yes || !p->vis || !p->vis->attr)
		return ERR_OK;
	e = attr_load(p, row, &a, &room, &o);
	*yes = e == ERR_OK && attr_visible(p, &a, o);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err sightings_of(struct plan *p, uint32_t place, struct hits *h)
{
	enum err e = event_load(p, place);

	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	for (uint32_t s = IX_GET(p->v.ev[place].last_el); s; s = p->v.el[s - 1].ev_prev) {
		const struct ix_el *el = &p->v.el[s - 1];
		struct el_key key = {p->event.body, el->parent, el->id};
		struct misp_sighting si;
		bool yes = false;

		if (++p->polled % p->every == 0)
			TRY(plan_poll(p));
		if (s > p->v.els || el->kind != EL_SIGHTING ||
		    view_dead(IX_GET(el->died), p->v.gen) || !context_ok(p, el))
			continue;
		e = store_el_get(p->t, EL_SIGHTING, key, NULL, &si);
		if (e != ERR_OK && e != ERR_NOENT)
			return fail(p->f, e, "cannot read a sighting");
		if (e == ERR_NOENT || !sighting_ok(p, &si))
			continue;
		TRY(attr_seen(p, el->parent, &yes));
		if (yes)
			TRY(hits_add(p, h,
				     (struct search_hit){.event_id = p->event.id,
							 .attr_id = el->parent,
							 .id = el->id}));
	}
	return ERR_OK;
}

enum err search_sightings(struct plan *p, struct search_result *out)
{
	struct bits events = {0};
	struct hits hits = {0};
	uint64_t rows;
	enum err e = candidate_events(p, &events, &rows);

	if (e == ERR_OK)
		e = each_event(p, &events, &hits, sightings_of);
	if (e == ERR_OK)
		e = page(p, &hits, out);
	bits_free(&events);
	free(hits.v);
	return e;
}
