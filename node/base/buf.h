/*
 * buf.h - a growing byte buffer that cannot be made without a maximum.
 *
 * The first failure (limit or memory) sticks: later additions do nothing and buf_err() tells.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap, max;
	enum err err;
};

/* An empty buffer that may grow to `max` bytes; allocates nothing yet. */
#define BUF(max_bytes) ((struct buf){NULL, 0, 0, (max_bytes), ERR_OK})
void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
/* Forget the contents and the error, keep the memory. */
void buf_clear(struct buf *b);
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){b->p ? b->p : "", b->n};
}
static inline enum err buf_err(const struct buf *b)
{
	return b->err;
}
/* Contents as a NUL-terminated string ("" when empty); valid until the next change. */
const char *buf_cstr(struct buf *b);
/* Where there is no room at hand. */
void buf_add_growing(struct buf *b, const void *p, size_t n);
char *buf_reserve_growing(struct buf *b, size_t n);
/* Writers of documents do little else: what fits is copied on the spot. */
static inline bool buf_fits(const struct buf *b, size_t n)
{
	return b->cap - b->n > n && b->err == ERR_OK;
}
/* Room for `n` more bytes; NULL and a sticky error when that is not to be had. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	return buf_fits(b, n) ? b->p + b->n : buf_reserve_growing(b, n);
}
/* `n` bytes of what buf_reserve() gave are in use. */
static inline void buf_commit(struct buf *b, size_t n)
{
	b->n += n;
}
static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!n)
		return;
	if (!buf_fits(b, n)) {
		buf_add_growing(b, p, n);
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}
static inline void buf_str_add(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}
static inline void buf_puts(struct buf *b, const char *c)
{
	buf_add(b, c, strlen(c));
}
static inline void buf_putc(struct buf *b, char c)
{
	if (buf_fits(b, 1))
		b->p[b->n++] = c;
	else
		buf_add_growing(b, &c, 1);
}
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The digits of `v`, at the end of `d`; where they begin. */
#define BUF_U64_MAX 20
char *buf_u64_text(char d[BUF_U64_MAX], uint64_t v);
/* Decimal forms, faster than printf. */
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* Remove the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);
/* Take the memory (NUL-terminated, free() it); the buffer is empty afterwards. */
char *buf_take(struct buf *b, size_t *n);

OWN_DEFINE(buf, struct buf, buf_free(p))
