/*
 * stix_values.c - comparisons and properties to values of MISP: by the templates of our export where labels
 * tell the type, by stix_paths.inc where they do not.
 */
#include <stdio.h>

#include "feeds/in/stix_impl.h"

/* ---- rows ---- */

static const struct stix_path_row path_rows[] = {
#define P(path, type, object, relation, inside) {path, type, object, relation, inside},
#define IGNORE(path)
#include "feeds/in/stix_paths.inc"
};
static const char *const ignored[] = {
#define P(path, type, object, relation, inside)
#define IGNORE(path) path,
#include "feeds/in/stix_paths.inc"
};

const struct stix_path_row *stix_path_row(struct str path, const char *object)
{
	for (size_t i = 0; i < ARRAY_LEN(path_rows); i++)
		if ((!object || strcmp(object, path_rows[i].object) == 0) &&
		    stix_path_eq(path, str_c(path_rows[i].path)))
			return &path_rows[i];
	return NULL;
}

bool stix_path_ignored(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		if (stix_path_eq(path, str_c(ignored[i])))
			return true;
	return false;
}

/* ---- templates of the export: attributes ---- */

static const char *const templates[ATTR_TYPE_LIMIT] = {
#define S(id, checks, ver, pattern, ...) [ATTR_##id] = pattern,
#define R(id, language)
#define D(id, type)
#include "feeds/export/stix2_types.inc"
};

static bool part_of(const struct stix_comps *template, const struct stix_comps *c, const char *mark,
		    struct str *out)
{
	for (uint32_t i = 0; i < template->n; i++) {
		if (!str_is(template->v[i].value, mark))
			continue;
		for (uint32_t k = 0; k < c->n; k++)
			if (stix_path_eq(c->v[k].path, template->v[i].path)) {
				*out = c->v[k].value;
				return true;
			}
	}
	return false;
}

bool stix_value_of(struct arena *a, enum attr_type type, const struct stix_comps *c, struct str *value)
{
	const struct type_row *row = type_get(type);
	struct stix_comps template;
	struct str one, two;
	if (!row || type >= ATTR_TYPE_LIMIT || !templates[type] || c->join == JOIN_OR || c->join == JOIN_MIXED ||
	    !stix_pattern(a, str_c(templates[type]), &template) || !part_of(&template, c, "$1", &one))
		return false;
	*value = one;
	if (!type_is_pair(row))
		return true;
	if (!part_of(&template, c, "$2", &two))
		return false;
	*value = arena_printf(a, "%.*s|%.*s", STR_ARG(one), STR_ARG(two));
	return value->p != NULL;
}

/* ---- templates of the export: objects ---- */

static const struct object_row {
	const char *name, *relation, *path;
} object_rows[] = {
#define O(name, type, fixed)
#define P(name, relation, path) {name, relation, path},
#include "feeds/export/stix2_objects.inc"
};

/* file:x_misp_access_time -> access-time */
static struct str relation_in(struct arena *a, struct str path)
{
	ptrdiff_t at = str_find(path, STR(":x_misp_"));
	if (at < 0)
		return STR_NONE;
	struct str s = arena_str(a, str_sub(path, (size_t)at + sizeof(":x_misp_") - 1, path.n));
	for (char *p = (char *)s.p; p && *p; p++)
		*p = *p == '_' ? '-' : *p;
	return s;
}

struct str stix_relation_of(struct arena *a, struct str object, struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(object_rows); i++) {
		const struct object_row *r = &object_rows[i];
		/* "(type = '^' AND value = $)": what is before the last " = $" */
		struct str p = str_c(r->path);
		ptrdiff_t end = str_find(p, STR(" = $"));
		if (!str_is(object, r->name) || end < 0)
			continue;
		p = str_sub(p, 0, (size_t)end);
		ptrdiff_t and = str_find(p, STR(" AND "));
		if (and >= 0)
			p = str_sub(p, (size_t)and + 5, p.n);
		if (stix_path_eq(p, path))
			return str_c(r->relation);
	}
	for (size_t i = 0; i < ARRAY_LEN(path_rows); i++)
		if (str_is(object, path_rows[i].object) && stix_path_eq(path, str_c(path_rows[i].path)))
			return str_c(path_rows[i].relation);
	return relation_in(a, path);
}

struct str stix_type_inside(struct str object, struct str relation)
{
	const char *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(path_rows); i++)
		if (str_is(relation, path_rows[i].relation) &&
		    (str_is(object, path_rows[i].object) || !found))
			found = path_rows[i].inside;
	if (found)
		return str_c(found);
	return type_find(relation) ? relation : STR("text");
}

/* ---- observables ---- */

static void put(struct stix_scos *x, struct str path, struct str value)
{
	if (x->out->n == STIX_COMPS_MAX || !path.p || !value.p)
		return;
	x->out->v[x->out->n++] =
		(struct stix_comp){.path = path, .value = value, .equals = true};
}

static struct str scalar(struct arena *a, const json_t *v)
{
	char text[40];
	switch (json_typeof(v)) {
	case JSON_STRING:
		return arena_str(a, (struct str){json_string_value(v), json_string_length(v)});
	case JSON_INTEGER:
		return arena_printf(a, "%lld", (long long)json_integer_value(v));
	case JSON_REAL:
		snprintf(text, sizeof(text), "%.17g", json_real_value(v));
		return arena_str(a, str_c(text));
	case JSON_TRUE:
		return STR("1");
	case JSON_FALSE:
		return STR("0");
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_NULL:
	default:
		return STR_NONE;
	}
}

static void walk(struct stix_scos *x, struct str path, const json_t *v, unsigned depth);

static void members(struct stix_scos *x, struct str path, const json_t *j, unsigned depth)
{
	static const char *const own[] = {"type",	 "id",	 "spec_version", "defanged", "object_marking_refs",
					  "extension_type", "granular_markings", "created_by_ref", "payload_bin"};
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)j, key, v) {
		bool skip = false;
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			skip |= strcmp(key, own[i]) == 0;
		if (skip)
			continue;
		const char *dot = str_has_suffix(path, STR(":")) ? "" : ".";
		walk(x, arena_printf(x->a, "%.*s%s%s", STR_ARG(path), dot, key), v, depth);
	}
}

/* What a reference leads to, in its place. */
static bool refer(struct stix_scos *x, struct str path, struct str id, unsigned depth)
{
	const json_t *to = x->local ? json_object_get(x->local, id.p) : NULL;
	if (!to) {
		uint32_t i = stix_find(x->s, id);
		if (i == NO_OBJ || x->n_held == ARRAY_LEN(x->held) || x->s->objs[i].class != CLASS_SCO)
			return false;
		json_t *tree = stix_load(x->s, i, NULL);
		if (!tree)
			return false;
		x->held[x->n_held++] = tree;
		to = tree;
	}
	put(x, arena_printf(x->a, "%.*s.type", STR_ARG(path)), arena_str(x->a, stix_json_str(to, "type")));
	members(x, path, to, depth + 1);
	return true;
}

static void walk(struct stix_scos *x, struct str path, const json_t *v, unsigned depth)
{
	size_t i;
	json_t *e;
	bool ref = str_has_suffix(path, STR("_ref")) || str_has_suffix(path, STR("_refs"));
	if (depth > 6 || !path.p || x->out->n == STIX_COMPS_MAX)
		return;
	if (json_is_object(v)) {
		members(x, path, v, depth + 1);
	} else if (json_is_array(v)) {
		json_array_foreach(v, i, e)
			walk(x, path, e, depth + 1);
	} else if (!(ref && json_is_string(v) &&
		     refer(x, path, (struct str){json_string_value(v), json_string_length(v)}, depth))) {
		put(x, path, scalar(x->a, v));
	}
}

void stix_flatten(struct stix_scos *x, const json_t *sco)
{
	struct str type = stix_json_str(sco, "type");
	if (!type.n)
		return;
	/* no `type` of its own: depth 0 */
	members(x, arena_printf(x->a, "%.*s:", STR_ARG(type)), sco, 0);
	x->out->join = x->out->n > 1 ? JOIN_AND : JOIN_ONE;
}

void stix_scos_free(struct stix_scos *x)
{
	while (x->n_held)
		json_decref(x->held[--x->n_held]);
}
