/* test_schema.c - texts of shapes to JSON Schemas. */
#include "api/schema.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap/tap.h"

static void becomes(const char *text, const char *want)
{
	struct fail f = {0};
	json_t *s = NULL, *w = json_loads(want, JSON_DECODE_ANY, NULL);
	enum err e = schema_parse(text, &s, &f);
	char *got = e == ERR_OK ? json_dumps(s, JSON_COMPACT) : NULL;
	ok(e == ERR_OK && w && json_equal(s, w), "%s", text);
	if (!json_equal(s, w))
		diag("%s %s", got ? got : "", f.text);
	free(got);
	json_decref(s);
	json_decref(w);
}

static void refused(const char *text)
{
	struct fail f = {0};
	json_t *s = NULL;
	ok(schema_parse(text, &s, &f) == ERR_CONFIG && !s && f.code == ERR_CONFIG, "refused: %s", text);
}

static void test_entity(void)
{
	json_t *s = NULL, *p;
	is_err(schema_parse("{@attr, uuid: uuid, !comment, extra: int}", &s, NULL), ERR_OK, "entity");
	p = json_object_get(s, "properties");
	ok(json_object_get(p, "to_ids"), "its members");
	ok(!json_object_get(p, "comment"), "but for those taken away");
	ok(!json_object_get(p, "encrypt"), "and those that never leave");
	ok(json_array_size(json_object_get(s, "required")) == 2, "what is said of is required");
	json_decref(s);
	is_err(schema_parse("{$events, +}", &s, NULL), ERR_OK, "search");
	p = json_object_get(s, "properties");
	ok(json_object_get(p, "returnFormat") && json_object_get(p, "tags"), "its parameters");
	ok(!json_object_get(p, "hasproposal"), "and no others");
	json_decref(s);
}

int main(void)
{
	becomes("any", "{}");
	becomes("text", "{\"type\":\"string\"}");
	becomes("int?", "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}");
	becomes("'x'", "{\"const\":\"x\"}");
	becomes("bool | 'a b'", "{\"anyOf\":[{\"type\":\"boolean\"},{\"const\":\"a b\"}]}");
	becomes("[int]", "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}");
	becomes("{}", "{\"type\":\"object\",\"additionalProperties\":false}");
	becomes("{+}", "{\"type\":\"object\"}");
	becomes("{*: int}", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}");
	becomes("{a: int, b?: Bool}",
		"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"$ref\":"
		"\"#/components/schemas/Bool\"}},\"required\":[\"a\"],\"additionalProperties\":false}");
	becomes("{'a b': int, a: text, a?: int}",
		"{\"type\":\"object\",\"properties\":{\"a b\":{\"type\":\"integer\"},\"a\":{\"type\":"
		"\"integer\"}},\"required\":[\"a b\"],\"additionalProperties\":false}");
	test_entity();
	refused("");
	refused("txt");
	refused("[int");
	refused("{a}");
	refused("{a: int");
	refused("{a: int b: int}");
	refused("{@nothing}");
	refused("{$nothing}");
	refused("{!a}");
	refused("int int");
	refused("'x");
	refused("int |");
	refused("| int");
	refused("NoSuchRow");
	refused("[[[[[[[[[[[[[[[[int]]]]]]]]]]]]]]]]");
	return done_testing();
}
