/*
 * test_stix.c - STIX objects as MISP events: patterns, observables, labels, what is said, what is kept as text;
 * the same however the bundle is cut, and the same twice. With a file as argument its events are printed.
 */
#include "feeds/in/stix.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	(void)f;
	buf_add(user, p, n);
	return ERR_OK;
}

static enum err convert(struct str doc, size_t step, struct buf *out, struct stix_in_counts *c, struct fail *f)
{
	OWN(stix_in) struct stix_in *s = stix_in_new(&(struct stix_in_opts){.spool_dir = "/tmp"});
	if (!s)
		bail_out("no reader");
	for (size_t i = 0; i < doc.n; i += step)
		TRY(stix_in_feed(s, doc.p + i, MIN(step, doc.n - i), f));
	TRY(stix_in_end(s, keep, out, f));
	*c = stix_in_counts(s);
	return ERR_OK;
}

/* The objects of a bundle, each with an id and times of its own. */
static void bundle(struct buf *b, const char *objects)
{
	buf_printf(b, "{\"type\":\"bundle\",\"id\":\"bundle--11111111-0000-4000-8000-000000000000\",\"ob"
	 "jects\":[%s]}",
		   objects);
}

#define ID(type, n)                                                                                 \
	"\"type\":\"" type "\",\"id\":\"" type "--0000000" #n "-0000-4000-8000-000000000000\","            \
	"\"created\":\"2024-01-01T00:00:00.000Z\",\"modified\":\"2024-01-02T00:00:00.000Z\""
#define SCO(type, n) "\"type\":\"" type "\",\"id\":\"" type "--0000000" #n "-0000-5000-8000-000000000000\""
#define REF(type, n) "\"" type "--0000000" #n "-0000-4000-8000-000000000000\""
#define SREF(type, n) "\"" type "--0000000" #n "-0000-5000-8000-000000000000\""
#define IND(n, pattern) "{" ID("indicator", n) ",\"pattern\":\"" pattern "\",\"valid_from\":\"2024-01-01T00:00:00Z\"}"
#define H "d41d8cd98f00b204e9800998ecf8427e"

/* `want`: attributes as "[object.relation] type=value to_ids" and tags, in order. */
static const struct {
	const char *what, *objects, *want;
} cases[] = {
	{"an address", IND(1, "[ipv4-addr:value = '1.2.3.4']"), "ip-dst=1.2.3.4 1;"},
	{"escapes", IND(1, "[mutex:name = 'a\\\\'b\\\\\\\\c']"), "mutex=a'b\\c 1;"},
	{"IN", IND(1, "[domain-name:value IN ('a.example', 'b.example')]"), "domain=a.example 1;domain=b.example 1;"},
	{"OR of observations", IND(1, "[ipv4-addr:value='1.1.1.1'] OR [url:value = 'http://x.example/']"),
	 "ip-dst=1.1.1.1 1;url=http://x.example/ 1;"},
	{"a file", IND(1, "[file:name = 'a.exe' AND file:hashes.'MD5' = '" H "']"),
	 "file.filename filename=a.exe 1;file.md5 md5=" H " 1;"},
	{"hashes of one file", IND(1, "[file:hashes.MD5 = '" H "' OR file:hashes.\\\"MD5\\\" = '" H "']"),
	 "stix2-pattern=[file:hashes.MD5 = '" H "' OR file:hashes.\"MD5\" = '" H "'] 1;"},
	{"followed by", IND(1, "[ipv4-addr:value = '1.1.1.1'] FOLLOWEDBY [ipv4-addr:value = '2.2.2.2']"),
	 "stix2-pattern=[ipv4-addr:value = '1.1.1.1'] FOLLOWEDBY [ipv4-addr:value = '2.2.2.2'] 1;"},
	{"not equal", IND(1, "[ipv4-addr:value != '1.1.1.1']"), "stix2-pattern=[ipv4-addr:value != '1.1.1.1'] 1;"},
	{"malformed", IND(1, "[ipv4-addr:value = '1.1.1.1"), "stix2-pattern=[ipv4-addr:value = '1.1.1.1 1;"},
	{"what does not fit its type", IND(1, "[ipv4-addr:value = 'no address']"), "text=no address 0;"},
	{"YARA", "{" ID("indicator", 1) ",\"pattern\":\"rule a { condition: true }\",\"pattern_type\":\"yara\"}",
	 "yara=rule a { condition: true } 1;"},
	{"labels tell", "{" ID("indicator", 1) ",\"labels\":[\"misp:type=\\\"hostname\\\"\",\"misp:categ"
	 "ory=\\\"Payload "
	 "delivery\\\"\",\"misp:to_ids=\\\"True\\\"\",\"x:y\"],\"pattern\":\"[domain-name:value = 'h.example']\"}",
	 "hostname=h.example 1 #x:y;"},
	{"labels of a pair", "{" ID("indicator", 1)
	 ",\"labels\":[\"misp:type=\\\"filename|md5\\\"\",\"misp:to_ids=\\\"True\\\"\"],"
	 "\"pattern\":\"[file:hashes.MD5 = '" H "' AND file:name = 'x']\"}", "filename|md5=x|" H " 1;"},
	{"observed data", "{" ID("observed-data", 1) ",\"object_refs\":[" SREF("ipv6-addr", 2) "]},{"
	 SCO("ipv6-addr", 2)
	 ",\"value\":\"2001:db8::1\"}", "ip-dst=2001:db8::1 0;"},
	{"observed data of 2.0", "{" ID("observed-data", 1)
	 ",\"objects\":{\"0\":{\"type\":\"domain-name\",\"value\":\"a.example\","
	 "\"resolves_to_refs\":[\"1\"]},\"1\":{\"type\":\"ipv4-addr\",\"value\":\"1.2.3.4\"}}}",
	 "domain-ip.domain domain=a.example 0;domain-ip.ip ip-dst=1.2.3.4 0;"},
	{"an observable alone", "{" SCO("url", 1) ",\"value\":\"http://a.example/\"}", "url=http://a.example/ 0;"},
	{"what no table knows", "{" SCO("file", 1) ",\"name\":\"x\",\"magic_number_hex\":\"aa\"}",
	 "file.filename filename=x 0;file.magic_number_hex text=aa 0;"},
	{"clusters", IND(1, "[ipv4-addr:value = '1.2.3.4']") ",{" ID("malware", 2)
	 ",\"name\":\"Emotet\"},{" ID("tool", 3)
	 ",\"name\":\"T\",\"external_references\":[{\"source_name\":\"mitre-attack\",\"external_id\":\"S1\"}]},{"
	 ID("relationship", 4) ",\"relationship_type\":\"indicates\",\"source_ref\":" REF("indicator",
	 1) ",\"target_ref\":"
	 REF("malware", 2) "}", "#misp-galaxy:mitre-tool=\"T - S1\";ip-dst=1.2.3.4 1 #misp-galaxy:malwar"
	 "e=\"Emotet\";"},
	{"markings", "{" ID("indicator", 1) ",\"pattern\":\"[ipv4-addr:value = '1.2.3.4']\",\"object_marking_refs\":["
	 "\"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed\"," REF("marking-definition", 2)
	 "," REF("marking-definition", 3)
	 "]},{" ID("marking-definition", 2) ",\"definition_type\":\"statement\",\"definition\":{\"statem"
	 "ent\":\"S\"}}",
	 "ip-dst=1.2.3.4 1 #tlp:red #statement:S "
	 "#stix:marking=\"marking-definition--00000003-0000-4000-8000-000000000000\";"},
	{"a CVE", "{" ID("vulnerability", 1) ",\"name\":\"CVE-2021-44228\"}", "vulnerability=CVE-2021-44228 0;"},
	{"older versions", IND(1, "[ipv4-addr:value = '1.2.3.4']") ",{\"type\":\"indicator\",\"id\":"
	 REF("indicator", 1)
	 ",\"modified\":\"2025-01-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '4.3.2.1']\"}",
	 "ip-dst=4.3.2.1 1;"},
	{"revoked", "{" ID("indicator", 1) ",\"revoked\":true,\"pattern\":\"[ipv4-addr:value = '1.2.3.4']\"}",
	 "ip-dst=1.2.3.4 1 deleted;"},
};

static void tags_of(struct buf *b, const json_t *e, const char *before)
{
	const json_t *t;
	size_t i;
	json_array_foreach(json_object_get(e, "Tag"), i, t)
		buf_printf(b, "%s#%s", before, json_string_value(json_object_get(t, "name")));
}

static void attributes_of(struct buf *b, const json_t *e, const char *object)
{
	const json_t *a;
	size_t i;
	json_array_foreach(json_object_get(e, "Attribute"), i, a) {
		const char *relation = json_string_value(json_object_get(a, "object_relation"));
		if (object)
			buf_printf(b, "%s.%s ", object, relation ? relation : "?");
		buf_printf(b, "%s=%s %d", json_string_value(json_object_get(a, "type")),
			   json_string_value(json_object_get(a, "value")),
			   json_is_true(json_object_get(a, "to_ids")));
		if (json_is_true(json_object_get(a, "deleted")))
			buf_puts(b, " deleted");
		tags_of(b, a, " ");
		buf_putc(b, ';');
	}
}

static void summary(struct buf *b, struct str json)
{
	json_t *j = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *v, *o;
	size_t i, k;
	if (!json_is_array(j))
		bail_out("no JSON");
	json_array_foreach(j, i, v) {
		const json_t *e = json_object_get(v, "Event");
		tags_of(b, e, "");
		if (json_array_size(json_object_get(e, "Tag")))
			buf_putc(b, ';');
		attributes_of(b, e, NULL);
		json_array_foreach(json_object_get(e, "Object"), k, o)
			attributes_of(b, o, json_string_value(json_object_get(o, "name")));
	}
	json_decref(j);
}

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN(buf) struct buf doc = BUF(1 << 20), one = BUF(1 << 20), cut = BUF(1 << 20), got = BUF(1 << 20);
		struct stix_in_counts c;
		struct fail f = {0};
		bundle(&doc, cases[i].objects);
		if (convert(buf_str(&doc), doc.n, &one, &c, &f) != ERR_OK)
			diag("%s", f.text);
		summary(&got, buf_str(&one));
		is_str(buf_cstr(&got), cases[i].want, "%s", cases[i].what);
		bool same = convert(buf_str(&doc), 3, &cut, &c, &f) == ERR_OK &&
			    str_eq(buf_str(&one), buf_str(&cut));
		ok(same, "%s: the same in pieces", cases[i].what);
	}
}

static const struct {
	const char *what, *doc;
} bad[] = {
	{"nothing", ""},
	{"not JSON", "hello"},
	{"not all of it", "{\"type\":\"bundle\",\"objects\":[{}"},
	{"more behind it", "{\"type\":\"bundle\",\"objects\":[]} {}"},
	{"something else", "{\"Event\":{}}"},
	{"no objects in the list", "{\"type\":\"bundle\",\"objects\":[1]}"},
	{"no commas", "{\"type\":\"bundle\",\"objects\":[{\"type\":\"a\"}{\"type\":\"b\"}]}"},
	{"bad UTF-8", "{\"type\":\"bundle\",\"objects\":[{\"type\":\"a\",\"x\":\"\xff\"}]}"},
	{"members without commas", "{\"type\":\"bundle\",\"objects\":[{\"type\":\"a\" \"b\":1}]}"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWN(buf) struct buf out = BUF(1 << 20);
		struct stix_in_counts c;
		struct fail f = {0};
		ok(convert(str_c(bad[i].doc), 7, &out, &c, &f) == ERR_PARSE && f.text[0], "refused: %s",
		   bad[i].what);
	}
}

static int print(const char *name)
{
	OWN(buf) struct buf doc = BUF(1 << 30), out = BUF(1 << 30);
	struct stix_in_counts c = {0};
	struct fail f = {0};
	char piece[4096];
	size_t n;
	FILE *in = fopen(name, "re");
	while (in && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		buf_add(&doc, piece, n);
	if (in)
		fclose(in);
	if (convert(buf_str(&doc), 1 << 16, &out, &c, &f) != ERR_OK) {
		fprintf(stderr, "%s\n", f.text);
		return 1;
	}
	fwrite(out.p, 1, out.n, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return print(argv[1]);
	test_cases();
	test_bad();
	return done_testing();
}
