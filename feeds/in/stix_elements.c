/*
 * stix_elements.c - indicators, observed data, observables and MISP's own types as attributes and objects.
 * A value that does not fit its type becomes text, and what cannot be read is kept as it is: the receiver
 * would refuse it.
 */
#include "feeds/in/stix_impl.h"
#include "model/validate.h"

static const struct object_template {
	const char *name, *meta, *uuid, *version;
} object_templates[] = {
	{"file", "file", "688c46fb-5edb-40a3-8273-1af7923e2215", "25"},
	{"domain-ip", "network", "43b3b146-77eb-4931-b4cc-b66c60f28734", "11"},
	{"network-connection", "network", "af16764b-f8e5-4603-9de1-de34d272f80b", "7"},
	{"email", "network", "a0c666e0-fc65-4be8-b48f-3423d788b552", "19"},
	{"process", "misc", "02aeef94-ac23-455c-addb-731757ceafb5", "10"},
	{"registry-key", "file", "8b3228ad-6d82-4fe6-b2ae-05426308f1d5", "5"},
	{"url", "network", "60efb77b-40b5-4c46-871b-ed1ed999fce5", "10"},
	{"user-account", "misc", "49606b06-22f0-4ac8-8eee-2f12ad46f3d3", "6"},
	{"x509", "network", "d1ab756a-26b5-4349-9f43-765630f0911c", "14"},
	{"asn", "network", "4ec55cc6-9e49-4c64-b794-03c25c1a6587", "6"},
	{"http-request", "network", "b4a8d163-8110-4239-bfcf-e08f3a9fdf7b", "4"},
	{"mutex", "misc", "9f5c1a68-2021-4faa-b409-61c899c86466", "1"},
	{"directory", "file", "23ac6a02-1017-4ea6-a4df-148ed563988d", "1"},
	{"software", "misc", "b1b5dc0e-73fe-443c-8d9d-0e208de3951e", "1"},
};

/* What all that is made of one STIX object has in common. */
struct source {
	uint32_t i;
	const json_t *j;
	struct str comment, first_seen, last_seen;
	bool to_ids, deleted, no_correlation;
	int64_t timestamp;
	uint32_t made; /* attributes and objects so far */
};

struct uuid stix_element_uuid(const struct stix_in *s, uint32_t i)
{
	const struct stix_obj *o = &s->objs[i];
	if (o->event != s->event || o->class == CLASS_SCO || o->class == CLASS_IDENTITY)
		return stix_uuid_made(s->event_uuid, o->id);
	return o->uuid;
}

/* ---- attributes ---- */

#define VALUE_MAX 65535u

/* Would the receiver take it? */
static bool fits(struct stix_in *s, struct str type, struct str value)
{
	struct str out, one, two;
	struct attr_problem problem = {0};
	enum attr_type t = type_find(type);
	return t && value.n && value.n <= VALUE_MAX &&
	       attr_normalise_validate(s->a, t, value, false, &out, &one, &two, &problem) == ERR_OK;
}

void stix_attr_open(struct stix_in *s, struct jsonw *w, const struct stix_attr *a)
{
	bool ok = fits(s, a->type, a->value);
	struct str category = a->category, value = a->value;
	if (!str_trim(value).n)
		value = STR("(empty)"); /* nothing would be refused */
	while (value.n > VALUE_MAX || (value.n >= VALUE_MAX - 3 && !str_utf8_ok(value)))
		value = str_sub(value, 0, MIN(value.n - 1, (size_t)VALUE_MAX));
	enum attr_type t = ok ? type_find(a->type) : ATTR_TEXT;
	if (!type_fits_category(t, category_find(category)))
		category = category_name(type_get(t)->category);
	s->counts.as_text += !ok;
	s->counts.attributes++;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", a->uuid);
	JSONW_KV(w, jsonw_str, "type", type_name(t));
	JSONW_KV(w, jsonw_str, "category", category);
	JSONW_KV(w, jsonw_str, "value", value);
	JSONW_KV(w, jsonw_bool, "to_ids", ok && (a->has_ids ? a->to_ids : type_get(t)->to_ids));
	if (a->relation.n)
		JSONW_KV(w, jsonw_str, "object_relation", a->relation);
	JSONW_KV(w, jsonw_str, "comment", a->comment.p ? a->comment : STR(""));
	if (a->timestamp)
		JSONW_KV(w, jsonw_int_str, "timestamp", a->timestamp);
	if (a->deleted)
		JSONW_KV(w, jsonw_bool, "deleted", true);
	if (a->no_correlation)
		JSONW_KV(w, jsonw_bool, "disable_correlation", true);
	if (a->first_seen.n)
		JSONW_KV(w, jsonw_str, "first_seen", a->first_seen);
	if (a->last_seen.n)
		JSONW_KV(w, jsonw_str, "last_seen", a->last_seen);
	if (a->data.n)
		JSONW_KV(w, jsonw_str, "data", a->data);
	JSONW_KV(w, jsonw_c, "distribution", "5");
}

static struct stix_attr attr_of(const struct source *src, struct uuid uuid, struct str type, struct str value)
{
	return (struct stix_attr){.uuid = uuid,
				  .type = type,
				  .value = value,
				  .comment = src->comment,
				  .first_seen = src->first_seen,
				  .last_seen = src->last_seen,
				  .has_ids = true,
				  .to_ids = src->to_ids,
				  .deleted = src->deleted,
				  .no_correlation = src->no_correlation,
				  .timestamp = src->timestamp};
}

/* The first thing made of an object bears its UUID, and what is said of it. */
static struct uuid uuid_next(struct stix_in *s, struct source *src, struct str what)
{
	struct uuid u = stix_element_uuid(s, src->i);
	return src->made++ ? stix_uuid_made(u, what) : u;
}

static void attr_write(struct stix_in *s, struct source *src, struct stix_attr *a)
{
	bool first = uuid_eq(a->uuid, stix_element_uuid(s, src->i));
	struct jsonw *w = &s->json;
	stix_attr_open(s, w, a);
	stix_tags(s, w, src->i, src->j, false);
	if (first) {
		s->objs[src->i].attribute = true;
		stix_sightings(s, w, src->i);
		stix_said(s, w, src->i, a->uuid, ABOUT_ATTRIBUTE);
	}
	jsonw_obj_end(w);
}

static void attr_plain(struct stix_in *s, struct source *src, struct str type, struct str value)
{
	struct stix_attr a = attr_of(src, uuid_next(s, src, value), type, value);
	attr_write(s, src, &a);
}

/* ---- kept as it is ---- */

static void keep_text(struct stix_in *s, struct source *src, struct str what)
{
	const struct stix_obj *o = &s->objs[src->i];
	struct str text = {s->all.p + o->at, o->n};
	if (text.n > VALUE_MAX) {
		if (!src->made)
			stix_left_out(s, src->i);
		return;
	}
	struct stix_attr a = attr_of(src, uuid_next(s, src, text), STR("text"), text);
	a.category = STR("Other");
	a.to_ids = false;
	a.comment = what;
	s->counts.as_text++;
	attr_write(s, src, &a);
}

static void keep_pattern(struct stix_in *s, struct source *src, struct str pattern)
{
	if (!fits(s, STR("stix2-pattern"), pattern)) {
		keep_text(s, src, STR("STIX indicator"));
		return;
	}
	s->counts.as_patterns++;
	attr_plain(s, src, STR("stix2-pattern"), pattern);
}

/* ---- objects ---- */

static const struct object_template *template_of(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(object_templates); i++)
		if (str_is(name, object_templates[i].name))
			return &object_templates[i];
	return NULL;
}

struct str stix_template_uuid(struct str name, char text[UUID_TEXT_LEN + 1])
{
	static const struct uuid unnamed = {{0x6e, 0x1b, 0x0a, 0x52, 0x44, 0x0c, 0x4b, 0x57, 0x9e, 0x20, 0x5a,
					     0x61, 0x90, 0x3c, 0x1d, 0x08}};
	const struct object_template *t = template_of(name);
	return str_c(t ? t->uuid : uuid_format(uuid_v5(unnamed, name), text));
}

struct str stix_template_version(struct str name)
{
	const struct object_template *t = template_of(name);
	return str_c(t ? t->version : "1");
}

struct str stix_template_meta(struct str name)
{
	const struct object_template *t = template_of(name);
	return str_c(t ? t->meta : "misc");
}

static struct str or_else(struct str a, struct str b)
{
	return a.n ? a : b;
}

/* Up to its attributes. */
static void object_open(struct stix_in *s, const struct source *src, struct uuid uuid, struct str name)
{
	const struct object_template *t = template_of(name);
	const json_t *j = src->j;
	struct jsonw *w = &s->objects;
	char text[UUID_TEXT_LEN + 1];
	s->counts.misp_objects++;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", uuid);
	JSONW_KV(w, jsonw_str, "name", name);
	struct str meta = or_else(stix_x_str(j, "x_misp_meta_category"), stix_label(j, "meta-category"));
	JSONW_KV(w, jsonw_str, "meta-category", meta.n ? meta : str_c(t ? t->meta : "misc"));
	JSONW_KV(w, jsonw_str, "description", or_else(stix_x_str(j, "x_misp_description"), STR("")));
	struct str template = stix_x_str(j, "x_misp_template_uuid");
	if (!template.n)
		template = stix_template_uuid(name, text);
	JSONW_KV(w, jsonw_str, "template_uuid", template);
	JSONW_KV(w, jsonw_str, "template_version",
		 or_else(stix_x_str(j, "x_misp_template_version"), str_c(t ? t->version : "1")));
	struct str comment = or_else(stix_x_str(j, "x_misp_comment"), src->comment);
	JSONW_KV(w, jsonw_str, "comment", comment.p ? comment : STR(""));
	if (src->timestamp)
		JSONW_KV(w, jsonw_int_str, "timestamp", src->timestamp);
	if (src->deleted)
		JSONW_KV(w, jsonw_bool, "deleted", true);
	if (src->first_seen.n)
		JSONW_KV(w, jsonw_str, "first_seen", src->first_seen);
	if (src->last_seen.n)
		JSONW_KV(w, jsonw_str, "last_seen", src->last_seen);
	JSONW_KV(w, jsonw_c, "distribution", "5");
	jsonw_key(w, "Attribute");
	jsonw_arr(w);
}

static void object_close(struct stix_in *s, const struct source *src, struct uuid uuid)
{
	jsonw_arr_end(&s->objects);
	if (uuid_eq(uuid, stix_element_uuid(s, src->i)))
		stix_said(s, &s->objects, src->i, uuid, ABOUT_OBJECT);
	jsonw_obj_end(&s->objects);
}

/* One attribute as our export writes it: MISP's members, nothing else. */
static void member_copy(struct stix_in *s, const struct source *src, const json_t *m, struct uuid object,
			size_t n)
{
	struct uuid u;
	struct stix_attr a = {.type = stix_json_str(m, "type"),
			      .category = stix_json_str(m, "category"),
			      .value = stix_json_str(m, "value"),
			      .comment = stix_json_str(m, "comment"),
			      .relation = stix_json_str(m, "object_relation"),
			      .data = stix_json_str(m, "data"),
			      .first_seen = stix_json_str(m, "first_seen"),
			      .last_seen = stix_json_str(m, "last_seen"),
			      .has_ids = json_is_boolean(json_object_get(m, "to_ids")),
			      .to_ids = json_is_true(json_object_get(m, "to_ids")),
			      .deleted = json_is_true(json_object_get(m, "deleted")),
			      .no_correlation = json_is_true(json_object_get(m, "disable_correlation"))};
	struct str time = stix_json_str(m, "timestamp");
	uint64_t at = 0;
	bool own = s->objs[src->i].event == s->event && uuid_parse(stix_json_str(m, "uuid"), &u) && !uuid_is_nil(u);
	a.uuid = own ? u
		     : stix_uuid_made(object, arena_printf(s->a, "%zu %.*s=%.*s", n, STR_ARG(a.relation),
							   STR_ARG(a.value)));
	a.timestamp = str_u64(time, &at) && at < INT32_MAX * UINT64_C(64) ? (int64_t)at
		      : json_is_integer(json_object_get(m, "timestamp"))
			      ? json_integer_value(json_object_get(m, "timestamp"))
			      : src->timestamp;
	if (!a.value.n)
		return;
	stix_attr_open(s, &s->objects, &a);
	const json_t *tags = json_object_get(m, "Tag"), *t;
	size_t k;
	if (json_array_size(tags)) {
		jsonw_key(&s->objects, "Tag");
		jsonw_arr(&s->objects);
		json_array_foreach(tags, k, t) {
			if (!stix_json_str(t, "name").n)
				continue;
			jsonw_obj(&s->objects);
			JSONW_KV(&s->objects, jsonw_str, "name", stix_json_str(t, "name"));
			jsonw_obj_end(&s->objects);
		}
		jsonw_arr_end(&s->objects);
	}
	if (n == 0)
		stix_sightings(s, &s->objects, src->i);
	jsonw_obj_end(&s->objects);
}

static void object_copy(struct stix_in *s, struct source *src, const json_t *members, struct str name)
{
	struct uuid u = uuid_next(s, src, STR("object"));
	const json_t *m;
	size_t n;
	object_open(s, src, u, name);
	json_array_foreach(members, n, m)
		member_copy(s, src, m, u, n);
	object_close(s, src, u);
}

/* network-traffic:protocols lists them from the outside in. */
static struct str protocol_relation(struct str v)
{
	static const char *const layers[][2] = {
		{"ipv4", "layer3-protocol"}, {"ipv6", "layer3-protocol"}, {"icmp", "layer3-protocol"},
		{"arp", "layer3-protocol"},  {"tcp", "layer4-protocol"},  {"udp", "layer4-protocol"},
		{"sctp", "layer4-protocol"}};
	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		if (str_is(v, layers[i][0]))
			return str_c(layers[i][1]);
	return STR("layer7-protocol");
}

/* An object of comparisons. `relation` of those that none is known for is their path. */
static void object_made(struct stix_in *s, struct source *src, const struct stix_comps *c, struct str name,
			bool labelled)
{
	struct uuid u = uuid_next(s, src, c->n ? c->v[0].value : name);
	bool sighted = false;
	object_open(s, src, u, name);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct stix_comp *v = &c->v[i];
		const struct stix_path_row *row = stix_path_row(v->path, (const char *)arena_str(s->a, name).p);
		struct str relation = labelled ? stix_relation_of(s->a, name, v->path) : STR_NONE;
		if (!v->value.n || stix_path_ignored(v->path))
			continue;
		if (!relation.n && row)
			relation = str_c(row->relation);
		if (row && strcmp(row->relation, "layer4-protocol") == 0)
			relation = protocol_relation(v->value);
		if (!relation.n)
			relation = str_sub(v->path, (size_t)MAX(str_chr(v->path, ':'), -1) + 1, v->path.n);
		struct str type = labelled ? stix_type_inside(name, relation)
				  : row	   ? str_c(row->inside)
					   : STR("text");
		struct stix_attr a = attr_of(src, stix_uuid_made(u, arena_printf(s->a, "%.*s=%.*s", STR_ARG(relation),
										 STR_ARG(v->value))),
					     type, v->value);
		a.relation = relation;
		a.comment = STR_NONE;
		a.first_seen = a.last_seen = STR_NONE;
		a.to_ids &= type_find(type) && type_get(type_find(type))->to_ids;
		stix_attr_open(s, &s->objects, &a);
		stix_tags(s, &s->objects, src->i, src->j, false);
		if (!sighted && src->made == 1)
			stix_sightings(s, &s->objects, src->i);
		sighted = true;
		jsonw_obj_end(&s->objects);
	}
	object_close(s, src, u);
}

/* ---- comparisons ---- */

static uint32_t drop_ignored(struct stix_comps *c)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < c->n; i++)
		if (!stix_path_ignored(c->v[i].path))
			c->v[n++] = c->v[i];
	return c->n = n;
}

/* The MISP object that has all of them; NULL: none has. */
static const char *common_object(const struct stix_comps *c)
{
	for (uint32_t k = 0; k < c->n; k++) {
		const struct stix_path_row *row = stix_path_row(c->v[k].path, NULL);
		bool all = row && row->object[0];
		for (uint32_t i = 0; i < c->n && all; i++)
			all = stix_path_row(c->v[i].path, row->object) != NULL;
		if (all)
			return row->object;
	}
	return NULL;
}

static bool all_alone(const struct stix_comps *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct stix_path_row *row = stix_path_row(c->v[i].path, NULL);
		if (!row || !row->type[0])
			return false;
	}
	return c->n != 0;
}

/* False: it says what attributes cannot. */
static bool pattern_made(struct stix_in *s, struct source *src, struct stix_comps *c)
{
	if (c->join == JOIN_MIXED || !drop_ignored(c))
		return false;
	const char *object = common_object(c);
	bool one_file = object && strcmp(object, "file") == 0;
	if (all_alone(c) && (c->n == 1 || (c->join == JOIN_OR && !one_file))) {
		for (uint32_t i = 0; i < c->n; i++)
			attr_plain(s, src, str_c(stix_path_row(c->v[i].path, NULL)->type), c->v[i].value);
		return true;
	}
	if (!object || (c->join == JOIN_OR && !one_file))
		return false;
	object_made(s, src, c, str_c(object), false);
	return true;
}

static void sco_made(struct stix_in *s, struct source *src, struct stix_comps *c, const json_t *sco)
{
	struct str data = stix_json_str(sco, "payload_bin"), name = stix_json_str(sco, "type");
	if (data.n) {
		struct stix_attr a = attr_of(src, uuid_next(s, src, data), STR("attachment"),
					     or_else(stix_json_str(sco, "id"), STR("artifact")));
		a.data = data;
		attr_write(s, src, &a);
		return;
	}
	const struct stix_path_row *row = NULL;
	if (!drop_ignored(c))
		return;
	for (uint32_t i = 0; i < c->n && !row; i++)
		row = stix_path_row(c->v[i].path, NULL);
	if (c->n == 1 && row && row->type[0])
		attr_plain(s, src, str_c(row->type), c->v[0].value);
	else
		object_made(s, src, c, row && row->object[0] ? str_c(row->object) : name, false);
}

/* ---- the kinds ---- */

static struct source source_of(struct stix_in *s, uint32_t i, const json_t *j)
{
	const struct stix_obj *o = &s->objs[i];
	struct source src = {.i = i,
			     .j = j,
			     .timestamp = o->modified ? o->modified : s->event_time,
			     .deleted = json_is_true(json_object_get(j, "revoked")),
			     .no_correlation = json_is_true(stix_x(j, "x_misp_disable_correlation")),
			     .comment = or_else(stix_x_str(j, "x_misp_comment"), stix_json_str(j, "description")),
			     .first_seen = stix_x_str(j, "x_misp_first_seen"),
			     .last_seen = stix_x_str(j, "x_misp_last_seen")};
	if (!src.comment.n && !o->labelled)
		src.comment = stix_json_str(j, "name");
	return src;
}

/* Times that STIX asks for, where they say more than when the object was changed. */
static void seen(struct source *src, const struct stix_obj *o, const char *first, const char *last)
{
	struct str a = stix_json_str(src->j, first), b = stix_json_str(src->j, last);
	if (src->first_seen.n || src->last_seen.n)
		return;
	if (!o->labelled || (stix_seconds(a) != o->modified &&
			     stix_seconds(a) != stix_seconds(stix_json_str(src->j, "created"))))
		src->first_seen = a;
	if (!o->labelled || stix_seconds(b) != stix_seconds(a))
		src->last_seen = b;
}

/* Of what MISP exported: type and category are told. */
static bool labelled_attr(struct stix_in *s, struct source *src, struct str value)
{
	struct str type = stix_label(src->j, "type");
	if (!value.n || !fits(s, type, value))
		return false;
	struct stix_attr a = attr_of(src, uuid_next(s, src, value), type, value);
	a.category = stix_label(src->j, "category");
	a.to_ids = str_eq_nocase(stix_label(src->j, "to_ids"), STR("True"));
	a.data = stix_x_str(src->j, "x_misp_data");
	attr_write(s, src, &a);
	return true;
}

static void indicator(struct stix_in *s, uint32_t i, const json_t *j)
{
	struct source src = source_of(s, i, j);
	struct str pattern = stix_json_str(j, "pattern"), language = stix_json_str(j, "pattern_type"), value;
	struct str type = stix_label(j, "type"), name = stix_label(j, "name");
	const json_t *members = stix_x(j, "x_misp_attributes");
	struct stix_comps c;
	src.to_ids = true;
	seen(&src, &s->objs[i], "valid_from", "valid_until");
	if (json_is_array(members) && name.n) {
		object_copy(s, &src, members, name);
		return;
	}
	bool stix = !language.n || str_is(language, "stix");
	if (!stix && type_find(type.n ? type : language)) {
		if (!labelled_attr(s, &src, pattern))
			attr_plain(s, &src, language, pattern);
		return;
	}
	bool read = stix && stix_pattern(s->a, pattern, &c);
	if (read && type.n && stix_value_of(s->a, type_find(type), &c, &value) && labelled_attr(s, &src, value))
		return;
	if (read && name.n && c.join <= JOIN_AND && drop_ignored(&c)) {
		object_made(s, &src, &c, name, true);
		return;
	}
	if (read && pattern_made(s, &src, &c))
		return;
	if (stix)
		keep_pattern(s, &src, pattern);
	else
		keep_text(s, &src, STR("STIX indicator in another language"));
}

/* Does another observable of the same observed data (2.0) describe it? */
static bool is_nested(const json_t *objects, const char *name)
{
	const char *key, *member;
	json_t *o, *v, *e;
	size_t i;
	json_object_foreach((json_t *)objects, key, o)
		json_object_foreach(o, member, v) {
			struct str m = str_c(member);
			if (str_has_suffix(m, STR("_ref")) && json_is_string(v) &&
			    strcmp(json_string_value(v), name) == 0)
				return true;
			if (str_has_suffix(m, STR("_refs")))
				json_array_foreach(v, i, e)
					if (json_is_string(e) && strcmp(json_string_value(e), name) == 0)
						return true;
		}
	return false;
}

/* Those that observed data names: each that no other describes by itself, or (`all`) all into one list. */
static void observables(struct stix_in *s, struct source *src, struct str refs, struct stix_comps *all,
			bool nested_too)
{
	const json_t *local = json_object_get(src->j, "objects");
	struct scan at = {refs.p, refs.p ? refs.p + refs.n : NULL};
	struct str v;
	const char *key = NULL;
	bool end = false, in = refs.p && scan_enter(&at, '[');
	void *it = json_object_iter((json_t *)local);
	while (in ? scan_next(&at, NULL, &v, &end) && !end : it != NULL) {
		uint32_t k = in ? stix_find(s, scan_text(v)) : NO_OBJ;
		json_t *sco = NULL;
		bool nested = false;
		if (in && k != NO_OBJ) {
			sco = stix_load(s, k, NULL);
			nested = s->objs[k].nested;
			s->objs[k].used = true;
		} else if (!in) {
			key = json_object_iter_key(it);
			sco = json_incref(json_object_iter_value(it));
			nested = json_object_size(local) <= 1000 && is_nested(local, key);
			it = json_object_iter_next((json_t *)local, it);
		}
		struct arena_mark m = arena_mark(s->a);
		struct stix_comps c = {.v = all ? NULL : ARENA_ARRAY(s->a, struct stix_comp, STIX_COMPS_MAX)};
		struct stix_scos x = {.s = s, .local = local, .a = s->a, .out = all ? all : &c};
		if (sco && (all || ((nested_too || !nested) && c.v))) {
			stix_flatten(&x, sco);
			if (!all)
				sco_made(s, src, &c, sco);
			if (!all)
				arena_rewind(s->a, m);
		}
		stix_scos_free(&x);
		json_decref(sco);
	}
}

static void observed(struct stix_in *s, uint32_t i, const json_t *j, struct str refs)
{
	struct source src = source_of(s, i, j);
	struct str type = stix_label(j, "type"), name = stix_label(j, "name"), value;
	const json_t *members = stix_x(j, "x_misp_attributes");
	seen(&src, &s->objs[i], "first_observed", "last_observed");
	if (json_is_array(members) && name.n) {
		object_copy(s, &src, members, name);
		return;
	}
	if (type.n || name.n) {
		struct stix_comps c = {.v = ARENA_ARRAY(s->a, struct stix_comp, STIX_COMPS_MAX)};
		if (c.v)
			observables(s, &src, refs, &c, true);
		c.join = JOIN_AND;
		if (type.n && stix_value_of(s->a, type_find(type), &c, &value) && labelled_attr(s, &src, value))
			return;
		if (name.n && drop_ignored(&c)) {
			object_made(s, &src, &c, name, true);
			return;
		}
	}
	observables(s, &src, refs, NULL, false);
	if (!src.made)
		observables(s, &src, refs, NULL, true);
	if (!src.made)
		keep_text(s, &src, STR("STIX observed data"));
}

static void own_attribute(struct stix_in *s, uint32_t i, const json_t *j)
{
	struct source src = source_of(s, i, j);
	struct str type = stix_json_str(j, "x_misp_type"), value = stix_json_str(j, "x_misp_value");
	struct stix_attr a = attr_of(&src, uuid_next(s, &src, value), type, value);
	a.category = stix_json_str(j, "x_misp_category");
	a.to_ids = json_is_true(json_object_get(j, "x_misp_to_ids")) ||
		   str_eq_nocase(stix_label(j, "to_ids"), STR("True"));
	a.data = stix_json_str(j, "x_misp_data");
	attr_write(s, &src, &a);
}

/* Vulnerabilities and campaigns are attributes where MISP's labels say so, or a CVE is their name. */
static void thing(struct stix_in *s, uint32_t i, const json_t *j)
{
	struct source src = source_of(s, i, j);
	struct str name = stix_json_str(j, "name");
	if (stix_label(j, "type").n && labelled_attr(s, &src, name))
		return;
	if (str_is(stix_type(&s->objs[i]), "vulnerability"))
		attr_plain(s, &src, STR("vulnerability"), name);
}

static void identity(struct stix_in *s, uint32_t i, const json_t *j)
{
	struct source src = source_of(s, i, j);
	struct str name = stix_json_str(j, "name"), class = stix_json_str(j, "identity_class");
	src.comment = arena_printf(s->a, "STIX identity%s%.*s", class.n ? ": " : "", STR_ARG(class));
	attr_plain(s, &src, STR("text"), name.n ? name : STR("(no name)"));
}

void stix_element(struct stix_in *s, uint32_t i)
{
	struct stix_obj *o = &s->objs[i];
	struct str refs;
	json_t *j = stix_load(s, i, &refs);
	struct source src;
	o->used = true;
	if (!j)
		return;
	switch (o->class) {
	case CLASS_INDICATOR:
		indicator(s, i, j);
		break;
	case CLASS_OBSERVED:
		observed(s, i, j, refs);
		break;
	case CLASS_X_ATTRIBUTE:
		own_attribute(s, i, j);
		break;
	case CLASS_X_OBJECT:
		src = source_of(s, i, j);
		object_copy(s, &src, json_object_get(j, "x_misp_attributes"), stix_json_str(j, "x_misp_name"));
		break;
	case CLASS_THING:
		thing(s, i, j);
		break;
	case CLASS_IDENTITY:
		identity(s, i, j);
		break;
	case CLASS_SCO: {
		struct stix_comps c = {.v = ARENA_ARRAY(s->a, struct stix_comp, STIX_COMPS_MAX)};
		struct stix_scos x = {.s = s, .a = s->a, .out = &c};
		src = source_of(s, i, j);
		src.comment = STR_NONE;
		if (c.v)
			stix_flatten(&x, j);
		if (c.v)
			sco_made(s, &src, &c, j);
		stix_scos_free(&x);
		if (!src.made)
			keep_text(s, &src, STR("STIX observable"));
		break;
	}
	default:
		src = source_of(s, i, j);
		keep_text(s, &src, STR("STIX object"));
		break;
	}
	json_decref(j);
}
