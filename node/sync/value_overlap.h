/*
 * value_overlap.h - how much of what cached feeds and peers know is in the store. For the operator: the gate is
 * not asked.
 */
#pragma once

#include <stdatomic.h>

#include "feeds/cache/cache.h"
#include "store/store.h"

/*
 * Values of each of `n` caches that some live attribute has, into here[i]. Walks all attributes once;
 * needs a bit for each entry. ERR_CANCELLED.
 */
MUST_USE enum err value_overlap_store(struct store *s, const struct value_cache *caches, size_t n,
				      const atomic_bool *cancelled, size_t *here, struct fail *f);
