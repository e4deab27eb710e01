/*
 * test_term.c - text of others becomes harmless, numbers and times become readable.
 */
#include "cli/term.h"

#include "tests/tap/tap.h"

static void clean_is(struct str in, const char *want, const char *what)
{
	OWN(buf) struct buf b = BUF(1000);
	term_clean(&b, in);
	is_str(buf_cstr(&b), want, "%s", what);
}

int main(void)
{
	struct cli c = {.arena = arena_new(1 << 16)};
	clean_is(STR("plain"), "plain", "plain text");
	clean_is(STR("Grüße 警报"), "Grüße 警报", "letters of other scripts");
	clean_is(STR("\x1b[31mred\x07"), "\\x1b[31mred\\x07", "escape and bell");
	clean_is(STR("a\r\nb\tc\x7f"), "a\\x0d\\nb c\\x7f", "line breaks, tab, delete");
	clean_is(STR("\xc2\x9b" "31m"), "\\x9b31m", "a control character of two bytes");
	clean_is(STR("evil\xe2\x80\xaetxt"), "evil\\u202etxt", "turned direction");
	clean_is(STR("bad\xff\xc3"), "bad\\xff\\xc3", "broken UTF-8");
	is_uint(term_columns(STR("abc")), 3, "columns");
	is_view(term_number(&c, 0), "0", "zero");
	is_view(term_number(&c, 999), "999", "three digits");
	is_view(term_number(&c, 1234567), "1,234,567", "seven digits");
	is_view(term_bytes(&c, 999), "999 B", "bytes");
	is_view(term_bytes(&c, 1500000), "1.5 MB", "megabytes");
	is_view(term_time(&c, 1750000000), "2025-06-15 15:06:40 UTC", "a time");
	ok(!term_time(&c, 0).p, "no time");
	arena_free(c.arena);
	return done_testing();
}
