/*
 * ssdeep.h - how alike two ssdeep (CTPH) hashes are, as the ssdeep program says it.
 *
 * Written after the published description of the method; tests compare it with libfuzzy where that
 * is installed. (libfuzzy itself is under the GPL.)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SSDEEP_CHUNK 64 /* longest chunk */
#define SSDEEP_GRAM 7	/* what two chunks must share to be alike at all */

/* "blocksize:chunk:chunk[,name]", with runs of more than three equal letters cut to three. */
struct ssdeep {
	uint64_t size;
	char chunk[2][SSDEEP_CHUNK];
	uint8_t n[2];
};
bool ssdeep_parse(struct str text, struct ssdeep *out);
/* 0 (nothing in common) to 100. */
unsigned ssdeep_compare(const struct ssdeep *a, const struct ssdeep *b);
