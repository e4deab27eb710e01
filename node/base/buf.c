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

char *buf_reserve_growing(struct buf *b, size_t n)
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

char *buf_u64_text(char d[BUF_U64_MAX], uint64_t v)
{
	static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
				    "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
				    "828384858687888990919293949596979899";
	char *p = d + BUF_U64_MAX;

	for (; v >= 100; v /= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, pairs + v * 2, 2);
	} else {
		*--p = (char)('0' + v);
	}
	return p;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char d[BUF_U64_MAX], *p = buf_u64_text(d, v);

	buf_add(b, p, (size_t)(d + sizeof(d) - p));
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
