/*
 * test_warnlist.c - every type of list, composite values, many lists at once, bad lists, folders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/tap/tap.h"
#include "warnlist/warnlist.h"

static struct warnlists *set;

static void list(const char *type, const char *entries, const char *attributes)
{
	char json[4000];
	struct fail f = {0};

	warnlist_unref(set);
	snprintf(json, sizeof(json),
		 "{\"name\":\"l\",\"version\":3,\"description\":\"d\",\"type\":\"%s\",\"list\":[%s],"
		 "\"matching_attributes\":[%s]}",
		 type, entries, attributes);
	is_ok(warnlist_from_text(str_c(json), &set, &f), "%s: %s", type, f.text);
	if (!set)
		bail_out("no list");
}

static bool hits(enum attr_type t, const char *value)
{
	uint16_t at[4];
	bool sure;

	return warnlist_match(set, (uint16_t)t, str_c(value), at, 4, &sure) > 0;
}

/* What people are shown: the entry. */
static const char *entry(const char *value)
{
	static char text[200];
	struct warnlist_hit h[4];
	size_t n = warnlist_hits(set, ATTR_NONE, str_c(value), h, 4);

	snprintf(text, sizeof(text), "%.*s", STR_ARG(n ? h[0].entry : STR("none")));
	return text;
}

static void entries(void)
{
	list("cidr", "\"10.0.0.0/8\",\"10.1.0.0/16\",\"10.1.2.3\",\"10.3.0.0/16\",\"10.0.0.0/12\"",
	     "\"ip-dst\"");
	is_str(entry("10.1.2.3"), "10.1.2.3/32", "the smallest network");
	is_str(entry("10.1.2.4"), "10.1.0.0/16", "the next one");
	is_str(entry("10.2.0.1"), "10.0.0.0/12", "past one that does not hold it");
	is_str(entry("10.200.0.1"), "10.0.0.0/8", "the largest");
	is_str(entry("10.1.0.0/15"), "10.0.0.0/12", "a network in a network");
	is_str(entry("11.0.0.0"), "none", "outside");
	list("hostname", "\"Example.ORG\"", "");
	is_str(entry("http://www.example.org./x"), "example.org", "of a URL");
	is_str(entry("EXAMPLE.org"), "none", "in its own case, as MISP looks");
	list("regex", "\"/^gull-[0-9]+/i\"", "");
	is_str(entry("GULL-7"), "/^gull-[0-9]+/i", "an expression as it is written");
}

static void types(void)
{
	list("string", "\"8.8.8.8\",\"Example.COM\"", "\"ip-dst\",\"domain\",\"domain|ip\"");
	ok(hits(ATTR_IP_DST, "8.8.8.8") && hits(ATTR_DOMAIN, "example.com"), "texts, in any case");
	ok(!hits(ATTR_DOMAIN, "www.example.com") && !hits(ATTR_IP_DST, "8.8.8.80"), "the whole text");
	ok(!hits(ATTR_IP_SRC, "8.8.8.8"), "another type of attribute");
	ok(hits(ATTR_DOMAIN_IP, "x.org|8.8.8.8") && hits(ATTR_DOMAIN_IP, "example.com|1.2.3.4"),
	   "parts of composite values");
	list("substring", "\"google.\"", "");
	ok(hits(ATTR_URL, "https://www.GOOGLE.de/") && !hits(ATTR_URL, "https://goo.gl"), "part of a text");
	list("hostname", "\".dyn.example\",\"tranco.org\"", "\"hostname\",\"url\",\"domain\"");
	ok(hits(ATTR_HOSTNAME, "a.b.dyn.example") && hits(ATTR_DOMAIN, "dyn.example"), "domains above");
	ok(!hits(ATTR_DOMAIN, "xdyn.example") && !hits(ATTR_DOMAIN, "example"), "whole labels");
	ok(hits(ATTR_URL, "https://user@www.tranco.org:8443/x?y=http://z") &&
		   !hits(ATTR_URL, "https://evil.example/tranco.org"),
	   "the host of a URL");
	list("cidr", "\"10.0.0.0/8\",\"10.1.0.0/16\",\"192.0.2.7\",\"2001:db8::/32\"", "");
	ok(hits(ATTR_IP_DST, "10.255.0.1") && hits(ATTR_IP_DST, "192.0.2.7") &&
		   hits(ATTR_IP_DST, "2001:db8:1::2"),
	   "addresses");
	ok(!hits(ATTR_IP_DST, "11.0.0.1") && !hits(ATTR_IP_DST, "192.0.2.8") &&
		   !hits(ATTR_IP_DST, "2001:db9::1") && !hits(ATTR_IP_DST, "text"),
	   "others");
	ok(hits(ATTR_IP_DST, "10.2.0.0/15") && !hits(ATTR_IP_DST, "10.0.0.0/7"),
	   "a network lies in another, or does not");
	ok(hits(ATTR_IP_DST_PORT, "10.0.0.1|443") && hits(ATTR_URL, "http://10.1.1.1:80/"),
	   "with a port, in a URL");
	list("cidr", "\"::ffff:0:0/96\"", "");
	ok(hits(ATTR_IP_DST, "1.2.3.4"), "mapped addresses are the same");
	list("regex", "\"/^test[0-9]+$/i\",\"plain$\"", "");
	ok(hits(ATTR_DOMAIN, "TEST12") && hits(ATTR_DOMAIN, "is plain") && !hits(ATTR_DOMAIN, "PLAIN"),
	   "expressions");
}

static void unsure(void)
{
	static char hostile[4001];
	uint16_t at[4];
	bool sure;

	list("regex", "\"/^(a+)+$/\"", "");
	memset(hostile, 'a', 4000);
	hostile[3999] = 'b';
	is_uint(warnlist_match(set, ATTR_TEXT, (struct str){hostile, 4000}, at, 4, &sure), 1,
		"an expression that gives up may be a hit");
	ok(!sure, "which is told");
}

static void bad(void)
{
	static const char *const texts[] = {
		"", "[]", "{\"name\":\"x\",\"type\":\"string\"}",
		"{\"name\":\"x\",\"type\":\"odd\",\"list\":[]}",
		"{\"name\":\"x\",\"type\":\"cidr\",\"list\":[\"10.0.0.0/33\"]}",
		"{\"name\":\"x\",\"type\":\"regex\",\"list\":[\"(\"]}",
		"{\"name\":\"x\",\"type\":\"string\",\"list\":[1]}",
		"{\"name\":\"x\",\"type\":\"string\",\"list\":[\"\"]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct warnlists *w = NULL;
		struct fail f = {0};

		is_err(warnlist_from_text(str_c(texts[i]), &w, &f), ERR_CONFIG, "%s: %s", texts[i], f.text);
		ok(!w, "no set");
	}
}

static void write_list(const char *dir, const char *name, const char *entries)
{
	char path[400];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!strchr(name, '.')) {
		mkdir(path, 0700);
		snprintf(path, sizeof(path), "%s/%s/list.json", dir, name);
	}
	out = fopen(path, "w");
	if (!out)
		bail_out("cannot write");
	fprintf(out, "{\"name\":\"%s\",\"type\":\"string\",\"version\":\"7\",\"list\":[%s]}", name, entries);
	fclose(out);
}

static void folders(void)
{
	static const char *const made[] = {"b/list.json", "b",	 "a.json",
					   "c.json",	  "README.md", ""};
	char dir[] = "/tmp/tocsin-warn-XXXXXX", digest[65], path[400];
	struct warnlists *w = NULL;
	struct fail f = {0};
	struct str folder;
	uint16_t at[4];
	bool sure;

	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	folder = str_c(dir);
	write_list(dir, "b", "\"x\",\"both\"");
	write_list(dir, "a.json", "\"y\",\"both\"");
	write_list(dir, "README.md", "\"z\"");
	is_ok(warnlist_load(&folder, 1, &w, &f), "%s", f.text);
	is_uint(warnlist_count(w), 2, "lists of a folder");
	is_view(warnlist_at(w, 0)->name, "a.json", "by name");
	is_uint(warnlist_at(w, 1)->version, 7, "its version");
	is_uint(warnlist_match(w, ATTR_TEXT, STR("both"), at, 4, &sure), 2, "on two lists");
	ok(sure && at[0] == 0 && at[1] == 1, "these");
	is_uint(warnlist_match(w, ATTR_TEXT, STR("both"), at, 1, &sure), 1, "as many as asked for");
	memcpy(digest, warnlist_digest(w), 65);
	warnlist_unref(w);
	write_list(dir, "b", "\"x\"");
	is_ok(warnlist_load(&folder, 1, &w, &f), "again");
	ok(strcmp(digest, warnlist_digest(w)) != 0, "another digest");
	ok(warnlist_ref(w) == w, "a reference");
	warnlist_unref(w);
	warnlist_unref(w);
	write_list(dir, "c.json", "1");
	is_err(warnlist_load(&folder, 1, &w, &f), ERR_CONFIG, "a bad list");
	ok(!w && strstr(f.text, "c.json"), "is named: %s", f.text);
	folder = STR("/nonexistent");
	is_err(warnlist_load(&folder, 1, &w, &f), ERR_CONFIG, "no folder");
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, made[i]);
		is_int(remove(path), 0, "%s is gone", made[i]);
	}
}

/* Many texts, each found, none that is not there. */
static void many(void)
{
	OWN(buf) struct buf b = BUF(8 << 20);
	struct fail f = {0};
	unsigned wrong = 0;
	char text[64];

	buf_puts(&b, "{\"name\":\"m\",\"type\":\"hostname\",\"list\":[");
	for (unsigned i = 0; i < 50000; i++)
		buf_printf(&b, "%s\"h%u.example\"", i ? "," : "", i * 7);
	buf_puts(&b, "]}");
	warnlist_unref(set);
	is_ok(warnlist_from_text(buf_str(&b), &set, &f), "%s", f.text);
	for (unsigned i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "www.h%u.example", i);
		wrong += hits(ATTR_HOSTNAME, text) != (i % 7 == 0);
	}
	is_uint(wrong, 0, "50,000 host names");
	warnlist_unref(set);
}

int main(void)
{
	types();
	entries();
	unsure();
	bad();
	folders();
	many();
	return done_testing();
}
