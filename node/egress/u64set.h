/*
 * u64set.h - a set of numbers that are not 0, in an arena (inside node/egress only).
 */
#pragma once

#include "base/arena.h"

struct u64set {
	uint64_t *v; /* open addressing; 0: free */
	uint32_t n, cap;
};

/* True: it is new, and in the set now. False: it was there, or there is no room. */
static inline bool u64set_add(struct u64set *s, struct arena *a, uint64_t x)
{
	if (s->n * 2 >= s->cap) {
		struct u64set next = {.cap = s->cap ? 4 * s->cap : 64};
		next.v = ARENA_ARRAY(a, uint64_t, next.cap);
		if (!next.v)
			return false;
		for (uint32_t i = 0; i < s->cap; i++)
			if (s->v[i])
				(void)u64set_add(&next, a, s->v[i]);
		*s = next;
	}
	uint32_t mask = s->cap - 1, at = (uint32_t)(x * UINT64_C(0x9e3779b97f4a7c15) >> 40) & mask;
	for (; s->v[at]; at = (at + 1) & mask)
		if (s->v[at] == x)
			return false;
	s->v[at] = x;
	s->n++;
	return true;
}
