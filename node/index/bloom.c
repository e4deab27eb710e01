/*
 * bloom.c - a split-block Bloom filter over all values: "certainly not there" in one cache line.
 *
 * It is keyed by the 32-bit tags of the value table, so it is made from the table in one pass and
 * made again, larger, when it has filled up. It lives in memory only.
 */
#include "index/internal.h"

#include <stdlib.h>

#include "base/own.h"

#define BITS_PER_VALUE 12
#define BLOCK_WORDS 4 /* 256 bits */

/* The block of a tag, and which 8 of its bits. */
static inline uint64_t block_of(uint32_t tag, uint64_t n)
{
	return ((uint64_t)tag * n) >> 32;
}

static const uint32_t salt[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
				 0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

static void set(uint64_t *block, uint64_t n, uint32_t tag)
{
	uint64_t *b = block + block_of(tag, n) * BLOCK_WORDS;

	/* one thread sets bits, the others look */
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		__atomic_store_n(&b[i],
				 __atomic_load_n(&b[i], __ATOMIC_RELAXED) |
					 UINT64_C(1) << (tag * salt[2 * i] >> 27) |
					 UINT64_C(1) << ((tag * salt[2 * i + 1] >> 27) + 32),
				 __ATOMIC_RELAXED);
}

/* Room for twice what there is; NULL (no filter, nothing lost but speed) without memory. */
static void rebuild(struct index *ix)
{
	struct ix_table *t = &ix->table[TAB_VALUE];
	const struct ix_lines *l = atomic_load(&t->lines);
	uint64_t room = MAX(t->used * 2, (uint64_t)4096);
	uint64_t n = room * BITS_PER_VALUE / (BLOCK_WORDS * 64) + 1;
	uint64_t *mem = calloc(n * BLOCK_WORDS + 8, sizeof(*mem)), *old;

	if (mem) {
		mem[7] = n;
		for (uint64_t i = 0; i < l->n * 8; i++) {
			uint64_t e = atomic_load_explicit(&l->slot[i], memory_order_relaxed);

			if (e)
				set(mem + 8, n, (uint32_t)(e >> 32));
		}
	}
	old = atomic_exchange(&ix->bloom.block, mem ? mem + 8 : NULL);
	ix->bloom.room = room;
	if (old) {
		struct ix_map none = IX_MAP_NONE;

		guard_retire(&ix->guard, &none, old - 8);
	}
}

void bloom_add(struct index *ix, uint64_t hash)
{
	uint64_t *block = atomic_load_explicit(&ix->bloom.block, memory_order_relaxed);

	/* while everything is built it is made once, at the end */
	if (ix->builder)
		return;
	if (!block || ix->table[TAB_VALUE].used > ix->bloom.room)
		rebuild(ix);
	else
		set(block, block[-1], TABLE_TAG(hash));
}

void bloom_make(struct index *ix)
{
	rebuild(ix);
}

void bloom_free(struct ix_bloom *b)
{
	uint64_t *block = atomic_exchange(&b->block, NULL);

	if (block)
		free(block - 8);
}

void bloom_prefetch(const struct index *ix, uint64_t hash)
{
	const uint64_t *block = atomic_load_explicit(&ix->bloom.block, memory_order_acquire);

	if (block)
		__builtin_prefetch(block + block_of(TABLE_TAG(hash), block[-1]) * BLOCK_WORDS);
}

bool view_value_maybe(const struct ix_view *v, struct str folded)
{
	return bloom_maybe(v->ix, index_hash_value(v->ix, folded));
}

bool bloom_maybe(const struct index *ix, uint64_t hash)
{
	const uint64_t *block = atomic_load_explicit(&ix->bloom.block, memory_order_acquire);
	uint32_t tag = TABLE_TAG(hash);
	const uint64_t *b;

	if (!block)
		return true;
	b = block + block_of(tag, block[-1]) * BLOCK_WORDS;
	for (unsigned i = 0; i < 8; i++)
		if (!(__atomic_load_n(&b[i / 2], __ATOMIC_RELAXED) >>
			      ((tag * salt[i] >> 27) + i % 2 * 32) &
		      1))
			return false;
	return true;
}
