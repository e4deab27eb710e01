/*
 * related.c - correlations of an event under way: the events that it is related to, and the
 * attributes that belong to one of its own. What is named passes the gate by itself.
 */
#include "egress/run.h"
#include "model/pack.h"
#include "search/correlate.h"

/* Of one event: MISP.max_correlations_per_event. What comes first is kept; none of it is hidden. */
#define RELATED_MAX 5000

/* ---- attributes ----------------------------------------------------------------------------- */

/* One of them, cut; *out stays as it is when it does not leave. */
static enum err related_attr(struct run *r, const struct search_hit *h, struct rel_related *out)
{
	struct arena *a = r->element_arena;
	struct subject *s = ARENA_NEW(a, struct subject);
	struct misp_attr *attr = ARENA_NEW(a, struct misp_attr);
	struct misp_object *object = ARENA_NEW(a, struct misp_object);
	struct rel_element el = {.kind = EL_ATTR, .attr = attr};
	struct verdict verdict;
	struct misp_attr row;
	if (!s || !attr || !object)
		return ERR_LIMIT;
	TRY(view_subject(r->view, h->event_id, a, s));
	struct released *rel = gate_release(&r->view->gate, &s->s, a, &verdict);
	if (!rel)
		return ERR_NOENT;
	struct el_key key = {s->event.body, h->object_id, h->attr_id};
	TRY(store_el_get(r->view->txn, EL_ATTR, key, a, &row));
	TRY(entity_copy(a, &desc_misp_attr, &row, attr));
	TRY(view_resolve_tags(r->view, a, &attr->tags));
	if (h->object_id) {
		struct misp_object stored;
		key = (struct el_key){s->event.body, 0, h->object_id};
		TRY(store_el_get(r->view->txn, EL_OBJECT, key, a, &stored));
		TRY(entity_copy(a, &desc_misp_object, &stored, object));
		el.in_object = object;
	}
	const struct rel_element *cut = gate_release_element(rel, &el, a);
	if (!cut)
		return ERR_NOENT;
	struct misp_attr *left = ARENA_NEW(a, struct misp_attr);
	struct rel_event *event = ARENA_NEW(a, struct rel_event);
	if (!left || !event)
		return ERR_LIMIT;
	*left = *cut->attr; /* the next one is cut into the same place */
	*event = *released_event(rel);
	*out = (struct rel_related){left, event};
	return witness_name(r->witness, LEDGER_THING_EVENT, s->event.uuid, s->event.id,
			    s->event.timestamp, store_seq(r->view->txn));
}

static enum err related_attrs(struct run *r, const struct correlations *c, struct rel_element *el)
{
	struct rel_related *v = ARENA_ARRAY(r->element_arena, struct rel_related, c->n);
	if (!v)
		return ERR_LIMIT;
	el->related = v;
	for (uint32_t i = 0; i < c->n; i++) {
		enum err e = related_attr(r, &c->v[i].hit, &v[el->n_related]);
		if (e == ERR_OK)
			el->n_related++;
		else if (e != ERR_NOENT && e != ERR_WITHHELD)
			return e;
	}
	return ERR_OK;
}

/* ---- one attribute of the event under way --------------------------------------------------- */

enum err run_correlate(struct run *r, const struct misp_attr *attr, struct rel_element *el,
		       struct fail *f)
{
	struct correlations c;
	if (r->subject.s.relaxed) /* a shell has no company */
		return ERR_OK;
	bool events = r->related_events && (!el || !r->related_apart);
	bool attrs = el && r->related_attrs;
	if (!attrs && (!events || run_related_full(r)))
		return ERR_OK;
	if (!r->correlate) {
		r->vis = view_visible(r->view);
		r->correlate = correlate_new(r->view->env->index, r->view->env->correlator, &r->vis);
		if (!r->correlate)
			return ERR_NOMEM;
	}
	TRY(correlate_attr(r->correlate, r->view->txn, &r->subject.event, attr, r->element_arena, &c,
			   f));
	for (uint32_t i = 0; events && i < c.n && !run_related_full(r); i++)
		(void)u64set_add(&r->related, r->event_arena, c.v[i].hit.event_id);
	return attrs && c.n ? related_attrs(r, &c, el) : ERR_OK;
}

bool run_related_full(const struct run *r)
{
	return r->related.n >= RELATED_MAX;
}

/* ---- the events ----------------------------------------------------------------------------- */

/* The latest date first, as recorded. */
static int by_date(const void *a, const void *b)
{
	const struct rel_event *x = *(const struct rel_event *const *)a;
	const struct rel_event *y = *(const struct rel_event *const *)b;
	if (x->e->date != y->e->date)
		return x->e->date < y->e->date ? 1 : -1;
	return x->e->id < y->e->id ? -1 : x->e->id > y->e->id;
}

/* What a list says of an event: its head without lists, and who made it. There may be thousands. */
static enum err keep_head(struct arena *a, const struct rel_event *in, const struct rel_event **out)
{
	struct rel_event *re = ARENA_NEW(a, struct rel_event);
	struct misp_event *e = ARENA_NEW(a, struct misp_event), head = *in->e;
	struct misp_org *orgs = ARENA_ARRAY(a, struct misp_org, 2);
	if (!re || !e || !orgs)
		return ERR_LIMIT;
	head.tags = head.crypto_keys = (struct entity_list){0};
	TRY(entity_copy(a, &desc_misp_event, &head, e));
	*re = (struct rel_event){.e = e, .ids = in->ids};
	if (in->org) {
		TRY(entity_copy(a, &desc_misp_org, in->org, &orgs[0]));
		re->org = &orgs[0];
	}
	if (in->orgc) {
		TRY(entity_copy(a, &desc_misp_org, in->orgc, &orgs[1]));
		re->orgc = &orgs[1];
	}
	*out = re;
	return ERR_OK;
}

enum err run_related_load(struct run *r)
{
	const struct rel_event **v = NULL;
	if (!r->related.n)
		return ERR_OK;
	v = ARENA_ARRAY(r->event_arena, const struct rel_event *, r->related.n);
	if (!v)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < r->related.cap; i++) {
		struct subject s;
		struct verdict verdict;
		if (!r->related.v[i])
			continue;
		arena_reset(r->element_arena);
		enum err e = view_subject(r->view, r->related.v[i], r->element_arena, &s);
		if (e == ERR_NOENT)
			continue;
		TRY(e);
		struct released *rel =
			gate_release(&r->view->gate, &s.s, r->element_arena, &verdict);
		if (!rel)
			continue;
		TRY(keep_head(r->event_arena, released_event(rel), &v[r->rel.n_related]));
		r->rel.n_related++;
		TRY(witness_name(r->witness, LEDGER_THING_EVENT, s.event.uuid, s.event.id,
				 s.event.timestamp, store_seq(r->view->txn)));
	}
	if (r->rel.n_related)
		qsort(v, r->rel.n_related, sizeof(*v), by_date);
	r->rel.related = v;
	return ERR_OK;
}
