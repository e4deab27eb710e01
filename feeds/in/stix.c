/*
 * stix.c - see stix.h. Documents are gathered, then indexed (stix_index.c), then events are written one after
 * the other: their attributes as they are read, their MISP objects gathered beside and written behind them.
 */
#include "feeds/in/stix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "feeds/in/stix_impl.h"

#define PIECE ((size_t)64 << 10)
#define ELEMENT_MAX ((size_t)512 << 20)
#define ARENA_MAX ((size_t)128 << 20)

struct stix_in *stix_in_new(const struct stix_in_opts *o)
{
	struct stix_in *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->opts = *o;
	s->dir = o->spool_dir ? strdup(o->spool_dir) : NULL;
	s->info = o->info.n ? strndup(o->info.p, o->info.n) : NULL;
	s->a = arena_new(ARENA_MAX);
	spill_init(&s->text, s->dir, o->max_bytes ? o->max_bytes : STIX_BYTES_MAX);
	spill_init(&s->objects_text, s->dir, 4 * STIX_BYTES_MAX);
	buf_init(&s->out, ELEMENT_MAX);
	buf_init(&s->objects_buf, ELEMENT_MAX);
	buf_init(&s->left_out, 1 << 16);
	if (!s->a || (o->spool_dir && !s->dir) || (o->info.n && !s->info)) {
		stix_in_free(s);
		return NULL;
	}
	return s;
}

void stix_in_free(struct stix_in *s)
{
	if (!s)
		return;
	spill_free(&s->text);
	spill_free(&s->objects_text);
	buf_free(&s->out);
	buf_free(&s->objects_buf);
	buf_free(&s->left_out);
	arena_free(s->a);
	free(s->objs);
	free(s->links);
	free(s->slots);
	free(s->docs);
	free(s->members);
	free(s->taken_back);
	free(s->dir);
	free(s->info);
	free(s);
}

struct stix_in_counts stix_in_counts(const struct stix_in *s)
{
	return s->counts;
}

enum err stix_in_feed(struct stix_in *s, const void *p, size_t n, struct fail *f)
{
	return spill_add(&s->text, p, n, f);
}

enum err stix_in_document_end(struct stix_in *s, struct fail *f)
{
	if (s->n_docs == s->cap_docs) {
		uint32_t cap = s->cap_docs ? s->cap_docs * 2 : 16;
		void *v = reallocarray(s->docs, cap, sizeof(*s->docs));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		s->docs = v;
		s->cap_docs = cap;
	}
	s->docs[s->n_docs].at = s->document_at;
	s->docs[s->n_docs++].end = s->text.n;
	s->document_at = s->text.n;
	return ERR_OK;
}

/* ---- writing ---- */

static enum err out_flush(struct stix_in *s, size_t more_than, struct fail *f)
{
	TRY(buf_err(&s->out));
	TRY(buf_err(&s->objects_buf));
	if (s->out.n > more_than) {
		TRY(s->fn(s->user, s->out.p, s->out.n, f));
		buf_clear(&s->out);
	}
	if (s->objects_buf.n > more_than) {
		TRY(spill_add(&s->objects_text, s->objects_buf.p, s->objects_buf.n, f));
		buf_clear(&s->objects_buf);
	}
	return ERR_OK;
}

static enum err objects_write(struct stix_in *s, struct fail *f)
{
	struct str all;
	jsonw_arr_end(&s->objects);
	TRY(out_flush(s, 0, f));
	jsonw_key(&s->json, "Object");
	jsonw_raw(&s->json, STR(""));
	TRY(out_flush(s, 0, f));
	TRY(spill_all(&s->objects_text, &all, f));
	for (size_t at = 0; at < all.n; at += PIECE)
		TRY(s->fn(s->user, all.p + at, MIN(PIECE, all.n - at), f));
	spill_clear(&s->objects_text);
	return ERR_OK;
}

/* ---- members ---- */

/* Is anything made by it, in whose name something is said? Then it is no element of its own. */
static bool is_author(const struct stix_in *s, uint32_t i)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	for (uint32_t k = 0; k < n; k++)
		if (l[k].role == ROLE_AUTHOR)
			return true;
	return false;
}

static bool is_element(const struct stix_in *s, uint32_t i)
{
	const struct stix_obj *o = &s->objs[i];
	switch (o->class) {
	case CLASS_INDICATOR:
	case CLASS_OBSERVED:
	case CLASS_X_ATTRIBUTE:
	case CLASS_X_OBJECT:
	case CLASS_THING:
	case CLASS_OTHER:
		return !o->old;
	case CLASS_SCO:
		return !o->old && !o->embedded;
	case CLASS_IDENTITY:
		return !o->old && !is_author(s, i);
	default:
		return false;
	}
}

static enum err member_add(struct stix_in *s, uint32_t i, struct fail *f)
{
	struct stix_obj *o = i == NO_OBJ ? NULL : &s->objs[i];
	if (!o || o->old || o->in_event == s->event || (!is_element(s, i) && o->class != CLASS_CLUSTER))
		return ERR_OK;
	if (s->n_members == s->cap_members) {
		uint32_t cap = s->cap_members ? s->cap_members * 2 : 256;
		void *v = reallocarray(s->members, cap, sizeof(*s->members));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		s->members = v;
		s->cap_members = cap;
	}
	s->members[s->n_members++] = i;
	o->in_event = s->event;
	if (!o->event)
		o->event = s->event;
	return ERR_OK;
}

static enum err members_of(struct stix_in *s, struct str refs, struct fail *f)
{
	struct scan at = {refs.p, refs.p ? refs.p + refs.n : NULL};
	struct str v;
	bool end = false;
	if (!refs.p || !scan_enter(&at, '['))
		return ERR_OK;
	while (scan_next(&at, NULL, &v, &end) && !end)
		TRY(member_add(s, stix_find(s, scan_text(v)), f));
	return ERR_OK;
}

/* What no report has named. */
static enum err members_loose(struct stix_in *s, struct fail *f)
{
	for (uint32_t i = 0; i < s->n_objs; i++)
		if (!s->objs[i].used && !s->objs[i].event)
			TRY(member_add(s, i, f));
	return ERR_OK;
}

/* ---- an event ---- */

static void number(struct jsonw *w, const char *key, const json_t *v)
{
	uint64_t n;
	if (json_is_integer(v))
		JSONW_KV(w, jsonw_int_str, key, json_integer_value(v));
	else if (json_is_string(v) && str_u64(str_c(json_string_value(v)), &n))
		JSONW_KV(w, jsonw_uint_str, key, n);
}

static void creator(struct stix_in *s, const json_t *j)
{
	static const char misp[] = "identity--55f6ea65-aa10-4c5a-bf01-4f84950d210f";
	struct str id = stix_json_str(j, "created_by_ref");
	uint32_t i = stix_find(s, id);
	if (i == NO_OBJ || str_is(id, misp) || !stix_label(j, "tool").n)
		return;
	json_t *who = stix_load(s, i, NULL);
	if (stix_json_str(who, "name").n) {
		jsonw_key(&s->json, "Orgc");
		jsonw_obj(&s->json);
		JSONW_KV(&s->json, jsonw_uuid, "uuid", s->objs[i].uuid);
		JSONW_KV(&s->json, jsonw_str, "name", stix_json_str(who, "name"));
		jsonw_obj_end(&s->json);
	}
	json_decref(who);
}

/* Of objects that have no report. */
static struct str title(struct stix_in *s)
{
	if (s->info)
		return str_c(s->info);
	return s->bundle_id.n ? arena_printf(s->a, "STIX objects (%.*s)", STR_ARG(s->bundle_id))
			      : STR("STIX objects");
}

static struct uuid loose_uuid(struct stix_in *s)
{
	static const struct uuid space = {{0x35, 0x0e, 0x7a, 0x0b, 0x0c, 0x6a, 0x4f, 0x4e, 0x9b, 0x52, 0x41, 0x0d,
					   0x5e, 0x9f, 0x77, 0x21}};
	if (!uuid_is_nil(s->opts.event_uuid))
		return s->opts.event_uuid;
	if (s->bundle_id.n)
		return uuid_v5(space, s->bundle_id);
	struct hash_ctx *h = hash_begin();
	for (uint32_t k = 0; k < s->n_members && h; k++)
		hash_add(h, s->objs[s->members[k]].id.p, s->objs[s->members[k]].id.n);
	struct sha256 d = hash_end(h);
	return uuid_v5(space, (struct str){(const char *)d.b, sizeof(d.b)});
}

static void head(struct stix_in *s, uint32_t report, const json_t *j)
{
	struct jsonw *w = &s->json;
	struct str info = j ? stix_json_str(j, "name") : title(s), date = stix_x_str(j, "x_misp_date");
	struct str extends = stix_x_str(j, "x_misp_extends_uuid");
	if (!date.n)
		date = str_sub(stix_json_str(j, json_object_get(j, "published") ? "published" : "created"), 0, 10);
	JSONW_KV(w, jsonw_uuid, "uuid", s->event_uuid);
	JSONW_KV(w, jsonw_str, "info", info.n ? info : title(s));
	if (date.n)
		JSONW_KV(w, jsonw_str, "date", date);
	if (s->event_time)
		JSONW_KV(w, jsonw_int_str, "timestamp", s->event_time);
	if (s->opts.has_distribution) {
		JSONW_KV(w, jsonw_int_str, "distribution", s->opts.distribution);
		if (s->opts.distribution == 4)
			JSONW_KV(w, jsonw_uint_str, "sharing_group_id", s->opts.sharing_group_id);
	}
	JSONW_KV(w, jsonw_bool, "published", s->opts.publish);
	number(w, "threat_level_id", stix_x(j, "x_misp_threat_level_id"));
	number(w, "analysis", stix_x(j, "x_misp_analysis"));
	if (extends.n)
		JSONW_KV(w, jsonw_str, "extends_uuid", extends);
	creator(s, j);
	stix_tags(s, w, report, j, true);
	if (report == NO_OBJ)
		return;
	stix_reports(s, w, report, j);
	stix_said(s, w, report, s->event_uuid, ABOUT_EVENT);
}

static enum err event_write(struct stix_in *s, uint32_t report, const json_t *j, struct fail *f)
{
	s->event_uuid = report == NO_OBJ ? loose_uuid(s) : s->objs[report].uuid;
	s->event_time = report == NO_OBJ ? 0 : s->objs[report].modified;
	for (uint32_t k = 0; k < s->n_members && report == NO_OBJ; k++)
		s->event_time = MAX(s->event_time, s->objs[s->members[k]].modified);
	arena_reset(s->a);
	s->counts.events++;
	s->objects = jsonw_on(&s->objects_buf);
	jsonw_arr(&s->objects);
	jsonw_obj(&s->json);
	jsonw_key(&s->json, "Event");
	jsonw_obj(&s->json);
	head(s, report, j);
	jsonw_key(&s->json, "Attribute");
	jsonw_arr(&s->json);
	for (uint32_t k = 0; k < s->n_members; k++) {
		arena_reset(s->a);
		if (s->objs[s->members[k]].class != CLASS_CLUSTER)
			stix_element(s, s->members[k]);
		if (arena_overflowed(s->a))
			return fail(f, ERR_LIMIT, "an object of the document is too large");
		TRY(out_flush(s, PIECE, f));
	}
	jsonw_arr_end(&s->json);
	TRY(objects_write(s, f));
	jsonw_obj_end(&s->json);
	jsonw_obj_end(&s->json);
	return out_flush(s, PIECE, f);
}

/* The report is revoked, and so is all that it has here: the event is taken back. */
static enum err taken_back(struct stix_in *s, uint32_t report, struct fail *f)
{
	bool all = s->objs[report].revoked;
	for (uint32_t k = 0; k < s->n_members && all; k++)
		all = s->objs[s->members[k]].revoked || s->objs[s->members[k]].class == CLASS_CLUSTER ||
		      s->objs[s->members[k]].class == CLASS_SCO;
	if (!all)
		return ERR_OK;
	if (s->n_taken_back == s->cap_taken_back) {
		uint32_t cap = s->cap_taken_back ? s->cap_taken_back * 2 : 16;
		void *v = reallocarray(s->taken_back, cap, sizeof(*s->taken_back));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		s->taken_back = v;
		s->cap_taken_back = cap;
	}
	s->taken_back[s->n_taken_back++] = s->event;
	return ERR_OK;
}

bool stix_in_taken_back(const struct stix_in *s, uint32_t event)
{
	uint32_t lo = 0, hi = s->n_taken_back;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->taken_back[mid] < event)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_taken_back && s->taken_back[lo] == event;
}

static void event_next(struct stix_in *s)
{
	s->event++;
	s->n_members = 0;
}

/* Is all here that a report names? */
static bool is_complete(const struct stix_in *s, struct str refs)
{
	struct scan at = {refs.p, refs.p ? refs.p + refs.n : NULL};
	struct str v;
	bool end = false, all = true;
	if (!refs.p || !scan_enter(&at, '['))
		return true;
	while (all && scan_next(&at, NULL, &v, &end) && !end)
		all = stix_find(s, scan_text(v)) != NO_OBJ;
	return all;
}

/* n_reports 0: more is to come, and only those that are complete are written. */
static enum err reports_write(struct stix_in *s, uint32_t n_reports, struct fail *f)
{
	for (uint32_t i = 0; i < s->n_objs; i++) {
		struct stix_obj *o = &s->objs[i];
		struct str refs;
		if (o->class != CLASS_REPORT || o->old || o->used)
			continue;
		json_t *j = stix_load(s, i, &refs);
		if (!n_reports && !is_complete(s, refs)) {
			json_decref(j);
			continue;
		}
		event_next(s);
		o->used = true;
		o->event = o->in_event = s->event;
		enum err e = members_of(s, refs, f);
		if (e == ERR_OK && n_reports == 1 && !s->opts.apart)
			e = members_loose(s, f);
		if (e == ERR_OK)
			e = taken_back(s, i, f);
		if (e == ERR_OK)
			e = event_write(s, i, j, f);
		json_decref(j);
		TRY(e);
	}
	return ERR_OK;
}

static void count_rest(struct stix_in *s)
{
	for (uint32_t i = 0; i < s->n_objs; i++) {
		const struct stix_obj *o = &s->objs[i];
		if (o->used || o->old || o->class == CLASS_MARKING || o->class == CLASS_PASSED ||
		    (o->class == CLASS_IDENTITY && is_author(s, i)) || (o->class == CLASS_SCO && o->embedded))
			continue;
		stix_left_out(s, i);
	}
	for (uint32_t k = 0; k < s->n_left; k++)
		buf_printf(&s->left_out, "%s%s %llu", k ? ", " : "", s->left[k].name,
			   (unsigned long long)s->left[k].n);
	s->counts.left_out_types = buf_str(&s->left_out);
}

static enum err index_all(struct stix_in *s, stix_in_fn fn, void *user, struct fail *f)
{
	s->fn = fn;
	s->user = user;
	if (s->text.n > s->document_at || !s->n_docs)
		TRY(stix_in_document_end(s, f));
	return stix_index(s, f);
}

uint64_t stix_in_bytes(const struct stix_in *s)
{
	return s->text.n;
}

static bool is_shared(const struct stix_obj *o)
{
	return o->class == CLASS_IDENTITY || o->class == CLASS_MARKING || o->class == CLASS_PASSED ||
	       o->class == CLASS_CLUSTER;
}

/* What nothing was made of, and what others may need again. */
static enum err rest_write(const struct stix_in *s, struct stix_in *rest, struct buf *shared,
			   uint32_t *first, struct fail *f)
{
	bool any = false, any_shared = false;
	*first = UINT32_MAX;
	buf_puts(shared, "{\"objects\":[");
	TRY(stix_in_feed(rest, "{\"objects\":[", 12, f));
	for (uint32_t i = 0; i < s->n_objs; i++) {
		const struct stix_obj *o = &s->objs[i];
		bool open = !o->used && !o->event;
		if (o->old || o->left_out || (!open && !is_shared(o)))
			continue;
		if (open && !is_shared(o))
			*first = MIN(*first, o->doc);
		TRY(stix_in_feed(rest, any ? ",\n" : "\n", any ? 2 : 1, f));
		TRY(stix_in_feed(rest, s->all.p + o->at, o->n, f));
		any = true;
		if (!is_shared(o))
			continue;
		buf_puts(shared, any_shared ? ",\n" : "\n");
		buf_add(shared, s->all.p + o->at, o->n);
		any_shared = true;
	}
	buf_puts(shared, "]}\n");
	TRY(stix_in_feed(rest, "]}\n", 3, f));
	return stix_in_document_end(rest, f);
}

enum err stix_in_part(struct stix_in *s, struct stix_in *rest, struct buf *shared, uint32_t *first,
		      stix_in_fn fn, void *user, struct fail *f)
{
	TRY(index_all(s, fn, user, f));
	s->json = jsonw_on(&s->out);
	jsonw_arr(&s->json);
	TRY(reports_write(s, 0, f));
	jsonw_arr_end(&s->json);
	TRY(out_flush(s, 0, f));
	return rest_write(s, rest, shared, first, f);
}

enum err stix_in_end(struct stix_in *s, stix_in_fn fn, void *user, struct fail *f)
{
	uint32_t n_reports = 0;
	TRY(index_all(s, fn, user, f));
	for (uint32_t i = 0; i < s->n_objs; i++)
		n_reports += s->objs[i].class == CLASS_REPORT && !s->objs[i].old && !s->objs[i].used;
	s->json = jsonw_on(&s->out);
	jsonw_arr(&s->json);
	TRY(reports_write(s, n_reports, f));
	event_next(s);
	if (n_reports != 1 || s->opts.apart)
		TRY(members_loose(s, f));
	if (s->n_members)
		TRY(event_write(s, NO_OBJ, NULL, f));
	jsonw_arr_end(&s->json);
	TRY(out_flush(s, 0, f));
	count_rest(s);
	return ERR_OK;
}

/* ---- what became of objects ---- */

bool stix_in_object(const struct stix_in *s, uint32_t *i, struct stix_in_object *out)
{
	if (*i >= s->n_objs)
		return false;
	const struct stix_obj *o = &s->objs[(*i)++];
	*out = (struct stix_in_object){o->id, o->uuid, o->event, o->left_out};
	return true;
}

void stix_in_version(const struct stix_in *s, uint32_t i, char out[40])
{
	json_t *j = i && i <= s->n_objs ? stix_load(s, i - 1, NULL) : NULL;
	struct str v = stix_json_str(j, "modified");
	if (!v.n)
		v = stix_json_str(j, "created");
	out[0] = '\0';
	if (v.n >= 20 && v.n < 40 && clock_from_iso(v))
		snprintf(out, 40, "%.*s", STR_ARG(v));
	json_decref(j);
}
