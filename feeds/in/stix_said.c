/*
 * stix_said.c - what others say of an object: labels, markings and clusters as tags; sightings, notes, opinions
 * and relationships. What was written is marked as used, so that the rest can be told.
 */
#include <stdio.h>

#include "feeds/in/stix_impl.h"

#define TAGS_MAX 512u

struct tags {
	struct str v[TAGS_MAX];
	uint32_t n;
};

static void tag_add(struct tags *t, struct str name)
{
	if (!name.n || name.n > 4096 || t->n == TAGS_MAX)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i], name))
			return;
	t->v[t->n++] = name;
}

static struct str text_of(const json_t *v)
{
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* ---- labels and markings ---- */

/* Labels by which MISP tells what an object is: not tags. */
static bool is_own_label(struct str s)
{
	static const char *const own[] = {"misp:type=",	       "misp:category=",    "misp:to_ids=",
					  "misp:name=",	       "misp:meta-category=", "misp:tool=",
					  "misp:galaxy-name=", "misp:galaxy-type=", "misp:context-layer=",
					  "misp:data-layer="};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (str_has_prefix(s, str_c(own[i])))
			return true;
	return str_is(s, "Threat-Report") || str_is(s, "misp:object-relation");
}

static const struct {
	const char *id, *tag;
} known_marks[] = {
	{"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "tlp:white"},
	{"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "tlp:green"},
	{"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "tlp:amber"},
	{"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "tlp:red"},
	{"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "tlp:clear"},
	{"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "tlp:green"},
	{"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "tlp:amber"},
	{"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "tlp:amber+strict"},
	{"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "tlp:red"},
};

static struct str lower(struct arena *a, struct str s)
{
	struct str out = arena_str(a, s);
	for (char *p = (char *)out.p; p && *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	return out;
}

/* A marking that cannot be read is a tag all the same: it must not be as if there were none. */
static void mark_add(struct stix_in *s, struct tags *t, struct str id)
{
	uint32_t i = stix_find(s, id);
	if (!id.n)
		return;
	for (size_t k = 0; k < ARRAY_LEN(known_marks); k++)
		if (str_is(id, known_marks[k].id)) {
			tag_add(t, str_c(known_marks[k].tag));
			return;
		}
	json_t *j = i == NO_OBJ ? NULL : stix_load(s, i, NULL), *e;
	const json_t *d = json_object_get(j, "definition");
	struct str tlp = stix_json_str(d, "tlp"), statement = stix_json_str(d, "statement");
	struct str name = stix_json_str(j, "name");
	const char *key;
	json_object_foreach(json_object_get(j, "extensions"), key, e)
		if (stix_json_str(e, "tlp_2_0").n)
			tlp = stix_json_str(e, "tlp_2_0");
	if (tlp.n)
		tag_add(t, lower(s->a, arena_printf(s->a, "tlp:%.*s", STR_ARG(tlp))));
	else if (str_has_prefix(name, STR("TLP:")))
		tag_add(t, lower(s->a, name));
	else if (statement.n)
		tag_add(t, arena_printf(s->a, "statement:%.*s", STR_ARG(statement)));
	else
		tag_add(t, arena_printf(s->a, "stix:marking=\"%.*s\"", STR_ARG(name.n ? name : id)));
	json_decref(j);
}

static void marks(struct stix_in *s, struct tags *t, const json_t *j)
{
	const json_t *v, *list = json_object_get(j, "object_marking_refs");
	size_t i;
	json_array_foreach(list, i, v)
		mark_add(s, t, text_of(v));
	list = json_object_get(j, "granular_markings");
	json_array_foreach(list, i, v)
		mark_add(s, t, stix_json_str(v, "marking_ref"));
}

/* In steps, as MISP's taxonomy has them. */
static void confidence(struct tags *t, const json_t *j)
{
	const json_t *v = json_object_get(j, "confidence");
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0 || n > 100)
		return;
	tag_add(t, n == 100 ? STR("misp:confidence-level=\"completely-confident\"")
		   : n >= 75 ? STR("misp:confidence-level=\"usually-confident\"")
		   : n >= 50 ? STR("misp:confidence-level=\"fairly-confident\"")
		   : n >= 25 ? STR("misp:confidence-level=\"rarely-confident\"")
			     : STR("misp:confidence-level=\"unconfident\""));
}

/* ---- clusters ---- */

static struct str attack_id(const json_t *j)
{
	const json_t *v, *list = json_object_get(j, "external_references");
	size_t i;
	json_array_foreach(list, i, v)
		if (str_is(stix_json_str(v, "source_name"), "mitre-attack"))
			return stix_json_str(v, "external_id");
	return STR_NONE;
}

struct str stix_cluster_tag(struct stix_in *s, uint32_t i, const json_t *j)
{
	const json_t *v, *labels = json_object_get(j, "labels");
	struct str type = stix_type(&s->objs[i]), name = stix_json_str(j, "name"), id = attack_id(j);
	size_t k;
	json_array_foreach(labels, k, v)
		if (str_has_prefix(text_of(v), STR("misp-galaxy:")))
			return arena_str(s->a, text_of(v));
	if (!name.n)
		name = stix_json_str(j, "x_misp_value");
	if (!name.n)
		name = stix_json_str(j, "country");
	if (!name.n)
		name = s->objs[i].id;
	/* as MISP's galaxies name what ATT&CK publishes */
	if (id.n && !str_is(type, "campaign"))
		return arena_printf(s->a, "misp-galaxy:mitre-%.*s=\"%.*s - %.*s\"", STR_ARG(type), STR_ARG(name),
				    STR_ARG(id));
	return arena_printf(s->a, "misp-galaxy:%.*s=\"%.*s\"", STR_ARG(type), STR_ARG(name));
}

static void cluster_add(struct stix_in *s, struct tags *t, uint32_t i)
{
	json_t *j = stix_load(s, i, NULL);
	tag_add(t, stix_cluster_tag(s, i, j));
	s->objs[i].used = true;
	json_decref(j);
}

static uint32_t other_end(const struct stix_in *s, const struct stix_link *l)
{
	json_t *j = stix_load(s, l->by, NULL);
	uint32_t i = stix_find(s, stix_json_str(j, l->role == ROLE_SOURCE ? "target_ref" : "source_ref"));
	json_decref(j);
	return i;
}

static bool is_relation(const struct stix_in *s, const struct stix_link *l)
{
	return (l->role == ROLE_SOURCE || l->role == ROLE_TARGET) && !s->objs[l->by].old;
}

static bool is_cluster(const struct stix_in *s, uint32_t i)
{
	return i != NO_OBJ && s->objs[i].class == CLASS_CLUSTER;
}

bool stix_cluster_is_of_element(const struct stix_in *s, uint32_t i)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t other = is_relation(s, &l[k]) ? other_end(s, &l[k]) : NO_OBJ;
		if (other != NO_OBJ && s->objs[other].in_event == s->event && s->objs[other].class != CLASS_CLUSTER &&
		    s->objs[other].class != CLASS_REPORT && s->objs[other].class != CLASS_IDENTITY)
			return true;
	}
	return false;
}

static void clusters(struct stix_in *s, struct tags *t, uint32_t i)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t other = is_relation(s, &l[k]) ? other_end(s, &l[k]) : NO_OBJ;
		if (!is_cluster(s, other))
			continue;
		cluster_add(s, t, other);
		s->objs[l[k].by].used = true;
	}
}

/* Those of the report that are not of one of its elements, and whose it is. */
static void event_clusters(struct stix_in *s, struct tags *t, const json_t *j)
{
	for (uint32_t k = 0; k < s->n_members; k++)
		if (is_cluster(s, s->members[k]) && !stix_cluster_is_of_element(s, s->members[k]))
			cluster_add(s, t, s->members[k]);
	uint32_t who = stix_find(s, stix_json_str(j, "created_by_ref"));
	if (who == NO_OBJ || stix_label(j, "tool").n)
		return;
	json_t *author = stix_load(s, who, NULL);
	if (stix_json_str(author, "name").n)
		tag_add(t, arena_printf(s->a, "misp-galaxy:producer=\"%.*s\"",
					STR_ARG(stix_json_str(author, "name"))));
	json_decref(author);
}

void stix_tags(struct stix_in *s, struct jsonw *w, uint32_t i, const json_t *j, bool of_event)
{
	struct tags *t = ARENA_NEW(s->a, struct tags);
	const json_t *v, *labels = json_object_get(j, "labels");
	size_t k;
	if (!t)
		return;
	json_array_foreach(labels, k, v)
		if (!is_own_label(text_of(v)))
			tag_add(t, arena_str(s->a, text_of(v)));
	marks(s, t, j);
	if (i != NO_OBJ && !s->objs[i].labelled)
		confidence(t, j);
	if (of_event)
		event_clusters(s, t, j);
	else
		clusters(s, t, i);
	if (!t->n)
		return;
	jsonw_key(w, "Tag");
	jsonw_arr(w);
	for (uint32_t n = 0; n < t->n; n++) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "name", t->v[n]);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	s->counts.tags += t->n;
}

/* ---- lists that are only there when they hold something ---- */

struct list {
	struct jsonw *w;
	const char *key;
	bool open;
};

static void item_open(struct list *l)
{
	if (!l->open) {
		jsonw_key(l->w, l->key);
		jsonw_arr(l->w);
	}
	l->open = true;
	jsonw_obj(l->w);
}

static void list_close(struct list *l)
{
	if (l->open)
		jsonw_arr_end(l->w);
	l->open = false;
}

/* What is said of several things has its own UUID for the first of them only. */
static struct uuid said_uuid(struct stix_in *s, uint32_t by, struct uuid of)
{
	char text[UUID_TEXT_LEN + 1];
	struct stix_obj *o = &s->objs[by];
	bool again = o->used;
	o->used = true;
	s->counts.said++;
	return again ? stix_uuid_made(o->uuid, str_c(uuid_format(of, text))) : o->uuid;
}

/* ---- sightings ---- */

static bool is_false_positive(const json_t *j)
{
	return str_is(stix_json_str(j, "explanation"), "False positive Sighting") &&
	       stix_x_str(j, "x_misp_author_ref").n;
}

static void organisation(struct stix_in *s, struct jsonw *w, struct str id)
{
	uint32_t i = stix_find(s, id);
	if (i == NO_OBJ || s->objs[i].class != CLASS_IDENTITY)
		return;
	json_t *j = stix_load(s, i, NULL);
	if (stix_json_str(j, "name").n) {
		jsonw_key(w, "Organisation");
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uuid, "uuid", s->objs[i].uuid);
		JSONW_KV(w, jsonw_str, "name", stix_json_str(j, "name"));
		jsonw_obj_end(w);
	}
	json_decref(j);
}

void stix_sightings(struct stix_in *s, struct jsonw *w, uint32_t i)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	struct list out = {.w = w, .key = "Sighting"};
	for (uint32_t k = 0; k < n; k++) {
		const struct stix_obj *o = &s->objs[l[k].by];
		bool opinion = l[k].role == ROLE_ABOUT && o->class == CLASS_OPINION;
		if (o->old || (!opinion && l[k].role != ROLE_SIGHTED))
			continue;
		json_t *j = stix_load(s, l[k].by, NULL);
		if (!opinion || is_false_positive(j)) {
			int64_t at = stix_seconds(stix_json_str(j, "last_seen"));
			const json_t *who = json_object_get(j, "where_sighted_refs");
			item_open(&out);
			JSONW_KV(w, jsonw_uuid, "uuid", said_uuid(s, l[k].by, s->objs[i].uuid));
			JSONW_KV(w, jsonw_int_str, "date_sighting", at ? at : o->modified);
			JSONW_KV(w, jsonw_c, "type", opinion ? "1" : "0");
			struct str source = stix_json_str(j, "description");
			JSONW_KV(w, jsonw_str, "source", source.p ? source : STR(""));
			organisation(s, w, opinion ? stix_x_str(j, "x_misp_author_ref")
						   : text_of(json_array_get(who, 0)));
			jsonw_obj_end(w);
		}
		json_decref(j);
	}
	list_close(&out);
}

/* ---- notes, opinions ---- */

static const char *const about_names[] = {"Event", "Attribute", "Object"};

/* "2024-01-01 00:00:00" */
static struct str analyst_time(struct arena *a, struct str s)
{
	struct str t = s.n >= 19 ? arena_str(a, str_sub(s, 0, 19)) : STR_NONE;
	if (t.p)
		((char *)t.p)[10] = ' ';
	return t;
}

static void analyst_head(struct stix_in *s, struct jsonw *w, const json_t *j, struct uuid u, struct uuid of,
			 const char *type)
{
	const json_t *who = json_object_get(j, "authors");
	struct str created = analyst_time(s->a, stix_json_str(j, "created")),
		   modified = analyst_time(s->a, stix_json_str(j, "modified"));
	JSONW_KV(w, jsonw_uuid, "uuid", u);
	JSONW_KV(w, jsonw_uuid, "object_uuid", of);
	JSONW_KV(w, jsonw_c, "object_type", type);
	if (json_array_size(who))
		JSONW_KV(w, jsonw_str, "authors", text_of(json_array_get(who, 0)));
	if (created.n)
		JSONW_KV(w, jsonw_str, "created", created);
	if (modified.n)
		JSONW_KV(w, jsonw_str, "modified", modified);
}

static uint64_t opinion_of(const json_t *j)
{
	static const char *const words[] = {"strongly-disagree", "disagree", "neutral", "agree",
					    "strongly-agree"};
	const json_t *n = stix_x(j, "x_misp_opinion");
	struct str word = stix_json_str(j, "opinion");
	if (json_is_integer(n) && json_integer_value(n) >= 0 && json_integer_value(n) <= 100)
		return (uint64_t)json_integer_value(n);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(word, words[i]))
			return i * 25;
	return 50;
}

static bool is_report(const struct stix_in *s, uint32_t i, const json_t *j)
{
	return str_is(stix_type(&s->objs[i]), "x-misp-event-report") ||
	       str_is(stix_label(j, "data-layer"), "Event Report");
}

static struct str or_else(struct str a, struct str b)
{
	return a.n ? a : b;
}

#define NESTED_MAX 4u

static void analyst(struct stix_in *s, struct jsonw *w, struct str id, struct uuid of, const char *type,
		    enum stix_class class, unsigned depth)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, id, &n);
	struct list out = {.w = w, .key = class == CLASS_NOTE ? "Note" : "Opinion"};
	for (uint32_t k = 0; k < n; k++) {
		const struct stix_obj *o = &s->objs[l[k].by];
		if (o->old || l[k].role != ROLE_ABOUT || o->class != class)
			continue;
		json_t *j = stix_load(s, l[k].by, NULL);
		bool passed = class == CLASS_NOTE ? is_report(s, l[k].by, j) : is_false_positive(j);
		struct str text = class == CLASS_NOTE
					  ? or_else(stix_json_str(j, "content"), stix_json_str(j, "x_misp_note"))
					  : or_else(stix_json_str(j, "explanation"),
						    stix_json_str(j, "x_misp_comment"));
		if (passed || (class == CLASS_NOTE && !text.n)) {
			json_decref(j);
			continue;
		}
		item_open(&out);
		struct uuid u = said_uuid(s, l[k].by, of);
		analyst_head(s, w, j, u, of, type);
		if (class == CLASS_NOTE) {
			struct str abstract = stix_json_str(j, "abstract");
			JSONW_KV(w, jsonw_str, "note",
				 abstract.n ? arena_printf(s->a, "%.*s\n\n%.*s", STR_ARG(abstract), STR_ARG(text))
					    : text);
			JSONW_KV(w, jsonw_str, "language", or_else(stix_json_str(j, "lang"), STR("")));
		} else {
			JSONW_KV(w, jsonw_uint, "opinion", opinion_of(j));
			JSONW_KV(w, jsonw_str, "comment", text.p ? text : STR(""));
		}
		if (depth < NESTED_MAX) {
			const char *me = class == CLASS_NOTE ? "Note" : "Opinion";
			analyst(s, w, o->id, u, me, CLASS_NOTE, depth + 1);
			analyst(s, w, o->id, u, me, CLASS_OPINION, depth + 1);
		}
		jsonw_obj_end(w);
		json_decref(j);
	}
	list_close(&out);
}

/* ---- relationships ---- */

static const char *kind_of(const struct stix_in *s, uint32_t i)
{
	const struct stix_obj *o = &s->objs[i];
	if (o->class == CLASS_REPORT)
		return "Event";
	return o->attribute || o->class == CLASS_X_ATTRIBUTE || o->class == CLASS_THING ||
			       o->class == CLASS_IDENTITY
		       ? "Attribute"
		       : o->class == CLASS_X_OBJECT ? "Object" : "Attribute";
}

static void relations(struct stix_in *s, struct jsonw *w, uint32_t i, struct uuid of, enum stix_about about)
{
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	bool object = about == ABOUT_OBJECT;
	struct list out = {.w = w, .key = object ? "ObjectReference" : "Relationship"};
	for (uint32_t k = 0; k < n; k++) {
		uint32_t to = l[k].role == ROLE_SOURCE && is_relation(s, &l[k]) ? other_end(s, &l[k]) : NO_OBJ;
		/* clusters are tags; what is not in this event stays for the one that has both */
		if (to == NO_OBJ || is_cluster(s, to) ||
		    (s->objs[to].class != CLASS_REPORT && s->objs[to].in_event != s->event))
			continue;
		json_t *j = stix_load(s, l[k].by, NULL);
		struct uuid target = s->objs[to].class == CLASS_REPORT ? s->objs[to].uuid
								       : stix_element_uuid(s, to);
		struct str type = stix_json_str(j, "relationship_type"), text = stix_json_str(j, "description");
		if (!uuid_eq(target, of)) {
			item_open(&out);
			struct uuid u = said_uuid(s, l[k].by, of);
			if (object) {
				JSONW_KV(w, jsonw_uuid, "uuid", u);
				JSONW_KV(w, jsonw_uuid, "object_uuid", of);
				JSONW_KV(w, jsonw_uuid, "referenced_uuid", target);
				JSONW_KV(w, jsonw_str, "relationship_type", type);
				JSONW_KV(w, jsonw_str, "comment", text.p ? text : STR(""));
				JSONW_KV(w, jsonw_int_str, "timestamp", s->objs[l[k].by].modified);
			} else {
				analyst_head(s, w, j, u, of, about_names[about]);
				JSONW_KV(w, jsonw_str, "relationship_type", type);
				JSONW_KV(w, jsonw_uuid, "related_object_uuid", target);
				JSONW_KV(w, jsonw_c, "related_object_type", kind_of(s, to));
			}
			jsonw_obj_end(w);
		}
		json_decref(j);
	}
	list_close(&out);
}

void stix_said(struct stix_in *s, struct jsonw *w, uint32_t i, struct uuid uuid, enum stix_about about)
{
	analyst(s, w, s->objs[i].id, uuid, about_names[about], CLASS_NOTE, 0);
	analyst(s, w, s->objs[i].id, uuid, about_names[about], CLASS_OPINION, 0);
	relations(s, w, i, uuid, about);
}

/* ---- reports ---- */

static void report_write(struct stix_in *s, struct list *out, struct uuid u, struct str name, struct str content,
			 int64_t at)
{
	item_open(out);
	JSONW_KV(out->w, jsonw_uuid, "uuid", u);
	JSONW_KV(out->w, jsonw_str, "name", name.n ? name : STR("STIX note"));
	JSONW_KV(out->w, jsonw_str, "content", content);
	JSONW_KV(out->w, jsonw_int_str, "timestamp", at);
	JSONW_KV(out->w, jsonw_c, "distribution", "5");
	jsonw_obj_end(out->w);
	s->counts.reports++;
}

void stix_reports(struct stix_in *s, struct jsonw *w, uint32_t i, const json_t *j)
{
	struct list out = {.w = w, .key = "EventReport"};
	struct str text = stix_json_str(j, "description");
	uint32_t n;
	const struct stix_link *l = stix_links(s, s->objs[i].id, &n);
	if (text.n)
		report_write(s, &out, stix_uuid_made(s->event_uuid, STR("description")),
			     STR("STIX report description"), text, s->objs[i].modified);
	for (uint32_t k = 0; k < n; k++) {
		const struct stix_obj *o = &s->objs[l[k].by];
		if (o->old || l[k].role != ROLE_ABOUT || o->class != CLASS_NOTE)
			continue;
		json_t *note = stix_load(s, l[k].by, NULL);
		struct str content = or_else(stix_json_str(note, "content"), stix_json_str(note, "x_misp_content"));
		if (is_report(s, l[k].by, note) && content.n) {
			struct str name = or_else(stix_json_str(note, "abstract"),
						  stix_json_str(note, "x_misp_name"));
			struct uuid id = said_uuid(s, l[k].by, s->event_uuid);
			report_write(s, &out, id, name, content, o->modified);
			s->counts.said--;
		}
		json_decref(note);
	}
	list_close(&out);
}
