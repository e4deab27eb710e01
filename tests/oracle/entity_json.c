/*
 * entity_json.c - any entity of model/fields.inc from and to a JSON object, by its descriptor.
 */
#include "tests/oracle/entity_json.h"

#include "model/misp.h"
#include "model/types.h"

static struct str text(const json_t *v)
{
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static bool list_from_json(const struct field *f, const json_t *v, void *at, struct arena *a)
{
	struct entity_list *l = at;
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return false;
	l->n = (uint32_t)json_array_size(v);
	l->v = arena_array(a, l->n ? l->n : 1, f->sub->size);
	if (!l->v)
		return false;
	json_array_foreach(v, i, item)
		if (!entity_from_json(f->sub, item, (char *)l->v + i * f->sub->size, a))
			return false;
	return true;
}

static bool field_from_json(const struct field *f, const json_t *v, void *at, struct arena *a)
{
	switch ((enum field_kind)f->kind) {
	case F_STR:
		*(struct str *)at = text(v);
		return json_is_string(v);
	case F_BOOL:
		*(bool *)at = json_is_true(v);
		return json_is_boolean(v);
	case F_U8:
		*(uint8_t *)at = (uint8_t)json_integer_value(v);
		return json_is_integer(v);
	case F_DATE:
		*(uint32_t *)at = (uint32_t)json_integer_value(v);
		return json_is_integer(v);
	case F_U64:
	case F_I64:
	case F_TIME:
	case F_MICRO:
		*(int64_t *)at = json_integer_value(v);
		return json_is_integer(v);
	case F_UUID:
		return uuid_parse(text(v), at);
	case F_TYPE:
		*(uint16_t *)at = (uint16_t)type_find(text(v));
		return *(uint16_t *)at != ATTR_NONE;
	case F_CATEGORY:
		*(uint8_t *)at = (uint8_t)category_find(text(v));
		return *(uint8_t *)at != CAT_NONE;
	case F_LIST:
		return list_from_json(f, v, at, a);
	}
	return false;
}

bool entity_from_json(const struct entity_desc *d, const json_t *j, void *entity, struct arena *a)
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		const json_t *v = f->key ? json_object_get(j, f->key) : NULL;
		void *at = (char *)entity + f->offset;

		if (f->kind == F_MICRO)
			*(int64_t *)at = MICRO_NONE;
		if (v && !field_from_json(f, v, at, a))
			return false;
	}
	return true;
}

static json_t *str_json(struct str s)
{
	return s.n ? json_stringn(s.p, s.n) : NULL;
}

static json_t *list_to_json(const struct field *f, const struct entity_list *l)
{
	json_t *all = l->n ? json_array() : NULL;

	for (uint32_t i = 0; i < l->n; i++)
		json_array_append_new(
			all, entity_to_json(f->sub, (const char *)l->v + (size_t)i * f->sub->size));
	return all;
}

static json_t *number_json(int64_t v, int64_t empty)
{
	return v == empty ? NULL : json_integer(v);
}

static json_t *field_to_json(const struct field *f, const void *at)
{
	char u[UUID_TEXT_LEN + 1];

	switch ((enum field_kind)f->kind) {
	case F_STR:
		return str_json(*(const struct str *)at);
	case F_BOOL:
		return *(const bool *)at ? json_true() : NULL;
	case F_U8:
		return number_json(*(const uint8_t *)at, 0);
	case F_DATE:
		return number_json(*(const uint32_t *)at, 0);
	case F_U64:
	case F_I64:
	case F_TIME:
		return number_json(*(const int64_t *)at, 0);
	case F_MICRO:
		return number_json(*(const int64_t *)at, MICRO_NONE);
	case F_UUID:
		return uuid_is_nil(*(const struct uuid *)at) ?
			       NULL :
			       json_string(uuid_format(*(const struct uuid *)at, u));
	case F_TYPE:
		return str_json(type_name((enum attr_type) * (const uint16_t *)at));
	case F_CATEGORY:
		return str_json(category_name((enum attr_category) * (const uint8_t *)at));
	case F_LIST:
		return list_to_json(f, at);
	}
	return NULL;
}

json_t *entity_to_json(const struct entity_desc *d, const void *entity)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		json_t *v = field_to_json(f, (const char *)entity + f->offset);

		/* what has no JSON name must not be there at all; tell it by its place */
		if (v)
			json_object_set_new(o, f->key ? f->key : "(internal)", v);
	}
	return o;
}
