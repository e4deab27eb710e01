/*
 * host.c - what looks like a host name or a URL in a text. Top-level domains are a table; no
 * resolver, no public suffixes.
 */
#include "feeds/freetext/impl.h"

#include <stdlib.h>

#include "model/ascii.h"

static const char *const tlds[] = {
#include "feeds/freetext/tlds.inc"
};

#define TLD_MAX 64

static int tld_cmp(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

bool host_has_tld(struct str s)
{
	char lower[TLD_MAX];
	size_t dot = s.n;
	while (dot && s.p[dot - 1] != '.')
		dot--;
	struct str last = str_sub(s, dot, s.n);
	if (!dot || !last.n || last.n >= sizeof(lower))
		return false;
	for (size_t i = 0; i < last.n; i++)
		lower[i] = ascii_to_lower(last.p[i]);
	lower[last.n] = '\0';
	return bsearch(lower, tlds, ARRAY_LEN(tlds), sizeof(tlds[0]), tld_cmp) != NULL;
}

/* ---- characters ---- */

struct range {
	uint32_t from, to;
};

/* Control, format, private and blank characters beyond ASCII: as good as a space. */
static const struct range dividers[] = {
	{0x80, 0xa0},	  {0xad, 0xad},	    {0x600, 0x605},   {0x61c, 0x61c},	{0x6dd, 0x6dd},
	{0x70f, 0x70f},	  {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
	{0x205f, 0x206f}, {0x3000, 0x3000}, {0xe000, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
	{0xe0000, 0x10ffff},
};

/* Marks and symbols: no part of a name. The other characters beyond ASCII are taken for letters. */
static const struct range symbols[] = {
	{0xa1, 0xa9},	  {0xab, 0xb1},	    {0xb4, 0xb4},     {0xb6, 0xb8},	{0xbb, 0xbb},
	{0xbf, 0xbf},	  {0xd7, 0xd7},	    {0xf7, 0xf7},     {0x2010, 0x2027}, {0x2030, 0x205e},
	{0x20a0, 0x20cf}, {0x2190, 0x245f}, {0x2500, 0x2bff}, {0x3001, 0x3004}, {0x3008, 0x3020},
	{0xff01, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffef},
	{0xfffc, 0xffff}, {0x1f000, 0x1faff},
};

static bool within(const struct range *v, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n && v[i].from <= c; i++)
		if (c <= v[i].to)
			return true;
	return false;
}

static uint32_t code_point(const char *p, size_t n)
{
	static const unsigned char first[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)p[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	return c;
}

size_t host_char(struct str s)
{
	size_t n = str_utf8_len(s);
	return n > 1 && within(dividers, ARRAY_LEN(dividers), code_point(s.p, n)) ? 0 : n;
}

/* ---- names ---- */

unsigned host_labels(struct str s)
{
	unsigned labels = 0;
	bool open = false; /* is there something in this label? */
	for (size_t i = 0; i < s.n;) {
		size_t n = 1;
		if (s.p[i] == '.') {
			if (!open)
				return 0;
			open = false;
		} else if (ascii_alnum(s.p[i]) || s.p[i] == '-') {
			labels += !open;
			open = true;
		} else {
			n = str_utf8_len(str_sub(s, i, s.n));
			if (n < 2 || within(symbols, ARRAY_LEN(symbols), code_point(s.p + i, n)))
				return 0;
			labels += !open;
			open = true;
		}
		i += n;
	}
	return open && labels > 1 ? labels : 0;
}

/* ---- URLs ---- */

static bool one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool scheme_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alnum(s.p[i]) && !(i && one_of(s.p[i], "+-.")))
			return false;
	return s.n > 0 && !ascii_digit(s.p[0]);
}

/* Of a host in a URL: a name (underscores occur), an address, or [IPv6]. */
static bool url_host_ok(struct str s)
{
	bool bracket = s.n && s.p[0] == '[';
	if (bracket && s.p[s.n - 1] != ']')
		return false;
	for (size_t i = bracket; i < s.n - bracket; i++) {
		char c = s.p[i];
		if (!ascii_alnum(c) && !one_of(c, bracket ? ":.%" : ".-_") && !(c & 0x80))
			return false;
	}
	return s.n > 2u * bracket;
}

bool url_split(struct str s, struct url_parts *out)
{
	ptrdiff_t at = str_find(s, STR("://"));
	struct str rest = s, host;
	*out = (struct url_parts){.slash = ascii_has(s, '/')};
	if (at > 0) {
		out->scheme = str_sub(s, 0, (size_t)at);
		rest = str_sub(s, (size_t)at + 3, s.n);
		if (!scheme_ok(out->scheme))
			return false;
	}
	size_t end = 0, user = 0;
	while (end < rest.n && !one_of(rest.p[end], "/?#"))
		end++;
	host = str_sub(rest, 0, end);
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] == '@')
			user = i + 1;
	host = str_sub(host, user, host.n);
	size_t port = host.n;
	while (port && ascii_digit(host.p[port - 1]))
		port--;
	if (port && port < host.n && host.p[port - 1] == ':')
		host = str_sub(host, 0, port - 1);
	out->host = host;
	return host.n && url_host_ok(host) && !ascii_has(s, '"') && !ascii_has(s, '\\');
}
