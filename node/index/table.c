/*
 * table.c - the hash table of the index and the epochs that keep old tables for their readers.
 *
 * Invariant: an entry stands in the first line, from its home on, that had a free slot; slots of a
 * line fill from the front. So a free slot ends every search.
 */
#include "index/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/own.h"

#define SLOTS 8
#define FILL_NUM 4 /* at most 4/5 full */
#define FILL_DEN 5
#define LINES_MIN 64
/* Doubled up to this size (8 MiB), then a third more at a time: space. */
#define LINES_DOUBLED ((uint64_t)1 << 17)

struct ix_retired {
	struct ix_retired *next;
	struct ix_map map;
	void *also;
	uint64_t epoch;
};

unsigned guard_enter(struct ix_guard *g)
{
	for (;;) {
		uint64_t e = atomic_load(&g->epoch);

		atomic_fetch_add(&g->inside[e & 1].n, 1);
		if (atomic_load(&g->epoch) == e)
			return (unsigned)(e & 1);
		atomic_fetch_sub(&g->inside[e & 1].n, 1);
	}
}

void guard_leave(struct ix_guard *g, unsigned ticket)
{
	atomic_fetch_sub(&g->inside[ticket].n, 1);
}

void guard_retire(struct ix_guard *g, struct ix_map *m, void *also_free)
{
	struct ix_retired *r = malloc(sizeof(*r));

	if (!r) {
		/* leak rather than pull pages from under a reader */
		*m = IX_MAP_NONE;
		return;
	}
	*r = (struct ix_retired){g->retired, *m, also_free, atomic_load(&g->epoch)};
	g->retired = r;
	*m = IX_MAP_NONE;
}

void guard_sweep(struct ix_guard *g, bool all)
{
	uint64_t e = atomic_load(&g->epoch);

	if (!g->retired)
		return;
	/* the other parity is empty: everybody inside came in the present epoch */
	if (!all && atomic_load(&g->inside[(e & 1) ^ 1].n) == 0)
		atomic_store(&g->epoch, ++e);
	for (struct ix_retired **at = &g->retired, *r; (r = *at);) {
		/* two epochs on, whoever was inside when it was retired has left */
		if (!all && e < r->epoch + 2) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		map_close(&r->map);
		free(r->also);
		free(r);
	}
}

/* ---- tables -------------------------------------------------------------------------------- */

static void file_name(char out[64], const struct ix_table *t, unsigned serial)
{
	snprintf(out, 64, "%s.%u", t->name, serial);
}

static enum err lines_new(struct ix_table *t, uint64_t n, unsigned serial, bool keep,
			  struct ix_lines **out, struct fail *f)
{
	struct ix_lines *l = calloc(1, sizeof(*l));
	size_t bytes = (size_t)n * SLOTS * 8;
	char name[64];
	enum err e;

	*out = NULL;
	if (!l)
		return fail(f, ERR_NOMEM, "no memory for an index table");
	file_name(name, t, serial);
	e = map_open(&l->map, t->dirfd, name, bytes, keep, f);
	if (e == ERR_OK && keep && l->map.len < bytes)
		e = fail(f, ERR_CORRUPT, "index table %s is too short", name);
	if (e == ERR_OK)
		e = map_grow(&l->map, bytes, f);
	if (e != ERR_OK) {
		map_close(&l->map);
		free(l);
		return e;
	}
	l->n = n;
	l->serial = serial;
	l->slot = (void *)l->map.p;
	*out = l;
	return ERR_OK;
}

enum err table_open(struct ix_table *t, int dirfd, const char *name, uint64_t entries,
		    uint64_t lines, unsigned serial, uint64_t used, struct fail *f)
{
	uint64_t n = lines ? lines : entries * FILL_DEN / FILL_NUM / SLOTS + LINES_MIN;
	struct ix_lines *l;

	t->dirfd = dirfd;
	t->name = name;
	t->used = used;
	atomic_store(&t->lines, NULL);
	if (used > n * SLOTS)
		return fail(f, ERR_CORRUPT, "index table %s is overfull", name);
	TRY(lines_new(t, n, serial, lines > 0, &l, f));
	atomic_store(&t->lines, l);
	return ERR_OK;
}

void table_close(struct ix_table *t)
{
	struct ix_lines *l = atomic_exchange(&t->lines, NULL);

	if (l) {
		map_close(&l->map);
		free(l);
	}
}

static void lines_add(struct ix_lines *l, uint64_t entry)
{
	uint64_t line = ((entry >> 32) * l->n) >> 32;

	for (;; line = line + 1 == l->n ? 0 : line + 1)
		for (unsigned s = 0; s < SLOTS; s++) {
			atomic_uint_fast64_t *slot = &l->slot[line * SLOTS + s];

			if (!atomic_load_explicit(slot, memory_order_relaxed)) {
				atomic_store_explicit(slot, entry, memory_order_release);
				return;
			}
		}
}

enum err table_room(struct ix_table *t, struct ix_guard *g, uint64_t more, struct fail *f)
{
	struct ix_lines *old = atomic_load(&t->lines), *l;
	uint64_t want = t->used + more, n;
	char name[64];

	if (want * FILL_DEN <= old->n * SLOTS * FILL_NUM)
		return ERR_OK;
	n = MAX(old->n + (old->n < LINES_DOUBLED ? old->n : old->n / 3),
		want * FILL_DEN / FILL_NUM / SLOTS + LINES_MIN);
	TRY(lines_new(t, n, old->serial + 1, false, &l, f));
	for (uint64_t i = 0; i < old->n * SLOTS; i++) {
		uint64_t e = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

		if (e)
			lines_add(l, e);
	}
	atomic_store(&t->lines, l);
	file_name(name, t, old->serial);
	unlinkat(t->dirfd, name, 0);
	guard_retire(g, &old->map, old);
	return ERR_OK;
}

void table_add(struct ix_table *t, uint64_t hash, uint32_t ref)
{
	lines_add(atomic_load_explicit(&t->lines, memory_order_relaxed),
		  (uint64_t)TABLE_TAG(hash) << 32 | (ref + 1));
	t->used++;
}

void table_redirect(struct ix_walk *w, uint32_t ref)
{
	atomic_store_explicit(&w->lines->slot[w->line * SLOTS + w->slot - 1],
			      (uint64_t)w->tag << 32 | (ref + 1), memory_order_release);
}
