/*
 * row.c - adding and killing rows, elements and events; writer thread only.
 *
 * Everything a table entry leads to is written before the entry is. In bulk building entries wait
 * in a small queue while the lines they go to come from memory.
 */
#include "index/internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "model/types.h"

void index_publish(struct index *ix)
{
	if (ix->killed)
		ix->gen++;
	ix->killed = false;
	atomic_store(&ix->values, ix->table[TAB_VALUE].used);
	atomic_store(&ix->uuids, ix->table[TAB_UUID].used);
	atomic_store_explicit(&ix->events, ix->n_events, memory_order_release);
	atomic_store_explicit(&ix->els, ix->n_els, memory_order_release);
	atomic_store_explicit(&ix->snap, (uint64_t)ix->gen << 32 | ix->n_rows,
			      memory_order_release);
	atomic_store_explicit(&ix->shown, atomic_load(&ix->seq), memory_order_release);
}

/* ---- table entries -------------------------------------------------------------------------- */

static void settle_value(struct index *ix, const struct ix_view *v, const struct ix_queued *q)
{
	struct ix_walk w;
	struct str one, two;
	uint32_t row = q->ref >> 1, head;
	struct ix_row *r = &COL(ix, row, struct ix_row)[row];

	view_parts(v, row, &one, &two);
	head = find_value(v, q->ref & 1 ? two : one, q->hash, &w);
	if (head == IX_NONE) {
		table_add(&ix->table[TAB_VALUE], q->hash, q->ref);
		bloom_add(ix, q->hash);
		return;
	}
	r->prev[q->ref & 1] = head + 1;
	table_redirect(&w, q->ref);
}

void index_settle(struct index *ix, const struct ix_view *v, const struct ix_queued *q)
{
	struct ix_walk w;
	uint32_t n = q->ref >> 2, old;
	bool row = (q->ref & 3) == REF_ROW, el = (q->ref & 3) == REF_EL;

	if (q->table == TAB_VALUE) {
		settle_value(ix, v, q);
		return;
	}
	if (q->table == TAB_UUID)
		old = find_uuid(v, row ? v->row[n].uuid : el ? v->el[n].uuid : v->ev[n].uuid, &w);
	else
		old = find_id(v,
			      row  ? ID_KIND(EL_ATTR)
			      : el ? ID_KIND(v->el[n].kind)
				   : ID_EVENT,
			      row ? v->row[n].id : el ? v->el[n].id : v->ev[n].id, &w);
	if (old != IX_NONE)
		table_redirect(&w, q->ref);
	else
		table_add(&ix->table[q->table], q->hash, q->ref);
}

void index_flush(struct index *ix)
{
	struct ix_view v;

	index_view_all(ix, &v);
	for (unsigned i = 0; i < ix->queued; i++)
		index_settle(ix, &v, &ix->queue[i]);
	ix->queued = 0;
}

static void enter(struct index *ix, unsigned table, uint64_t hash, uint32_t ref)
{
	struct ix_queued q = {hash, ref, (uint8_t)table};

	if (ix->builder) {
		builder_push(ix->builder, &q);
		return;
	}
	if (ix->bulk)
		table_prefetch(&ix->table[table], hash);
	if (ix->bulk && table == TAB_VALUE)
		bloom_prefetch(ix, hash);
	ix->queue[ix->queued++] = q;
	if (!ix->bulk || ix->queued == IX_QUEUE)
		index_flush(ix);
}

/* Events are asked for while elements wait: they do not. */
static void enter_now(struct index *ix, unsigned table, uint64_t hash, uint32_t ref)
{
	struct ix_queued q = {hash, ref, (uint8_t)table};
	struct ix_view v;

	if (ix->builder) {
		builder_push(ix->builder, &q);
		return;
	}
	/* of two with one key the later one wins */
	for (unsigned i = 0; i < ix->queued; i++)
		if (ix->queue[i].table == table && ix->queue[i].hash == hash) {
			index_flush(ix);
			break;
		}
	index_view_all(ix, &v);
	index_settle(ix, &v, &q);
}

/* ---- attributes ----------------------------------------------------------------------------- */

/* What a row will hold, made from a record. */
struct shape {
	struct str one, two; /* folded; two absent: no second part */
	uint16_t type;
	uint8_t category, flags;
	uint32_t time, object;
};

static enum err room_for(struct index *ix, size_t n, struct fail *f)
{
	char *p;

	if (n <= ix->room_size)
		return ERR_OK;
	p = realloc(ix->room, n + n / 2);
	if (!p)
		return fail(f, ERR_NOMEM, "no memory to fold a value");
	ix->room = p;
	ix->room_size = n + n / 2;
	return ERR_OK;
}

static enum err shape_of(struct index *ix, const struct misp_attr *a, struct shape *s,
			 struct fail *f)
{
	struct str one, two;

	if (a->object_id > UINT32_MAX)
		return fail(f, ERR_LIMIT, "object ids are used up");
	type_split((enum attr_type)a->type, a->value, &one, &two);
	TRY(room_for(ix, 2 * (one.n + two.n) + 16, f));
	s->one = index_fold(one, ix->room);
	s->two = two.n ? index_fold(two, ix->room + 2 * one.n) : STR_NONE;
	s->type = a->type;
	s->category = a->category;
	s->flags = (uint8_t)((a->to_ids ? IX_TO_IDS : 0) | (a->deleted ? IX_DELETED : 0) |
			     (s->two.p ? IX_PAIR : 0) |
			     (a->comment.n ? IX_COMMENTED : 0) |
			     (a->tags.n ? IX_TAGGED : 0) | (a->distribution & 7)
								   << IX_DIST_SHIFT);
	s->time = ix_time(a->timestamp);
	s->object = (uint32_t)a->object_id;
	return ERR_OK;
}

/* Is the row as the record wants it? Tags are not compared: rows that have any are made anew. */
static bool same(const struct ix_view *v, uint32_t row, uint32_t place, const struct misp_attr *a,
		 const struct shape *s)
{
	struct str one, two;

	if (v->event[row] != place || v->type[row] != s->type ||
	    v->category[row] != s->category || v->flags[row] != s->flags ||
	    v->time[row] != s->time || v->row[row].object != s->object ||
	    !uuid_eq(v->row[row].uuid, a->uuid) || (s->flags & IX_TAGGED))
		return false;
	view_parts(v, row, &one, &two);
	return str_eq(one, s->one) && str_eq(two, s->two);
}

static void put_text(struct index *ix, struct str s)
{
	char *p = COL(ix, text, char) + ix->text_used;

	memcpy(p, s.p, s.n);
	p[s.n] = IX_END;
	ix->text_used += s.n + 1;
}

void index_row_kill(struct index *ix, uint32_t row)
{
	struct ix_event *ev = &COL(ix, ev, struct ix_event)[COL(ix, event, uint32_t)[row]];

	atomic_store_explicit(&COL(ix, died, _Atomic uint32_t)[row], ix->gen + 1,
			      memory_order_relaxed);
	atomic_fetch_sub_explicit(&ev->rows, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&ix->live, 1, memory_order_relaxed);
	ix->killed = true;
}

static enum err row_append(struct index *ix, uint32_t place, const struct misp_attr *a,
			   const struct shape *s, struct fail *f)
{
	struct ix_event *ev = &COL(ix, ev, struct ix_event)[place];
	uint32_t n = ix->n_rows;
	struct ix_row *r;

	TRY(index_rows_room(ix, s->one.n + s->two.n + 2, f));
	LIST_EACH(tag, a->tags, struct misp_tagref)
		TRY(tags_add(&ix->tags, tag->tag_id, false, n));
	r = &COL(ix, row, struct ix_row)[n];
	*r = (struct ix_row){.uuid = a->uuid,
			     .id = a->id,
			     .text = ix->text_used,
			     .object = s->object,
			     .ev_prev = IX_GET(ev->last_row)};
	put_text(ix, s->one);
	if (s->two.p)
		put_text(ix, s->two);
	COL(ix, event, uint32_t)[n] = place;
	COL(ix, type, uint16_t)[n] = s->type;
	COL(ix, category, uint8_t)[n] = s->category;
	COL(ix, flags, uint8_t)[n] = s->flags;
	COL(ix, time, uint32_t)[n] = s->time;
	atomic_store_explicit(&COL(ix, died, _Atomic uint32_t)[n], 0, memory_order_relaxed);
	ix->n_rows++;
	if (s->one.n)
		enter(ix, TAB_VALUE, index_hash_value(ix, s->one), IX_PART(n, 0));
	if (s->two.n)
		enter(ix, TAB_VALUE, index_hash_value(ix, s->two), IX_PART(n, 1));
	if (!uuid_is_nil(a->uuid))
		enter(ix, TAB_UUID, index_hash_uuid(ix, a->uuid), IX_REF(n, REF_ROW));
	enter(ix, TAB_ID, index_hash_id(ix, ID_KIND(EL_ATTR), a->id), IX_REF(n, REF_ROW));
	atomic_store_explicit(&ev->last_row, n + 1, memory_order_release);
	atomic_fetch_add_explicit(&ev->rows, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&ix->live, 1, memory_order_relaxed);
	return ERR_OK;
}

enum err index_row_put(struct index *ix, uint32_t place, const struct misp_attr *a,
		       struct fail *f)
{
	struct shape s = {0};

	TRY(shape_of(ix, a, &s, f));
	if (!ix->bulk) {
		struct ix_view v;
		struct ix_walk w;
		uint32_t ref;

		index_view_all(ix, &v);
		ref = find_id(&v, ID_KIND(EL_ATTR), a->id, &w);
		if (ref != IX_NONE && !IX_GET(v.died[ref >> 2])) {
			if (same(&v, ref >> 2, place, a, &s))
				return ERR_OK;
			index_row_kill(ix, ref >> 2);
		}
	}
	return row_append(ix, place, a, &s, f);
}

/* ---- other elements ------------------------------------------------------------------------- */

void index_el_kill(struct index *ix, uint32_t slot)
{
	struct ix_el *el = &COL(ix, el, struct ix_el)[slot];

	atomic_store_explicit(&el->died, ix->gen + 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&COL(ix, ev, struct ix_event)[el->event].els, 1,
				  memory_order_relaxed);
	ix->killed = true;
}

enum err index_el_put(struct index *ix, uint32_t place, enum element_kind k, uint64_t id,
		      uint64_t parent, struct uuid uuid, struct fail *f)
{
	struct ix_event *ev = &COL(ix, ev, struct ix_event)[place];
	struct ix_view v;
	struct ix_walk w;
	struct ix_el *el;
	uint32_t ref, n;

	index_view_all(ix, &v);
	ref = ix->bulk ? IX_NONE : find_id(&v, ID_KIND(k), id, &w);
	if (ref != IX_NONE && !IX_GET(v.el[ref >> 2].died)) {
		const struct ix_el *old = &v.el[ref >> 2];

		if (old->event == place && old->parent == parent && uuid_eq(old->uuid, uuid))
			return ERR_OK;
		index_el_kill(ix, ref >> 2);
	}
	TRY(index_els_room(ix, f));
	n = ix->n_els;
	el = &COL(ix, el, struct ix_el)[n];
	el->uuid = uuid;
	el->id = id;
	el->parent = parent;
	el->event = place;
	el->ev_prev = IX_GET(ev->last_el);
	el->kind = (uint8_t)k;
	atomic_store_explicit(&el->died, 0, memory_order_relaxed);
	ix->n_els++;
	if (!uuid_is_nil(uuid))
		enter(ix, TAB_UUID, index_hash_uuid(ix, uuid), IX_REF(n, REF_EL));
	enter(ix, TAB_ID, index_hash_id(ix, ID_KIND(k), id), IX_REF(n, REF_EL));
	atomic_store_explicit(&ev->last_el, n + 1, memory_order_release);
	atomic_fetch_add_explicit(&ev->els, 1, memory_order_relaxed);
	return ERR_OK;
}

/* ---- events --------------------------------------------------------------------------------- */

#define SET(member, value) atomic_store_explicit(&(member), (value), memory_order_relaxed)

static void event_columns(struct ix_event *ev, const struct misp_event *e)
{
	SET(ev->body, e->body);
	SET(ev->timestamp, ix_time(e->timestamp));
	SET(ev->publish_timestamp, ix_time(e->publish_timestamp));
	SET(ev->date, e->date);
	SET(ev->orgc, (uint32_t)e->orgc_id);
	SET(ev->org, (uint32_t)e->org_id);
	SET(ev->sg, (uint32_t)e->sharing_group_id);
	SET(ev->attributes, (uint32_t)e->attribute_count);
	SET(ev->published, (uint8_t)((e->published ? IX_PUBLISHED : 0) |
				     (e->is_protected ? IX_PROTECTED : 0)));
	SET(ev->threat, e->threat_level_id);
	SET(ev->analysis, e->analysis);
	SET(ev->distribution, e->distribution);
}

enum err index_event_put(struct index *ix, const struct misp_event *e, uint32_t *place,
			 struct fail *f)
{
	struct ix_view v;
	struct ix_walk w;
	struct ix_event *ev;
	uint32_t ref;

	index_view_all(ix, &v);
	ref = ix->bulk ? IX_NONE : find_id(&v, ID_EVENT, e->id, &w);
	*place = ref == IX_NONE ? ix->n_events : ref >> 2;
	LIST_EACH(tag, e->tags, struct misp_tagref)
		TRY(tags_add(&ix->tags, tag->tag_id, true, *place));
	if (ref != IX_NONE) {
		event_columns(&COL(ix, ev, struct ix_event)[*place], e);
		return ERR_OK;
	}
	TRY(index_events_room(ix, f));
	ev = &COL(ix, ev, struct ix_event)[*place];
	memset((void *)ev, 0, sizeof(*ev));
	ev->uuid = e->uuid;
	ev->id = e->id;
	event_columns(ev, e);
	ix->n_events++;
	if (!uuid_is_nil(e->uuid))
		enter_now(ix, TAB_UUID, index_hash_uuid(ix, e->uuid), IX_REF(*place, REF_EVENT));
	enter_now(ix, TAB_ID, index_hash_id(ix, ID_EVENT, e->id), IX_REF(*place, REF_EVENT));
	return ERR_OK;
}

void index_event_kill(struct index *ix, uint32_t place)
{
	struct ix_event *ev = &COL(ix, ev, struct ix_event)[place];

	if (IX_GET(ev->died))
		return;
	SET(ev->died, ix->gen + 1);
	atomic_fetch_sub_explicit(&ix->live, IX_GET(ev->rows), memory_order_relaxed);
	ix->killed = true;
}
