/*
 * value_event.c - see value_event.h. The values of the event are gathered first, then the text is read
 * once: what is new goes into a document as it comes. What left is found by walking over the event again.
 */
#include "sync/value_event.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "ingest/quarantine.h"
#include "model/pack.h"
#include "model/types.h"
#include "model/validate.h"
#include "sync/value_set.h"
#include "warnlist/warnlist.h"

#define PIECE 65536u
#define ROW_ARENA (8u << 20)
#define SOURCE_PIECE (256u << 10)

struct work {
	const struct value_event_opts *o;
	struct value_event_result *out;
	struct store_rtxn *t; /* one snapshot for all of it */
	struct misp_event event; /* as stored; id 0: a new one */
	struct value_set set;
	struct raw_event *raw;
	struct arena *a; /* of one value or row */
	struct arena *head; /* of the event's row */
	uint32_t ordinal;
	uint64_t back; /* values to be restored */
	/* the document as JSON, kept for a decision when the policy lets documents wait */
	bool keep;
	struct buf source;
	struct jsonw json;
};

/* ---- the event ---- */

static enum err event_find(struct work *w, struct fail *f)
{
	const struct misp_event *h = &w->o->head;
	uint64_t id = w->o->event_id;
	struct misp_event row;
	enum err e = ERR_NOENT;
	TRY(store_read(w->o->in->store, &w->t, f));
	if (!id && !uuid_is_nil(h->uuid))
		e = store_find(w->t, IX_EVENT_UUID,
			       (struct str){(const char *)h->uuid.b, sizeof(h->uuid.b)}, &id);
	if (id)
		e = store_get(w->t, T_EVENT, id, w->head, &row);
	if (e == ERR_NOENT && w->o->event_id)
		return fail(f, e, "the event %llu that it is to fill is not there any more",
			    (unsigned long long)w->o->event_id);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	return entity_copy(w->head, &desc_misp_event, &row, &w->event);
}

typedef enum err (*row_fn)(struct work *w, const struct misp_attr *row, struct fail *f);

static enum err each_row(struct work *w, row_fn fn, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key = {.body = w->event.body};
	struct misp_attr row;
	enum err e = w->event.id ? store_el_iter_new(w->t, EL_ATTR, key, false, &it) : ERR_NOENT;
	while (e == ERR_OK) {
		arena_reset(w->a);
		e = store_el_iter_next(it, w->a, &key, &row);
		if (e == ERR_OK)
			TRY(fn(w, &row, f));
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading the event");
}

static enum err note_row(struct work *w, const struct misp_attr *row, struct fail *f)
{
	uint64_t *at = value_set_at(&w->set, row->value);
	if (!at)
		return fail(f, ERR_LIMIT, "the event has too many values");
	*at |= row->deleted ? VALUE_GONE : VALUE_LIVE;
	return ERR_OK;
}

/* ---- the document ---- */

static enum err source_flush(struct work *w, bool all, struct fail *f)
{
	if (!w->keep || (!all && w->source.n < SOURCE_PIECE))
		return ERR_OK;
	TRY(buf_err(&w->source));
	enum err e = raw_source_add(w->raw, w->source.p, w->source.n, f);
	w->source.n = 0;
	return e;
}

static void source_attr(struct work *w, const struct misp_attr *a)
{
	struct jsonw *j = &w->json;
	jsonw_obj(j);
	JSONW_KV(j, jsonw_uuid, "uuid", a->uuid);
	if (ENTITY_HAS(a, ATTR_F_value)) {
		JSONW_KV(j, jsonw_str, "type", type_name((enum attr_type)a->type));
		JSONW_KV(j, jsonw_str, "category", category_name((enum attr_category)a->category));
		JSONW_KV(j, jsonw_str, "value", a->value);
		JSONW_KV(j, jsonw_bool, "to_ids", a->to_ids);
		JSONW_KV(j, jsonw_str, "comment", a->comment);
	}
	if (ENTITY_HAS(a, ATTR_F_deleted))
		JSONW_KV(j, jsonw_bool, "deleted", a->deleted);
	JSONW_KV(j, jsonw_int_str, "timestamp", a->timestamp);
	JSONW_KV(j, jsonw_c, "distribution", "5");
	jsonw_obj_end(j);
}

static enum err put(struct work *w, struct misp_attr *a, struct fail *f)
{
	struct element el = {.kind = EL_ATTR, .ordinal = ++w->ordinal, .attr = *a};
	TRY(raw_add(w->raw, &el, f));
	if (w->keep)
		source_attr(w, a);
	return source_flush(w, false, f);
}

#define GIVE(a, member, v) ((a)->member = (v), ENTITY_SET_HAS((a), ATTR_F_##member))

static enum err put_new(struct work *w, const struct value_new *v, struct fail *f)
{
	struct misp_attr a;
	misp_attr_init(&a);
	GIVE(&a, uuid, uuid_random());
	GIVE(&a, type, (uint16_t)v->type);
	GIVE(&a, category, type_get(v->type)->category);
	GIVE(&a, value, v->value);
	GIVE(&a, to_ids, v->to_ids);
	GIVE(&a, comment, STR(""));
	if (v->port.p && w->o->note_ports)
		a.comment = arena_printf(w->a, "On port %.*s", STR_ARG(v->port));
	GIVE(&a, timestamp, w->o->facts.now);
	GIVE(&a, distribution, DIST_INHERIT);
	w->out->added++;
	return put(w, &a, f);
}

/* What is known of an attribute that is there: only that it is deleted, or not any more. */
static enum err put_deleted(struct work *w, const struct misp_attr *row, bool deleted, struct fail *f)
{
	struct misp_attr a;
	misp_attr_init(&a);
	GIVE(&a, uuid, row->uuid);
	GIVE(&a, deleted, deleted);
	GIVE(&a, timestamp, MAX(w->o->facts.now, row->timestamp + 1));
	return put(w, &a, f);
}

/* ---- the text ---- */

static enum err digests(struct work *w, enum attr_type type, struct str value, struct fail *f)
{
	uint8_t md5[VALUE_KEYS_MAX][16];
	if (w->o->taken) {
		hash_md5(value, md5[0]);
		TRY(value_cache_add(w->o->taken, md5[0], UUID_NIL, f));
	}
	size_t n = w->o->cache ? value_cache_keys(type, value, md5) : 0;
	for (size_t i = 0; i < n; i++)
		TRY(value_cache_add(w->o->cache, md5[i], UUID_NIL, f));
	return ERR_OK;
}

static bool was_there(const struct work *w, struct str value)
{
	const struct value_cache_entry *first;
	uint8_t md5[16];
	hash_md5(value, md5);
	return value_cache_find(w->o->before, md5, &first) > 0;
}

static bool is_listed(struct work *w, enum attr_type type, struct str value)
{
	struct warnlist_hit hit;
	bool listed = w->o->warnings &&
		      warnlist_hits(w->o->warnings, (uint16_t)type, value, &hit, 1) > 0;
	w->out->listed += listed;
	return listed;
}

static enum err known(struct work *w, uint64_t *at, struct str value)
{
	if (*at & VALUE_LIVE) {
		w->out->current++;
	} else if (w->o->delta && w->o->before && !was_there(w, value)) {
		*at |= VALUE_BACK;
		w->back++;
	} else {
		w->out->left_deleted++;
	}
	return ERR_OK;
}

static void on_fault(void *user, enum values_fault why, uint64_t line, struct str text)
{
	static const char *const texts[] = {
		[VALUES_NO_INDICATOR] = "no indicator",
		[VALUES_NO_UTF8] = "not UTF-8",
		[VALUES_LINE_TOO_LONG] = "the line is too long",
	};
	const struct work *w = user;
	w->o->fault(w->o->user, line, text, str_c(texts[why]));
}

static enum err on_value(void *user, const struct values_hit *hit, struct fail *f)
{
	struct work *w = user;
	struct str value, one, two;
	struct attr_problem problem = {0};
	arena_reset(w->a);
	if (attr_normalise_validate(w->a, hit->type, hit->value, false, &value, &one, &two, &problem) !=
	    ERR_OK) {
		w->out->unfit++;
		if (w->o->fault)
			w->o->fault(w->o->user, hit->line, hit->original, problem.text);
		return ERR_OK;
	}
	uint64_t *at = value_set_at(&w->set, value);
	if (!at)
		return fail(f, ERR_LIMIT, "more than %u values", VALUE_SET_MAX);
	if (*at & VALUE_SEEN)
		return ERR_OK;
	*at |= VALUE_SEEN;
	w->out->values++;
	TRY(digests(w, hit->type, value, f));
	if (*at & (VALUE_LIVE | VALUE_GONE))
		return known(w, at, value);
	bool listed = is_listed(w, hit->type, value);
	if (listed && w->o->facts.no_warned)
		return ERR_OK;
	struct value_new v = {.type = hit->type, .value = value, .port = hit->port};
	v.to_ids = w->o->ids == IDS_ALL ||
		   (w->o->ids == IDS_BY_TYPE && type_get(hit->type)->to_ids && !listed);
	if (w->o->found)
		TRY(w->o->found(w->o->user, &v, f));
	return put_new(w, &v, f);
}

static enum err read_once(struct work *w, const struct values_opts *vo, struct fail *f)
{
	OWN(values) struct values *v = NULL;
	OWN(mem) void *piece = malloc(PIECE);
	uint64_t at = 0;
	ssize_t n;
	if (!piece)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(values_new(vo, on_value, w, &v, f));
	while ((n = pread(w->o->fd, piece, PIECE, (off_t)at)) > 0) {
		at += (uint64_t)n;
		TRY(values_feed(v, piece, (size_t)n, f));
		if (w->o->progress)
			TRY(w->o->progress(w->o->user, at, f));
	}
	if (n < 0)
		return fail(f, ERR_IO, "cannot read the text again");
	TRY(values_end(v, f));
	w->out->read = values_counts(v);
	return ERR_OK;
}

static enum err read_text(struct work *w, struct fail *f)
{
	struct values_opts vo = w->o->read;
	vo.fault = w->o->fault ? on_fault : NULL;
	enum err e = read_once(w, &vo, f);
	vo.no_json = true;
	if (e == ERR_AGAIN) /* what was told is known by now */
		e = read_once(w, &vo, f);
	TRY(e);
	const struct values_counts *n = &w->out->read;
	if (w->out->values)
		return ERR_OK;
	return fail(f, ERR_INVAL, n->found || n->excluded || n->nothing ?
				  "there is no value in it that can be used (check columns, delimiter and "
				  "excluderegex)" :
				  "it holds no values");
}

/* ---- what left, and what is back ---- */

static enum err judge_row(struct work *w, const struct misp_attr *row, struct fail *f)
{
	unsigned marks = value_set_marks(&w->set, row->value);
	if (row->deleted && (marks & VALUE_BACK) && !(marks & VALUE_LIVE)) {
		*value_set_at(&w->set, row->value) |= VALUE_LIVE; /* one of them is enough */
		w->out->restored++;
		return put_deleted(w, row, false, f);
	}
	if (row->deleted || row->object_id || (marks & VALUE_SEEN) || !was_there(w, row->value))
		return ERR_OK;
	w->out->removed++;
	return put_deleted(w, row, true, f);
}

/* ---- the edit ---- */

static bool has_tags(const struct work *w)
{
	LIST_EACH(t, w->o->head.tags, struct misp_tagref) {
		bool found = false;
		LIST_EACH(had, w->event.tags, struct misp_tagref) {
			struct misp_tag tag;
			found |= had->tag_id && store_get(w->t, T_TAG, had->tag_id, NULL, &tag) == ERR_OK &&
				 str_eq_nocase(tag.name, t->name);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool is_needed(const struct work *w)
{
	return w->ordinal || !w->event.id || !has_tags(w) ||
	       (w->o->head.published && !w->event.published);
}

/* The head of the document; texts are the caller's, who outlives it. */
static void head_set(struct work *w)
{
	struct misp_event *h = raw_head(w->raw);
	const struct misp_event *from = &w->o->head;
	if (!w->event.id) {
		*h = *from;
		return;
	}
	h->uuid = w->event.uuid;
	h->tags = from->tags;
	h->published = from->published;
	h->timestamp = MAX(w->o->facts.now, w->event.timestamp + 1);
	ENTITY_SET_HAS(h, EVENT_F_uuid);
	ENTITY_SET_HAS(h, EVENT_F_timestamp);
	if (from->tags.n)
		ENTITY_SET_HAS(h, EVENT_F_tags);
	if (from->published)
		ENTITY_SET_HAS(h, EVENT_F_published);
}

static enum err document_begin(struct work *w, struct fail *f)
{
	w->raw = raw_new(RAW_EVENT, NULL, w->o->in->spool_dir);
	if (!w->raw)
		return fail(f, ERR_NOMEM, "no memory");
	w->keep = ingest_keeps_source(w->o->in) && !w->o->dry;
	w->source = BUF(SOURCE_PIECE + (1u << 20));
	w->json = jsonw_on(&w->source);
	jsonw_obj(&w->json);
	JSONW_KV(&w->json, jsonw_uuid, "uuid", w->event.id ? w->event.uuid : w->o->head.uuid);
	if (!w->event.id)
		JSONW_KV(&w->json, jsonw_str, "info", w->o->head.info);
	jsonw_key(&w->json, "Attribute");
	jsonw_arr(&w->json);
	return ERR_OK;
}

static enum err document_save(struct work *w, struct fail *f)
{
	struct admit_facts facts = w->o->facts;
	struct ingest_result res = {0};
	jsonw_arr_end(&w->json);
	jsonw_obj_end(&w->json);
	TRY(source_flush(w, true, f));
	head_set(w);
	store_read_end(MOVE(w->t));
	value_set_free(&w->set);
	arena_reset(w->a);
	enum err e = w->event.id ? ingest_event_edit(w->o->in, w->event.id, &w->raw, &w->o->origin, &facts,
						     w->a, &res, f)
				 : ingest_event_add(w->o->in, &w->raw, &w->o->origin, &facts, w->a, &res, f);
	TRY(e);
	w->out->refused = res.refused + res.n_problems;
	w->out->event_id = res.event_id;
	w->out->event_uuid = res.event_uuid;
	w->out->made = !w->event.id;
	w->out->changed = true;
	return ERR_OK;
}

static enum err take(struct work *w, struct fail *f)
{
	TRY(event_find(w, f));
	w->out->event_id = w->event.id;
	w->out->event_uuid = w->event.id ? w->event.uuid : w->o->head.uuid;
	if (!value_set_init(&w->set, w->event.attribute_total))
		return fail(f, ERR_NOMEM, "no memory for %llu values",
			    (unsigned long long)w->event.attribute_total);
	TRY(each_row(w, note_row, f));
	TRY(document_begin(w, f));
	TRY(read_text(w, f));
	if (w->o->delta && w->o->before)
		TRY(each_row(w, judge_row, f));
	return w->o->dry || !is_needed(w) ? ERR_OK : document_save(w, f);
}

int value_event_spool(const char *dir)
{
	char path[4200];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/values-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum err value_event_take(const struct value_event_opts *o, struct value_event_result *out,
			  struct fail *f)
{
	struct work w = {.o = o, .out = out};
	*out = (struct value_event_result){0};
	w.a = arena_new(ROW_ARENA);
	w.head = arena_new(ROW_ARENA);
	enum err e = w.a && w.head ? take(&w, f) : fail(f, ERR_NOMEM, "no memory");
	if (w.t)
		store_read_end(w.t);
	value_set_free(&w.set);
	raw_free(w.raw);
	buf_free(&w.source);
	arena_free(w.a);
	arena_free(w.head);
	return e;
}
