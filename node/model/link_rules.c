/*
 * link_rules.c - reading and asking the rules of a link. Pure.
 */
#include "model/link_rules.h"

#include <jansson.h>
#include <string.h>

#include "model/json_why.h"

static void own_free_json(json_t **p)
{
	json_decref(*p);
}

static const json_t *list_of(const json_t *rules, const char *rule, const char *side)
{
	return json_object_get(json_object_get(rules, rule), side);
}

static bool id_of(const json_t *item, uint64_t *id)
{
	*id = json_is_integer(item) && json_integer_value(item) > 0 ?
		      (uint64_t)json_integer_value(item) :
		      0;
	return *id || (json_is_string(item) && str_u64(str_c(json_string_value(item)), id));
}

/* What is not a number matches nothing; an OR of such still lets nothing through. */
static enum err ids_read(const json_t *list, struct arena *a, struct link_ids *out)
{
	size_t i, n = json_array_size(list);
	json_t *item;
	if (!n)
		return ERR_OK;
	out->v = ARENA_ARRAY(a, uint64_t, n);
	if (!out->v)
		return ERR_LIMIT;
	json_array_foreach(list, i, item) {
		uint64_t id = 0;
		if (!id_of(item, &id))
			id = UINT64_MAX;
		out->v[out->n++] = id;
	}
	return ERR_OK;
}

static enum err types_read(const json_t *list, struct arena *a, struct link_rules *out)
{
	size_t i, n = json_array_size(list);
	json_t *item;
	out->types_not = n ? ARENA_ARRAY(a, uint16_t, n) : NULL;
	if (n && !out->types_not)
		return ERR_LIMIT;
	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);
		enum attr_type t = s ? type_find(str_c(s)) : ATTR_NONE;
		if (t != ATTR_NONE)
			out->types_not[out->n_types_not++] = (uint16_t)t;
	}
	return ERR_OK;
}

static enum err templates_read(const json_t *list, struct arena *a, struct link_rules *out)
{
	size_t i, n = json_array_size(list);
	json_t *item;
	out->templates_not = n ? ARENA_ARRAY(a, struct str, n) : NULL;
	if (n && !out->templates_not)
		return ERR_LIMIT;
	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);
		if (s)
			out->templates_not[out->n_templates_not++] = arena_str(a, str_c(s));
	}
	return ERR_OK;
}

enum err link_rules_parse(struct str json, struct arena *a, struct link_rules *out, struct fail *f)
{
	json_error_t why;
	__attribute__((cleanup(own_free_json))) json_t *j = NULL;
	*out = (struct link_rules){.n_types_not = 0};
	if (!json.n)
		return ERR_OK;
	j = json_loadb(json.p, json.n, 0, &why);
	if (!j)
		return fail(f, ERR_INVAL, "the rules of the link are not JSON: %.*s",
			    STR_ARG(json_why(&why)));
	TRY(ids_read(list_of(j, "tags", "OR"), a, &out->tags_or));
	TRY(ids_read(list_of(j, "tags", "NOT"), a, &out->tags_not));
	TRY(ids_read(list_of(j, "orgs", "OR"), a, &out->orgs_or));
	TRY(ids_read(list_of(j, "orgs", "NOT"), a, &out->orgs_not));
	TRY(types_read(list_of(j, "type_attributes", "NOT"), a, out));
	return templates_read(list_of(j, "type_objects", "NOT"), a, out);
}

/* ---- asking ---- */

static bool has(const struct link_ids *ids, uint64_t id)
{
	for (uint32_t i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	return false;
}

static bool has_tag(const struct link_ids *ids, const struct entity_list *tags)
{
	if (!ids->n)
		return false;
	LIST_EACH(t, *tags, struct misp_tagref)
		if (has(ids, t->tag_id))
			return true;
	return false;
}

bool link_rules_org(const struct link_rules *r, uint64_t orgc_id, const char **why)
{
	*why = has(&r->orgs_not, orgc_id) ? "a rule of the link leaves out its creator" :
	       r->orgs_or.n && !has(&r->orgs_or, orgc_id) ?
					    "a rule of the link wants other creators" :
					    NULL;
	return *why == NULL;
}

bool link_rules_event(const struct link_rules *r, const struct misp_event *e, const char **why)
{
	*why = has_tag(&r->tags_not, &e->tags) ?
		       "a rule of the link leaves out events with one of its tags" :
	       r->tags_or.n && !has_tag(&r->tags_or, &e->tags) ?
		       "a rule of the link wants a tag that it does not carry" :
		       NULL;
	return *why == NULL && link_rules_org(r, e->orgc_id, why);
}

bool link_rules_attr(const struct link_rules *r, const struct misp_attr *a)
{
	for (uint32_t i = 0; i < r->n_types_not; i++)
		if (r->types_not[i] == a->type)
			return false;
	return !has_tag(&r->tags_not, &a->tags);
}

bool link_rules_object(const struct link_rules *r, const struct misp_object *o)
{
	for (uint32_t i = 0; i < r->n_templates_not; i++)
		if (str_eq_nocase(r->templates_not[i], o->template_uuid))
			return false;
	return true;
}
