/*
 * apply.c - bring the index in line with the store: one event or a batch of changes.
 *
 * Every step ends in the state that a snapshot shows, whatever was there before, so that applying
 * a change twice, or an older change after a newer snapshot, does no harm.
 */
#include "index/internal.h"

#include "base/own.h"

/* Key, UUID and parent of a stored element that is not an attribute. */
/* Proposals bear the UUID of the attribute that they want changed, so they are found by id only. */
static struct uuid el_uuid(enum element_kind k, const struct element *e)
{
	return k == EL_OBJECT	  ? e->object.uuid
	       : k == EL_REF	  ? e->ref.uuid
	       : k == EL_REPORT	  ? e->report.uuid
	       : k == EL_SIGHTING ? e->sighting.uuid
				  : UUID_NIL;
}

static enum err put(struct index *ix, uint32_t place, enum element_kind k, struct el_key key,
		    struct element *e, struct fail *f)
{
	if (k != EL_ATTR)
		return index_el_put(ix, place, k, key.id, key.parent, el_uuid(k, e), f);
	/* the key is the truth about where it is */
	e->attr.id = key.id;
	e->attr.object_id = key.parent;
	return index_row_put(ix, place, &e->attr, f);
}

static enum err kind_sync(struct index *ix, const struct store_rtxn *t, uint32_t place,
			  uint64_t body, enum element_kind k, uint64_t *n, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct arena_mark mark = arena_mark(ix->arena);
	struct element e;
	struct el_key key;
	enum err err;

	TRY(store_el_iter_new(t, k, (struct el_key){.body = body}, false, &it));
	while ((err = store_el_iter_next(it, k == EL_ATTR ? ix->arena : NULL, &key, &e.head)) ==
	       ERR_OK) {
		TRY(put(ix, place, k, key, &e, f));
		++*n;
		arena_rewind(ix->arena, mark);
	}
	return err == ERR_NOENT ? ERR_OK : fail(f, err, "cannot read elements for the index");
}

/* Kill rows and elements of an event that the store no longer has. */
static enum err sweep(struct index *ix, const struct store_rtxn *t, uint32_t place, uint64_t body)
{
	struct ix_view v;

	index_view_all(ix, &v);
	for (uint32_t r = IX_GET(v.ev[place].last_row); r; r = v.row[r - 1].ev_prev) {
		struct el_key key = {body, v.row[r - 1].object, v.row[r - 1].id};
		struct arena_mark mark = arena_mark(ix->arena);
		struct misp_attr a;
		enum err e;

		if (IX_GET(v.died[r - 1]))
			continue;
		e = store_el_get(t, EL_ATTR, key, NULL, &a);
		arena_rewind(ix->arena, mark);
		if (e == ERR_NOENT)
			index_row_kill(ix, r - 1);
		else if (e != ERR_OK)
			return e;
	}
	for (uint32_t s = IX_GET(v.ev[place].last_el); s; s = v.el[s - 1].ev_prev) {
		struct el_key key = {body, v.el[s - 1].parent, v.el[s - 1].id};
		struct element el;
		enum err e;

		if (IX_GET(v.el[s - 1].died))
			continue;
		e = store_el_get(t, (enum element_kind)v.el[s - 1].kind, key, NULL, &el.head);
		if (e == ERR_NOENT)
			index_el_kill(ix, s - 1);
		else if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* Read the event and put it; *place is IX_NONE when the store has none. */
static enum err head_sync(struct index *ix, const struct store_rtxn *t, uint64_t id,
			  struct misp_event *e, uint32_t *place, struct fail *f)
{
	enum err err = store_get(t, T_EVENT, id, ix->arena, e);

	*place = IX_NONE;
	if (err == ERR_NOENT) {
		struct ix_view v;
		struct ix_walk w;
		uint32_t ref;

		index_view_all(ix, &v);
		ref = find_id(&v, ID_EVENT, id, &w);
		if (ref != IX_NONE)
			index_event_kill(ix, ref >> 2);
		return ERR_OK;
	}
	if (err != ERR_OK)
		return fail(f, err, "cannot read event %llu for the index",
			    (unsigned long long)id);
	return index_event_put(ix, e, place, f);
}

/* An event whose elements are all (to be) looked at. */
enum err index_body_sync(struct index *ix, const struct store_rtxn *t,
			 const struct misp_event *e, uint32_t place, struct fail *f)
{
	const struct ix_event *ev = &COL(ix, ev, struct ix_event)[place];
	uint64_t rows = 0, els = 0;

	TRY(kind_sync(ix, t, place, e->body, EL_ATTR, &rows, f));
	for (enum element_kind k = EL_OBJECT; k < EL_CLUSTER; k++)
		TRY(kind_sync(ix, t, place, e->body, k, &els, f));
	if (rows == IX_GET(ev->rows) && els == IX_GET(ev->els))
		return ERR_OK;
	return sweep(ix, t, place, e->body);
}

/* An event that is new: nothing of it can be there, and table entries may wait for each other, also for
   those of the new events behind it. */
static enum err new_body(struct index *ix, const struct store_rtxn *t, const struct misp_event *e,
			 uint32_t place, struct fail *f)
{
	enum err err;

	ix->bulk = true;
	err = index_body_sync(ix, t, e, place, f);
	ix->bulk = false;
	return err;
}

static enum err event_sync(struct index *ix, const struct store_rtxn *t, uint64_t id, bool whole,
			   struct fail *f)
{
	struct misp_event e;
	uint32_t place, before = ix->n_events;

	arena_reset(ix->arena);
	TRY(head_sync(ix, t, id, &e, &place, f));
	/* an event that is new to us has elements that are, too */
	if (place == IX_NONE)
		return ERR_OK;
	if (place >= before)
		return new_body(ix, t, &e, place, f);
	index_flush(ix);
	return whole ? index_body_sync(ix, t, &e, place, f) : ERR_OK;
}

static enum err element_change(struct index *ix, const struct store_rtxn *t,
			       const struct change *c, uint32_t place, struct fail *f)
{
	enum element_kind k = (enum element_kind)(c->kind - CHANGE_EL(0));
	struct el_key key = {0, c->parent, c->id};
	struct arena_mark mark = arena_mark(ix->arena);
	struct ix_view v;
	struct ix_walk w;
	struct element e;
	uint32_t ref;
	enum err err;

	index_flush(ix);
	index_view_all(ix, &v);
	key.body = IX_GET(v.ev[place].body);
	err = store_el_get(t, k, key, ix->arena, &e.head);
	if (err == ERR_OK) {
		err = put(ix, place, k, key, &e, f);
		arena_rewind(ix->arena, mark);
		return err;
	}
	if (err != ERR_NOENT)
		return fail(f, err, "cannot read an element for the index");
	ref = find_id(&v, ID_KIND(k), c->id, &w);
	if (ref == IX_NONE)
		return ERR_OK;
	if (k == EL_ATTR && !IX_GET(v.died[ref >> 2]))
		index_row_kill(ix, ref >> 2);
	else if (k != EL_ATTR && !IX_GET(v.el[ref >> 2].died))
		index_el_kill(ix, ref >> 2);
	return ERR_OK;
}

static enum err apply_all(struct index *ix, const struct store_rtxn *t, const struct change *c,
			  size_t n, struct fail *f)
{
	uint64_t known = 0; /* the event whose head was read in this batch */
	uint32_t place = IX_NONE;

	for (size_t i = 0; i < n; i++) {
		bool el = c[i].kind >= CHANGE_EL(0) && c[i].kind < CHANGE_EL(EL_CLUSTER);
		struct misp_event e;
		uint32_t before = ix->n_events;

		if (c[i].kind == CHANGE_TABLE(T_EVENT)) {
			TRY(event_sync(ix, t, c[i].id, c[i].whole || c[i].op == CHANGE_ADD, f));
			known = 0;
		} else if (el && c[i].event_id) {
			if (known != c[i].event_id) {
				arena_reset(ix->arena);
				TRY(head_sync(ix, t, c[i].event_id, &e, &place, f));
				known = c[i].event_id;
				if (place != IX_NONE && place >= before)
					TRY(new_body(ix, t, &e, place, f));
			}
			if (place != IX_NONE)
				TRY(element_change(ix, t, &c[i], place, f));
		}
	}
	return ERR_OK;
}

enum err index_apply(struct index *ix, const struct store_rtxn *t, const struct change *c,
		     size_t n, struct fail *f)
{
	enum err e = apply_all(ix, t, c, n, f);

	index_flush(ix);
	if (e == ERR_OK && n)
		atomic_store(&ix->seq, c[n - 1].seq);
	return e;
}
