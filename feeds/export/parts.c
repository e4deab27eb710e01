/*
 * parts.c - what several exporters need: values seen, halves of values, tag lists, numbers.
 */
#include "feeds/export/parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

/* ---- values seen ---- */

#define SEEN_SLOTS_MAX (1u << 21)

/* Both zero: free. */
struct seen_slot {
	uint64_t a, b;
};

static struct seen_slot *slot_of(struct seen_slot *slots, uint32_t cap, uint64_t a, uint64_t b)
{
	uint32_t i = (uint32_t)a & (cap - 1);
	while ((slots[i].a || slots[i].b) && (slots[i].a != a || slots[i].b != b))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static bool seen_grow(struct seen *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 1024;
	if (cap > SEEN_SLOTS_MAX)
		return false;
	struct seen_slot *slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->slots[i].a || s->slots[i].b)
			*slot_of(slots, cap, s->slots[i].a, s->slots[i].b) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
	return true;
}

bool seen_before(struct seen *s, struct str v)
{
	uint64_t a = hash_64(v.p, v.n, 0x5ee4), b = hash_64(v.p, v.n, 0xb1ade);
	bool full = s->n >= s->cap / 4 * 3;
	if (full && s->n < SEEN_MAX && seen_grow(s))
		full = false;
	if (!s->cap)
		return false;
	if (!a && !b)
		b = 1;
	struct seen_slot *slot = slot_of(s->slots, s->cap, a, b);
	if (slot->a || slot->b)
		return true;
	if (!full) {
		*slot = (struct seen_slot){a, b};
		s->n++;
	}
	return false;
}

void seen_free(struct seen *s)
{
	free(s->slots);
	*s = (struct seen){0};
}

/* ---- values ---- */

struct str value_first(struct str v)
{
	ptrdiff_t at = str_chr(v, '|');
	return at < 0 ? v : str_sub(v, 0, (size_t)at);
}

struct str value_second(struct str v)
{
	ptrdiff_t at = str_chr(v, '|');
	return at < 0 ? STR_NONE : str_sub(v, (size_t)at + 1, v.n);
}

void tags_join(struct buf *b, const struct misp_tagref *t, uint32_t n, bool *first)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!*first)
			buf_putc(b, ',');
		*first = false;
		buf_str_add(b, t[i].name);
	}
}

static size_t digits_at(struct str s, size_t i)
{
	size_t from = i;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

bool is_numeric(struct str s)
{
	size_t i = 0, whole, fraction = 0;
	if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
		i++;
	whole = digits_at(s, i);
	i += whole;
	if (i < s.n && s.p[i] == '.') {
		fraction = digits_at(s, i + 1);
		i += 1 + fraction;
	}
	if (!whole && !fraction)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		size_t e = i + 1;
		if (e < s.n && (s.p[e] == '+' || s.p[e] == '-'))
			e++;
		size_t n = digits_at(s, e);
		if (!n)
			return false;
		i = e + n;
	}
	return i == s.n;
}

int ip_version(struct str v, bool net)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	uint64_t prefix;
	struct str ip = v;
	ptrdiff_t slash = str_chr(v, '/');
	if (slash >= 0)
		ip = str_sub(v, 0, (size_t)slash);
	if (!ip.n || ip.n >= sizeof(text))
		return 0;
	memcpy(text, ip.p, ip.n);
	text[ip.n] = '\0';
	int version = inet_pton(AF_INET, text, addr) == 1    ? 4
		      : inet_pton(AF_INET6, text, addr) == 1 ? 6
							      : 0;
	if (slash >= 0 && (!net || !str_u64(str_sub(v, (size_t)slash + 1, v.n), &prefix) ||
			   prefix > (version == 4 ? 32 : 128)))
		return 0;
	return version;
}

/* ---- time ---- */

void date_put(struct buf *b, int64_t t)
{
	struct clock_civil c = clock_to_civil(t);
	buf_printf(b, "%04d-%02d-%02d", c.year, c.month, c.day);
}

void time_put(struct buf *b, int64_t t, char sep)
{
	struct clock_civil c = clock_to_civil(t);
	date_put(b, t);
	buf_printf(b, "%c%02d:%02d:%02d", sep, c.hour, c.minute, c.second);
}

/* ---- other languages ---- */

/* The code point of a well-formed sequence of `n` bytes. */
static uint32_t code_point(const char *p, size_t n)
{
	static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (uint8_t)p[0] & lead[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)p[i] & 0x3f);
	return c;
}

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return NULL;
	}
}

void xml_text(struct buf *b, struct str v)
{
	for (size_t i = 0, n; i < v.n; i += n) {
		n = str_utf8_len(str_sub(v, i, 4));
		const char *entity = entity_of(v.p[i]);
		uint32_t c = n ? code_point(v.p + i, n) : 0;
		bool allowed = c >= ' ' || c == '\t' || c == '\n' || c == '\r';
		if (entity)
			buf_puts(b, entity);
		else if (!n || !allowed || c == 0xfffe || c == 0xffff)
			buf_putc(b, ' ');
		else
			buf_add(b, v.p + i, n);
		n += !n;
	}
}

void html_text(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '&')
			LIT(b, "&amp;");
		else if (c == '<')
			LIT(b, "&lt;");
		else if (c == '>')
			LIT(b, "&gt;");
		else if (c == '"')
			LIT(b, "&quot;");
		else if (c == '\'')
			LIT(b, "&#039;");
		else
			buf_putc(b, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
}

struct str text_beginning(struct str v, size_t max)
{
	if (v.n <= max)
		return v;
	while (max && ((unsigned char)v.p[max] & 0xc0) == 0x80)
		max--;
	return str_sub(v, 0, max);
}

void php_json_text(struct buf *b, struct str v)
{
	static const char raw[] = "\"\\/\b\f\n\r\t", letter[] = "\"\\/bfnrt";
	for (size_t i = 0, n; i < v.n; i += n) {
		n = str_utf8_len(str_sub(v, i, 4));
		uint32_t c = n ? code_point(v.p + i, n) : 0xfffd;
		n += !n;
		const char *at = c < 128 && c ? strchr(raw, (int)c) : NULL;
		if (at)
			buf_printf(b, "\\%c", letter[at - raw]);
		else if (c >= ' ' && c < 128)
			buf_putc(b, (char)c);
		else if (c < 0x10000)
			buf_printf(b, "\\u%04x", c);
		else
			buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				   0xdc00 + ((c - 0x10000) & 0x3ff));
	}
}

struct str param_get(const struct export_run *r, const char *name)
{
	return r->opts->param ? r->opts->param(r->opts->param_user, name) : STR_NONE;
}
