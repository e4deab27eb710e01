/*
 * runs.h - a growing multimap from 64-bit keys to rows, as sorted runs (inside node/search only).
 *
 * What is added comes in batches; runs of about the same length are merged, so that there are few.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct run_entry {
	uint32_t key[2]; /* upper half first; two halves, so that no padding is stored */
	uint32_t row;
};
#define RUNS_MAX 64
struct runs {
	struct {
		struct run_entry *v;
		size_t n;
	} run[RUNS_MAX];
	unsigned n;
	struct run_entry *fresh; /* being added, in any order */
	size_t n_fresh, cap_fresh;
};

void runs_free(struct runs *r);
MUST_USE enum err runs_add(struct runs *r, uint64_t key, uint32_t row);
/* What was added can be found from now on. */
MUST_USE enum err runs_settle(struct runs *r);
/* Bytes held. */
size_t runs_bytes(const struct runs *r);

/* `fn` gets each row with a key from `from` to `to`; false ends it. False: it was ended. */
bool runs_each(const struct runs *r, uint64_t from, uint64_t to,
	       bool (*fn)(void *user, uint32_t row), void *user);
