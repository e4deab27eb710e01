/*
 * stix_index.c - which objects there are, and who speaks of whom. Each object is a tree once while this is
 * done, so that faults are told before anything is written.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "feeds/in/stix_impl.h"

#define NO_JSON_LOOK ((size_t)1 << 20)

static const struct {
	const char *name;
	uint8_t class;
} kinds[] = {
#define K(name, class) {name, CLASS_##class},
#include "feeds/in/stix_kinds.inc"
};

static enum stix_class class_of(struct str type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(type, kinds[i].name))
			return kinds[i].class;
	return CLASS_OTHER;
}

/* ---- small things ---- */

struct str stix_json_str(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

#define MISP_EXTENSION "extension-definition--f5c07586-2829-4bb4-bca1-6689a48b24b0"

json_t *stix_x(const json_t *j, const char *key)
{
	json_t *v = json_object_get(j, key);
	return v ? v : json_object_get(json_object_get(json_object_get(j, "extensions"), MISP_EXTENSION), key);
}

struct str stix_x_str(const json_t *j, const char *key)
{
	const json_t *v = stix_x(j, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

struct str stix_label(const json_t *j, const char *name)
{
	const json_t *labels = json_object_get(j, "labels"), *v;
	size_t i, n = strlen(name);
	json_array_foreach(labels, i, v) {
		struct str s = {json_string_value(v), json_string_length(v)};
		if (!json_is_string(v) || !str_has_prefix(s, STR("misp:")) || s.n < n + 8)
			continue;
		if (memcmp(s.p + 5, name, n) == 0 && s.p[5 + n] == '=' && s.p[6 + n] == '"' &&
		    s.p[s.n - 1] == '"')
			return str_sub(s, n + 7, s.n - n - 8);
	}
	return STR_NONE;
}

struct uuid stix_uuid_made(struct uuid of, struct str text)
{
	return uuid_v5(of, text);
}

/* The space of UUIDs that are made of ids which hold none. */
static const struct uuid made_space = {{0x9c, 0x1a, 0x60, 0x3e, 0x5b, 0x0f, 0x4d, 0x7e, 0x8a, 0x11, 0x3f,
					0x90, 0x5c, 0x2d, 0x77, 0x41}};

struct uuid stix_uuid_of(struct str id)
{
	struct uuid u;
	ptrdiff_t at = str_find(id, STR("--"));
	if (at >= 0 && uuid_parse(str_sub(id, (size_t)at + 2, id.n), &u) && !uuid_is_nil(u))
		return u;
	return uuid_v5(made_space, id);
}

struct str stix_type(const struct stix_obj *o)
{
	ptrdiff_t at = str_find(o->id, STR("--"));
	return at < 0 ? o->id : str_sub(o->id, 0, (size_t)at);
}

int64_t stix_seconds(struct str time)
{
	return time.n >= 19 ? MAX(clock_from_iso(time), 0) : 0;
}

void stix_left_out(struct stix_in *s, uint32_t i)
{
	struct str type = s->objs[i].id.n ? stix_type(&s->objs[i]) : STR("without id");
	s->counts.left_out++;
	s->objs[i].used = s->objs[i].left_out = true;
	for (uint32_t k = 0; k < s->n_left; k++)
		if (str_is(type, s->left[k].name)) {
			s->left[k].n++;
			return;
		}
	if (s->n_left == ARRAY_LEN(s->left) || type.n >= sizeof(s->left[0].name))
		return;
	memcpy(s->left[s->n_left].name, type.p, type.n);
	s->left[s->n_left++].n = 1;
}

/* ---- finding ---- */

static uint64_t hash_of(struct str id)
{
	return hash_64(id.p, id.n, 0x5712);
}

static uint32_t slot_of(const struct stix_in *s, struct str id)
{
	uint32_t mask = s->n_slots - 1, i = (uint32_t)hash_of(id) & mask;
	while (s->slots[i] && !str_eq(s->objs[s->slots[i] - 1].id, id))
		i = (i + 1) & mask;
	return i;
}

uint32_t stix_find(const struct stix_in *s, struct str id)
{
	if (!id.n || !s->n_slots)
		return NO_OBJ;
	uint32_t at = s->slots[slot_of(s, id)];
	return at ? at - 1 : NO_OBJ;
}

const struct stix_link *stix_links(const struct stix_in *s, struct str id, uint32_t *n)
{
	uint64_t h = hash_of(id);
	uint32_t lo = 0, hi = s->n_links;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->links[mid].to < h)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*n = 0; lo + *n < s->n_links && s->links[lo + *n].to == h; (*n)++)
		;
	return *n ? s->links + lo : s->links;
}

json_t *stix_load(const struct stix_in *s, uint32_t i, struct str *refs)
{
	struct str text = {s->all.p + s->objs[i].at, s->objs[i].n}, none;
	bool too_large;
	return stix_tree(text, refs ? refs : &none, &too_large, NULL);
}

/* ---- making ---- */

static bool grow(void **v, uint32_t n, uint32_t *cap, uint32_t max, size_t size)
{
	if (n < *cap)
		return true;
	uint32_t more = *cap ? *cap * 2 : 256;
	void *p = n >= max ? NULL : reallocarray(*v, more, size);
	if (!p)
		return false;
	*v = p;
	*cap = more;
	return true;
}

static enum err link_add(struct stix_in *s, struct str id, uint32_t by, enum stix_role role,
			 struct fail *f)
{
	if (!id.n)
		return ERR_OK;
	if (!grow((void **)&s->links, s->n_links, &s->cap_links, STIX_LINKS_MAX, sizeof(*s->links)))
		return fail(f, ERR_LIMIT, "more than %u references", STIX_LINKS_MAX);
	s->links[s->n_links++] = (struct stix_link){hash_of(id), by, (uint8_t)role};
	return ERR_OK;
}

static enum err each_ref(struct stix_in *s, struct str refs, uint32_t by, enum stix_role role,
			 struct fail *f)
{
	struct scan at = {refs.p, refs.p ? refs.p + refs.n : NULL};
	struct str v;
	bool end = false;
	if (!refs.p || !scan_enter(&at, '['))
		return ERR_OK;
	while (scan_next(&at, NULL, &v, &end) && !end)
		TRY(link_add(s, scan_text(v), by, role, f));
	return end ? ERR_OK : fail(f, ERR_PARSE, "a list of references is malformed");
}

static enum err authors_of(struct stix_in *s, const json_t *j, uint32_t by, struct fail *f)
{
	const json_t *list = json_object_get(j, "where_sighted_refs"), *v;
	size_t i;
	TRY(link_add(s, stix_json_str(j, "created_by_ref"), by, ROLE_AUTHOR, f));
	TRY(link_add(s, stix_x_str(j, "x_misp_author_ref"), by, ROLE_AUTHOR, f));
	json_array_foreach(list, i, v)
		TRY(link_add(s, (struct str){json_string_value(v), json_string_length(v)}, by, ROLE_AUTHOR, f));
	return ERR_OK;
}

static enum err links_of(struct stix_in *s, const json_t *j, struct str refs, uint32_t i, struct fail *f)
{
	switch (s->objs[i].class) {
	case CLASS_RELATION:
		TRY(link_add(s, stix_json_str(j, "source_ref"), i, ROLE_SOURCE, f));
		return link_add(s, stix_json_str(j, "target_ref"), i, ROLE_TARGET, f);
	case CLASS_SIGHTING:
		TRY(authors_of(s, j, i, f));
		return link_add(s, stix_json_str(j, "sighting_of_ref"), i, ROLE_SIGHTED, f);
	case CLASS_NOTE:
	case CLASS_OPINION: {
		/* before 2.1 of one thing */
		TRY(link_add(s, stix_json_str(j, "object_ref"), i, ROLE_ABOUT, f));
		TRY(authors_of(s, j, i, f));
		return each_ref(s, refs, i, ROLE_ABOUT, f);
	}
	default:
		return authors_of(s, j, i, f);
	}
}

/* The id where it stands in the text; absent: there is none that can be used. */
static struct str id_of(struct str object)
{
	struct scan at = {object.p, object.p + object.n};
	struct str key, value, id = STR_NONE;
	bool end = false;
	if (!scan_enter(&at, '{'))
		return id;
	while (scan_next(&at, &key, &value, &end) && !end)
		if (str_is(key, "\"id\""))
			id = scan_text(value);
	return id.n <= STIX_ID_MAX ? id : STR_NONE;
}

/* A vulnerability or campaign that was an attribute, or has the name of one. */
static bool is_thing(const json_t *j, struct str type)
{
	struct str name = stix_json_str(j, "name");
	if (stix_label(j, "type").n)
		return true;
	return str_is(type, "vulnerability") && !stix_label(j, "galaxy-type").n &&
	       (str_eq_nocase(str_sub(name, 0, 4), STR("CVE-")) ||
		str_eq_nocase(str_sub(name, 0, 5), STR("GCVE-")));
}

/* A fault at this place of the document. */
static enum err fault_at(const struct stix_in *s, const char *p, struct fail *f, enum err e,
			 const char *what, uint32_t nth)
{
	uint32_t line = 1, column = 1;
	for (const char *c = s->doc; c < p; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	uint64_t at = (uint64_t)(p - s->doc);
	return nth ? fail_at(f, e, line, column, at, "object %u of the list %s", nth, what)
		   : fail_at(f, e, line, column, at, "%s", what);
}

/* Where it stops being JSON: only a parser that keeps a tree tells, so of short documents only. */
static enum err no_json(const struct stix_in *s, struct str doc, struct fail *f)
{
	json_error_t e = {.position = 0};
	if (doc.n > NO_JSON_LOOK)
		return fail(f, ERR_PARSE, "not JSON, or not all of it");
	json_decref(json_loadb(doc.p, doc.n, JSON_DECODE_ANY, &e));
	return fault_at(s, doc.p + MIN((size_t)MAX(e.position, 0), doc.n), f, ERR_PARSE,
			"not JSON, or not all of it", 0);
}

static bool has_id_of(const struct stix_obj *o, struct str type)
{
	struct uuid u;
	return type.n && str_eq(stix_type(o), type) && uuid_parse(str_sub(o->id, type.n + 2, SIZE_MAX), &u);
}

static enum err object_add(struct stix_in *s, struct str text, struct fail *f)
{
	struct str refs;
	bool too_large;
	if (!grow((void **)&s->objs, s->n_objs, &s->cap_objs, STIX_OBJECTS_MAX, sizeof(*s->objs)))
		return fail(f, ERR_LIMIT, "more than %u objects", STIX_OBJECTS_MAX);
	struct stix_obj *o = &s->objs[s->n_objs];
	*o = (struct stix_obj){
		.at = (uint64_t)(text.p - s->all.p), .n = (uint32_t)text.n, .doc = s->doc_nth};
	if (text.n > UINT32_MAX || !text.n || text.p[0] != '{')
		return fault_at(s, text.p, f, ERR_PARSE, "is no object", s->n_objs + 1);
	json_t *j = stix_tree(text, &refs, &too_large, f);
	if (!j && !too_large)
		return fault_at(s, text.p, f, ERR_PARSE, "is malformed", s->n_objs + 1);
	o->id = id_of(text);
	struct str type = j ? stix_json_str(j, "type") : stix_type(o);
	if (s->opts.need_ids && !has_id_of(o, type)) {
		json_decref(j);
		return fault_at(s, text.p, f, ERR_INVAL, "has no id of its type (type--UUID)", s->n_objs + 1);
	}
	o->class = class_of(type);
	o->uuid = stix_uuid_of(o->id.n ? o->id : text);
	o->modified = stix_seconds(stix_json_str(j, "modified"));
	o->revoked = json_is_true(json_object_get(j, "revoked"));
	o->labelled = stix_label(j, "type").n || stix_label(j, "name").n || stix_label(j, "tool").n;
	if (o->class == CLASS_CLUSTER && is_thing(j, type))
		o->class = CLASS_THING;
	s->n_objs++;
	s->counts.objects++;
	enum err e = ERR_OK;
	if (too_large)
		stix_left_out(s, s->n_objs - 1);
	else
		e = links_of(s, j, refs, s->n_objs - 1, f);
	json_decref(j);
	return e;
}

static enum err objects_add(struct stix_in *s, struct str list, struct fail *f)
{
	struct scan at = {list.p, list.p + list.n};
	struct str v;
	bool end = false, first = true;
	if (!scan_enter(&at, '['))
		return fail(f, ERR_PARSE, "\"objects\" is no list");
	for (;; first = false) {
		bool comma = at.p < at.end && *at.p == ',';
		if (!scan_next(&at, NULL, &v, &end) || (!end && comma == first))
			return fail(f, ERR_PARSE, "the list of objects is malformed");
		if (end)
			return ERR_OK;
		TRY(object_add(s, v, f));
		while (at.p < at.end && strchr(" \t\r\n", *at.p) && *at.p)
			at.p++;
	}
}

/* A bundle or envelope; anything else with a type is an object by itself. */
static enum err document_add(struct stix_in *s, struct str doc, struct fail *f)
{
	struct scan at = {doc.p, doc.p + doc.n}, in;
	struct str whole, key = STR_NONE, value, objects = STR_NONE, type = STR_NONE, id = STR_NONE;
	bool end = false;
	s->doc = doc.p;
	if (!scan_value(&at, &whole) || !scan_is_end(&at))
		return no_json(s, doc, f);
	if (whole.p[0] == '[')
		return objects_add(s, whole, f);
	in = (struct scan){whole.p, whole.p + whole.n};
	if (!scan_enter(&in, '{'))
		return fail(f, ERR_PARSE, "no STIX bundle");
	while (scan_next(&in, &key, &value, &end) && !end) {
		if (str_is(key, "\"objects\""))
			objects = value;
		else if (str_is(key, "\"type\""))
			type = scan_text(value);
		else if (str_is(key, "\"id\""))
			id = scan_text(value);
	}
	if (!end)
		return fail(f, ERR_PARSE, "the bundle is malformed");
	if (type.n && !str_is(type, "bundle"))
		return object_add(s, whole, f);
	if (id.n && !s->bundle_id.n && id.n <= STIX_ID_MAX)
		s->bundle_id = id;
	if (!objects.p) /* an empty bundle or page; what is neither is not taken for one */
		return type.n || !key.p || str_find(whole, STR("\"more\"")) >= 0
			       ? ERR_OK
			       : fail(f, ERR_PARSE, "no STIX bundle: neither \"type\" nor \"objects\"");
	return objects_add(s, objects, f);
}

static int by_target(const void *a, const void *b)
{
	const struct stix_link *x = a, *y = b;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->by != y->by)
		return x->by < y->by ? -1 : 1;
	return (int)x->role - (int)y->role;
}

/* Of objects with one id the newest counts, of equals the last. */
static enum err slots_make(struct stix_in *s, struct fail *f)
{
	uint32_t n = 64;
	while (n < s->n_objs * 2)
		n *= 2;
	s->slots = calloc(n, sizeof(*s->slots));
	if (!s->slots)
		return fail(f, ERR_NOMEM, "no memory");
	s->n_slots = n;
	for (uint32_t i = 0; i < s->n_objs; i++) {
		struct stix_obj *o = &s->objs[i], *other;
		if (!o->id.n)
			continue;
		uint32_t at = slot_of(s, o->id);
		other = s->slots[at] ? &s->objs[s->slots[at] - 1] : NULL;
		if (other && other->modified > o->modified) {
			o->old = true;
		} else {
			if (other)
				other->old = true;
			s->slots[at] = i + 1;
		}
		s->counts.older += other != NULL;
		s->counts.objects -= other != NULL;
	}
	return ERR_OK;
}

/* Observables that others describe: by name in members that end in _ref and _refs. */
static void embed(struct stix_in *s, const json_t *j)
{
	const char *key;
	json_t *v, *e;
	size_t i;
	json_object_foreach((json_t *)j, key, v) {
		struct str k = str_c(key);
		uint32_t at = NO_OBJ;
		if (json_is_object(v) || (json_is_array(v) && !str_has_suffix(k, STR("_refs")))) {
			if (json_is_object(v))
				embed(s, v);
			json_array_foreach(v, i, e)
				if (json_is_object(e))
					embed(s, e);
			continue;
		}
		if (json_is_string(v) && str_has_suffix(k, STR("_ref")))
			at = stix_find(s, (struct str){json_string_value(v), json_string_length(v)});
		if (at != NO_OBJ && s->objs[at].class == CLASS_SCO)
			s->objs[at].embedded = s->objs[at].nested = true;
		if (json_is_array(v))
			json_array_foreach(v, i, e) {
				at = stix_find(s, (struct str){json_string_value(e), json_string_length(e)});
				if (at != NO_OBJ && s->objs[at].class == CLASS_SCO)
					s->objs[at].embedded = s->objs[at].nested = true;
			}
	}
}

static void embed_all(struct stix_in *s)
{
	for (uint32_t i = 0; i < s->n_objs; i++) {
		struct stix_obj *o = &s->objs[i];
		if (o->old || (o->class != CLASS_SCO && o->class != CLASS_OBSERVED))
			continue;
		struct str refs, v;
		json_t *j = stix_load(s, i, &refs);
		struct scan at = {refs.p, refs.p ? refs.p + refs.n : NULL};
		bool end = false;
		if (o->class == CLASS_SCO)
			embed(s, j);
		else if (refs.p && scan_enter(&at, '['))
			while (scan_next(&at, NULL, &v, &end) && !end) {
				uint32_t k = stix_find(s, scan_text(v));
				if (k != NO_OBJ && s->objs[k].class == CLASS_SCO)
					s->objs[k].embedded = true;
			}
		json_decref(j);
	}
}

enum err stix_index(struct stix_in *s, struct fail *f)
{
	TRY(spill_all(&s->text, &s->all, f));
	for (uint32_t i = 0; i < s->n_docs; i++) {
		struct str doc = {s->all.p + s->docs[i].at, (size_t)(s->docs[i].end - s->docs[i].at)};
		s->doc_nth = i;
		TRY(document_add(s, doc, f));
	}
	TRY(slots_make(s, f));
	if (s->n_links)
		qsort(s->links, s->n_links, sizeof(*s->links), by_target);
	embed_all(s);
	return ERR_OK;
}
