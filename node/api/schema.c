/*
 * schema.c - texts of schemas.inc to JSON Schemas.
 *
 * Reads only what the program itself holds. Invariant: what is not understood is an error, so that a
 * misspelt shape cannot pass for "anything".
 */
#include "api/schema.h"

#include <ctype.h>

#include "base/own.h"
#include "model/misp.h"

const struct schema_row schema_rows[] = {
#define SCHEMA(name, media, text, doc) {#name, media, text, doc},
#include "api/schemas.inc"
#undef SCHEMA
};
const size_t schema_rows_n = ARRAY_LEN(schema_rows);

const struct schema_row *schema_find(const char *name)
{
	for (size_t i = 0; name && i < schema_rows_n; i++)
		if (!strcmp(schema_rows[i].name, name))
			return &schema_rows[i];
	return NULL;
}

/* ---- simple types ---- */

#define UUID_PATTERN "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

static const struct {
	const char *name, *type, *more, *value; /* one more keyword */
} simple[] = {
	{"any", NULL, NULL, NULL},
	{"text", "string", NULL, NULL},
	{"num", "string", "pattern", "^-?[0-9]+$"},
	{"int", "integer", NULL, NULL},
	{"number", "number", NULL, NULL},
	{"bool", "boolean", NULL, NULL},
	{"null", "null", NULL, NULL},
	{"uuid", "string", "pattern", UUID_PATTERN},
	{"date", "string", "pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
	{"time", "string", "pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+Z-]+$"},
	{"bytes", "string", "contentEncoding", "binary"},
	/* as clients may write them */
	{"id", "string integer", NULL, NULL},
	{"flag", "boolean string integer", NULL, NULL},
	{"value", "string number boolean null", NULL, NULL},
};

/* "string", or a list where there are several. */
static json_t *type_names(const char *names)
{
	json_t *all = json_array();
	for (struct str rest = str_c(names), one; rest.p;) {
		rest = str_split(rest, ' ', &one);
		json_array_append_new(all, json_stringn(one.p, one.n));
	}
	if (json_array_size(all) > 1)
		return all;
	json_decref(all);
	return json_string(names);
}

static json_t *simple_type(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
		if (!str_is(name, simple[i].name))
			continue;
		json_t *s = json_object();
		if (simple[i].type)
			json_object_set_new(s, "type", type_names(simple[i].type));
		if (simple[i].more)
			json_object_set_new(s, simple[i].more, json_string(simple[i].value));
		return s;
	}
	return NULL;
}

static json_t *or_null(json_t *s)
{
	return json_pack("{s:[o,{s:s}]}", "anyOf", s, "type", "null");
}

/* ---- members of entities ---- */

static const struct {
	const char *name;
	const struct entity_desc *desc;
} entities[] = {
#define Y(ENT, sname, wrapper) {#sname, &desc_##sname},
	ENTITIES(Y)
#undef Y
};

/* What a kind of field is in JSON (desc.h: numbers are texts), and what a client may write. */
static const char *const kind_types[] = {
	[F_STR] = "text", [F_BOOL] = "bool", [F_U8] = "num",    [F_U64] = "num",
	[F_I64] = "num",  [F_TIME] = "num",  [F_MICRO] = "text", [F_DATE] = "date",
	[F_UUID] = "uuid", [F_TYPE] = "text", [F_CATEGORY] = "text",
};

static const char *const kind_taken[] = {
	[F_STR] = "value", [F_BOOL] = "flag", [F_U8] = "id",     [F_U64] = "id",
	[F_I64] = "id",    [F_TIME] = "id",   [F_MICRO] = "value", [F_DATE] = "text",
	[F_UUID] = "text", [F_TYPE] = "text", [F_CATEGORY] = "text",
};

static json_t *answered(const struct field *row)
{
	json_t *s = simple_type(str_c(kind_types[row->kind]));
	return row->kind == F_STR || row->kind == F_MICRO ? or_null(s) : s;
}

static bool spread(struct str name, bool taken, json_t *properties)
{
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		if (!str_is(name, entities[i].name + strlen("misp_")))
			continue;
		for (size_t n = 0; n < entities[i].desc->n; n++) {
			const struct field *row = &entities[i].desc->fields[n];
			if (!row->key || row->kind == F_LIST ||
			    (taken ? row->form == FORM_STORE : row->rule == R_DROP))
				continue;
			json_object_set_new(properties, row->key,
					    taken ? simple_type(str_c(kind_taken[row->kind]))
						  : answered(row));
		}
		return true;
	}
	return false;
}

/* ---- the text ---- */

struct reader {
	const char *whole;
	struct str s; /* what is left */
	struct fail *f;
	unsigned depth;
};
#define DEPTH_MAX 12

static bool white(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

static bool peek(struct reader *t, char c)
{
	while (t->s.n && white(*t->s.p))
		t->s = str_sub(t->s, 1, SIZE_MAX);
	return t->s.n && *t->s.p == c;
}

static bool take(struct reader *t, char c)
{
	if (!peek(t, c))
		return false;
	t->s = str_sub(t->s, 1, SIZE_MAX);
	return true;
}

static json_t *wrong(struct reader *t, const char *what)
{
	if (t->f && !t->f->code)
		fail(t->f, ERR_CONFIG, "shape \"%.60s\": %s at \"%.30s\"", t->whole, what, t->s.n ? t->s.p : "");
	return NULL;
}

/* A name, or anything between quotes. Absent: neither is there. */
static struct str word(struct reader *t)
{
	size_t n = 0;
	struct str w;
	if (take(t, '\'')) {
		ptrdiff_t end = str_chr(t->s, '\'');
		if (end < 0)
			return STR_NONE;
		w = str_sub(t->s, 0, (size_t)end);
		t->s = str_sub(t->s, (size_t)end + 1, SIZE_MAX);
		return w;
	}
	(void)peek(t, ' ');
	while (n < t->s.n && (isalnum((unsigned char)t->s.p[n]) || strchr("_.-", t->s.p[n])))
		n++;
	w = n ? str_sub(t->s, 0, n) : STR_NONE;
	t->s = str_sub(t->s, n, SIZE_MAX);
	return w;
}

static json_t *any_of(struct reader *t);

static json_t *list(struct reader *t)
{
	json_t *items = any_of(t);
	if (!items || !take(t, ']')) {
		json_decref(items);
		return wrong(t, "no end of a list");
	}
	return json_pack("{s:s,s:o}", "type", "array", "items", items);
}

struct members {
	json_t *properties, *required, *others; /* others: schema of members without a name */
	bool open;
};

static void not_required(json_t *required, struct str key)
{
	size_t i;
	json_t *v;
	json_array_foreach(required, i, v) {
		if (str_is(key, json_string_value(v))) {
			json_array_remove(required, i);
			return;
		}
	}
}

/* One of: name: type; name?: type; -name; *: type; @entity; &entity; $scope; ... */
static bool member(struct reader *t, struct members *m)
{
	if (take(t, '@'))
		return spread(word(t), false, m->properties);
	if (take(t, '&'))
		return spread(word(t), true, m->properties);
	if (take(t, '$'))
		return schema_search(word(t), m->properties);
	if (take(t, '*')) {
		m->others = take(t, ':') ? any_of(t) : NULL;
		return m->others;
	}
	if (take(t, '+'))
		return m->open = true;
	bool drop = take(t, '!');
	struct str key = word(t);
	if (!key.p)
		return false;
	if (drop)
		return json_object_deln(m->properties, key.p, key.n) == 0;
	bool optional = take(t, '?');
	json_t *type = take(t, ':') ? any_of(t) : NULL;
	if (!type)
		return false;
	not_required(m->required, key);
	if (!optional)
		json_array_append_new(m->required, json_stringn(key.p, key.n));
	return json_object_setn_new(m->properties, key.p, key.n, type) == 0;
}

static json_t *object(struct reader *t)
{
	struct members m = {json_object(), json_array(), NULL, false};
	json_t *o = json_pack("{s:s}", "type", "object");
	bool fine = true, end = take(t, '}');
	while (fine && !end) {
		fine = member(t, &m);
		end = fine && take(t, '}');
		fine = fine && (end || take(t, ','));
	}
	if (json_object_size(m.properties))
		json_object_set(o, "properties", m.properties);
	if (json_array_size(m.required))
		json_object_set(o, "required", m.required);
	if (m.others)
		json_object_set(o, "additionalProperties", m.others);
	else if (!m.open)
		json_object_set_new(o, "additionalProperties", json_false());
	json_decref(m.properties);
	json_decref(m.required);
	json_decref(m.others);
	if (fine)
		return o;
	json_decref(o);
	return wrong(t, "a member");
}

static json_t *named(struct reader *t)
{
	char name[64];
	struct str w = word(t);
	json_t *s = w.p ? simple_type(w) : NULL;
	if (s || !w.n || w.n >= sizeof(name))
		return s ? s : wrong(t, "a type");
	memcpy(name, w.p, w.n);
	name[w.n] = 0;
	if (!schema_find(name))
		return wrong(t, "no shape of this name before");
	return json_pack("{s:s+}", "$ref", "#/components/schemas/", name);
}

static json_t *one(struct reader *t)
{
	json_t *s;
	if (++t->depth > DEPTH_MAX)
		return wrong(t, "too deep");
	if (take(t, '[')) {
		s = list(t);
	} else if (take(t, '{')) {
		s = object(t);
	} else if (peek(t, '\'')) {
		struct str w = word(t);
		s = w.p ? json_pack("{s:s%}", "const", w.p, w.n) : wrong(t, "no end of a text");
	} else {
		s = named(t);
	}
	t->depth--;
	return s && take(t, '?') ? or_null(s) : s;
}

static json_t *any_of(struct reader *t)
{
	json_t *s = one(t), *all = NULL;
	while (s && take(t, '|')) {
		json_t *next = one(t);
		if (!all) {
			all = json_array();
			json_array_append_new(all, s);
		}
		if (next)
			json_array_append_new(all, next);
		s = next;
	}
	if (!all)
		return s;
	if (s)
		return json_pack("{s:o}", "anyOf", all);
	json_decref(all);
	return NULL;
}

enum err schema_parse(const char *text, json_t **out, struct fail *f)
{
	struct fail mine = {0};
	struct reader t = {text, str_c(text), f ? f : &mine, 0};
	*out = any_of(&t);
	if (*out && !peek(&t, ' ') && t.s.n) {
		json_decref(*out);
		*out = wrong(&t, "something behind the end");
	}
	return *out ? ERR_OK : ERR_CONFIG;
}
