/*
 * stix1_tree.c - an element of STIX 1 as a tree: put together in any order, written in the order of the schema
 * (stix1_names.inc), as XML or as JSON.
 */
#include <stdio.h>

#include "base/clock.h"
#include "feeds/export/stix1_impl.h"

enum {
	A = 1 << 0,
	E = 1 << 1,
	C = 1 << 2,
	L = 1 << 3,
	R = 1 << 4,
	V = 1 << 5,
	D = 1 << 6,
	S = 1 << 7,
	J = 1 << 8,
	X = 1 << 9,
	W = 1 << 10,
	T = 1 << 11,
	Q = 1 << 12,
	U = 1 << 13,
};

static const struct {
	const char *json, *xml, *type;
	unsigned flags;
} names[S1_NAMES] = {
#define N(id, json_, xml_, flags_, type_)                                                           \
	[S1_##id] = {.json = json_, .xml = xml_, .type = type_, .flags = flags_},
#include "feeds/export/stix1_names.inc"
};

/* Beyond so many, children stand as they come: looking for their place would take long. */
#define SORTED_MAX 4096u

static bool is(const struct stix1_node *n, unsigned flag)
{
	return (names[n->name].flags & flag) != 0;
}

static const char *type_of(const struct stix1_node *n)
{
	return n->type ? n->type : names[n->name].type;
}

/* ---- putting together ---- */

static bool before(const struct stix1_node *a, const struct stix1_node *b)
{
	return a->name != b->name ? a->name < b->name : a->rank < b->rank;
}

void stix1_take(struct stix1_node *parent, struct stix1_node *n)
{
	struct stix1_node **p = &parent->first;
	if (parent->last && (!before(n, parent->last) || parent->children > SORTED_MAX))
		p = &parent->last->next;
	else
		while (*p && !before(n, *p))
			p = &(*p)->next;
	n->next = *p;
	*p = n;
	if (!n->next)
		parent->last = n;
	parent->children++;
}

struct stix1_node *stix1_root(struct stix1 *w, enum stix1_name name)
{
	struct stix1_node *n = ARENA_NEW(w->a, struct stix1_node);
	if (!n) {
		w->nowhere = (struct stix1_node){0};
		n = &w->nowhere;
	}
	n->name = (uint16_t)name;
	return n;
}

struct stix1_node *stix1_add_ranked(struct stix1 *w, struct stix1_node *parent, enum stix1_name name,
				    unsigned rank)
{
	struct stix1_node *n = stix1_root(w, name);
	if (n == &w->nowhere || parent == &w->nowhere)
		return &w->nowhere;
	n->rank = (uint16_t)rank;
	stix1_take(parent, n);
	return n;
}

struct stix1_node *stix1_add(struct stix1 *w, struct stix1_node *parent, enum stix1_name name)
{
	return stix1_add_ranked(w, parent, name, 0);
}

struct stix1_node *stix1_find(const struct stix1_node *parent, enum stix1_name name)
{
	struct stix1_node *n = parent->first;
	while (n && n->name < name)
		n = n->next;
	return n && n->name == name ? n : NULL;
}

void stix1_remove(struct stix1_node *parent, struct stix1_node *n)
{
	struct stix1_node **p = &parent->first, *before_it = NULL;
	for (; *p && *p != n; p = &(*p)->next)
		before_it = *p;
	if (!*p)
		return;
	*p = n->next;
	if (parent->last == n)
		parent->last = before_it;
	parent->children--;
}

struct stix1_node *stix1_at(struct stix1 *w, struct stix1_node *parent, enum stix1_name name)
{
	struct stix1_node *n = names[name].flags & W ? NULL : stix1_find(parent, name);
	return n ? n : stix1_add(w, parent, name);
}

struct stix1_node *stix1_text(struct stix1 *w, struct stix1_node *parent, enum stix1_name name, struct str text)
{
	struct stix1_node *n = stix1_add(w, parent, name);
	n->text = arena_str(w->a, text.p ? text : STR(""));
	return n;
}

struct str stix1_id_text(struct stix1 *w, const char *kind, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	return arena_printf(w->a, "%s:%s-%s", w->prefix, kind, uuid_format(u, text));
}

void stix1_id(struct stix1 *w, struct stix1_node *n, enum stix1_name name, const char *kind, struct uuid u)
{
	struct stix1_node *id = stix1_add(w, n, name);
	id->text = stix1_id_text(w, kind, u);
}

struct str stix1_time(struct stix1 *w, int64_t t)
{
	OWN(buf) struct buf b = BUF(64);
	time_put(&b, t, 'T');
	LIT(&b, "+00:00");
	return arena_str(w->a, buf_str(&b));
}

/* ---- XML ---- */

void stix1_indent(struct buf *b, unsigned depth)
{
	static const char spaces[] = "                                                                ";
	size_t n = (size_t)depth * 4;
	buf_add(b, spaces, MIN(n, sizeof(spaces) - 1));
}

/* Does XML 1.0 have this character? */
static bool is_char(struct str c)
{
	if (c.n == 1)
		return (uint8_t)c.p[0] >= ' ' || c.p[0] == '\t' || c.p[0] == '\n' || c.p[0] == '\r';
	return c.n != 3 || memcmp(c.p, "\xef\xbf\xbe", 3) < 0 || memcmp(c.p, "\xef\xbf\xbf", 3) > 0;
}

static const char *entity(char c, bool quoted)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	case '"':
		return quoted ? "&quot;" : NULL;
	case '\n':
		return quoted ? "&#10;" : NULL;
	case '\t':
		return quoted ? "&#9;" : NULL;
	default:
		return NULL;
	}
}

void stix1_xml_text(struct buf *b, struct str v, bool quoted)
{
	size_t from = 0;
	for (size_t i = 0; i < v.n;) {
		struct str rest = str_sub(v, i, v.n);
		size_t n = (uint8_t)v.p[i] < 128 ? 1 : str_utf8_len(rest);
		const char *e = n == 1 ? entity(v.p[i], quoted) : NULL;
		bool fits = n && is_char(str_sub(rest, 0, n));
		if (!e && fits) {
			i += n;
			continue;
		}
		buf_add(b, v.p + from, i - from);
		buf_puts(b, e ? e : n ? " " : "\xef\xbf\xbd");
		from = i += n ? n : 1;
	}
	buf_add(b, v.p + from, v.n - from);
}

/* "]]>" ends a section: it is cut in two there. */
static void cdata(struct buf *b, struct str v)
{
	LIT(b, "<![CDATA[");
	for (size_t i = 0, from = 0; i <= v.n;) {
		struct str rest = str_sub(v, i, v.n);
		size_t n = i == v.n ? 0 : (uint8_t)v.p[i] < 128 ? 1 : str_utf8_len(rest);
		bool cut = str_has_prefix(rest, STR("]]>")), carriage = n == 1 && v.p[i] == '\r';
		if (i < v.n && n && !cut && !carriage && is_char(str_sub(rest, 0, n))) {
			i += n;
			continue;
		}
		buf_add(b, v.p + from, i - from);
		if (i == v.n)
			break;
		if (cut)
			LIT(b, "]]]]><![CDATA[>");
		else if (carriage)
			LIT(b, "]]>&#13;<![CDATA[");
		else
			buf_puts(b, n ? " " : "\xef\xbf\xbd");
		from = i += cut ? 3 : n ? n : 1;
	}
	LIT(b, "]]>");
}

static void xml_type(struct buf *b, const struct stix1_node *n)
{
	char quote = is(n, Q) ? '\'' : '"';
	if (type_of(n))
		buf_printf(b, " xsi:type=%c%s%c", quote, type_of(n), quote);
}

static void xml(struct buf *b, const struct stix1_node *n, unsigned depth)
{
	const char *name = names[n->name].xml;
	if (is(n, A | J) || (is(n, S) && (!n->first || !name)))
		return;
	if (!name) {
		for (const struct stix1_node *k = n->first; k; k = k->next)
			xml(b, k, depth);
		return;
	}
	bool inside = false;
	stix1_indent(b, depth);
	buf_printf(b, "<%s", name);
	if (is(n, E | C))
		buf_printf(b, " condition=\"%s\"", is(n, E) ? "Equals" : "Contains");
	if (!is(n, T))
		xml_type(b, n);
	for (const struct stix1_node *k = n->first; k; k = k->next) {
		if (!is(k, A) || is(k, J)) {
			inside |= !is(k, A | J) && (!is(k, S) || (k->first && names[k->name].xml)) &&
				  (names[k->name].xml || k->first);
			continue;
		}
		buf_printf(b, " %s=\"", names[k->name].xml);
		stix1_xml_text(b, k->text, true);
		buf_putc(b, '"');
	}
	if (is(n, T))
		xml_type(b, n);
	if (!inside && !n->text.p) {
		LIT(b, "/>\n");
		return;
	}
	buf_putc(b, '>');
	if (inside) {
		buf_putc(b, '\n');
		for (const struct stix1_node *k = n->first; k; k = k->next)
			xml(b, k, depth + 1);
		stix1_indent(b, depth);
	} else if (is(n, D)) {
		cdata(b, n->text);
	} else {
		stix1_xml_text(b, n->text, false);
	}
	buf_printf(b, "</%s>\n", name);
}

/* ---- JSON ---- */

static void json(struct buf *b, const struct stix1_node *n);

static void json_key(struct buf *b, bool *any, const char *key)
{
	if (*any)
		buf_putc(b, ',');
	*any = true;
	if (key)
		buf_printf(b, "\"%s\":", key);
}

static void json_text(struct buf *b, const struct stix1_node *n)
{
	if (is(n, R))
		buf_str_add(b, n->text);
	else
		json_quote(b, n->text);
}

static void json_children(struct buf *b, const struct stix1_node *n, bool *any)
{
	for (const struct stix1_node *k = n->first; k; k = k->next) {
		if (is(k, X))
			continue;
		json_key(b, any, is(n, L) ? NULL : names[k->name].json);
		json(b, k);
	}
}

static void json(struct buf *b, const struct stix1_node *n)
{
	bool any = false, has = false;
	const char *type = type_of(n);
	for (const struct stix1_node *k = n->first; k; k = k->next)
		has |= !is(k, X);
	if (is(n, T) && !is(n, U))
		type = NULL;
	if (is(n, L)) {
		buf_putc(b, '[');
		json_children(b, n, &any);
		buf_putc(b, ']');
		return;
	}
	if (n->text.p && !has && !type && !is(n, E | C | V)) {
		json_text(b, n);
		return;
	}
	buf_putc(b, '{');
	json_children(b, n, &any);
	if (n->text.p) {
		json_key(b, &any, "value");
		json_text(b, n);
	}
	if (is(n, E | C)) {
		json_key(b, &any, "condition");
		json_quote(b, is(n, E) ? STR("Equals") : STR("Contains"));
	}
	if (type) {
		const char *colon = strchr(type, ':');
		json_key(b, &any, "xsi:type");
		json_quote(b, str_c(is(n, U) || !colon ? type : colon + 1));
	}
	buf_putc(b, '}');
}

void stix1_write(struct stix1 *w, struct buf *b, const struct stix1_node *n, unsigned depth)
{
	if (!w->json) {
		xml(b, n, depth);
		return;
	}
	if (names[n->name].json)
		buf_printf(b, "\"%s\":", names[n->name].json);
	json(b, n);
}
