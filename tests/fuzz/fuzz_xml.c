/*
 * fuzz_xml.c - any bytes as a body in XML: the same JSON however they are cut, and JSON that can be read.
 */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/xml_body.h"

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum err convert(struct str doc, size_t step, struct buf *out)
{
	OWN(arena) struct arena *a = arena_new(4u << 20);
	OWN(xml_read) struct xml_read *x = xml_read_new(a, &(struct xml_limits){.nodes = 20000});
	struct xml_node *root = NULL;
	struct fail f = {0};
	for (; doc.n; doc = str_sub(doc, step, doc.n))
		TRY(xml_read_feed(x, str_sub(doc, 0, step), &f));
	TRY(xml_read_end(x, &root, &f));
	return xml_body_json(root, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str doc = {size ? (const char *)data : "", size};
	OWN(buf) struct buf whole = BUF(64 << 20), cut = BUF(64 << 20);
	enum err a = convert(doc, size + 1, &whole);
	enum err b = convert(doc, size ? data[size / 2] % 13 + 1u : 1, &cut);
	if (a != b)
		die("cutting changes the verdict");
	if (a != ERR_OK)
		return 0;
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		die("cutting changes the document");
	json_t *j = json_loadb(whole.p, whole.n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(j))
		die("not a JSON object without repetitions");
	json_decref(j);
	return 0;
}
