/*
 * arena.h - memory of one request or job, freed in one call.
 *
 * An arena has a maximum; crossing it makes allocations return NULL and sets the overflow flag
 * (ERR_LIMIT), never aborts. Not thread-safe: one arena belongs to one job at a time.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

struct arena;

/* A position to go back to with arena_rewind(). */
struct arena_mark {
	void *chunk;
	size_t used, total;
};

/* Make an arena that may hold at most `max` bytes. NULL when out of memory. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *a);
/* Free everything but the first chunk; pointers into the arena die. */
void arena_reset(struct arena *a);
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark m);
/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);
/* Has an allocation failed since the last reset? */
bool arena_overflowed(const struct arena *a);

/* Zeroed memory aligned for any type, or NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* As arena_alloc for an array; NULL on multiplication overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_array((a), (n), sizeof(type)))
/* Copies, NUL-terminated behind the end. Absent stays absent. On failure the view is absent. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

OWN_DEFINE(arena, struct arena *, arena_free(*p))
