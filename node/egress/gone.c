/*
 * gone.c - elements that the recipient of an event had and may no longer have, as MISP takes things back:
 * marked as deleted in an edit of their event (gate.md section 9). They pass the gate as they were.
 */
#include "egress/run.h"
#include "model/pack.h"

/* Newer than what the recipient has. */
static void die(bool *deleted, int64_t *timestamp, int64_t now)
{
	*deleted = true;
	*timestamp = MAX(now, *timestamp + 1);
}

/* The object that an attribute stands in, printed once for all of its attributes. */
static enum err stand_in(struct run *r, uint64_t object_id, struct fail *f)
{
	struct el_key key = {r->subject.event.body, 0, object_id};
	struct misp_object row;
	if (r->object.id == object_id)
		return ERR_OK;
	r->object_shown = false;
	enum err e = store_el_get(r->view->txn, EL_OBJECT, key, r->element_arena, &row);
	if (e != ERR_OK)
		return e;
	TRY(entity_copy(r->event_arena, &desc_misp_object, &row, &r->object));
	return run_object(r, f);
}

static enum err gone_attr(struct run *r, const struct egress_gone *g, struct fail *f)
{
	struct misp_attr attr;
	bool shown;
	TRY(store_before_unpack(EL_ATTR, g->was, r->element_arena, &attr));
	die(&attr.deleted, &attr.timestamp, r->opts.now);
	enum err e = g->parent ? stand_in(r, g->parent, f) : ERR_OK;
	if (e == ERR_NOENT || (g->parent && !r->object_shown))
		return ERR_OK; /* its object has gone too, and says so itself */
	TRY(e);
	return run_attr(r, &attr, &shown, f);
}

static enum err gone_object(struct run *r, const struct egress_gone *g, struct fail *f)
{
	struct misp_object row;
	TRY(store_before_unpack(EL_OBJECT, g->was, r->element_arena, &row));
	TRY(entity_copy(r->event_arena, &desc_misp_object, &row, &r->object));
	die(&r->object.deleted, &r->object.timestamp, r->opts.now);
	TRY(run_object(r, f));
	r->next = (struct el_key){r->subject.event.body, r->object.id, 0};
	r->state = RUN_GONE_ATTRS;
	return ERR_OK;
}

enum err run_gone(struct run *r, struct fail *f)
{
	if (r->gone_at == r->n_gone)
		return ERR_NOENT;
	const struct egress_gone *g = &r->gone[r->gone_at++];
	arena_reset(r->element_arena);
	return g->kind == EL_OBJECT ? gone_object(r, g, f) : gone_attr(r, g, f);
}

enum err run_gone_attr(struct run *r, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_attr attr;
	struct el_key key;
	bool shown;
	arena_reset(r->element_arena);
	TRY(store_el_iter_new(r->view->txn, EL_ATTR, r->next, true, &it));
	TRY(store_el_iter_next(it, r->element_arena, &key, &attr));
	r->next.id = key.id + 1;
	die(&attr.deleted, &attr.timestamp, r->opts.now);
	return run_attr(r, &attr, &shown, f);
}
