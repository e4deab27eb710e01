/*
 * str.c - searching, cutting and checking string views. Nothing here allocates, and nothing
 * depends on the locale.
 */
#include "base/str.h"

static inline unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_same_nocase(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (!prefix.n || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       (!suffix.n || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *p = s.n ? memchr(s.p, c, s.n) : NULL;

	return p ? p - s.p : -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	const char *p;

	if (!needle.n)
		return 0;
	p = s.n >= needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return p ? p - s.p : -1;
}

ptrdiff_t str_find_nocase(struct str s, struct str needle)
{
	unsigned char first;

	if (!needle.n)
		return 0;
	if (s.n < needle.n)
		return -1;
	first = lower(needle.p[0]);
	for (size_t i = 0; i <= s.n - needle.n; i++)
		if (lower(s.p[i]) == first &&
		    str_eq_nocase((struct str){s.p + i, needle.n}, needle))
			return (ptrdiff_t)i;
	return -1;
}

static inline bool is_trimmed(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r' && c != '\f') || c == '\0';
}

struct str str_trim(struct str s)
{
	while (s.n && is_trimmed(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_trimmed(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct str){s.p ? s.p + from : NULL, n};
}

struct str str_split(struct str s, char sep, struct str *head)
{
	ptrdiff_t at = str_chr(s, sep);

	if (at < 0) {
		*head = s;
		return STR_NONE;
	}
	*head = (struct str){s.p, (size_t)at};
	return (struct str){s.p + at + 1, s.n - (size_t)at - 1};
}

bool str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	*out = 0;
	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_i64(struct str s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t v;

	*out = 0;
	if (!str_u64(negative ? str_sub(s, 1, s.n) : s, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Length of the well-formed sequence at p (n bytes are left), 0 when it is none. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	unsigned lo = 0x80, hi = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	/* The second byte is what rules out overlong forms, surrogates and > U+10FFFF. */
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool str_utf8_ok(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i = 0, len;
	uint64_t w;

	while (i < s.n) {
		while (s.n - i >= sizeof(w)) {
			memcpy(&w, p + i, sizeof(w));
			if (w & 0x8080808080808080u)
				break;
			i += sizeof(w);
		}
		if (i == s.n)
			break;
		len = utf8_len(p + i, s.n - i);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

size_t str_utf8_len(struct str s)
{
	return s.n ? utf8_len((const unsigned char *)s.p, s.n) : 0;
}
