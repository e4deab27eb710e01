/*
 * str.h - a string view: pointer and length, not NUL-terminated, never owning.
 *
 * A view with p == NULL is "absent"; STR("") is present and empty.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){("" lit), sizeof(lit) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p ? (s).p : "")

static inline struct str str_c(const char *c)
{
	return c ? (struct str){c, strlen(c)} : STR_NONE;
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *c)
{
	return str_eq(a, str_c(c));
}

static inline bool str_empty(struct str a)
{
	return a.n == 0;
}

/* Byte-wise order: negative, 0 or positive. */
int str_cmp(struct str a, struct str b);
/* Equality of `n` bytes without regard to ASCII case. */
bool str_same_nocase(const char *a, const char *b, size_t n);
/* Equality without regard to ASCII case. */
static inline bool str_eq_nocase(struct str a, struct str b)
{
	return a.n == b.n && str_same_nocase(a.p, b.p, a.n);
}
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
/* Offset of the first `c`, or -1. */
ptrdiff_t str_chr(struct str s, char c);
/* Offset of the first occurrence of `needle`, or -1; an empty needle is at 0. */
ptrdiff_t str_find(struct str s, struct str needle);
/* As str_find() without regard to ASCII case. */
ptrdiff_t str_find_nocase(struct str s, struct str needle);
/* `s` without leading and trailing ASCII white space and NUL (what PHP's trim() removes). */
struct str str_trim(struct str s);
/* The part from `from` (clamped) on; at most `n` bytes. */
struct str str_sub(struct str s, size_t from, size_t n);
/* Cut at the first `sep`: *head gets what is before it, the rest is returned (absent if none). */
struct str str_split(struct str s, char sep, struct str *head);
/* Decimal digits only, no sign, no overflow; false otherwise. */
bool str_u64(struct str s, uint64_t *out);
/* Optional '-', then decimal digits. */
bool str_i64(struct str s, int64_t *out);
/* Is it well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF)? */
bool str_utf8_ok(struct str s);
/* Length of the well-formed UTF-8 sequence that `s` begins with, 0 if there is none. */
size_t str_utf8_len(struct str s);
