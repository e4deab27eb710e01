/*
 * test_xml.c - documents as trees: names, texts, attributes, limits, and that cutting changes nothing.
 */
#include "base/xml.h"

#include <stdlib.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

static void print(struct buf *b, const struct xml_node *n)
{
	buf_printf(b, "<%.*s", STR_ARG(n->name));
	for (const struct xml_attr *at = n->attrs; at; at = at->next)
		buf_printf(b, " %.*s=%.*s", STR_ARG(at->name), STR_ARG(at->value));
	buf_printf(b, ">%.*s", STR_ARG(n->text));
	for (const struct xml_node *c = n->first; c; c = c->next)
		print(b, c);
	buf_puts(b, "</>");
}

/* Parsed whole and in pieces of each size up to seven. */
static void gives(const char *document, const char *want)
{
	for (size_t step = 0; step < 8; step++) {
		OWN(arena) struct arena *a = arena_new(1 << 20);
		OWN(xml_read) struct xml_read *x = xml_read_new(a, NULL);
		OWN(buf) struct buf b = BUF(1 << 20);
		struct str rest = str_c(document);
		struct xml_node *root = NULL;
		struct fail f = {0};
		enum err e = ERR_OK;
		while (rest.n && e == ERR_OK) {
			size_t n = step ? step : rest.n;
			e = xml_read_feed(x, str_sub(rest, 0, n), &f);
			rest = str_sub(rest, n, rest.n);
		}
		if (e == ERR_OK)
			e = xml_read_end(x, &root, &f);
		if (!is_err(e, ERR_OK, "%s in pieces of %zu: %s", document, step, f.text))
			continue;
		print(&b, root);
		is_view(buf_str(&b), want, "its tree");
	}
}

static struct fail refused(const char *document, const struct xml_limits *l, enum err want)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct xml_node *root;
	struct fail f = {0};
	is_err(xml_parse(a, str_c(document), l, &root, &f), want, "%.60s", document);
	return f;
}

static void limits(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	OWN(buf) struct buf b = BUF(1 << 20);
	struct xml_node *root;
	struct fail f = {0};
	refused("<a><b><c/></b></a>", &(struct xml_limits){.depth = 2}, ERR_LIMIT);
	refused("<a><b><c/></b></a>", &(struct xml_limits){.depth = 3}, ERR_OK);
	refused("<a><b/><b/></a>", &(struct xml_limits){.nodes = 2}, ERR_LIMIT);
	refused("<a>12345678901234567890</a>", &(struct xml_limits){.bytes = 20}, ERR_LIMIT);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "<a>");
	refused(buf_cstr(&b), NULL, ERR_LIMIT);
	buf_clear(&b);
	buf_puts(&b, "<a>");
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, "<b/>");
	buf_puts(&b, "</a>");
	is_err(xml_parse(a, buf_str(&b), NULL, &root, &f), ERR_LIMIT, "more than the arena holds");
}

int main(void)
{
	gives("<a/>", "<a></>");
	gives("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x='1' y=\"&quot;\"> t <b>u</b>\n <b/> v </a>\n",
	      "<a x=1 y=\">t v<b>u</><b></></>");
	gives("<a>&lt;&amp;&gt;&#228;&#x1f6a4;<!-- no -->z<![CDATA[<&]]></a>",
	      "<a><&>\xc3\xa4\xf0\x9f\x9a\xa4z<&</>");
	gives("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe4</a>", "<a>\xc3\xa4</>");
	gives("<p:a xmlns:p='urn:x' p:q='1'><p:b/></p:a>", "<p:a xmlns:p=urn:x p:q=1><p:b></></>");
	const char *const bad[] = {"", "x", "<a>", "<a></b>", "<a/><b/>", "<a>&b;</a>", "<a b=1/>",
				   "<a>\xff</a>", "<a>&#0;</a>", "<a", "<a/>x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused(bad[i], NULL, ERR_PARSE);
	struct fail f = refused("<!DOCTYPE a [<!ENTITY b 'c'>]>\n<a>&b;</a>", NULL, ERR_PARSE);
	is_str(f.text, "a document type is not taken", "entities of its own");
	refused("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", NULL, ERR_PARSE);
	f = refused("<a>\n  <b></c></a>", NULL, ERR_PARSE);
	is_uint(f.line, 2, "the line of the error");
	limits();
	OWN(arena) struct arena *a = arena_new(1 << 16);
	struct xml_node *root = NULL;
	is_err(xml_parse(a, STR("<r><p:b q:i='7'/><b i='8'/></r>"), NULL, &root, &f), ERR_OK, "names");
	is_view(xml_get(xml_child(root, "b"), "i"), "7", "without prefixes");
	ok(!xml_child(root, "c") && !xml_get(xml_child(root, "c"), "i").p, "what is not there");
	return done_testing();
}
