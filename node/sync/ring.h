/*
 * ring.h - bytes on their way from one thread to another, in memory of fixed size. The owner locks;
 * what ring_peek() showed stays where it is until ring_take(), and ring_room() gives the same
 * place until something was added, whatever the other side takes meanwhile.
 */
#pragma once

#include <string.h>

#include "base/own.h"
#include "base/str.h"

#define RING_SIZE ((size_t)256 * 1024)

struct ring {
	char *p; /* RING_SIZE bytes */
	size_t at, n;
};

static inline size_t ring_free(const struct ring *r)
{
	return RING_SIZE - r->n;
}

/* Where bytes can be put, *n of them in one piece. */
static inline char *ring_room(const struct ring *r, size_t *n)
{
	size_t end = (r->at + r->n) % RING_SIZE;
	*n = MIN(ring_free(r), RING_SIZE - end);
	return r->p + end;
}

/* Copy all of it in; there must be room. */
static inline void ring_add(struct ring *r, const char *p, size_t n)
{
	size_t first;
	char *to = ring_room(r, &first);
	first = MIN(n, first);
	memcpy(to, p, first);
	memcpy(r->p, p + first, n - first);
	r->n += n;
}

/* The oldest bytes, in one piece. */
static inline struct str ring_peek(const struct ring *r)
{
	return (struct str){r->p + r->at, MIN(r->n, RING_SIZE - r->at)};
}

static inline void ring_take(struct ring *r, size_t n)
{
	r->n -= n;
	r->at = (r->at + n) % RING_SIZE;
}

/* Copy out at most `max` bytes and take them. */
static inline size_t ring_get(struct ring *r, char *to, size_t max)
{
	size_t got = 0;
	while (r->n && got < max) {
		struct str s = str_sub(ring_peek(r), 0, max - got);
		memcpy(to + got, s.p, s.n);
		ring_take(r, s.n);
		got += s.n;
	}
	return got;
}
