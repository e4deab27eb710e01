/*
 * eye.c - what one audience sees of rows; see eye.h.
 */
#include "search/eye.h"

#include <stdlib.h>

#define EVENT_ARENA ((size_t)16 << 20)
#define ATTR_ARENA ((size_t)16 << 20)

enum err eye_open(struct eye *e, struct index *ix, const struct store_rtxn *t, bool *fresh)
{
	if (!e->event_arena)
		e->event_arena = arena_new(EVENT_ARENA);
	if (!e->attr_arena)
		e->attr_arena = arena_new(ATTR_ARENA);
	if (!e->event_arena || !e->attr_arena)
		return ERR_NOMEM;
	if (!index_sound(ix))
		return ERR_STORE;
	index_view_begin(ix, &e->v);
	e->t = t;
	e->place = IX_NONE;
	*fresh = !e->known || e->seq != store_seq(t) || e->n_known < e->v.events;
	if (*fresh) {
		free(e->known);
		e->n_known = e->v.events;
		e->known = calloc(1, (size_t)e->n_known + 1);
		e->seq = store_seq(t);
	}
	if (!e->known) {
		index_view_end(&e->v);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

void eye_shut(struct eye *e)
{
	index_view_end(&e->v);
	e->place = IX_NONE;
	e->t = NULL;
}

void eye_free(struct eye *e)
{
	free(e->known);
	arena_free(e->event_arena);
	arena_free(e->attr_arena);
	*e = (struct eye){0};
}

/* The event's record, in e->event. */
static enum err at_hand(struct eye *e, uint32_t place)
{
	enum err err;

	if (e->place == place)
		return ERR_OK;
	e->place = IX_NONE;
	arena_reset(e->event_arena);
	err = store_get(e->t, T_EVENT, e->v.ev[place].id, e->event_arena, &e->event);
	if (err == ERR_OK)
		e->place = place;
	return err;
}

enum err eye_event(struct eye *e, uint32_t place, uint8_t *known)
{
	enum err err;

	*known = e->known[place];
	if (*known)
		return ERR_OK;
	*known = EYE_ASKED;
	err = view_event_live(&e->v, place) ? at_hand(e, place) : ERR_NOENT;
	if (err != ERR_OK && err != ERR_NOENT)
		return err;
	if (err == ERR_OK) {
		if (!e->vis || !e->vis->event || e->vis->event(e->vis->user, &e->event))
			*known |= EYE_SEEN;
		if (e->event.disable_correlation)
			*known |= EYE_NO_CORRELATION;
	}
	e->known[place] = *known;
	return ERR_OK;
}

enum err eye_row(struct eye *e, uint32_t row, bool *yes)
{
	struct el_key key = {.parent = e->v.row[row].object, .id = e->v.row[row].id};
	uint8_t known;
	enum err err;

	*yes = false;
	TRY(eye_event(e, e->v.event[row], &known));
	if (!(known & EYE_SEEN))
		return ERR_OK;
	err = at_hand(e, e->v.event[row]);
	if (err != ERR_OK)
		return err == ERR_NOENT ? ERR_OK : err;
	arena_reset(e->attr_arena);
	e->read++;
	key.body = e->event.body;
	err = store_el_get(e->t, EL_ATTR, key, e->attr_arena, &e->attr);
	if (err != ERR_OK)
		return err == ERR_NOENT ? ERR_OK : err;
	e->in_object = false;
	if (key.parent) {
		struct el_key okey = {e->event.body, 0, key.parent};

		err = store_el_get(e->t, EL_OBJECT, okey, e->attr_arena, &e->object);
		if (err != ERR_OK && err != ERR_NOENT)
			return err;
		e->in_object = err == ERR_OK;
	}
	*yes = !e->vis || !e->vis->attr ||
	       e->vis->attr(e->vis->user, &e->event, e->in_object ? &e->object : NULL, &e->attr);
	return ERR_OK;
}
