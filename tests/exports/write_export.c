/*
 * write_export.c - one export of events full of values made to break it, to standard output. Every type of
 * attribute has every such value, whatever the checks of a way in would say: exporters trust nobody.
 *
 * usage: write_export FORMAT events|attributes PLAIN    (PLAIN: so many harmless values besides)
 *        write_export --values                          (the values that went in, as JSON)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "model/types.h"
#include "tests/unit/feeds_export/golden.h"

#define ALL_MAX (512u << 20)

static char a300[301], a64[65], a253[254], text4000[4001];

#define V(text) {text, sizeof(text) - 1}
static struct str hostile[] = {
	V("a;b"), V("a\"b"), V("a\\b"), V("a\\"), V("\\\""), V("a\tb"), V("a\nb"), V("a\r\nb"), V("a\0b"),
	V("\n"), V(";"), V("\""), V("|"), V("||"), V("a|b|c"), V("|41 42|"), V("|4"), V("0x41"), V("0x"),
	V("%n%s"), V("$HOME_NET"), V("${x}"), V("`id`"), V("$(id)"), V("'; drop table x"), V("#a"), V(" "),
	V("a b"), V("//a"), V("/*"), V("*/"), V("{"), V("}"), V("]"), V("["), V("(a"), V("a)"), V("^$.*+?"),
	V("$INCLUDE /etc/passwd"), V("@"), V("@ NS evil.example."), V("*.example"), V("."), V(".."),
	V("a..b.example"), V(".a.example"), V("a.example."), V("-a.example"), V("rpz-ip"),
	V("32.1.2.0.192.rpz-ip"), V("m\xc3\xbcnchen.example"), V("xn--mnchen-3ya.example"),
	V("\xd8\xa7\xd9\x84.example"), V("\xf0\x9f\x92\xa9.example"), V("\xe2\x80\xae" "abc"),
	V("\xc0\xaf"), V("\xff\xfe"), V("\x7f"), V("\x1b[31m"), V("<script>alert(1)</script>"),
	V("</Content><x/>"), V("]]>"), V("&amp;"), V("<!--"), V("a,b"), V("=1+1"), V("\"\""), V("a\",\"b"),
	V("{\"a\":1}"), V("\\u0000"), V("::"), V("::1"), V("::/0"), V("0.0.0.0/0"), V("192.0.2.1"),
	V("192.0.2.77/24"), V("192.0.2.1/33"), V("256.1.1.1"), V("01.02.03.04"), V("192.0.2.1\n"),
	V("2001:DB8::1"), V("2001:db8::/32"), V("2001:db8::1/129"), V("::ffff:192.0.2.1"), V("fe80::1%eth0"),
	V("[2001:db8::1]:80"), V("1.2.3"), V("192.0.2.1|80"), V("192.0.2.1|65536"), V("2001:db8::1|443"),
	V("192.0.2.1|a"), V("a.example|192.0.2.1"), V("a.example|0.0.0.0/0"), V("a\"b|192.0.2.1"),
	V("http://a.example/\"; sid:1; content:\""), V("http://[2001:db8::1]:8080/x"), V("http://a:b@c/d"),
	V("http://a.example:99999/"), V("https://"), V("http:///"), V("http://;/"), V("ftp://192.0.2.1:21/x"),
	V("ssh://192.0.2.1"), V("ssh://192.0.2.1;x"), V("HTTP://A.EXAMPLE/%00%0a"), V("http://a.example/\r\nX: y"),
	V("file name|d41d8cd98f00b204e9800998ecf8427e"), V("d41d8cd98f00b204e9800998ecf8427e"),
	V("D41D8CD98F00B204E9800998ECF8427E"), V("da39a3ee5e6b4b0d3255bfef95601890afd80709"),
	V("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), V("414243444546"), V("41424"),
	V("alert"), V("alert tcp any any -> any any"), V("alert tcp any any -> any any ()"),
	V("alert tcp any any -> any any (msg:\"x\"; sid:1;)"), V("alert tcp any any -> any any (content:\"|4\";)"),
	V("alert tcp any any -> any any (msg:\"a;b\"; sid:1;)"), V("drop ip any any -> any any (sid:1;) x"),
	V("alert tcp any any -> any any (msg:\"x\";\nsid:2;)"), V("pass ip any any <> any any (msg:\"\"; sid:3;)"),
	V("rule a { condition: true }"), V("rule a { condition: false }"), V("global rule g { condition: false }"),
	V("rule b { strings: $a = \"x"), V("include \"/etc/passwd\""), V("rule { }"),
	V("import \"pe\"\nrule p { condition: pe.is_pe }"), V("rule a1 { condition: a }"),
	{a300, 300}, {a64, 64}, {a253, 253}, {text4000, 4000},
};

static void fill(void)
{
	memset(a300, 'a', 300);
	memset(a64, 'b', 64);
	for (unsigned i = 0; i < 253; i++)
		a253[i] = i % 64 == 63 || i == 245 ? '.' : 'c';
	for (unsigned i = 0; i < 4000; i++)
		text4000[i] = "ab\"\\;|\n:"[i % 8];
}

static void attr(struct jsonw *w, unsigned *id, const char *type, struct str value)
{
	char uuid[40];
	snprintf(uuid, sizeof(uuid), "9b2d0000-0000-4000-8000-%012x", ++*id);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", *id);
	JSONW_KV(w, jsonw_c, "uuid", uuid);
	JSONW_KV(w, jsonw_c, "type", type);
	JSONW_KV(w, jsonw_c, "category", "Payload delivery");
	JSONW_KV(w, jsonw_bool, "to_ids", true);
	JSONW_KV(w, jsonw_c, "timestamp", "1700000000");
	JSONW_KV(w, jsonw_str, "value", value);
	JSONW_KV(w, jsonw_str, "comment", hostile[*id % ARRAY_LEN(hostile)]);
	jsonw_key(w, "Tag");
	jsonw_arr(w);
	if (*id % 5 == 0) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "name", hostile[*id / 5 % ARRAY_LEN(hostile)]);
		JSONW_KV(w, jsonw_c, "colour", "#ffffff");
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

/* Harmless ones, of the types that sensors read. */
static void plain(struct jsonw *w, unsigned *id, unsigned n)
{
	OWN(buf) struct buf v = BUF(256);
	for (unsigned i = 0; i < n; i++) {
		static const char *const forms[][2] = {
			{"domain", "d%u.example"},   {"hostname", "w.h%u.example"}, {"url", "http://u%u.example/p"},
			{"ip-dst", "10.%u"},	     {"md5", "%032x"},		     {"sha256", "%064x"},
			{"user-agent", "agent %u"},  {"email-src", "m%u@m.example"}, {"text", "text %u"},
		};
		const char *type = forms[i % ARRAY_LEN(forms)][0];
		buf_clear(&v);
		if (strcmp(type, "ip-dst") == 0)
			buf_printf(&v, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		else if (strcmp(type, "md5") == 0)
			buf_printf(&v, "%032x", i);
		else if (strcmp(type, "sha256") == 0)
			buf_printf(&v, "%064x", i);
		else
			buf_printf(&v, "%s%u.example", type, i);
		if (strcmp(type, "email-src") == 0)
			buf_puts(&v, "@m.example");
		attr(w, id, type, buf_str(&v));
	}
}

static void events(struct buf *b, unsigned n_plain)
{
	struct jsonw w = jsonw_on(b);
	unsigned id = 0;
	jsonw_obj(&w);
	jsonw_key(&w, "response");
	jsonw_arr(&w);
	jsonw_obj(&w);
	jsonw_key(&w, "Event");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "id", "1");
	JSONW_KV(&w, jsonw_bool, "published", true);
	JSONW_KV(&w, jsonw_c, "uuid", "9b2d0001-33f0-4e7c-a1d4-000000000001");
	JSONW_KV(&w, jsonw_c, "info", "a\tb\n\"; <script> \\ | ${x} */ \x7f");
	JSONW_KV(&w, jsonw_c, "date", "2026-01-01");
	JSONW_KV(&w, jsonw_c, "threat_level_id", "1");
	jsonw_key(&w, "Attribute");
	jsonw_arr(&w);
	for (attr_type_id t = 1; t < ATTR_TYPE_LIMIT; t++)
		for (size_t i = 0; type_get(t) && i < ARRAY_LEN(hostile); i++)
			attr(&w, &id, type_name(t).p, hostile[i]);
	plain(&w, &id, n_plain);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
}

int main(int argc, char **argv)
{
	OWN(buf) struct buf doc = BUF(ALL_MAX), out = BUF(ALL_MAX);
	struct export_opts o = {.base_url = STR("https://node.example"),
				.host_org_name = STR("ORG\"; x"),
				.nids_sid = 4000000,
				.now = 1795322656};
	struct golden_filter f = {.not_to_ids_too = true, .unpublished_too = true};
	fill();
	if (argc == 2 && strcmp(argv[1], "--values") == 0) {
		events(&out, 0);
		return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
	}
	const struct exporter *x = argc == 4 ? export_find(str_c(argv[1])) : NULL;
	if (!x) {
		fprintf(stderr, "usage: write_export FORMAT events|attributes PLAIN\n");
		return 2;
	}
	o.scope = strcmp(argv[2], "events") == 0 ? EXPORT_EVENTS : EXPORT_ATTRIBUTES;
	events(&doc, (unsigned)strtoul(argv[3], NULL, 10));
	struct golden *g = golden_parse(doc.p, doc.n);
	enum err e = golden_run(g, x, &o, &f, &out);
	golden_free(g);
	if (e != ERR_OK) {
		fprintf(stderr, "%s: %s\n", argv[1], err_name(e));
		return 1;
	}
	return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
}
