/* test_openapi.c - the description of the interface: every row, every shape. */
#include "api/openapi.h"

#include <ctype.h>
#include <string.h>

#include "api/api.h"
#include "api/schema.h"
#include "tests/tap/tap.h"

static bool is_used(const char *name)
{
	char ref[80];
	for (size_t i = 0; i < api_rows_n; i++)
		if ((api_rows[i]->shape && !strcmp(api_rows[i]->shape, name)) ||
		    (api_rows[i]->takes && !strcmp(api_rows[i]->takes, name)))
			return true;
	snprintf(ref, sizeof(ref), "%s", name);
	for (size_t i = 0; i < schema_rows_n; i++)
		for (const char *p = schema_rows[i].text; (p = strstr(p, ref)); p++)
			if (!isalpha((unsigned char)p[strlen(ref)]) &&
			    (p == schema_rows[i].text || !isalpha((unsigned char)p[-1])))
				return true;
	return !strcmp(name, "Refusal");
}

static void test_shapes(void)
{
	for (size_t i = 0; i < schema_rows_n; i++) {
		struct fail f = {0};
		json_t *s = NULL;
		is_err(schema_parse(schema_rows[i].text, &s, &f), ERR_OK, "%s: %s", schema_rows[i].name,
		       f.text);
		ok(schema_find(schema_rows[i].name) == &schema_rows[i], "%s: once",
		   schema_rows[i].name);
		ok(is_used(schema_rows[i].name), "%s: used", schema_rows[i].name);
		json_decref(s);
	}
}

static void test_rows(void)
{
	for (size_t i = 0; i < api_rows_n; i++) {
		const struct endpoint *ep = api_rows[i];
		ok(schema_find(ep->shape), "%s answers %s, which is in schemas.inc", ep->path,
		   ep->shape ? ep->shape : "?");
		ok(!ep->takes || schema_find(ep->takes), "%s takes a shape that there is", ep->path);
		ok(ep->doc && *ep->doc, "%s says what it does", ep->path);
	}
}

/* Each example is JSON, of a shape that some call takes; the schemas are tried by tests/openapi. */
static void test_examples(json_t *doc)
{
	static const struct {
		const char *shape, *json;
	} rows[] = {
#define EXAMPLE(shape, json) {#shape, json},
#include "api/examples.inc"
#undef EXAMPLE
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *schemas = json_object_get(json_object_get(doc, "components"), "schemas");
		json_t *s = json_object_get(schemas, rows[i].shape);
		bool taken = false;
		for (size_t n = 0; n < api_rows_n; n++)
			taken |= api_rows[n]->takes && !strcmp(api_rows[n]->takes, rows[i].shape);
		ok(taken && json_array_size(json_object_get(s, "examples")) == 1, "example of %s",
		   rows[i].shape);
	}
}

static size_t rows_of(const char *path)
{
	size_t n = 0, len = strlen(path);
	for (size_t r = 0; r < api_rows_n; r++)
		n += !strncasecmp(api_rows[r]->path, path, len) &&
		     (!api_rows[r]->path[len] || api_rows[r]->path[len] == '/');
	return n;
}

/* Each call of MISP's clients is there, complete or partial, or said not to be planned. */
static void test_calls(void)
{
	static const char *const calls[] = {
#define CALL(path) path,
#include "tests/unit/api/calls.inc"
#undef CALL
	};
	static const char *const unplanned[] = {
#define UNPLANNED(path, why) path,
#include "api/unplanned.inc"
#undef UNPLANNED
	};
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		size_t n = rows_of(calls[i]) > 0;
		for (size_t u = 0; u < ARRAY_LEN(unplanned); u++)
			n += !strcasecmp(unplanned[u], calls[i]);
		is_uint(n, 1, "%s is answered, or not planned", calls[i]);
	}
	for (size_t r = 0; r < api_rows_n; r++)
		ok(!api_rows[r]->missing || strlen(api_rows[r]->missing) > 8, "%s says what is missing",
		   api_rows[r]->path);
}

/* What is not planned is not there. */
static void test_unplanned(void)
{
	static const char *const paths[] = {
#define UNPLANNED(path, why) path,
#include "api/unplanned.inc"
#undef UNPLANNED
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		is_uint(rows_of(paths[i]), 0, "%s has no row", paths[i]);
}

static void test_document(void)
{
	OWN(buf) struct buf b = BUF(8 << 20);
	struct fail f = {0};
	is_err(openapi_make(&b, &f), ERR_OK, "made: %s", f.text);
	json_t *doc = json_loadb(b.p, b.n, 0, NULL);
	json_t *paths = json_object_get(doc, "paths"), *item, *op;
	const char *path, *method;
	size_t n = 0;
	ok(doc, "it is JSON, %zu kB", b.n >> 10);
	json_object_foreach(paths, path, item)
		json_object_foreach(item, method, op)
			n += json_object_get(op, "responses") != NULL;
	ok(n >= api_rows_n, "%zu operations", n);
	item = json_object_get(paths, "/events/view/{id}");
	ok(json_array_size(json_object_get(json_object_get(item, "get"), "parameters")) == 1,
	   "parameters of a path");
	test_examples(doc);
	json_decref(doc);
}

int main(void)
{
	test_shapes();
	test_rows();
	test_calls();
	test_unplanned();
	test_document();
	return done_testing();
}
