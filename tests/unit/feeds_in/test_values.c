/*
 * test_values.c - values of tables, lists and texts; the feeds of the recordings; exclusions; what is none.
 */
#include "feeds/in/values.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "feeds/in/csv.h"
#include "tests/tap/tap.h"

static enum err keep(void *user, const struct values_hit *h, struct fail *f)
{
	struct buf *b = user;
	(void)f;
	buf_printf(b, "%s=%.*s", type_name(h->type).p, STR_ARG(h->value));
	if (h->port.p)
		buf_printf(b, " port %.*s", STR_ARG(h->port));
	buf_putc(b, '\n');
	return ERR_OK;
}

static struct values_counts read_it(const struct values_opts *o, struct str text, size_t step,
				    struct buf *out)
{
	struct values_opts now = *o;
	for (;;) {
		OWN(values) struct values *v = NULL;
		struct fail f = {0};
		if (!is_ok(values_new(&now, keep, out, &v, &f), "options: %s", f.text))
			bail_out("no reader");
		enum err e = ERR_OK;
		for (size_t i = 0; i < text.n && e == ERR_OK; i += step)
			e = values_feed(v, text.p + i, MIN(step, text.n - i), &f);
		if (e == ERR_OK)
			e = values_end(v, &f);
		if (e == ERR_OK)
			return values_counts(v);
		if (e != ERR_AGAIN || now.no_json)
			bail_out("%s: %s", err_name(e), f.text);
		now.no_json = true;
		buf_clear(out);
	}
}

static const char table[] = "# comment line\nid,indicator,note\n1,203.0.113.41,first\n2,csv.example.org,second\n"
			    "3,ignore.example.org,third\n4,https://csv.example.net/x,fourth\n"
			    "5,not an indicator,fifth\n";
static const char text[] = "# free text list\n203.0.113.51\ntext.example.org # trailing comment\n"
			   "hxxp://text[.]example[.]net/a\n\n203.0.113.52:8080\nplain words\n";
static const char list[] = "# a list\n! and\n; so on\n// too\n203.0.113.1\n203.0.113.0/24 ; net ; x\n"
			   "evil.example.com # seen\n0.0.0.0 hosts.example.com\n"
			   "127.0.0.1 other.example.com # x\n198.51.100.7 Example of a remark\n"
			   "C:\\Program Files\\evil one.exe\nhttp://a.example/x,y;z\nnothing here\n";

static const struct {
	const char *what;
	struct values_opts o;
	const char *text, *want;
	struct values_counts n;
} cases[] = {
	{"the recorded table",
	 {.format = VALUES_CSV, .columns = {"2", 1}, .delimiter = {",", 1}, .exclude = {"/^ignore/i", 10}},
	 table,
	 "ip-dst=203.0.113.41\nhostname=csv.example.org\nurl=https://csv.example.net/x\n",
	 {.lines = 7, .comments = 1, .found = 3, .excluded = 1, .nothing = 2}},
	{"the recorded text",
	 {.format = VALUES_FREETEXT},
	 text,
	 "ip-dst=203.0.113.51\nhostname=text.example.org\nurl=http://text.example.net/a\n"
	 "ip-dst|port=203.0.113.52|8080 port 8080\n",
	 {.found = 4}},
	{"all columns",
	 {.format = VALUES_CSV},
	 "1,203.0.113.41,evil.example.com,word\n",
	 "ip-dst=203.0.113.41\nhostname=evil.example.com\n",
	 {.lines = 1, .found = 2, .nothing = 2}},
	{"columns with types of their own",
	 {.format = VALUES_CSV, .columns = {"2:filename, 1", 13}, .delimiter = {";", 1}},
	 "1.2.3.4;evil.example.com\n",
	 "filename=evil.example.com\nip-dst=1.2.3.4\n",
	 {.lines = 1, .found = 2}},
	{"two columns",
	 {.format = VALUES_CSV, .columns = {" 1, 3", 5}},
	 "\"1.2.3.4\",5.6.7.8,\"9.9.9.9\"\nx\n",
	 "ip-dst=1.2.3.4\nip-dst=9.9.9.9\n",
	 {.lines = 2, .found = 2, .nothing = 1}},
	{"bytes that are no text",
	 {.format = VALUES_CSV, .columns = {"1", 1}},
	 "\xff\xff.example.com\n1.2.3.4\n",
	 "ip-dst=1.2.3.4\n",
	 {.lines = 2, .found = 1, .unreadable = 1}},
	{"a list",
	 {.format = VALUES_LIST},
	 list,
	 "ip-dst=203.0.113.1\nip-dst=203.0.113.0/24\nhostname=evil.example.com\n"
	 "hostname=hosts.example.com\nhostname=other.example.com\nip-dst=198.51.100.7\n"
	 "filename=C:\\Program Files\\evil one.exe\nurl=http://a.example/x,y;z\n",
	 {.lines = 13, .comments = 4, .found = 8, .nothing = 1}},
	{"a list of one type",
	 {.format = VALUES_LIST, .type = ATTR_DOMAIN},
	 "evil.notatld\n203.0.113.1\n",
	 "domain=evil.notatld\ndomain=203.0.113.1\n",
	 {.lines = 2, .found = 2}},
	{"JSON: its texts only",
	 {.format = VALUES_FREETEXT},
	 " {\"evil.example.com\": [\"203.0.113.9\", {\"x\": \"see a.example.net now\"}], \"n\": 1.5}",
	 "ip-dst=203.0.113.9\nhostname=a.example.net\n",
	 {.found = 2}},
	{"what only begins so",
	 {.format = VALUES_FREETEXT},
	 "[Some list]\n203.0.113.9\nb.example.net\n",
	 "ip-dst=203.0.113.9\nhostname=b.example.net\n",
	 {.found = 2}},
	{"what ends too early",
	 {.format = VALUES_FREETEXT},
	 "{\"a\": \"203.0.113.9\",",
	 "ip-dst=203.0.113.9\n",
	 {.found = 1}},
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 100; step += 40) {
			OWN(buf) struct buf b = BUF(1 << 20);
			struct values_counts n = read_it(&cases[i].o, str_c(cases[i].text), step, &b);
			is_view(buf_str(&b), cases[i].want, "%s, in pieces of %zu", cases[i].what, step);
			ok(memcmp(&n, &cases[i].n, sizeof(n)) == 0,
			   "counts: %llu lines %llu comments %llu found %llu excluded %llu nothing "
			   "%llu unreadable",
			   (unsigned long long)n.lines, (unsigned long long)n.comments,
			   (unsigned long long)n.found, (unsigned long long)n.excluded,
			   (unsigned long long)n.nothing, (unsigned long long)n.unreadable);
		}
}

static void test_exclude(void)
{
	static const struct {
		const char *expression, *left;
	} e[] = {
		{"/^a/", "hostname=x.a.example.com\n"},
		{"#EXAMPLE.ORG$#i", "hostname=a.b.example.com\nhostname=x.a.example.com\n"},
		{"{^x}u", "hostname=a.b.example.com\nhostname=a.c.example.org\n"},
		{"^x", "hostname=a.b.example.com\nhostname=a.c.example.org\n"},
		{"/[/", NULL},
		{"/a/e", NULL},
	};
	static const char hosts[] = "a.b.example.com\nx.a.example.com\na.c.example.org\n";
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		struct values_opts o = {.format = VALUES_LIST, .exclude = str_c(e[i].expression)};
		OWN(buf) struct buf b = BUF(1 << 20);
		struct fail f = {0};
		struct values *v = NULL;
		if (!e[i].left) {
			is_err(values_new(&o, keep, &b, &v, &f), ERR_INVAL, "%s: %s", e[i].expression, f.text);
			continue;
		}
		read_it(&o, str_c(hosts), 7, &b);
		is_view(buf_str(&b), e[i].left, "without %s", e[i].expression);
	}
	struct values_opts bad = {.format = VALUES_CSV, .columns = STR("0")};
	struct fail f = {0};
	struct values *v = NULL;
	is_err(values_new(&bad, keep, NULL, &v, &f), ERR_INVAL, "no column 0: %s", f.text);
}

static void on_fault(void *user, enum values_fault why, uint64_t line, struct str s)
{
	static const char *const names[] = {"none", "no text", "long"};
	buf_printf(user, "%s %llu %.*s\n", names[why], (unsigned long long)line, STR_ARG(s));
}

/* A spreadsheet saved as "Unicode text": both orders, a pair of surrogates, halves that stand alone. */
static void test_utf16(void)
{
	static const uint16_t units[] = {0xfeff, 'n', 0xfc, ',', '1', '.', '2', '.', '3', '.', '4', '\r', '\n', 0xd83d,
					 0xde00, ',', 'a', '.', 'e', 0xd800, ',', 'x', '\n', 'b', 0xdc00, ',', '5',
					 '.', '6', '.', '7', '.', '8'};
	struct values_opts o = {.format = VALUES_CSV, .columns = STR("2"), .fault = on_fault};
	for (unsigned be = 0; be < 2; be++)
		for (size_t step = 1; step < 100; step += 9) {
			OWN(buf) struct buf in = BUF(1000), out = BUF(65536);
			for (size_t i = 0; i < ARRAY_LEN(units); i++) {
				buf_putc(&in, (char)(be ? units[i] >> 8 : units[i]));
				buf_putc(&in, (char)(be ? units[i] : units[i] >> 8));
			}
			read_it(&o, buf_str(&in), step, &out);
			is_view(buf_str(&out), "ip-dst=1.2.3.4\nnone 2 a.e\xef\xbf\xbd\nip-dst=5.6.7.8\n",
			       "UTF-16, %s first, in pieces of %zu", be ? "high" : "low", step);
		}
	OWN(buf) struct buf out = BUF(65536);
	o = (struct values_opts){.format = VALUES_FREETEXT};
	read_it(&o, (struct str){"\xff\xfe" "8\0.\0" "8\0.\0" "8\0.\0" "8\0", 16}, 5, &out);
	is_view(buf_str(&out), "ip-dst=8.8.8.8\n", "free text");
	buf_clear(&out);
	read_it(&o, STR("8.8.8.8"), 1, &out);
	is_view(buf_str(&out), "ip-dst=8.8.8.8\n", "others as they are");
	buf_clear(&out);
	is_uint(read_it(&o, STR("8"), 1, &out).found, 0, "one byte");
}

/* Each field or line without a value is told with its line. */
static void test_faults(void)
{
	static char long_line[CSV_LINE_MAX + 10];
	OWN(buf) struct buf out = BUF(65536), in = BUF(2u << 20);
	struct values_opts o = {.format = VALUES_LIST, .fault = on_fault};
	memset(long_line, 'a', sizeof(long_line) - 1);
	buf_printf(&in, "1.2.3.4\n# x\nnothing at all\n\n%s\n\xff\xfe\n5.6.7.8", long_line);
	struct values_counts n = read_it(&o, buf_str(&in), 1000, &out);
	is_view(buf_str(&out), "ip-dst=1.2.3.4\nnone 3 nothing at all\nlong 5 \nno text 6 \xff\xfe\nip-dst=5.6.7.8\n",
	       "faults of a list");
	is_uint(n.unreadable + n.nothing, 3, "and counted");
	buf_clear(&out);
	o = (struct values_opts){.format = VALUES_CSV, .columns = STR("2"), .fault = on_fault};
	read_it(&o, STR("a,b\n1,1.2.3.4\n2,\n3,\"two\nlines\"\n5,x\n"), 3, &out);
	is_view(buf_str(&out), "none 1 b\nip-dst=1.2.3.4\nnone 4 two\nlines\nnone 6 x\n", "faults of a table");
}

int main(void)
{
	enum values_format f;
	test_cases();
	test_faults();
	test_utf16();
	test_exclude();
	ok(values_format_of(STR("csv"), &f) && f == VALUES_CSV, "names of formats");
	ok(!values_format_of(STR("gull"), &f), "and what is none");
	return done_testing();
}
