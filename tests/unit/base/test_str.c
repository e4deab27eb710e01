/* test_str.c - string views: search, cut, numbers, UTF-8. */
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static void compare(void)
{
	ok(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("b"), STR("a")) > 0, "order");
	ok(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("\xff"), STR("a")) > 0, "as bytes");
	is_int(str_cmp(STR_NONE, STR("")), 0, "absent sorts as empty");
	ok(str_eq_nocase(STR("aZ[@"), STR("Az[@")), "ASCII case");
	ok(!str_eq_nocase(STR("["), STR("{")) && !str_eq_nocase(STR("@"), STR("`")), "only letters");
	ok(!str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")), "only ASCII ones");
	ok(str_has_prefix(STR("abc"), STR("ab")) && !str_has_prefix(STR("a"), STR("ab")), "prefix");
	ok(str_has_suffix(STR("abc"), STR("bc")) && !str_has_suffix(STR("c"), STR("bc")), "suffix");
	ok(str_has_prefix(STR_NONE, STR("")) && str_has_suffix(STR_NONE, STR_NONE), "of nothing");
}

static void search(void)
{
	is_int(str_chr(STR("abcabc"), 'c'), 2, "first character");
	is_int(str_chr(STR_NONE, 'c'), -1, "none in nothing");
	is_int(str_find(STR("abcabd"), STR("abd")), 3, "substring");
	is_int(str_find(STR("ab"), STR("abd")), -1, "longer than the text");
	is_int(str_find(STR("ab"), STR("")), 0, "the empty one");
	is_int(str_find_nocase(STR("xxAbC"), STR("aBc")), 2, "without case");
	is_int(str_find_nocase(STR("xxAb"), STR("aBc")), -1, "not there");
	is_int(str_find_nocase(STR_NONE, STR("")), 0, "empty in nothing");
}

static void cut(void)
{
	struct str head, rest = STR("a,,b");

	is_view(str_trim(STR(" \t\r\n\v a b \n ")), "a b", "trim");
	is_view(str_trim((struct str){"\0a\0", 3}), "a", "NUL as PHP does");
	is_view(str_trim(STR("\fa")), "\fa", "not form feed, as PHP does");
	is_view(str_trim(STR("  ")), "", "nothing left");
	is_view(str_sub(STR("abcd"), 1, 2), "bc", "part");
	is_view(str_sub(STR("abcd"), 3, SIZE_MAX), "d", "clamped length");
	is_view(str_sub(STR("abcd"), 9, 1), "", "clamped start");
	ok(!str_sub(STR_NONE, 0, 1).p, "absent stays absent");
	rest = str_split(rest, ',', &head);
	is_view(head, "a", "first field");
	rest = str_split(rest, ',', &head);
	is_view(head, "", "an empty field is there");
	rest = str_split(rest, ',', &head);
	is_view(head, "b", "last field");
	ok(!rest.p, "and no rest");
	rest = str_split(STR("a,"), ',', &head);
	ok(rest.p && rest.n == 0, "a trailing separator leaves an empty rest");
}

static void numbers(void)
{
	static const struct {
		const char *text;
		bool unsigned_ok, signed_ok;
		int64_t v;
	} rows[] = {
		{"0", true, true, 0},
		{"007", true, true, 7},
		{"9223372036854775807", true, true, INT64_MAX},
		{"9223372036854775808", true, false, 0},
		{"-9223372036854775808", false, true, INT64_MIN},
		{"-9223372036854775809", false, false, 0},
		{"18446744073709551615", true, false, 0},
		{"18446744073709551616", false, false, 0},
		{"99999999999999999999", false, false, 0},
		{"-1", false, true, -1},
		{"", false, false, 0},
		{"-", false, false, 0},
		{"--1", false, false, 0},
		{"+1", false, false, 0},
		{" 1", false, false, 0},
		{"1 ", false, false, 0},
		{"1e3", false, false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t u = 1;
		int64_t s = 1;

		ok(str_u64(str_c(rows[i].text), &u) == rows[i].unsigned_ok, "u64 \"%s\"",
		   rows[i].text);
		ok(str_i64(str_c(rows[i].text), &s) == rows[i].signed_ok, "i64 \"%s\"",
		   rows[i].text);
		is_int(s, rows[i].signed_ok ? rows[i].v : 0, "its value");
		if (!rows[i].unsigned_ok)
			is_uint(u, 0, "zero when refused");
	}
}

/* The slow truth: decode by the definition and look at the code point. */
static bool oracle(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned extra = p[i] < 0x80 ? 0 : p[i] >> 5 == 6 ? 1 : p[i] >> 4 == 14 ? 2 : 3;
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
		uint32_t cp;

		if (p[i] >= 0x80 && (p[i] < 0xc0 || p[i] >= 0xf8))
			return false;
		cp = extra ? p[i] & (0x3fu >> extra) : p[i];
		if (n - i <= extra)
			return false;
		for (unsigned k = 1; k <= extra; k++) {
			if (p[i + k] >> 6 != 2)
				return false;
			cp = cp << 6 | (p[i + k] & 0x3f);
		}
		if (cp < least[extra] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
			return false;
		i += extra + 1;
	}
	return true;
}

static void utf8(void)
{
	/* Every pair of first bytes, with good and bad tails, at each offset of the fast path. */
	static const char *const tails[] = {"", "\x80", "\x80\x80", "\xbf\xbf", "a", "\xc3\xa4"};
	unsigned differ = 0, checked = 0;

	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			for (size_t t = 0; t < ARRAY_LEN(tails); t++) {
				char s[24] = "0123456789";
				size_t at = (a + b) % 11, n = at + 2 + strlen(tails[t]);

				s[at] = (char)a;
				s[at + 1] = (char)b;
				memcpy(s + at + 2, tails[t], strlen(tails[t]));
				checked++;
				differ += str_utf8_ok((struct str){s, n}) !=
					  oracle((unsigned char *)s, n);
			}
	is_uint(differ, 0, "%u byte strings judged as the definition does", checked);
	is_uint(str_utf8_len(STR("\xe4\xb8\xad\xe6")), 3, "length of a sequence");
	is_uint(str_utf8_len(STR("\xe4\xb8")), 0, "a cut one");
	is_uint(str_utf8_len(STR("")), 0, "none");
}

int main(void)
{
	compare();
	search();
	cut();
	numbers();
	utf8();
	return done_testing();
}
