/*
 * test_types_table.c - every recorded case of MISP's attribute types against ours.
 *
 * Walks wire/client/types-table.json of the shared folder: stored value, both parts, defaults, text
 * of the refusal. Differences are allowed only where types_deviations.json names them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "model/types.h"
#include "model/validate.h"
#include "tests/tap/tap.h"

struct outcome {
	bool saved;
	struct str value, value1, value2, text;
};

static unsigned matching, deviating, wrong;

static struct str member(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return v ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* What the program gets for a JSON value, as events are read. */
static struct str text_of(struct arena *a, const json_t *v)
{
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	if (json_is_integer(v))
		return arena_printf(a, "%lld", (long long)json_integer_value(v));
	if (json_is_real(v))
		return arena_printf(a, "%g", json_real_value(v));
	return json_is_true(v) ? STR("1") : STR("");
}

static struct outcome ours(struct arena *a, enum attr_type t, const json_t *v)
{
	struct outcome o = {0};
	struct attr_problem p;

	o.saved = attr_normalise_validate(a, t, text_of(a, v), json_is_number(v), &o.value,
					  &o.value1, &o.value2, &p) == ERR_OK;
	o.text = p.text;
	return o;
}

static struct outcome recorded(const json_t *c)
{
	struct outcome o = {0};
	const json_t *errors = json_object_get(json_object_get(c, "errors"), "value");

	o.saved = json_integer_value(json_object_get(c, "status")) == 200;
	o.value = member(c, "saved");
	o.value1 = member(c, "value1");
	o.value2 = member(c, "value2");
	o.text = str_c(json_string_value(json_array_get(errors, 0)));
	return o;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	if (a->saved != b->saved)
		return false;
	if (!a->saved)
		return str_eq(a->text, b->text);
	return str_eq(a->value, b->value) && str_eq(a->value1, b->value1) &&
	       str_eq(a->value2, b->value2);
}

static const json_t *deviation(const json_t *list, struct str type, const json_t *value)
{
	const json_t *d;
	size_t i;

	json_array_foreach(list, i, d)
	{
		if (str_eq(member(d, "type"), type) &&
		    json_equal(json_object_get(d, "value"), value))
			return d;
	}
	return NULL;
}

/* Does the outcome agree with the row of the deviations file? */
static bool as_deviating(const struct outcome *o, const json_t *d)
{
	return o->saved ? str_eq(o->value, member(d, "saved")) :
			  str_eq(o->text, member(d, "error"));
}

static void one_case(struct arena *a, enum attr_type t, const json_t *c, const json_t *deviations)
{
	const json_t *value = json_object_get(c, "value");
	struct outcome got = ours(a, t, value), want = recorded(c);
	const json_t *d = deviation(deviations, type_name(t), value);

	if (d ? as_deviating(&got, d) && !same(&got, &want) : same(&got, &want)) {
		matching += !d;
		deviating += d != NULL;
		return;
	}
	wrong++;
	diag("%.*s: %s", STR_ARG(type_name(t)), json_dumps(value, JSON_ENCODE_ANY));
	diag("  got  %d '%.*s' '%.*s' '%.*s' %.*s", got.saved, STR_ARG(got.value),
	     STR_ARG(got.value1), STR_ARG(got.value2), STR_ARG(got.text));
	diag("  want %d '%.*s' '%.*s' '%.*s' %.*s", want.saved, STR_ARG(want.value),
	     STR_ARG(want.value1), STR_ARG(want.value2), STR_ARG(want.text));
}

static void one_type(struct arena *a, const json_t *row, const json_t *deviations)
{
	struct str name = member(row, "type");
	enum attr_type t = type_find(name);
	const struct type_row *r = type_get(t);
	const json_t *c;
	size_t i;

	if (!r) {
		ok(false, "type %.*s is known", STR_ARG(name));
		return;
	}
	ok(str_eq(category_name((enum attr_category)r->category), member(row, "default_category")) &&
		   r->to_ids == json_integer_value(json_object_get(row, "default_to_ids")) &&
		   !(r->flags & TYPE_NEWER),
	   "defaults of %.*s", STR_ARG(name));
	json_array_foreach(json_object_get(row, "cases"), i, c)
	{
		one_case(a, t, c, deviations);
		arena_reset(a);
	}
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	json_t *table = json_load_file(shared_path("wire/client/types-table.json"), 0, NULL);
	OWN(arena) struct arena *a = arena_new(1 << 20);
	json_t *deviations;
	const json_t *row;
	char path[4096];
	size_t i;

	snprintf(path, sizeof(path), "%s/tests/unit/model/types_deviations.json", top ? top : ".");
	deviations = json_load_file(path, 0, NULL);
	if (!table || !deviations)
		bail_out("cannot read the tables");
	clock_freeze(clock_from_civil(2026, 11, 22, 12, 0, 0) * 1000000, 0);
	json_array_foreach(json_object_get(table, "types"), i, row) one_type(a, row, deviations);
	diag("%u cases match, %u deviate as listed, %u are wrong", matching, deviating, wrong);
	is_uint(wrong, 0, "every case is as recorded or a listed deviation");
	is_uint(deviating, json_array_size(deviations), "every listed deviation was met");
	ok(matching > 900, "the table was walked");
	json_decref(table);
	json_decref(deviations);
	return done_testing();
}
