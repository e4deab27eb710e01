/* test_like.c - LIKE patterns, their literal pieces, and the scan for a text. */
#include "search/plan.h"

#include <stdlib.h>

#include "tests/tap/tap.h"

static void patterns(void)
{
	static const struct {
		const char *s, *p;
		bool want;
	} rows[] = {
		{"", "", true},
		{"", "%", true},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "ab", false},
		{"abc", "%c", true},
		{"abc", "a%", true},
		{"abc", "%b%", true},
		{"abc", "%d%", false},
		{"abc", "a_c", true},
		{"abc", "a_", false},
		{"abc", "___", true},
		{"abc", "____", false},
		{"\xc3\xa9t", "_t", true}, /* one character of two bytes */
		{"\xc3\xa9t", "__t", false},
		{"aab", "%ab", true},
		{"abababac", "%abac", true},
		{"mississippi", "m%iss%ip%i", true},
		{"mississippi", "m%iss%ipx%i", false},
		{"100% odd", "100\\% odd", true},
		{"100x odd", "100\\% odd", false},
		{"a_b", "a\\_b", true},
		{"axb", "a\\_b", false},
		{"c:\\boat", "c:\\boat", true},
		{"c:\\boat", "%\\\\boat", true},
		{"%", "%%", true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%a%c", false},
	};
	static const struct {
		const char *p, *want;
	} pieces[] = {{"%isle%", "isle"}, {"isle.%", "isle."}, {"a_bcd%ef", "bcd"}, {"%", ""},
		      {"%_%", ""},	  {"ab\\%cde", "cde"},	{"whole", "whole"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(like_match(str_c(rows[i].s), str_c(rows[i].p)) == rows[i].want,
		   "\"%s\" like \"%s\": %d", rows[i].s, rows[i].p, rows[i].want);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		is_view(like_literal(str_c(pieces[i].p)), pieces[i].want, "piece of \"%s\"",
			pieces[i].p);
}

/* Against str_find() in random text of few letters, at every length and place. */
static void scans(void)
{
	char text[700];
	unsigned bad = 0, hits = 0;
	uint64_t rng = 5;

	for (int round = 0; round < 4000; round++) {
		size_t n = 1 + (size_t)(rng >> 33) % sizeof(text), len, from;
		struct str needle;
		uint64_t got;
		ptrdiff_t want;

		for (size_t i = 0; i < n; i++) {
			rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[i] = (char)('a' + (rng >> 60) % 3);
		}
		len = 1 + (size_t)(rng >> 40) % 9;
		len = len > n ? n : len;
		from = (size_t)(rng >> 20) % (n - len + 1);
		needle = (struct str){text + from, len};
		from = (size_t)(rng >> 50) % n;
		want = str_find((struct str){text + from, n - from}, needle);
		got = text_find(text, from, n, needle);
		bad += got != (want < 0 ? n : from + (size_t)want);
		hits += want >= 0;
	}
	is_uint(bad, 0, "text_find agrees with str_find, %u hits of 4000", hits);
	is_uint(text_find("abc", 0, 3, STR("abcd")), 3, "a needle longer than the text");
	is_uint(text_find("abc", 3, 3, STR("a")), 3, "nothing in nothing");
	is_uint(text_find("abc", 1, 3, STR("")), 1, "an empty needle is everywhere");
}

static void ordering(void)
{
	struct order o;

	ok(order_parse(&o, STR("timestamp desc, id"), SCOPE_EVENTS) && o.n == 2, "two rules");
	ok(order_parse(&o, STR("Event.info ASC"), SCOPE_EVENTS) && o.n == 1, "with its model");
	ok(!order_parse(&o, STR("foam"), SCOPE_EVENTS) && !o.n, "an unknown field");
	ok(!order_parse(&o, STR("id,foam desc"), SCOPE_EVENTS) && !o.n, "spoils them all");
	ok(!order_parse(&o, STR("id sideways"), SCOPE_EVENTS), "an unknown direction");
	ok(!order_parse(&o, STR("Attribute.value1 asc"), SCOPE_ATTRIBUTES), "as recorded");
	ok(order_parse(&o, STR("Event.publish_timestamp desc"), SCOPE_ATTRIBUTES), "of the event");
	ok(order_parse(&o, STR(""), SCOPE_EVENTS) && !o.n, "no order");
	ok(!order_parse(&o, STR("id,id,id,id,id"), SCOPE_EVENTS), "too many rules");
}

int main(void)
{
	patterns();
	scans();
	ordering();
	return done_testing();
}
