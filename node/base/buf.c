/*
 * buf.c - the growing byte buffer. One spare byte behind the maximum keeps room for a NUL, so
 * buf_cstr() and buf_take() need no second allocation.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 64u

void buf_init(struct buf *b, size_t max)
{
	*b = BUF(max);
}

void buf_free(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->n = b->cap = 0;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = ERR_OK;
}

/* Make room for n bytes and a NUL behind the contents. */
static bool grow(struct buf *b, size_t n)
{
	size_t cap, need;
	char *p;

	if (b->err != ERR_OK)
		return false;
	if (n > b->max - b->n) {
		b->err = ERR_LIMIT;
		return false;
	}
	if (__builtin_add_overflow(b->n + n, 1, &need)) {
		b->err = ERR_LIMIT;
		return false;
	}
	if (need <= b->cap)
		return true;
	cap = b->cap > SIZE_MAX / 2 ? need : MAX(b->cap * 2, CAP_FIRST);
	if (cap < need)
		cap = need;
	if (b->max < SIZE_MAX && cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (!p) {
		b->err = ERR_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

const char *buf_cstr(struct buf *b)
{
	/* Whoever filled this buffer went through grow(), which leaves a byte for the NUL. */
	if (!b->p)
		return "";
	b->p[b->n] = '\0';
	return b->p;
}

char *buf_reserve(struct buf *b, size_t n)
{
	return grow(b, n) ? b->p + b->n : NULL;
}

void buf_add_growing(struct buf *b, const void *p, size_t n)
{
	if (!grow(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 && b->err == ERR_OK)
		b->err = ERR_BUG;
	if (n < 0 || !grow(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char d[20];
	size_t at = sizeof(d);

	do
		d[--at] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, d + at, sizeof(d) - at);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_putc(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

char *buf_take(struct buf *b, size_t *n)
{
	char *p = NULL;

	*n = 0;
	if (grow(b, 0)) {
		p = b->p;
		p[b->n] = '\0';
		*n = b->n;
		b->p = NULL;
	}
	buf_free(b);
	return p;
}
