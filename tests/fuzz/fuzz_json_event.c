/*
 * fuzz_json_event.c - any bytes: the tokenizer agrees with jansson, the reader gives the same whole
 * and in pieces, and a single entity of each kind is read without harm. The first byte chooses root
 * and piece sizes.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "model/json_read.h"
#include "tests/fuzz/json_check.h"

static void read_entity(struct str json, unsigned pick)
{
	static const struct entity_desc *const descs[] = {
#define DESC_PTR(ENT, sname, wrapper) &desc_##sname,
		ENTITIES(DESC_PTR)
	};
	OWN(arena) struct arena *a = arena_new(1 << 24);
	const struct entity_desc *d = descs[pick % ARRAY_LEN(descs)];
	void *entity = arena_alloc(a, d->size);

	/* the verdict is the reader's, checked elsewhere */
	if (json_read_entity(json, d, a, entity, NULL) == ERR_BUG)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum raw_root roots[] = {RAW_EVENT, RAW_ATTRS, RAW_OBJECT, RAW_ELEMENTS};
	struct check_why why = {""};

	if (!size)
		return 0;
	const char *p = (const char *)data + 1;
	size_t n = size - 1, step = data[0] >> 3;
	bool many = data[0] & 4;
	enum raw_root root = roots[data[0] & 3];

	if (root == RAW_ELEMENTS && step & 1)
		root = RAW_CLUSTERS;
	if (!check_scan(p, n, step, n, &why) ||
	    !check_pieces(p, n, root, many, step, n, &why)) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	read_entity((struct str){p, n}, data[0]);
	return 0;
}
