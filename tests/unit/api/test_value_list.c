/* test_value_list.c - lists of values: plain texts, escapes, faults, and texts cut anywhere. */
#include "api/value_list.h"

#include <stdlib.h>

#include "base/own.h"
#include "tests/tap/tap.h"

/* The values of a body as lines, an error as !text; `spool` keeps it in a file. */
static void list(struct str media, struct str body, struct buf *out)
{
	OWN(value_list) struct value_list *l = value_list_new(media, "/tmp");
	OWN(arena) struct arena *a = arena_new((size_t)1 << 24);
	struct lookup_value v;
	struct fail f = {0};

	buf_clear(out);
	for (size_t i = 0; i < body.n; i += 100000)
		if (value_list_add(l, str_sub(body, i, 100000), &f) != ERR_OK)
			bail_out("%s", f.text);
	while (value_list_next(l, a, &v)) {
		if (v.error)
			buf_printf(out, "!%s\n", v.error);
		else
			buf_printf(out, "%.*s\n", STR_ARG(v.value));
	}
	buf_putc(out, '\0'); /* for those that compare it as text */
	out->n--;
}

static void lists(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	static const struct {
		const char *body, *want;
	} rows[] = {
		{"[]", ""},
		{"[\"a.example\", \"b\",\"\"]", "a.example\nb\n\n"},
		{" [\n\"x\\u0041\" , \"y\\\"z\", \"\\\\\", \"after\"]", "xA\ny\"z\n\\\nafter\n"},
		{"[\"caf\xc3\xa9\",\"caf\\u00e9\"]", "caf\xc3\xa9\ncaf\xc3\xa9\n"},
		{"[\"a\", 5, null, \"b\"]", "a\n!Not a text.\n!Not a text.\nb\n"},
		{"[\"a\"", "a\n!The list breaks off here.\n"},
		{"[\"a", "!The list breaks off here.\n"},
		{"[\"a\" \"b\"]", "a\n!The list breaks off here.\n"},
		{"[\"a\",]", "a\n!The list breaks off here.\n"},
		{"[\"a\",[\"b\"]]", "a\n!Not a text.\n"},
		{"[\"tab\tin it\",\"b\"]", "!Not JSON.\n"},
		{"[\"a\xff\",\"b\"]", "!Not JSON.\n"},
		{"[\"a\\u0000b\",\"c\"]", "!Not JSON.\n"},
		{"[\"a\\x\",\"b\"]", "!Not JSON.\n"},
		{"a\n\n b \n\"c\"\n{\"value\":\"d\"}", "a\nb\nc\nd\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		list(STR("application/json"), str_c(rows[i].body), &b);
		is_str(b.p, rows[i].want, "%s", rows[i].body);
	}
}

/* Long enough to be read in pieces: every fifth has an escape, and says the same as without. */
static void pieces(void)
{
	OWN(buf) struct buf body = BUF(1 << 22), want = BUF(1 << 22), got = BUF(1 << 22);

	buf_putc(&body, '[');
	for (unsigned i = 0; i < 40000; i++) {
		buf_printf(&body, i % 5 ? "%s\"v%u.example\"" : "%s\"v%u\\u002eexample\"", i ? "," : "", i);
		buf_printf(&want, "v%u.example\n", i);
	}
	buf_putc(&body, ']');
	list(STR("application/json"), buf_str(&body), &got);
	ok(str_eq(buf_str(&got), buf_str(&want)), "texts that lie across the pieces that are read");
}

static void lengths(void)
{
	OWN(buf) struct buf body = BUF(1 << 22), got = BUF(1 << 22);

	for (size_t n = VALUE_LIST_VALUE_MAX - 1; n <= VALUE_LIST_VALUE_MAX + 1; n++) {
		buf_clear(&body);
		buf_puts(&body, "[\"");
		for (size_t i = 0; i < n; i++)
			buf_putc(&body, 'x');
		buf_puts(&body, "\",\"b\"]");
		list(STR("application/json"), buf_str(&body), &got);
		if (n <= VALUE_LIST_VALUE_MAX)
			is_uint(got.n, n + 3, "a value of %zu bytes", n);
		else
			is_str(got.p, "!The value is too long.\nb\n", "and one too long");
	}
}

/* Each byte of ASCII at each place of two words: taken as it is, unless JSON wants it escaped. */
static void bytes(void)
{
	OWN(buf) struct buf got = BUF(1 << 20);
	unsigned wrong = 0;

	for (unsigned c = 1; c < 0x80; c++)
		for (size_t at = 0; at < 17; at++) {
			char body[] = "[\"first\",\"0123456789abcdefg\",\"z\"]", *value = body + 10;
			char want[] = "first\n0123456789abcdefg\nz\n";

			if (c == '"' || c == '\\')
				continue;
			value[at] = want[6 + at] = (char)c;
			list(STR("application/json"), str_c(body), &got);
			wrong += (strcmp(got.p, c < ' ' ? "first\n!Not JSON.\n" : want) != 0);
		}
	is_uint(wrong, 0, "each byte at each place");
	list(STR("application/json"), STR("[\"first\",\"01234\\\"56789abcdefg\",\"0123456789\\\\\"]"), &got);
	is_str(got.p, "first\n01234\"56789abcdefg\n0123456789\\\n", "escapes inside of words");
}

int main(void)
{
	lists();
	pieces();
	lengths();
	bytes();
	return done_testing();
}
