/*
 * xml.c - an XML document as a tree: expat's callbacks fill nodes in an arena. Never reads a document
 * type, an entity of its own or anything from outside; what is too much stops the parser.
 */
#include "base/xml.h"

#include <expat.h>
#include <stdlib.h>

#include "base/buf.h"

#define BYTES_MAX (32u << 20)
#define NODES_MAX 500000
#define DEPTH_MAX 64
#define ATTRS_MAX 256

struct xml_read {
	XML_Parser parser;
	struct arena *a;
	struct xml_limits max;
	struct xml_node *root, *at;
	struct buf text; /* since the last tag */
	uint64_t bytes;
	uint32_t nodes;
	unsigned depth;
	enum err err;
	struct fail why;
};

static enum err stop(struct xml_read *x, enum err e, const char *text)
{
	if (x->err == ERR_OK) {
		x->err = e;
		(void)fail_at(&x->why, e, (uint32_t)XML_GetCurrentLineNumber(x->parser),
			      (uint32_t)XML_GetCurrentColumnNumber(x->parser) + 1,
			      (uint64_t)MAX(XML_GetCurrentByteIndex(x->parser), 0), "%s", text);
		(void)XML_StopParser(x->parser, XML_FALSE);
	}
	return e;
}

/* What was read since the last tag belongs to the element at hand. */
static void keep_text(struct xml_read *x)
{
	struct str t = str_trim(buf_str(&x->text));
	struct xml_node *n = x->at;
	if (n && t.n) {
		n->text = n->text.n ? arena_printf(x->a, "%.*s %.*s", STR_ARG(n->text), STR_ARG(t))
				    : arena_str(x->a, t);
		if (!n->text.p)
			stop(x, ERR_LIMIT, "the document is too large");
	}
	buf_clear(&x->text);
}

static void take_attrs(struct xml_read *x, struct xml_node *n, const XML_Char **attrs)
{
	struct xml_attr **to = &n->attrs;
	for (unsigned i = 0; attrs[0]; attrs += 2, i++) {
		struct xml_attr *at = ARENA_NEW(x->a, struct xml_attr);
		if (i == ATTRS_MAX || !at) {
			stop(x, ERR_LIMIT, "an element has too many attributes");
			return;
		}
		at->name = arena_str(x->a, str_c(attrs[0]));
		at->value = arena_str(x->a, str_c(attrs[1]));
		if (!at->name.p || !at->value.p) {
			stop(x, ERR_LIMIT, "the document is too large");
			return;
		}
		*to = at;
		to = &at->next;
	}
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attrs)
{
	struct xml_read *x = user;
	keep_text(x);
	if (x->err != ERR_OK)
		return;
	if (++x->depth > x->max.depth || ++x->nodes > x->max.nodes) {
		stop(x, ERR_LIMIT, x->depth > x->max.depth ? "elements are nested too deep"
							   : "there are too many elements");
		return;
	}
	struct xml_node *n = ARENA_NEW(x->a, struct xml_node), *up = x->at;
	if (n)
		n->name = arena_str(x->a, str_c(name));
	if (!n || !n->name.p) {
		stop(x, ERR_LIMIT, "the document is too large");
		return;
	}
	n->text = STR("");
	n->parent = up;
	if (!up) {
		x->root = n;
	} else {
		*(up->last ? &up->last->next : &up->first) = n;
		up->last = n;
		up->children++;
	}
	x->at = n;
	take_attrs(x, n, attrs);
}

static void on_end(void *user, const XML_Char *name)
{
	struct xml_read *x = user;
	(void)name;
	keep_text(x);
	if (x->err != ERR_OK)
		return;
	x->depth--;
	x->at = x->at->parent;
}

static void on_text(void *user, const XML_Char *s, int n)
{
	struct xml_read *x = user;
	buf_add(&x->text, s, (size_t)n);
	if (buf_err(&x->text) != ERR_OK)
		stop(x, ERR_LIMIT, "a text is too long");
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
		       int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	stop(user, ERR_PARSE, "a document type is not taken");
}

struct xml_read *xml_read_new(struct arena *a, const struct xml_limits *limits)
{
	struct xml_read *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	if (limits)
		x->max = *limits;
	x->max.bytes = x->max.bytes ? x->max.bytes : BYTES_MAX;
	x->max.nodes = x->max.nodes ? x->max.nodes : NODES_MAX;
	x->max.depth = x->max.depth ? x->max.depth : DEPTH_MAX;
	x->a = a;
	buf_init(&x->text, x->max.bytes);
	x->parser = XML_ParserCreate(NULL);
	if (!x->parser) {
		xml_read_free(x);
		return NULL;
	}
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	return x;
}

static enum err parse(struct xml_read *x, struct str bytes, bool last, struct fail *f)
{
	if (x->err == ERR_OK && (x->bytes += bytes.n) > x->max.bytes) {
		x->err = ERR_LIMIT;
		(void)fail(&x->why, ERR_LIMIT, "the document is too large");
	}
	while (x->err == ERR_OK && (bytes.n || last)) {
		struct str piece = str_sub(bytes, 0, 1u << 20);
		bytes = str_sub(bytes, piece.n, bytes.n);
		bool final = last && !bytes.n;
		if (XML_Parse(x->parser, piece.p ? piece.p : "", (int)piece.n, final) != XML_STATUS_OK)
			(void)stop(x, ERR_PARSE, XML_ErrorString(XML_GetErrorCode(x->parser)));
		last = last && !final;
	}
	if (x->err != ERR_OK && f)
		*f = x->why;
	return x->err;
}

enum err xml_read_feed(struct xml_read *x, struct str bytes, struct fail *f)
{
	return parse(x, bytes, false, f);
}

enum err xml_read_end(struct xml_read *x, struct xml_node **root, struct fail *f)
{
	TRY(parse(x, STR(""), true, f));
	*root = x->root;
	return ERR_OK;
}

void xml_read_free(struct xml_read *x)
{
	if (!x)
		return;
	if (x->parser)
		XML_ParserFree(x->parser);
	buf_free(&x->text);
	free(x);
}

enum err xml_parse(struct arena *a, struct str document, const struct xml_limits *limits,
		   struct xml_node **root, struct fail *f)
{
	OWN(xml_read) struct xml_read *x = xml_read_new(a, limits);
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(xml_read_feed(x, document, f));
	return xml_read_end(x, root, f);
}

struct str xml_local(struct str name)
{
	ptrdiff_t at = str_chr(name, ':');
	return at < 0 ? name : str_sub(name, (size_t)at + 1, name.n);
}

struct xml_node *xml_child(const struct xml_node *n, const char *name)
{
	for (struct xml_node *c = n ? n->first : NULL; c; c = c->next)
		if (str_is(xml_local(c->name), name))
			return c;
	return NULL;
}

struct str xml_get(const struct xml_node *n, const char *attr)
{
	for (const struct xml_attr *at = n ? n->attrs : NULL; at; at = at->next)
		if (str_is(xml_local(at->name), attr))
			return at->value;
	return STR_NONE;
}
