/*
 * clustermeta.c - {"key":["value", ..]} to a list of elements.
 */
#include "model/clustermeta.h"

#include <jansson.h>

#include "base/own.h"

struct list {
	struct misp_clustermeta *v;
	uint32_t n, max;
	struct arena *a;
};

/* False: no room. */
static bool add(struct list *l, const char *key, const json_t *value)
{
	struct misp_clustermeta *m = &l->v[l->n];
	struct str text = STR_NONE;

	if (json_is_string(value))
		text = (struct str){json_string_value(value), json_string_length(value)};
	else if (json_is_integer(value))
		text = arena_printf(l->a, "%lld", (long long)json_integer_value(value));
	if (!text.p || !*key || l->n == l->max)
		return true;
	*m = (struct misp_clustermeta){.key = arena_str(l->a, str_c(key)),
				       .value = arena_str(l->a, text)};
	l->n++;
	return m->key.p && m->value.p;
}

static uint32_t count(const json_t *j, uint32_t max)
{
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)j, key, v)
		n += json_is_array(v) ? json_array_size(v) : 1;
	return (uint32_t)MIN(n, (size_t)max);
}

bool clustermeta_parse(struct str json, uint32_t max, struct arena *a, struct entity_list *out)
{
	json_t *j = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *v, *item;
	struct list l = {.a = a};
	bool good = j != NULL;
	const char *key;
	size_t i;

	*out = (struct entity_list){NULL, 0};
	l.max = json_is_object(j) ? count(j, max) : 0;
	if (l.max) {
		l.v = ARENA_ARRAY(a, struct misp_clustermeta, l.max);
		good = l.v != NULL;
	}
	json_object_foreach(j, key, v) {
		if (good && json_is_array(v))
			json_array_foreach(v, i, item)
				good = good && add(&l, key, item);
		else
			good = good && add(&l, key, v);
	}
	json_decref(j);
	if (good && l.n)
		*out = (struct entity_list){l.v, l.n};
	return good;
}
