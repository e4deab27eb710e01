/*
 * xml_json.c - MISP's XML from JSON: null, "" and empty lists are <k/>, false is 0. What XML 1.0
 * cannot hold becomes a space. MISP itself writes lists of texts as <0>, <1>, which no reader takes:
 * here they are elements of the list's name.
 */
#include "feeds/export/xml_json.h"

#include "base/hash.h"
#include "feeds/export/parts.h"

#define DEPTH_MAX 48

static bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool ascii_alnum(char c)
{
	return ascii_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool ascii_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct conv {
	struct buf *out, text;
	const struct xml_form *form;
	const char *p, *end;
	unsigned depth;
	bool bad;
};

static char peek(struct conv *c)
{
	while (c->p < c->end && ascii_space(*c->p))
		c->p++;
	return c->p < c->end ? *c->p : '\0';
}

static bool take(struct conv *c, char want)
{
	if (peek(c) != want)
		return false;
	c->p++;
	return true;
}

/* Names from outside (keys of clusters) may hold anything. */
static void name_put(struct conv *c, struct str name)
{
	if (!name.n || ascii_digit(name.p[0]) || name.p[0] == '-' || name.p[0] == '.')
		buf_putc(c->out, '_');
	for (size_t i = 0; i < name.n; i++) {
		char ch = name.p[i];
		bool good = ascii_alnum(ch) || ch == '_' || ch == '-' || ch == '.';
		buf_putc(c->out, good ? ch : '_');
	}
}

static void tag(struct conv *c, const char *open, struct str name, const char *close)
{
	buf_puts(c->out, open);
	name_put(c, name);
	buf_puts(c->out, close);
}

/* ---- texts ---- */

static void utf8_put(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	}
}

static uint32_t hex4(struct conv *c)
{
	uint8_t v[2] = {0, 0};
	if (c->end - c->p < 4 || !hash_unhex((struct str){c->p, 4}, v, 2))
		c->bad = true;
	else
		c->p += 4;
	return (uint32_t)v[0] << 8 | v[1];
}

static void escape(struct conv *c)
{
	char e = c->p < c->end ? *c->p++ : '\0';
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = e ? strchr(from, e) : NULL;
	if (at) {
		buf_putc(&c->text, to[at - from]);
		return;
	}
	if (e != 'u') {
		c->bad = true;
		return;
	}
	uint32_t u = hex4(c);
	if (u >= 0xd800 && u < 0xdc00 && c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u') {
		c->p += 2;
		u = 0x10000 + ((u - 0xd800) << 10) + (hex4(c) - 0xdc00);
	}
	utf8_put(&c->text, u >= 0xd800 && u < 0xe000 ? ' ' : u);
}

/* A string's text; lives until the next one. */
static struct str string(struct conv *c)
{
	buf_clear(&c->text);
	if (!take(c, '"'))
		c->bad = true;
	while (!c->bad) {
		const char *q = c->p;
		while (q < c->end && *q != '"' && *q != '\\')
			q++;
		buf_add(&c->text, c->p, (size_t)(q - c->p));
		c->p = q;
		if (q == c->end)
			c->bad = true;
		else if (*c->p++ == '"')
			break;
		else
			escape(c);
	}
	return buf_str(&c->text);
}

static void text_put(struct conv *c, struct str s)
{
	size_t from = 0;
	if (!c->form->plain_quotes) {
		xml_text(c->out, s);
		return;
	}
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '"' && s.p[i] != '\'')
			continue;
		xml_text(c->out, str_sub(s, from, i - from));
		if (i < s.n)
			buf_putc(c->out, s.p[i]);
		from = i + 1;
	}
}

/* ---- values ---- */

static void value(struct conv *c, struct str name, bool stub);

static void scalar(struct conv *c, struct str name, struct str text)
{
	if (!text.n) {
		tag(c, "<", name, "/>");
		return;
	}
	tag(c, "<", name, ">");
	text_put(c, text);
	tag(c, "</", name, ">");
}

static void literal(struct conv *c, struct str name)
{
	const char *from = c->p;
	while (c->p < c->end && (ascii_alnum(*c->p) || strchr("+-.", *c->p)))
		c->p++;
	struct str s = {from, (size_t)(c->p - from)};
	c->bad |= !s.n;
	scalar(c, name,
	       str_is(s, "null") ? STR("") : str_is(s, "true") ? STR("1") : str_is(s, "false") ? STR("0") : s);
}

static bool skipped(const struct conv *c, struct str key)
{
	for (const char *const *s = c->form->skip; c->depth == 1 && s && *s; s++)
		if (str_is(key, *s))
			return true;
	return false;
}

/* What a reference leads to stands beside it: MISP writes an empty element for each member. */
static bool is_stub(struct str around, struct str key)
{
	return str_is(around, "ObjectReference") &&
	       (str_is(key, "Object") || str_is(key, "Attribute"));
}

static void members(struct conv *c, struct str around, bool stub)
{
	char key[256];
	do {
		struct str s = string(c);
		size_t n = MIN(s.n, sizeof(key));
		memcpy(key, s.p, n);
		struct str name = {key, n};
		if (!take(c, ':'))
			c->bad = true;
		size_t before = c->out->n;
		bool drop = skipped(c, name);
		if (!c->bad)
			value(c, name, is_stub(around, name));
		if ((stub || drop) && buf_err(c->out) == ERR_OK)
			c->out->n = before;
		if (stub) {
			tag(c, "<", around, ">");
			tag(c, "</", around, ">");
		}
	} while (!c->bad && take(c, ','));
	if (!take(c, '}'))
		c->bad = true;
}

static void object(struct conv *c, struct str name, bool stub)
{
	c->p++;
	if (take(c, '}')) {
		tag(c, "<", name, "/>");
		return;
	}
	if (!stub)
		tag(c, "<", name, ">");
	members(c, name, stub);
	if (!stub)
		tag(c, "</", name, ">");
}

static void array(struct conv *c, struct str name)
{
	c->p++;
	if (take(c, ']')) {
		tag(c, "<", name, "/>");
		return;
	}
	do
		value(c, name, false);
	while (!c->bad && take(c, ','));
	if (!take(c, ']'))
		c->bad = true;
}

static void value(struct conv *c, struct str name, bool stub)
{
	if (c->depth == DEPTH_MAX) {
		c->bad = true;
		return;
	}
	c->depth++;
	switch (peek(c)) {
	case '{':
		object(c, name, stub);
		break;
	case '[':
		array(c, name);
		break;
	case '"':
		scalar(c, name, string(c));
		break;
	default:
		literal(c, name);
	}
	c->depth--;
}

static enum err done(struct conv *c)
{
	enum err err = buf_err(c->out) != ERR_OK ? buf_err(c->out) : buf_err(&c->text);
	if (err == ERR_OK && (c->bad || peek(c)))
		err = ERR_BUG;
	buf_free(&c->text);
	return err;
}

static struct conv begin(struct buf *out, struct str json, const struct xml_form *form)
{
	return (struct conv){.out = out,
			     .text = BUF(out->max),
			     .form = form,
			     .p = json.p,
			     .end = json.p + json.n};
}

enum err xml_members(struct buf *out, struct str json, const struct xml_form *form)
{
	struct conv c = begin(out, json, form);
	c.depth = 1;
	if (!take(&c, '{'))
		c.bad = true;
	else if (!take(&c, '}'))
		members(&c, STR(""), false);
	return done(&c);
}

enum err xml_object(struct buf *out, const char *name, struct str json, const struct xml_form *form)
{
	struct conv c = begin(out, json, form);
	if (peek(&c) == '{')
		value(&c, str_c(name), false);
	else
		c.bad = true;
	return done(&c);
}
