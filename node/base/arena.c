/*
 * arena.c - chunks that double, a bump pointer, and a maximum that is never crossed.
 *
 * The maximum counts what is handed out (rounded up), so it does not depend on chunk sizes.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>

#define CHUNK_FIRST 4096u
#define CHUNK_LARGEST (256u << 10)
#define ALIGN alignof(max_align_t)

struct chunk {
	struct chunk *prev;
	size_t cap, used;
	alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *top;
	size_t max, total, next_cap;
	bool overflowed;
};

static struct chunk *chunk_new(size_t cap, struct chunk *prev)
{
	struct chunk *c = malloc(sizeof(*c) + cap);

	if (c) {
		c->prev = prev;
		c->cap = cap;
		c->used = 0;
	}
	return c;
}

struct arena *arena_new(size_t max)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->max = max;
	a->next_cap = CHUNK_FIRST;
	a->top = chunk_new(CHUNK_FIRST - sizeof(struct chunk), NULL);
	if (!a->top) {
		free(a);
		return NULL;
	}
	return a;
}

/* Free the chunks above `stop`; with NULL, all. */
static void drop_to(struct arena *a, struct chunk *stop)
{
	while (a->top != stop) {
		struct chunk *prev = a->top->prev;

		free(a->top);
		a->top = prev;
	}
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	drop_to(a, NULL);
	free(a);
}

void arena_reset(struct arena *a)
{
	struct chunk *first = a->top;

	while (first->prev)
		first = first->prev;
	drop_to(a, first);
	first->used = 0;
	a->total = 0;
	a->next_cap = CHUNK_FIRST;
	a->overflowed = false;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->top, a->top->used, a->total};
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
	drop_to(a, m.chunk);
	a->top->used = m.used;
	a->total = m.total;
}

size_t arena_used(const struct arena *a)
{
	return a->total;
}

bool arena_overflowed(const struct arena *a)
{
	return a->overflowed;
}

static void *take(struct arena *a, size_t n)
{
	size_t need;
	void *p;

	if (__builtin_add_overflow(n ? n : 1, ALIGN - 1, &need))
		goto out;
	need &= ~(size_t)(ALIGN - 1);
	if (need > a->max - a->total)
		goto out;
	if (need > a->top->cap - a->top->used) {
		struct chunk *c;

		if (a->next_cap < CHUNK_LARGEST)
			a->next_cap *= 2;
		c = chunk_new(MAX(need, a->next_cap - sizeof(*c)), a->top);
		if (!c)
			goto out;
		a->top = c;
	}
	p = a->top->data + a->top->used;
	a->top->used += need;
	a->total += need;
	return p;
out:
	a->overflowed = true;
	return NULL;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n);

	return p ? memset(p, 0, n) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		a->overflowed = true;
		return NULL;
	}
	return arena_alloc(a, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p;

	if (!s.p || s.n == SIZE_MAX)
		return STR_NONE;
	p = take(a, s.n + 1);
	if (!p)
		return STR_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct str){p, s.n};
}

char *arena_cstr(struct arena *a, struct str s)
{
	return (char *)(uintptr_t)arena_str(a, s).p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return STR_NONE;
	p = take(a, (size_t)n + 1);
	if (!p)
		return STR_NONE;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct str){p, (size_t)n};
}
