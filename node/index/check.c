/*
 * check.c - compare the index with the store, both ways: what the store holds must be found, and
 * what lives in the index must be held by the store.
 */
#include "index/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "model/types.h"

struct check {
	struct index *ix;
	const struct store_rtxn *t;
	struct ix_view v;
	struct arena *arena;
	void (*tell)(void *user, const char *problem);
	void *user;
	uint64_t problems, rows, els, events;
};

static void problem(struct check *c, const char *what, uint64_t event, uint64_t id)
{
	char text[160];

	c->problems++;
	snprintf(text, sizeof(text), "index: %s (event %llu, element %llu)", what,
		 (unsigned long long)event, (unsigned long long)id);
	if (c->tell)
		c->tell(c->user, text);
}

/* Is `row` in the chain of this part's value? */
static bool in_chain(const struct check *c, uint32_t row, uint32_t part, struct str folded)
{
	uint32_t at;

	for (at = view_value(&c->v, folded); at != IX_NONE; at = view_value_next(&c->v, at))
		if (at == IX_PART(row, part))
			return true;
	return false;
}

static void check_attr(struct check *c, uint32_t place, const struct misp_attr *a, bool chains)
{
	uint64_t event = c->v.ev[place].id;
	uint32_t row = view_row_of(&c->v, a->id);
	struct str one, two, have1, have2, f1, f2;
	char *room;

	if (row == IX_NONE || c->v.event[row] != place) {
		problem(c, "attribute is not found by id", event, a->id);
		return;
	}
	if (!uuid_is_nil(a->uuid) && view_row_of_uuid(&c->v, a->uuid) != row)
		problem(c, "attribute is not found by UUID", event, a->id);
	if (c->v.type[row] != a->type || c->v.category[row] != a->category ||
	    c->v.time[row] != ix_time(a->timestamp) ||
	    !(c->v.flags[row] & IX_TO_IDS) != !a->to_ids ||
	    !(c->v.flags[row] & IX_DELETED) != !a->deleted)
		problem(c, "attribute has other columns", event, a->id);
	type_split((enum attr_type)a->type, a->value, &one, &two);
	room = malloc(2 * (one.n + two.n) + 1);
	if (!room)
		return;
	f1 = index_fold(one, room);
	f2 = index_fold(two, room + 2 * one.n);
	view_parts(&c->v, row, &have1, &have2);
	if (!str_eq(f1, have1) || !str_eq(f2, have2))
		problem(c, "attribute has another value", event, a->id);
	else if (chains && ((f1.n && !in_chain(c, row, 0, f1)) ||
			    (f2.n && !in_chain(c, row, 1, f2))))
		problem(c, "attribute is not found by value", event, a->id);
	free(room);
}

static enum err check_kind(struct check *c, uint32_t place, const struct misp_event *e,
			   enum element_kind k)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct element el;
	struct el_key key;
	enum err err;

	TRY(store_el_iter_new(c->t, k, (struct el_key){.body = e->body}, false, &it));
	while ((err = store_el_iter_next(it, NULL, &key, &el.head)) == ERR_OK) {
		if (k == EL_ATTR) {
			/* a value with very many rows would take for ever: look at some */
			c->rows++;
			check_attr(c, place, &el.attr, c->rows % 64 == 1 || c->v.rows < 10000);
		} else {
			uint32_t slot = view_el_of(&c->v, k, key.id);

			c->els++;
			if (slot == IX_NONE || c->v.el[slot].event != place ||
			    c->v.el[slot].parent != key.parent)
				problem(c, "element is not found by id", e->id, key.id);
		}
	}
	return err == ERR_NOENT ? ERR_OK : err;
}

enum err index_check(struct index *ix, void (*tell)(void *user, const char *problem), void *user,
		     struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new((size_t)64 << 20);
	struct check c = {.ix = ix, .arena = a, .tell = tell, .user = user};
	uint64_t id = 0, rows = 0, els = 0, events = 0;
	struct misp_event e;
	enum err err;

	if (!a)
		return fail(f, ERR_NOMEM, "no memory for a check");
	TRY(store_read(ix->store, &t, f));
	c.t = t;
	index_view_begin(ix, &c.v);
	while ((err = store_next(t, T_EVENT, &id, NULL, &e)) == ERR_OK) {
		uint32_t place = view_event_of(&c.v, id);

		c.events++;
		if (place == IX_NONE || !uuid_eq(c.v.ev[place].uuid, e.uuid)) {
			problem(&c, "event is not found by id", id, 0);
			continue;
		}
		for (enum element_kind k = EL_ATTR; k < EL_CLUSTER && err == ERR_OK; k++)
			err = check_kind(&c, place, &e, k);
		if (err != ERR_OK)
			break;
	}
	for (uint32_t r = 0; r < c.v.rows; r++)
		rows += view_live(&c.v, r);
	for (uint32_t s = 0; s < c.v.els; s++)
		els += !view_dead(IX_GET(c.v.el[s].died), c.v.gen) &&
		       view_event_live(&c.v, c.v.el[s].event);
	for (uint32_t p = 0; p < c.v.events; p++)
		events += view_event_live(&c.v, p);
	if (err == ERR_NOENT && (rows != c.rows || els != c.els || events != c.events))
		problem(&c, "holds more than the store", events, rows);
	index_view_end(&c.v);
	if (err != ERR_NOENT)
		return fail(f, err, "cannot read the store");
	if (c.problems)
		return fail(f, ERR_CORRUPT, "the index has %llu problems",
			    (unsigned long long)c.problems);
	return ERR_OK;
}
