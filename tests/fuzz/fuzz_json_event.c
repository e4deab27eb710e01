/*
 * fuzz_json_event.c - any bytes: the tokenizer agrees with jansson, and the reader gives the same
 * whole and in pieces. The first byte chooses root and piece sizes.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum raw_root roots[] = {RAW_EVENT, RAW_ATTRS, RAW_OBJECT, RAW_ELEMENTS};
	struct check_why why = {""};

	if (!size)
		return 0;
	const char *p = (const char *)data + 1;
	size_t n = size - 1, step = data[0] >> 3;
	bool many = data[0] & 4;

	if (!check_scan(p, n, step, n, &why) ||
	    !check_pieces(p, n, roots[data[0] & 3], many, step, n, &why)) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	return 0;
}
