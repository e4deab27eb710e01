/*
 * test_csv.c - tables: delimiters, quotes over lines, comments, what is too long; the same however it is cut.
 */
#include "feeds/in/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap/tap.h"

static enum err keep(void *user, const struct csv_row *row, struct fail *f)
{
	struct buf *b = user;
	(void)f;
	buf_printf(b, "%llu", (unsigned long long)row->line);
	for (uint32_t i = 0; i < row->n; i++) {
		buf_putc(b, '|');
		buf_str_add(b, row->fields[i]);
	}
	buf_putc(b, '\n');
	return ERR_OK;
}

static void read_it(struct str text, const char *delimiter, size_t step, struct buf *out)
{
	OWN(csv) struct csv *c = NULL;
	struct csv_opts o = {.delimiter = str_c(delimiter)};
	struct fail f = {0};
	if (csv_new(&o, keep, out, &c, &f) != ERR_OK)
		bail_out("no reader");
	for (size_t i = 0; i < text.n; i += step)
		if (csv_feed(c, text.p + i, MIN(step, text.n - i), &f) != ERR_OK)
			bail_out("an error");
	if (csv_end(c, &f) != ERR_OK)
		bail_out("an error at the end");
	buf_printf(out, "lines %llu comments %llu long %llu", (unsigned long long)csv_lines(c),
		   (unsigned long long)csv_comments(c), (unsigned long long)csv_too_long(c));
}

static const struct {
	const char *what, *delimiter, *text, *want;
} cases[] = {
	{"fields", ",", "a,b\nc,,d\n", "1|a|b\n2|c||d\nlines 2 comments 0 long 0"},
	{"no end of line", ",", "a,b", "1|a|b\nlines 1 comments 0 long 0"},
	{"CR and blanks", ",", " a , b \r\n\r\n  \nc\r\n", "1|a|b\n4|c\nlines 4 comments 0 long 0"},
	{"comments", ",", "# x, \"y\n#\na\n \"# quoted\",b\n", "3|a\nlines 4 comments 3 long 0"},
	{"byte order mark", ",", "\xef\xbb\xbf" "a\n", "1|a\nlines 1 comments 0 long 0"},
	{"the default", "", "a,b\n", "1|a|b\nlines 1 comments 0 long 0"},
	{"a tab", "\\t", "a\tb,c\t\n", "1|a|b,c|\nlines 1 comments 0 long 0"},
	{"several characters", "||", "a||b|c||\"d\"\n", "1|a|b|c|d\nlines 1 comments 0 long 0"},
	{"semicolon", ";", "\"a;b\";'c'\n", "1|a;b|c\nlines 1 comments 0 long 0"},
	{"quotes", ",", "\"a,\"\"b\"\"\", \"c\" ,d\"e\n", "1|a,\"\"b|c|d\"e\nlines 1 comments 0 long 0"},
	{"quoted over lines", ",", "1,\"a\nb,c\n\",d\n2,e\n", "1|1|a\nb,c|d\n4|2|e\nlines 4 comments 0 long 0"},
	{"never closed", ",", "1,\"a\n2,b\n3,c", "1|1|a\n2|2|b\n3|3|c\nlines 3 comments 0 long 0"},
	{"never closed at the end", ",", "1,a\n2,\"b\n", "1|1|a\n2|2|b\nlines 2 comments 0 long 0"},
	{"a quote alone", ",", "\"\nb\n", "1|\n2|b\nlines 2 comments 0 long 0"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 100; step += 33) {
			OWN(buf) struct buf b = BUF(1 << 20);
			read_it(str_c(cases[i].text), cases[i].delimiter, step, &b);
			/* doubled quotes are made one; expected texts write them as they stand */
			struct str want = str_c(cases[i].want);
			if (strcmp(cases[i].what, "quotes") == 0)
				want = STR("1|a,\"b|c|d\"e\nlines 1 comments 0 long 0");
			ok(str_eq(buf_str(&b), want), "%s, in pieces of %zu: %.*s", cases[i].what, step,
			   STR_ARG(buf_str(&b)));
		}
}

static void test_limits(void)
{
	OWN(buf) struct buf text = BUF(8 << 20), out = BUF(8 << 20);
	struct csv_opts o = {.delimiter = STR("a\nb")};
	struct csv *c = NULL;
	struct fail f = {0};
	is_err(csv_new(&o, keep, NULL, &c, &f), ERR_INVAL, "no such delimiter");
	for (unsigned i = 0; i < CSV_LINE_MAX + 10; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\nshort\n");
	read_it(buf_str(&text), ",", 4096, &out);
	is_view(buf_str(&out), "2|short\nlines 2 comments 0 long 1", "a line that is too long");

	/* a quote over more than the longest line: its first line counts, and each behind it */
	buf_clear(&text);
	buf_clear(&out);
	buf_puts(&text, "0,\"begun\n");
	for (unsigned i = 1; i < 60000; i++)
		buf_printf(&text, "%u,value\n", i);
	read_it(buf_str(&text), ",", 5000, &out);
	ok(str_has_prefix(buf_str(&out), STR("1|0|begun\n2|1|value\n3|2|value\n")), "lines behind it");
	ok(str_has_suffix(buf_str(&out), STR("\n60000|59999|value\nlines 60000 comments 0 long 0")),
	   "up to the last: %.*s", 80, out.n > 80 ? out.p + out.n - 80 : "");
	unsigned rows = 0;
	for (size_t i = 0; i < out.n; i++)
		rows += out.p[i] == '\n';
	is_uint(rows, 60000, "each once");
}

static void test_many_quotes(void)
{
	/* each line opens a quote that the next one does not close properly */
	OWN(buf) struct buf text = BUF(32 << 20), out = BUF(64 << 20);
	for (unsigned i = 0; i < 300000; i++)
		buf_puts(&text, i % 2 ? "\"\"\n" : "\"a\"\"\n");
	read_it(buf_str(&text), ",", 65536, &out);
	ok(buf_err(&out) == ERR_OK, "ended");
}

int main(void)
{
	test_cases();
	test_limits();
	test_many_quotes();
	return done_testing();
}
