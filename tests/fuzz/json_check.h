/*
 * json_check.h - the JSON tokenizer and reader against jansson, and against themselves in pieces.
 *
 * For unit tests and fuzzers. Each check returns true, or false with a text of what differs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/raw.h"

/* A small generator of repeatable random numbers. */
static inline uint32_t check_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

struct check_why {
	char text[400];
};

/*
 * Feed in pieces of `step` bytes (0: of random sizes from `seed`), build a tree of the tokens, and
 * compare verdict and contents with jansson's.
 */
bool check_scan(const char *p, size_t n, size_t step, uint64_t seed, struct check_why *why);

/* As one piece and in pieces (as above), the reader must give the same. */
bool check_pieces(const char *p, size_t n, enum raw_root root, bool many, size_t step,
		  uint64_t seed, struct check_why *why);

/*
 * Read events and compare every member of every element with jansson's tree. The document must
 * be well-formed, without duplicate members. *elements is increased by the number compared.
 */
bool check_members(const char *p, size_t n, uint64_t *elements, struct check_why *why);

/* All that a document holds, as bytes: equal documents, equal bytes. */
void check_dump(struct raw_event *r, struct buf *out);
