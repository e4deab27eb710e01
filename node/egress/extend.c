/*
 * extend.c - extended events: what the events that extend one hold stands with its own, section by
 * section. Each extension is a run of its own beside the event's, judged by itself; it shares the exporter
 * and what was asked.
 */
#include <stdlib.h>

#include "egress/run.h"

#define EXTENSIONS_MAX 256 /* of one event */
#define EXTENDERS_MAX 1000000u

static int by_uuid(const void *a, const void *b)
{
	const struct extender *x = a, *y = b;
	int c = memcmp(x->extends.b, y->extends.b, sizeof(x->extends.b));
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

enum err run_extenders_find(struct run *r)
{
	uint64_t id = 0, cap = 0;
	struct misp_event e;
	enum err err = ERR_OK;
	/* who gets other UUIDs, or less than whole copies, would learn what belongs together */
	if (!r->extended || !view_may_score(r->view))
		return ERR_OK;
	while (r->n_extenders < EXTENDERS_MAX &&
	       (err = store_next(r->view->txn, T_EVENT, &id, NULL, &e)) == ERR_OK) {
		if (uuid_is_nil(e.extends_uuid))
			continue;
		if (r->n_extenders == cap) {
			cap = cap ? cap * 2 : 64;
			struct extender *v = ARENA_ARRAY(r->arena, struct extender, cap);
			if (!v)
				return ERR_LIMIT;
			if (r->n_extenders)
				memcpy(v, r->extenders, r->n_extenders * sizeof(*v));
			r->extenders = v;
		}
		r->extenders[r->n_extenders++] = (struct extender){e.extends_uuid, id};
	}
	if (r->n_extenders)
		qsort(r->extenders, r->n_extenders, sizeof(*r->extenders), by_uuid);
	return err == ERR_OK || err == ERR_NOENT ? ERR_OK : err;
}

static void side_free(struct run *x)
{
	if (x)
		arena_free(x->event_arena);
	free(x);
}

void run_extensions_free(struct run *r)
{
	for (uint32_t i = 0; i < r->n_ext; i++)
		side_free(r->ext[i]);
	free(r->ext);
	r->ext = NULL;
	r->n_ext = r->ext_at = 0;
	r->ext_from = SECTION_NONE;
	r->ext_going = false;
}

/* A run for another event: what was asked is the same, what belongs to an event is its own. */
static struct run *side_new(const struct run *r)
{
	struct run *x = malloc(sizeof(*x));
	if (!x)
		return NULL;
	*x = *r;
	x->event_arena = arena_new(EXTENSION_ARENA);
	x->event_id = 0;
	x->named = false;
	x->released = NULL;
	x->rel = (struct rel_event){0};
	x->related = (struct u64set){0};
	x->object = (struct misp_object){0};
	x->related_events = x->related_attrs = x->related_apart = x->extended = false;
	x->correlate = NULL;
	x->ext = NULL;
	x->n_ext = 0;
	if (!x->event_arena) {
		side_free(x);
		return NULL;
	}
	return x;
}

static enum err side_add(struct run *r, uint64_t id)
{
	struct run *x = side_new(r);
	if (!x)
		return ERR_NOMEM;
	enum err e = run_event_load(x, id);
	if (e != ERR_OK) {
		side_free(x);
		return e == ERR_WITHHELD ? ERR_OK : e;
	}
	r->ext[r->n_ext++] = x;
	return ERR_OK;
}

enum err run_extensions_load(struct run *r)
{
	const struct uuid of = r->subject.event.uuid;
	const struct extender key = {of, 0};
	size_t low = 0, high = r->n_extenders;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (by_uuid(&r->extenders[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == r->n_extenders || !uuid_eq(r->extenders[low].extends, of))
		return ERR_OK;
	r->ext = calloc(EXTENSIONS_MAX, sizeof(struct run *));
	if (!r->ext)
		return ERR_NOMEM;
	for (; low < r->n_extenders && uuid_eq(r->extenders[low].extends, of); low++)
		if (r->n_ext < EXTENSIONS_MAX && r->extenders[low].id != r->event_id)
			TRY(side_add(r, r->extenders[low].id));
	const struct rel_event **v = ARENA_ARRAY(r->event_arena, const struct rel_event *, r->n_ext + 1);
	if (!v)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < r->n_ext; i++)
		v[i] = &r->ext[i]->rel;
	r->rel.extensions = v;
	r->rel.n_extensions = r->n_ext;
	return ERR_OK;
}

/* ---- section by section ---- */

static enum run_section section_of(enum run_state s)
{
	switch (s) {
	case RUN_ATTRS:
		return SECTION_ATTRS;
	case RUN_PROPOSALS:
		return SECTION_PROPOSALS;
	case RUN_OBJECTS:
	case RUN_OBJECT_ATTRS:
		return SECTION_OBJECTS;
	case RUN_REPORTS:
		return SECTION_REPORTS;
	case RUN_RELATE:
	case RUN_EVENT_END:
		return SECTION_END;
	case RUN_BEGIN:
	case RUN_HIT:
	case RUN_PARTS:
	case RUN_GONE:
	case RUN_GONE_ATTRS:
	case RUN_EVENT_MORE:
	case RUN_END:
	case RUN_END_MORE:
	case RUN_DONE:
		break;
	}
	return SECTION_NONE;
}

void run_extensions_turn(struct run *r, enum run_state before)
{
	enum run_section from = section_of(before), to = section_of(r->state);
	if (r->n_ext && from != SECTION_NONE && to > from) {
		r->ext_from = from;
		r->ext_to = to;
		r->ext_at = 0;
	}
}

enum err run_extensions_step(struct run *r, size_t want, struct fail *f)
{
	static const enum run_state begin[] = {[SECTION_ATTRS] = RUN_ATTRS,
					       [SECTION_PROPOSALS] = RUN_PROPOSALS,
					       [SECTION_OBJECTS] = RUN_OBJECTS,
					       [SECTION_REPORTS] = RUN_REPORTS};
	struct run *x = r->ext[r->ext_at];
	x->out.out = r->out.out;
	x->seq = r->seq;
	if (!r->ext_going) {
		x->state = begin[r->ext_from];
		x->next = (struct el_key){.body = x->subject.event.body};
		r->ext_going = true;
	}
	if (r->ext_from != SECTION_PROPOSALS || r->proposals)
		TRY(run_step(x, want, f));
	else
		x->state = RUN_EVENT_END;
	if (section_of(x->state) == r->ext_from)
		return ERR_OK;
	r->ext_going = false;
	if (++r->ext_at < r->n_ext)
		return ERR_OK;
	r->ext_at = 0;
	if (++r->ext_from == r->ext_to)
		r->ext_from = SECTION_NONE;
	return ERR_OK;
}
