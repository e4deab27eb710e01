/*
 * put.c - one element into the store, inside a job: a new one gets an id, a known one is merged
 * (sync-protocol.md 4.6 and appendix C). Also the change records.
 */
#include "base/clock.h"
#include "index/rows.h"
#include "ingest/ctx.h"
#include "model/fold.h"
#include "model/pack.h"
#include "model/types.h"

static const char text_similar[] =
	"{\"value\":[\"A similar attribute already exists for this event.\"]}";

static const char text_no_group[] = "{\"sharing_group_id\":[\"Invalid sharing group choice.\"]}";

enum err ingest_put_change(struct ingest_ctx *c, struct store_wtxn *w, enum change_op op,
		    enum element_kind k, uint64_t id, uint64_t parent, struct uuid uuid,
		    struct fail *f)
{
	c->touched = true;
	c->changes++;
	if (c->adding || c->staged || c->changes > CHANGES_MAX)
		return ERR_OK; /* the event's own change says "whole" */
	struct change ch = {.op = op,
			    .kind = CHANGE_EL(k),
			    .id = id,
			    .event_id = c->event.id,
			    .parent = parent,
			    .time = clock_now(),
			    .uuid = uuid};
	if (c->origin)
		ch.origin = *c->origin;
	return store_change(w, &ch, f);
}

enum err ingest_put_event_change(struct ingest_ctx *c, struct store_wtxn *w, enum change_op op,
				 bool whole, struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(T_EVENT),
			    .id = c->event.id,
			    .event_id = c->event.id,
			    .time = clock_now(),
			    .uuid = c->event.uuid,
			    .whole = whole || c->changes > CHANGES_MAX};
	if (c->origin)
		ch.origin = *c->origin;
	TRY(store_change(w, &ch, f));
	return ingest_put_reception(c, w, op == CHANGE_ADD, f);
}

/* ---- counts ---- */

static void count(struct ingest_ctx *c, enum element_kind k, int by)
{
	uint64_t *const counts[EL_COUNT] = {
		[EL_ATTR] = &c->event.attribute_total, [EL_OBJECT] = &c->event.object_count,
		[EL_REF] = &c->event.ref_count,	       [EL_REPORT] = &c->event.report_count,
		[EL_PROPOSAL] = &c->event.proposal_count,
		[EL_SIGHTING] = &c->event.sighting_count,
	};
	if (counts[k])
		*counts[k] += (uint64_t)(int64_t)by;
}

static void count_live(struct ingest_ctx *c, bool was, bool is)
{
	c->event.attribute_count += (uint64_t)((int64_t)is - (int64_t)was);
}

/* ---- what is known of a UUID ---- */

static enum err find_uuid(struct ingest_ctx *c, struct uuid u, struct index_uuid *out)
{
	struct ingest_note *note = c->staged ? ingest_note_find(c, u) : NULL;
	if (uuid_is_nil(u))
		return ERR_NOENT;
	if (note && note->known) {
		*out = note->at;
		return ERR_OK;
	}
	return index_uuid_find(c->env->index, u, out);
}

static enum err store_new(struct ingest_ctx *c, struct store_wtxn *w, enum element_kind k,
			  struct el_key key, struct uuid uuid, const void *row, struct fail *f)
{
	struct index_uuid where = {CHANGE_EL(k), key.id, c->event.id, key.parent};
	TRY(ingest_unbury(w, uuid, f));
	TRY(store_el_put(w, c->adm, k, key, row, f));
	TRY(index_uuid_pending(c->env->index, uuid, &where));
	struct ingest_note *note = c->staged ? ingest_note_find(c, uuid) : NULL;
	if (note) {
		note->at = where;
		note->known = true;
	}
	count(c, k, 1);
	c->out->added++;
	ingest_ctx_id(c, k, key.id, key.parent);
	return ingest_put_change(c, w, CHANGE_ADD, k, key.id, key.parent, uuid, f);
}

static enum err store_again(struct ingest_ctx *c, struct store_wtxn *w, enum element_kind k,
			    struct el_key key, struct uuid uuid, const void *row, struct fail *f)
{
	TRY(store_el_put(w, c->adm, k, key, row, f));
	c->out->updated++;
	ingest_ctx_id(c, k, key.id, key.parent);
	return ingest_put_change(c, w, CHANGE_EDIT, k, key.id, key.parent, uuid, f);
}

/* ---- attributes ---- */

/* Does this row of the index hold the same: type, category and both parts, live, in no object? */
static bool same_row(const struct ix_view *v, uint32_t row, const struct misp_attr *a,
		     struct str one, struct str two)
{
	struct str r1, r2;
	if (v->type[row] != a->type || v->category[row] != a->category ||
	    (v->flags[row] & IX_DELETED) || v->row[row].object || !view_live(v, row))
		return false;
	view_parts(v, row, &r1, &r2);
	return str_eq(r1, one) && str_eq(r2.p ? r2 : STR(""), two);
}

/*
 * Is there a live attribute of the same type, category and value directly in the event? The index
 * is asked, so that the cost follows the repetitions of the value and not the size of the event;
 * what the running document adds has been compared by ingest_ctx_prepare().
 */
static enum err same_value(struct ingest_ctx *c, const struct misp_attr *a, uint64_t *id)
{
	struct ix_view v;
	struct str v1, v2;
	struct arena_mark m = arena_mark(c->arena);
	char *room1 = arena_alloc(c->arena, 2 * a->value.n + 1);
	char *room2 = arena_alloc(c->arena, 2 * a->value.n + 1);
	enum err e = ERR_NOENT;
	*id = 0;
	if (!room1 || !room2)
		return ERR_LIMIT;
	type_split((enum attr_type)a->type, a->value, &v1, &v2);
	struct str one = index_fold(v1, room1), two = index_fold(v2.p ? v2 : STR(""), room2);
	index_view_begin(c->env->index, &v);
	uint32_t place = view_event_of(&v, c->event.id);
	uint32_t part = place == IX_NONE ? IX_NONE : view_value(&v, one);
	for (; part != IX_NONE && e == ERR_NOENT; part = view_value_next(&v, part)) {
		uint32_t row = part >> 1;
		if ((part & 1) == 0 && v.event[row] == place && same_row(&v, row, a, one, two)) {
			*id = v.row[row].id;
			e = ERR_OK;
		}
	}
	index_view_end(&v);
	arena_rewind(c->arena, m);
	return e;
}

static enum err attr_duplicate(struct ingest_ctx *c, const struct misp_attr *a, uint64_t *id)
{
	*id = 0;
	/* in a new event only the document itself can hold one: ingest_ctx_prepare() has looked */
	if (a->deleted || a->object_id || c->adding)
		return ERR_NOENT;
	return same_value(c, a, id);
}

static enum err attr_tags(struct ingest_ctx *c, struct store_wtxn *w, struct misp_attr *a,
			  const struct entity_list *had, struct fail *f);

/* Members that the document gave replace the stored ones. */
static void attr_merge(struct misp_attr *to, const struct misp_attr *from)
{
#define TAKE(member)                                                                               \
	do {                                                                                       \
		if (ENTITY_HAS(from, ATTR_F_##member))                                             \
			to->member = from->member;                                                 \
	} while (0)
	TAKE(type);
	TAKE(category);
	TAKE(value);
	TAKE(comment);
	TAKE(to_ids);
	TAKE(deleted);
	TAKE(disable_correlation);
	TAKE(distribution);
	TAKE(sharing_group_id);
	TAKE(first_seen);
	TAKE(last_seen);
	TAKE(object_relation);
#undef TAKE
	if (from->blob.n) {
		to->blob = from->blob;
		to->blob_size = from->blob_size;
	}
	to->timestamp = from->timestamp;
}

static enum err attr_new(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			 uint32_t index, struct fail *f)
{
	struct misp_attr *a = &e->attr;
	uint64_t same;
	bool refused;
	struct entity_list none = {0};
	TRY(ingest_is_buried(store_view(w), c->facts, a->uuid, a->timestamp, &refused, f));
	if (refused)
		return ERR_OK;
	enum err err = attr_duplicate(c, a, &same);
	if (err == ERR_OK && !c->break_on_duplicate && same) {
		/* refreshed instead of refused (attributes/add breakOnDuplicate:0) */
		struct el_key key = {c->event.body, 0, same};
		struct misp_attr known;
		TRY(store_el_get(store_view(w), EL_ATTR, key, c->arena, &known));
		TRY(entity_copy(c->arena, &desc_misp_attr, &known, &known));
		attr_merge(&known, a);
		c->content_changed = true;
		return store_again(c, w, EL_ATTR, key, known.uuid, &known, f);
	}
	if (err == ERR_OK) {
		ingest_ctx_problem_of(c, index, a->uuid, text_similar);
		return ERR_OK;
	}
	if (err != ERR_NOENT)
		return err;
	TRY(ingest_capture_sg_of(c, w, &a->sharing_group, c->adding, &a->distribution,
				 &a->sharing_group_id, &refused, f));
	if (refused && !c->adding)
		return ERR_OK; /* appendix C, row 4 */
	TRY(attr_tags(c, w, a, &none, f));
	struct el_key key = {c->event.body, a->object_id, store_new_el_id(w, EL_ATTR)};
	a->id = key.id;
	a->event_id = c->event.id;
	TRY(ingest_guard_new(c, w, c->arena, a->id, a->uuid, &a->tags, f));
	count_live(c, false, !a->deleted);
	c->content_changed = true;
	return store_new(c, w, EL_ATTR, key, a->uuid, a, f);
}

/* Tags of a document are added to those that are there; `deleted` ones are taken away. */
static enum err attr_tags(struct ingest_ctx *c, struct store_wtxn *w, struct misp_attr *a,
			  const struct entity_list *had, struct fail *f)
{
	struct entity_list in = a->tags;
	if (!c->facts->perm_tagger && !c->adding)
		in.n = 0; /* asked for in edits only: sync-protocol.md 1.2 */
	TRY(ingest_capture_tags(c, w, c->arena, &in, f));
	struct misp_tagref *v = ARENA_ARRAY(c->arena, struct misp_tagref, in.n + had->n + 1);
	uint32_t n = 0;
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for tags");
	LIST_EACH(t, *had, struct misp_tagref)
		v[n++] = *t;
	LIST_EACH(t, in, struct misp_tagref) {
		uint32_t i = 0;
		while (i < n && v[i].tag_id != t->tag_id)
			i++;
		if (t->deleted) {
			if (i < n)
				v[i] = v[--n];
			continue;
		}
		v[i] = *t;
		n = MAX(n, i + 1);
	}
	a->tags = (struct entity_list){v, n};
	return had->n ? ingest_guard_tags(c, w, c->arena, a->id, a->uuid, had, &a->tags, f) : ERR_OK;
}

static enum err attr_known(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			   const struct index_uuid *at, uint32_t index, struct fail *f)
{
	struct misp_attr *a = &e->attr, row;
	struct el_key key = {c->event.body, at->parent, at->id};
	bool refused;
	TRY(store_el_get(store_view(w), EL_ATTR, key, c->arena, &row));
	if (ENTITY_HAS(a, ATTR_F_timestamp) && a->timestamp <= row.timestamp)
		return ERR_OK; /* not newer */
	/* what a job reads is lent until its next write */
	TRY(entity_copy(c->arena, &desc_misp_attr, &row, &row));
	struct entity_list had = row.tags;
	bool was = !row.deleted;
	bool moves = ENTITY_HAS(a, ATTR_F_value) || ENTITY_HAS(a, ATTR_F_type) ||
		     ENTITY_HAS(a, ATTR_F_category);
	struct str old_value = row.value;
	uint16_t old_type = row.type;
	uint8_t old_category = row.category;
	attr_merge(&row, a);
	moves = moves && (row.type != old_type || row.category != old_category ||
			  !value_same(row.value, old_value));
	if (moves && !row.deleted && !row.object_id) {
		uint64_t twin;
		enum err err = same_value(c, &row, &twin);
		if (err == ERR_OK && twin != row.id) {
			ingest_ctx_problem_of(c, index, a->uuid, text_similar);
			return ERR_OK;
		}
		if (err != ERR_OK && err != ERR_NOENT)
			return err;
	}
	row.tags = a->tags;
	TRY(ingest_capture_sg_of(c, w, &a->sharing_group, false, &row.distribution,
				 &row.sharing_group_id, &refused, f));
	if (refused)
		return ERR_OK; /* appendix C, row 4 */
	TRY(attr_tags(c, w, &row, &had, f));
	count_live(c, was, !row.deleted);
	c->content_changed = true;
	return store_again(c, w, EL_ATTR, key, row.uuid, &row, f);
}

/* It got its UUID here, and something in the document may be said about it. */
static bool is_nameless(const struct ingest_ctx *c, bool has_uuid)
{
	return !has_uuid && raw_count(admitted_raw(c->adm), EL_ANALYST);
}

static enum err put_attr(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			 uint32_t index, struct fail *f)
{
	struct index_uuid at;
	uint64_t object_id = e->attr.object_id;
	if (e->parent) {
		struct ordmap_slot *o = ingest_ordmap_at(&c->objects, e->parent, false);
		if (!o || o->refused || !o->id)
			return ERR_OK; /* of an object that is not taken */
		object_id = e->attr.object_id = o->id;
		if (o->deleted && !e->attr.deleted) {
			e->attr.deleted = true;
			ENTITY_SET_HAS(&e->attr, ATTR_F_deleted);
		}
	}
	enum err err = find_uuid(c, e->attr.uuid, &at);
	if (err == ERR_NOENT)
		TRY(attr_new(c, w, e, index, f));
	else if (err != ERR_OK)
		return fail(f, err, "looking up an attribute");
	else if (at.kind == CHANGE_EL(EL_ATTR) && at.event_id == c->event.id &&
		 at.parent == object_id && !c->adding && !c->insert_only)
		TRY(attr_known(c, w, e, &at, index, f));
	else
		ingest_ctx_problem_of(c, index, e->attr.uuid, "{\"uuid\":[\"The UUID provided is not unique\"]}");
	struct ordmap_slot *s =
		e->ordinal && (raw_count(admitted_raw(c->adm), EL_SIGHTING) ||
			       raw_count(admitted_raw(c->adm), EL_PROPOSAL) ||
			       is_nameless(c, ENTITY_HAS(&e->attr, ATTR_F_uuid)))
			? ingest_ordmap_at(&c->attrs, e->ordinal, true)
			: NULL;
	if (s) {
		s->id = err == ERR_NOENT ? e->attr.id : at.id;
		s->uuid = e->attr.uuid;
	}
	return ERR_OK;
}

/* ---- objects ---- */

/* All attributes of an object that is deleted are deleted with it, now. */
static enum err delete_attrs_of(struct ingest_ctx *c, struct store_wtxn *w, uint64_t object_id,
				struct fail *f)
{
	struct el_key from = {c->event.body, object_id, 0}, key;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_attr row;
	uint64_t after = 0;
	for (;;) {
		/* writes move a cursor's ground: seek anew after each */
		from.id = after;
		store_el_iter_free(MOVE(it));
		TRY(store_el_iter_new(store_view(w), EL_ATTR, from, true, &it));
		enum err e = store_el_iter_next(it, c->arena, &key, &row);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		after = key.id + 1;
		if (row.deleted)
			continue;
		row.deleted = true;
		row.timestamp = clock_now();
		count_live(c, true, false);
		TRY(store_again(c, w, EL_ATTR, key, row.uuid, &row, f));
	}
}

static void object_merge(struct misp_object *to, const struct misp_object *from)
{
#define TAKE(member)                                                                               \
	do {                                                                                       \
		if (ENTITY_HAS(from, OBJECT_F_##member))                                           \
			to->member = from->member;                                                 \
	} while (0)
	TAKE(name);
	TAKE(meta_category);
	TAKE(description);
	TAKE(template_uuid);
	TAKE(template_version);
	TAKE(distribution);
	TAKE(sharing_group_id);
	TAKE(comment);
	TAKE(deleted);
	TAKE(first_seen);
	TAKE(last_seen);
#undef TAKE
	to->timestamp = from->timestamp;
}

static enum err put_object(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			   uint32_t index, struct fail *f)
{
	struct misp_object *o = &e->object, row;
	struct index_uuid at;
	bool refused;
	struct ordmap_slot *slot = ingest_ordmap_at(&c->objects, e->ordinal, true);
	if (!slot)
		return fail(f, ERR_NOMEM, "no memory for objects");
	slot->refused = false;
	enum err err = find_uuid(c, o->uuid, &at);
	if (err == ERR_NOENT) {
		TRY(ingest_is_buried(store_view(w), c->facts, o->uuid, o->timestamp,
				     &slot->refused, f));
		if (slot->refused)
			return ERR_OK;
		TRY(ingest_capture_sg_of(c, w, &o->sharing_group, c->adding, &o->distribution,
					 &o->sharing_group_id, &refused, f));
		if (refused && !c->adding) {
			slot->refused = true;
			ingest_ctx_problem_of(c, index, o->uuid, text_no_group);
			return ERR_OK;
		}
		struct el_key key = {c->event.body, 0, store_new_el_id(w, EL_OBJECT)};
		o->id = slot->id = key.id;
		slot->uuid = o->uuid;
		o->event_id = c->event.id;
		slot->deleted = o->deleted;
		c->content_changed = true;
		return store_new(c, w, EL_OBJECT, key, o->uuid, o, f);
	}
	TRY(err);
	slot->refused = true;
	if (at.kind != CHANGE_EL(EL_OBJECT) || at.event_id != c->event.id || c->adding ||
	    c->insert_only) {
		ingest_ctx_problem_of(c, index, o->uuid, "{\"uuid\":[\"The UUID provided is not unique\"]}");
		return ERR_OK;
	}
	struct el_key key = {c->event.body, 0, at.id};
	TRY(store_el_get(store_view(w), EL_OBJECT, key, c->arena, &row));
	if (ENTITY_HAS(o, OBJECT_F_timestamp) && o->timestamp <= row.timestamp)
		return ERR_OK; /* its attributes are not looked at either */
	TRY(entity_copy(c->arena, &desc_misp_object, &row, &row));
	bool dies = ENTITY_HAS(o, OBJECT_F_deleted) && o->deleted && !row.deleted;
	object_merge(&row, o);
	TRY(ingest_capture_sg_of(c, w, &o->sharing_group, false, &row.distribution,
				 &row.sharing_group_id, &refused, f));
	if (refused) {
		ingest_ctx_problem_of(c, index, o->uuid, text_no_group);
		return ERR_OK;
	}
	*slot = (struct ordmap_slot){.ordinal = e->ordinal, .id = at.id, .deleted = row.deleted};
	c->content_changed = true;
	TRY(store_again(c, w, EL_OBJECT, key, row.uuid, &row, f));
	return dies ? delete_attrs_of(c, w, at.id, f) : ERR_OK;
}

static enum err put_ref(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			uint32_t index, struct fail *f)
{
	struct misp_ref *r = &e->ref, row;
	struct index_uuid at, target;
	struct ordmap_slot *o = e->parent ? ingest_ordmap_at(&c->objects, e->parent, false) : NULL;
	if (o && o->id)
		r->object_id = o->id;
	else if (find_uuid(c, uuid_is_nil(r->source_uuid) ? r->object_uuid : r->source_uuid,
			   &at) == ERR_OK &&
		 at.kind == CHANGE_EL(EL_OBJECT) && at.event_id == c->event.id)
		r->object_id = at.id;
	enum err err = find_uuid(c, r->uuid, &at);
	if (err == ERR_OK && at.kind == CHANGE_EL(EL_REF) && at.event_id == c->event.id &&
	    !c->adding) {
		struct el_key key = {c->event.body, at.parent, at.id};
		TRY(store_el_get(store_view(w), EL_REF, key, c->arena, &row));
		if (r->timestamp <= row.timestamp)
			return ERR_OK;
		row.timestamp = r->timestamp;
		if (ENTITY_HAS(r, REF_F_relationship_type))
			row.relationship_type = r->relationship_type;
		if (ENTITY_HAS(r, REF_F_comment))
			row.comment = r->comment;
		if (ENTITY_HAS(r, REF_F_deleted))
			row.deleted = r->deleted;
		return store_again(c, w, EL_REF, key, row.uuid, &row, f);
	}
	if (err != ERR_NOENT) {
		TRY(err);
		return ERR_OK; /* the UUID is somebody else's */
	}
	/* both ends must be in this event */
	if (!r->object_id || find_uuid(c, r->referenced_uuid, &target) != ERR_OK ||
	    target.event_id != c->event.id ||
	    (target.kind != CHANGE_EL(EL_ATTR) && target.kind != CHANGE_EL(EL_OBJECT))) {
		ingest_ctx_problem(c, index, "{\"referenced_uuid\":[\"Invalid target.\"]}");
		return ERR_OK;
	}
	r->event_id = c->event.id;
	r->referenced_id = target.id;
	r->referenced_type = target.kind == CHANGE_EL(EL_OBJECT);
	struct el_key key = {c->event.body, r->object_id, store_new_el_id(w, EL_REF)};
	r->id = key.id;
	c->content_changed = true;
	return store_new(c, w, EL_REF, key, r->uuid, r, f);
}

/* ---- reports, sightings ---- */

static enum err put_report(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			   uint32_t index, struct fail *f)
{
	struct misp_report *r = &e->report, row;
	struct index_uuid at;
	bool refused;
	TRY(ingest_capture_sg_of(c, w, &r->sharing_group, false, &r->distribution,
				 &r->sharing_group_id, &refused, f));
	enum err err = find_uuid(c, r->uuid, &at);
	if (err == ERR_NOENT) {
		TRY(ingest_is_buried(store_view(w), c->facts, r->uuid, r->timestamp, &refused, f));
		if (refused)
			return ERR_OK;
		struct el_key key = {c->event.body, 0, store_new_el_id(w, EL_REPORT)};
		r->id = key.id;
		r->event_id = c->event.id;
		c->content_changed = true;
		struct ordmap_slot *slot = is_nameless(c, ENTITY_HAS(r, REPORT_F_uuid))
						   ? ingest_ordmap_at(&c->attrs, e->ordinal, true)
						   : NULL;
		if (slot)
			slot->uuid = r->uuid;
		return store_new(c, w, EL_REPORT, key, r->uuid, r, f);
	}
	TRY(err);
	if (at.kind != CHANGE_EL(EL_REPORT) || at.event_id != c->event.id || c->adding ||
	    c->insert_only) {
		ingest_ctx_problem_of(c, index, r->uuid, "{\"uuid\":[\"The UUID provided is not unique\"]}");
		return ERR_OK;
	}
	struct el_key key = {c->event.body, 0, at.id};
	TRY(store_el_get(store_view(w), EL_REPORT, key, c->arena, &row));
	if (ENTITY_HAS(r, REPORT_F_timestamp) && r->timestamp <= row.timestamp)
		return ERR_OK;
	if (ENTITY_HAS(r, REPORT_F_name))
		row.name = r->name;
	if (ENTITY_HAS(r, REPORT_F_content))
		row.content = r->content;
	if (ENTITY_HAS(r, REPORT_F_distribution)) {
		row.distribution = r->distribution;
		row.sharing_group_id = r->sharing_group_id;
	}
	if (ENTITY_HAS(r, REPORT_F_deleted))
		row.deleted = r->deleted;
	row.timestamp = r->timestamp;
	c->content_changed = true;
	return store_again(c, w, EL_REPORT, key, row.uuid, &row, f);
}

static enum err put_sighting(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			     struct fail *f)
{
	struct misp_sighting *s = &e->sighting;
	struct index_uuid at;
	struct ordmap_slot *a = e->parent ? ingest_ordmap_at(&c->attrs, e->parent, false) : NULL;
	uint64_t attr_id = a ? a->id : s->attribute_id;
	if (!attr_id && find_uuid(c, s->attribute_uuid, &at) == ERR_OK &&
	    at.kind == CHANGE_EL(EL_ATTR) && at.event_id == c->event.id)
		attr_id = at.id;
	if (!attr_id)
		return ERR_OK;
	enum err err = find_uuid(c, s->uuid, &at);
	if (err != ERR_NOENT)
		return err; /* sightings never change */
	/* the gate has said whose it is when none is named: nobody's, over a link */
	if (s->org.n)
		TRY(ingest_org_capture(w, LIST_AT(s->org, struct misp_org, 0), false, &s->org_id, f));
	s->attribute_id = attr_id;
	s->event_id = c->event.id;
	struct el_key key = {c->event.body, attr_id, store_new_el_id(w, EL_SIGHTING)};
	s->id = key.id;
	/* a peer's have been published there: they go on from here, as those that come by themselves */
	if (c->facts->pull)
		c->event.sighting_timestamp = MAX(clock_now(), c->event.sighting_timestamp);
	return store_new(c, w, EL_SIGHTING, key, s->uuid, s, f);
}

enum err ingest_put_element(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			    uint32_t index, struct fail *f)
{
	switch (e->kind) {
	case EL_ATTR:
		return put_attr(c, w, e, index, f);
	case EL_OBJECT:
		return put_object(c, w, e, index, f);
	case EL_REF:
		return put_ref(c, w, e, index, f);
	case EL_REPORT:
		return put_report(c, w, e, index, f);
	case EL_SIGHTING:
		return put_sighting(c, w, e, f);
	case EL_CLUSTER:
		return ingest_capture_cluster(c, w, &e->cluster, &e->galaxy, f);
	case EL_ANALYST:
		return ingest_put_analyst(c, w, e, index, f);
	case EL_PROPOSAL: /* in a document they are not taken: sync-protocol.md 12.2, 14 */
	case EL_COUNT:
		break;
	}
	return ERR_OK;
}
