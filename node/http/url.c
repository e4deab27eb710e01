/*
 * url.c - percent-decoding and splitting of request targets.
 *
 * Knows nothing of routes. Invariant: no decoded text holds a NUL byte.
 */
#include "http/url.h"

#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool needs_decoding(struct str s, bool plus)
{
	return memchr(s.p, '%', s.n) || (plus && memchr(s.p, '+', s.n));
}

bool url_decode(struct arena *a, struct str s, bool plus, struct str *out)
{
	char *to;
	size_t n = 0;

	*out = s;
	if (s.n == 0 || !needs_decoding(s, plus))
		return true;
	to = arena_alloc(a, s.n + 1);
	if (!to)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int hi = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
			int lo = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
			if (hi < 0 || lo < 0 || hi + lo == 0)
				return false;
			c = (char)(hi * 16 + lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		to[n++] = c;
	}
	*out = (struct str){to, n};
	return true;
}

bool url_segment(struct str *path, struct str *segment)
{
	while (path->p && path->n) {
		*path = str_split(*path, '/', segment);
		if (segment->n)
			return true;
	}
	return false;
}

enum err url_query(struct arena *a, struct str query, struct http_pairs *out)
{
	size_t max = 1;

	*out = (struct http_pairs){NULL, 0};
	if (str_empty(query))
		return ERR_OK;
	for (size_t i = 0; i < query.n; i++)
		max += query.p[i] == '&';
	if (max > URL_PAIRS_MAX)
		return ERR_LIMIT;
	out->v = ARENA_ARRAY(a, struct http_pair, max);
	if (!out->v)
		return ERR_NOMEM;
	while (query.p) {
		struct str item, name, value;
		query = str_split(query, '&', &item);
		if (item.n == 0)
			continue;
		value = str_split(item, '=', &name);
		if (!value.p)
			value = STR("");
		if (!url_decode(a, name, true, &out->v[out->n].name) ||
		    !url_decode(a, value, true, &out->v[out->n].value))
			return arena_overflowed(a) ? ERR_NOMEM : ERR_INVAL;
		out->n++;
	}
	return ERR_OK;
}

bool url_named(struct str segment, struct http_pair *out)
{
	struct str name, value = str_split(segment, ':', &name);

	if (!value.p || name.n == 0)
		return false;
	*out = (struct http_pair){name, value};
	return true;
}
