/*
 * table.h - hash -> 32-bit reference, in 64-byte lines of eight, one writer and many readers.
 *
 * An entry holds the upper half of the hash as tag; the line follows from the tag alone, so a
 * table grows by one sequential pass without the keys. The tag does not prove anything: callers
 * compare the key that a reference leads to. Entries are added or redirected, never removed.
 * Growing makes a new file; the old one lives until the last reader that may use it has left.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "index/map.h"

/* ---- readers' epochs ----------------------------------------------------------------------- */

struct ix_retired;
struct ix_guard {
	atomic_uint_fast64_t epoch;
	struct {
		_Alignas(64) atomic_uint_fast64_t n;
	} inside[2];
	struct ix_retired *retired; /* writer only */
};

/* A reader enters and leaves; what it finds in tables stays mapped in between. */
unsigned guard_enter(struct ix_guard *g);
void guard_leave(struct ix_guard *g, unsigned ticket);
/* Writer: close `m` when no reader can see it any more. */
void guard_retire(struct ix_guard *g, struct ix_map *m, void *also_free);
/* Writer: close what can be closed; with `all` (no readers left) everything. */
void guard_sweep(struct ix_guard *g, bool all);

/* ---- tables -------------------------------------------------------------------------------- */

struct ix_lines {
	uint64_t n; /* lines */
	atomic_uint_fast64_t *slot; /* 8 a line */
	struct ix_map map;
	unsigned serial; /* of the file's name */
};

struct ix_table {
	_Atomic(struct ix_lines *) lines;
	uint64_t used; /* entries; writer only */
	const char *name;
	int dirfd;
};

/* Make an empty table with room for `entries`, or with `lines` > 0 open a saved one. */
MUST_USE enum err table_open(struct ix_table *t, int dirfd, const char *name, uint64_t entries,
			     uint64_t lines, unsigned serial, uint64_t used, struct fail *f);
void table_close(struct ix_table *t);
/* Writer: make room for one more entry (before table_add). */
MUST_USE enum err table_room(struct ix_table *t, struct ix_guard *g, uint64_t more, struct fail *f);

#define TABLE_TAG(hash) ((uint32_t)((hash) >> 32))

/* A walk over the entries with a tag. */
struct ix_walk {
	const struct ix_lines *lines;
	uint32_t tag;
	uint64_t line;
	unsigned slot;
};

static inline struct ix_walk table_walk(const struct ix_table *t, uint64_t hash)
{
	const struct ix_lines *l = atomic_load_explicit(&t->lines, memory_order_acquire);
	uint32_t tag = TABLE_TAG(hash);

	return (struct ix_walk){l, tag, ((uint64_t)tag * l->n) >> 32, 0};
}

static inline void table_prefetch(const struct ix_table *t, uint64_t hash)
{
	const struct ix_lines *l = atomic_load_explicit(&t->lines, memory_order_acquire);

	__builtin_prefetch(&l->slot[(((uint64_t)TABLE_TAG(hash) * l->n) >> 32) * 8]);
}

/* Next reference with the tag; false at the end. */
static inline bool table_next(struct ix_walk *w, uint32_t *ref)
{
	for (;;) {
		for (; w->slot < 8; w->slot++) {
			uint64_t e = atomic_load_explicit(
				&w->lines->slot[w->line * 8 + w->slot], memory_order_acquire);

			if (!e)
				return false;
			if ((uint32_t)(e >> 32) == w->tag) {
				*ref = (uint32_t)e - 1;
				w->slot++;
				return true;
			}
		}
		w->slot = 0;
		w->line = w->line + 1 == w->lines->n ? 0 : w->line + 1;
	}
}

/* Writer: add an entry at the end of a finished walk's tag (room was made). */
void table_add(struct ix_table *t, uint64_t hash, uint32_t ref);
/* Writer: let the entry that table_next() gave last point to `ref`. */
void table_redirect(struct ix_walk *w, uint32_t ref);
