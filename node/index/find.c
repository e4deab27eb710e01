/*
 * find.c - looking things up: values, UUIDs, ids; views for readers.
 *
 * A table entry is a hint; here the key that it leads to is compared. Look-ups by UUID and id give
 * the newest row even if the view is a little older.
 */
#include "index/internal.h"

#include "base/hash.h"

uint64_t index_hash_uuid(const struct index *ix, struct uuid u)
{
	return hash_64(u.b, 16, ix->seed);
}

uint64_t index_hash_id(const struct index *ix, unsigned kind, uint64_t id)
{
	uint64_t key[2] = {id, kind};

	return hash_64(key, sizeof(key), ix->seed);
}

uint64_t index_hash_value(const struct index *ix, struct str folded)
{
	return hash_64(folded.p, folded.n, ix->seed);
}

static struct uuid uuid_of(const struct ix_view *v, uint32_t ref)
{
	uint32_t n = ref >> 2;

	return (ref & 3) == REF_ROW ? v->row[n].uuid
	       : (ref & 3) == REF_EL ? v->el[n].uuid
				     : v->ev[n].uuid;
}

static bool is_id(const struct ix_view *v, uint32_t ref, unsigned kind, uint64_t id)
{
	uint32_t n = ref >> 2;

	if ((ref & 3) == REF_ROW)
		return kind == ID_KIND(EL_ATTR) && v->row[n].id == id;
	if ((ref & 3) == REF_EL)
		return kind == ID_KIND(v->el[n].kind) && v->el[n].id == id;
	return kind == ID_EVENT && v->ev[n].id == id;
}

static bool ref_live(const struct ix_view *v, uint32_t ref)
{
	uint32_t n = ref >> 2;

	if ((ref & 3) == REF_EVENT)
		return !IX_GET(v->ev[n].died);
	if ((ref & 3) == REF_ROW)
		return !IX_GET(v->died[n]) && !IX_GET(v->ev[v->event[n]].died);
	return !IX_GET(v->el[n].died) && !IX_GET(v->ev[v->el[n].event].died);
}

uint32_t find_uuid(const struct ix_view *v, struct uuid u, struct ix_walk *w)
{
	uint32_t ref;

	*w = table_walk(&v->ix->table[TAB_UUID], index_hash_uuid(v->ix, u));
	while (table_next(w, &ref))
		if (uuid_eq(uuid_of(v, ref), u))
			return ref;
	return IX_NONE;
}

uint32_t find_id(const struct ix_view *v, unsigned kind, uint64_t id, struct ix_walk *w)
{
	uint32_t ref;

	*w = table_walk(&v->ix->table[TAB_ID], index_hash_id(v->ix, kind, id));
	while (table_next(w, &ref))
		if (is_id(v, ref, kind, id))
			return ref;
	return IX_NONE;
}

/* Does the text of the part begin with `folded` and end there? The text ends with IX_END. */
static bool is_value(const struct ix_view *v, uint32_t part, struct str folded)
{
	const char *p = v->text + v->row[part >> 1].text;

	if (part & 1)
		p = (const char *)rawmemchr(p, (unsigned char)IX_END) + 1;
	for (size_t i = 0; i < folded.n; i++)
		if (p[i] != folded.p[i])
			return false; /* IX_END differs from every folded byte */
	return p[folded.n] == IX_END;
}

uint32_t find_value(const struct ix_view *v, struct str folded, uint64_t hash, struct ix_walk *w)
{
	uint32_t part;

	*w = table_walk(&v->ix->table[TAB_VALUE], hash);
	while (table_next(w, &part))
		if (is_value(v, part, folded))
			return part;
	return IX_NONE;
}

/* ---- views --------------------------------------------------------------------------------- */

static void fill(struct index *ix, struct ix_view *v)
{
	v->ix = ix;
	v->event = COL(ix, event, const uint32_t);
	v->type = COL(ix, type, const uint16_t);
	v->category = COL(ix, category, const uint8_t);
	v->flags = COL(ix, flags, const uint8_t);
	v->time = COL(ix, time, const uint32_t);
	v->died = COL(ix, died, const _Atomic uint32_t);
	v->row = COL(ix, row, const struct ix_row);
	v->text = COL(ix, text, const char);
	v->ev = COL(ix, ev, const struct ix_event);
	v->el = COL(ix, el, const struct ix_el);
}

/* For one look by UUID or id: no bounds. What tables are retired by is the writer itself. */
static void look_begin(struct index *ix, bool writer, struct ix_view *v)
{
	v->ticket = writer ? 0 : guard_enter(&ix->guard);
	fill(ix, v);
}

static void look_end(struct ix_view *v, bool writer)
{
	if (!writer)
		guard_leave(&v->ix->guard, v->ticket);
}

static bool is_writer(struct index *ix)
{
	return atomic_load(&ix->has_writer) && pthread_equal(ix->writer, pthread_self());
}

void index_view_begin(struct index *ix, struct ix_view *v)
{
	uint64_t snap;

	v->ticket = guard_enter(&ix->guard);
	snap = atomic_load_explicit(&ix->snap, memory_order_acquire);
	v->rows = (uint32_t)snap;
	v->gen = (uint32_t)(snap >> 32);
	v->events = atomic_load_explicit(&ix->events, memory_order_acquire);
	v->els = atomic_load_explicit(&ix->els, memory_order_acquire);
	fill(ix, v);
	v->text_end = 0;
	if (v->rows) {
		struct str one, two;

		view_parts(v, v->rows - 1, &one, &two);
		v->text_end = (uint64_t)((two.p ? two.p + two.n : one.p + one.n) + 1 - v->text);
	}
}

void index_view_end(struct ix_view *v)
{
	guard_leave(&v->ix->guard, v->ticket);
}

uint64_t view_steady(const struct ix_view *v, const struct store_rtxn *t)
{
	uint64_t turn = atomic_load(&v->ix->turn);

	atomic_thread_fence(memory_order_acquire);
	return turn & 1 || atomic_load(&v->ix->seq) != store_seq(t) ? 0 : turn + 2;
}

void index_view_all(struct index *ix, struct ix_view *v)
{
	*v = (struct ix_view){.rows = ix->n_rows,
			      .gen = ix->gen + 1,
			      .events = ix->n_events,
			      .els = ix->n_els,
			      .text_end = ix->text_used};
	fill(ix, v);
}

void view_parts(const struct ix_view *v, uint32_t row, struct str *one, struct str *two)
{
	const char *p = v->text + v->row[row].text, *e;

	e = rawmemchr(p, (unsigned char)IX_END);
	*one = (struct str){p, (size_t)(e - p)};
	*two = STR_NONE;
	if (v->flags[row] & IX_PAIR) {
		p = e + 1;
		e = rawmemchr(p, (unsigned char)IX_END);
		*two = (struct str){p, (size_t)(e - p)};
	}
}

uint32_t view_value(const struct ix_view *v, struct str folded)
{
	struct ix_walk w;
	uint32_t part = find_value(v, folded, index_hash_value(v->ix, folded), &w);

	/* what is newer than the view stands first in the chain */
	while (part != IX_NONE && part >> 1 >= v->rows)
		part = view_value_next(v, part);
	return part;
}

uint32_t view_value_next(const struct ix_view *v, uint32_t part)
{
	return v->row[part >> 1].prev[part & 1] - 1; /* 0 becomes IX_NONE */
}

/* Three steps, each AHEAD values behind the one before, so that memory has come when it is looked at: a line of
   the filter, which most values end at; a line of the table; the rows. */
void view_values(const struct ix_view *v, const struct str *folded, size_t n, uint32_t *out)
{
	enum { AHEAD = 16, LIVE = 64 };
	uint64_t hash[LIVE];

	for (size_t i = 0; i < n + 2 * AHEAD; i++) {
		size_t middle = i - AHEAD, last = i - 2 * AHEAD;
		struct ix_walk w;

		if (i < n) {
			hash[i % LIVE] = index_hash_value(v->ix, folded[i]);
			bloom_prefetch(v->ix, hash[i % LIVE]);
		}
		if (i >= AHEAD && middle < n) {
			out[middle] = bloom_maybe(v->ix, hash[middle % LIVE]) ? 0 : IX_NONE;
			if (out[middle] != IX_NONE)
				table_prefetch(&v->ix->table[TAB_VALUE], hash[middle % LIVE]);
		}
		if (i >= 2 * AHEAD && out[last] != IX_NONE) {
			uint32_t part = find_value(v, folded[last], hash[last % LIVE], &w);

			while (part != IX_NONE && part >> 1 >= v->rows)
				part = view_value_next(v, part);
			out[last] = part;
		}
	}
}

static uint32_t live_id(const struct ix_view *v, unsigned kind, uint64_t id)
{
	struct ix_walk w;
	uint32_t ref = find_id(v, kind, id, &w);

	return ref != IX_NONE && ref_live(v, ref) ? ref >> 2 : IX_NONE;
}

uint32_t view_event_of(const struct ix_view *v, uint64_t event_id)
{
	return live_id(v, ID_EVENT, event_id);
}

uint32_t view_row_of(const struct ix_view *v, uint64_t attr_id)
{
	return live_id(v, ID_KIND(EL_ATTR), attr_id);
}

uint32_t view_el_of(const struct ix_view *v, enum element_kind k, uint64_t id)
{
	return live_id(v, ID_KIND(k), id);
}

static uint32_t live_uuid(const struct ix_view *v, struct uuid u, enum ix_ref kind)
{
	struct ix_walk w;
	uint32_t ref = find_uuid(v, u, &w);

	return ref != IX_NONE && (ref & 3) == kind && ref_live(v, ref) ? ref >> 2 : IX_NONE;
}

uint32_t view_row_of_uuid(const struct ix_view *v, struct uuid u)
{
	return live_uuid(v, u, REF_ROW);
}

uint32_t view_event_of_uuid(const struct ix_view *v, struct uuid u)
{
	return live_uuid(v, u, REF_EVENT);
}

/* ---- the room's public look-ups ----------------------------------------------------------- */

static void describe(const struct ix_view *v, uint32_t ref, struct index_uuid *out)
{
	uint32_t n = ref >> 2;

	if ((ref & 3) == REF_EVENT)
		*out = (struct index_uuid){CHANGE_TABLE(T_EVENT), v->ev[n].id, v->ev[n].id, 0};
	else if ((ref & 3) == REF_ROW)
		*out = (struct index_uuid){CHANGE_EL(EL_ATTR), v->row[n].id,
					   v->ev[v->event[n]].id, v->row[n].object};
	else
		*out = (struct index_uuid){CHANGE_EL(v->el[n].kind), v->el[n].id,
					   v->ev[v->el[n].event].id, v->el[n].parent};
}

enum err index_uuid_find(struct index *ix, struct uuid u, struct index_uuid *out)
{
	bool writer = is_writer(ix);
	const struct ix_pending *p;
	struct ix_view v;
	struct ix_walk w;
	uint32_t ref;

	*out = (struct index_uuid){0};
	if (atomic_load(&ix->broken))
		return ERR_STORE;
	if (uuid_is_nil(u))
		return ERR_NOENT;
	if (writer && (p = pending_find(ix, u))) {
		*out = p->what;
		return ERR_OK;
	}
	look_begin(ix, writer, &v);
	ref = find_uuid(&v, u, &w);
	if (ref != IX_NONE && ref_live(&v, ref))
		describe(&v, ref, out);
	else
		ref = IX_NONE;
	look_end(&v, writer);
	return ref == IX_NONE ? ERR_NOENT : ERR_OK;
}

void index_uuid_expect(struct index *ix, struct uuid u)
{
	table_prefetch(&ix->table[TAB_UUID], index_hash_uuid(ix, u));
	pending_expect(ix, u);
}

static enum err by_id(struct index *ix, unsigned kind, uint64_t id, struct index_uuid *out)
{
	struct ix_view v;
	uint32_t n;

	*out = (struct index_uuid){0};
	if (atomic_load(&ix->broken))
		return ERR_STORE;
	index_view_begin(ix, &v);
	n = live_id(&v, kind, id);
	if (n != IX_NONE)
		describe(&v, IX_REF(n, kind == ID_KIND(EL_ATTR) ? REF_ROW : REF_EL), out);
	index_view_end(&v);
	return n == IX_NONE ? ERR_NOENT : ERR_OK;
}

enum err index_attr_find(struct index *ix, uint64_t attr_id, uint64_t *event_id,
			 uint64_t *object_id)
{
	struct index_uuid w;
	enum err e = by_id(ix, ID_KIND(EL_ATTR), attr_id, &w);

	*event_id = w.event_id;
	*object_id = w.parent;
	return e;
}

enum err index_object_find(struct index *ix, uint64_t object_id, uint64_t *event_id)
{
	struct index_uuid w;
	enum err e = by_id(ix, ID_KIND(EL_OBJECT), object_id, &w);

	*event_id = w.event_id;
	return e;
}

enum err index_el_find(struct index *ix, enum element_kind k, uint64_t id, uint64_t *event_id,
		       uint64_t *parent)
{
	struct index_uuid w;
	enum err e = by_id(ix, ID_KIND(k), id, &w);

	*event_id = w.event_id;
	*parent = w.parent;
	return e;
}
