/*
 * test_openioc.c - OpenIOC items as attributes, groups, what is kept as text; what is no such document.
 */
#include "feeds/in/openioc.h"

#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	(void)f;
	buf_add(user, p, n);
	return ERR_OK;
}

static enum err convert(struct str doc, size_t step, struct buf *out, struct fail *f)
{
	OWN(openioc_in) struct openioc_in *s = openioc_in_new(&(struct openioc_in_opts){0});
	if (!s)
		bail_out("no reader");
	for (size_t i = 0; i < doc.n; i += step)
		TRY(openioc_in_feed(s, doc.p + i, MIN(step, doc.n - i), f));
	return openioc_in_end(s, keep, out, f);
}

#define DOC(body)                                                                                  \
	"<?xml version=\"1.0\"?><ioc xmlns=\"http://schemas.mandiant.com/2010/ioc\" "              \
	"id=\"11111111-0000-4000-8000-000000000001\" last-modified=\"2024-01-02T03:04:05\">"       \
	"<short_description>T &amp; U</short_description><description>D</description>"             \
	"<definition><Indicator operator=\"OR\">" body "</Indicator></definition></ioc>"
#define ITEM(condition, term, value)                                                               \
	"<IndicatorItem condition=\"" condition "\"><Context document=\"x\" search=\"" term          \
	"\" type=\"mir\"/><Content type=\"string\">" value "</Content></IndicatorItem>"
#define H "d41d8cd98f00b204e9800998ecf8427e"

static const struct {
	const char *what, *doc, *want;
} cases[] = {
	{"items", DOC(ITEM("is", "FileItem/Md5sum", H) ITEM("is", "Network/DNS", "a.example")),
	 "md5=" H " 1;domain=a.example 1;"},
	{"a host or an address", DOC(ITEM("is", "RouteEntryItem/Destination", "1.2.3.4")
				     ITEM("is", "RouteEntryItem/Destination", "h.a.example")),
	 "ip-dst=1.2.3.4 1;hostname=h.a.example 1;"},
	{"a pair", DOC("<Indicator operator=\"AND\">" ITEM("is", "FileItem/Md5sum", H)
		       ITEM("is", "FileItem/FileName", "x.exe") "</Indicator>"), "filename|md5=x.exe|" H " 1;"},
	{"three together", DOC("<Indicator operator=\"AND\">" ITEM("is", "FileItem/Md5sum", H)
			       ITEM("is", "FileItem/FileName", "x") ITEM("is", "FileItem/SizeInBytes",
			       "3") "</Indicator>"),
	 "md5=" H " 0;filename=x 0;size-in-bytes=3 0;"},
	{"a part of it", DOC(ITEM("contains", "FileItem/FileName", "x")), "filename=x 0;"},
	{"what is not there", DOC(ITEM("isnot", "FileItem/FileName", "x")), "text=not FileItem/FileName: x 0;"},
	{"unknown terms", DOC(ITEM("is", "Foo/Bar", "x")), "text=Foo/Bar: x 0;"},
	{"what does not fit", DOC(ITEM("is", "FileItem/Md5sum", "x")), "text=FileItem/Md5sum: x 0;"},
	{"1.1", "<OpenIOC xmlns=\"http://openioc.org/schemas/OpenIOC_1.1\" id=\"11111111-0000-4000-8000-"
	 "000000000001\">"
	 "<metadata><short_description>T &amp; U</short_description><description>D</description></metadata>"
	 "<criteria><Indicator operator=\"OR\">" ITEM("is", "Network/DNS", "a.example")
	 "</Indicator></criteria></OpenIOC>",
	 "domain=a.example 1;"},
};

static void summary(struct buf *b, struct str json)
{
	json_t *j = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *a;
	const json_t *e = json_object_get(json_array_get(j, 0), "Event");
	const char *info = json_string_value(json_object_get(e, "info"));
	size_t i, n = json_array_size(json_object_get(e, "Attribute"));
	if (!e || !info || strcmp(info, "T & U") != 0)
		bail_out("no event");
	json_array_foreach(json_object_get(e, "Attribute"), i, a)
		if (i + 1 < n) /* the last is the document */
			buf_printf(b, "%s=%s %d;", json_string_value(json_object_get(a, "type")),
				   json_string_value(json_object_get(a, "value")),
				   json_is_true(json_object_get(a, "to_ids")));
	a = json_array_get(json_object_get(e, "Attribute"), n - 1);
	ok(n && json_string_length(json_object_get(a, "data")) > 100, "the document is there");
	json_decref(j);
}

static const struct {
	const char *what, *doc;
} bad[] = {
	{"nothing", ""},
	{"another document", "<a/>"},
	{"no definition", "<ioc id=\"x\"/>"},
	{"not all of it", "<ioc><definition>"},
	{"entities", "<!DOCTYPE ioc [<!ENTITY a \"b\">]><ioc><definition>&a;</definition></ioc>"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN(buf) struct buf one = BUF(1 << 20), cut = BUF(1 << 20), got = BUF(1 << 20);
		struct fail f = {0};
		if (convert(str_c(cases[i].doc), 1 << 20, &one, &f) != ERR_OK)
			diag("%s", f.text);
		summary(&got, buf_str(&one));
		is_str(buf_cstr(&got), cases[i].want, "%s", cases[i].what);
		ok(convert(str_c(cases[i].doc), 3, &cut, &f) == ERR_OK && str_eq(buf_str(&one), buf_str(&cut)),
		   "%s: the same in pieces", cases[i].what);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWN(buf) struct buf out = BUF(1 << 20);
		struct fail f = {0};
		ok(convert(str_c(bad[i].doc), 7, &out, &f) == ERR_PARSE && !out.n, "refused: %s", bad[i].what);
	}
	return done_testing();
}
