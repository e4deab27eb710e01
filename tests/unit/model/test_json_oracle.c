/*
 * test_json_oracle.c - the tokenizer gives jansson's verdicts and contents: chosen cases, generated
 * documents, documents cut and damaged at every byte, and all of them in pieces.
 */
#include "tests/fuzz/json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static const char *const cases[] = {
	"{}", "[]", "", " ", "{", "[", "}", "]", "[}", "{]", "[1", "[1,", "[1,]", "[,1]", "{,}",
	"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}", "[1 2]",
	"{1:2}", "[]x", "[] []", "{}{}", "1", "\"a\"", "null", "[nul]", "[null]", "[nulll]",
	"[true]", "[True]", "[tru", "[false,true,null]", "[truefalse]", "[true1]", "[-]", "[-1]",
	"[+1]", "[01]", "[-01]", "[0]", "[-0]", "[0.]", "[.5]", "[0.5]", "[1.]", "[1.e5]", "[1e]",
	"[1e+]", "[1e+5]", "[1E-5]", "[1e5.2]", "[1e400]", "[-1e400]", "[1e-400]", "[1e308]",
	"[1.7976931348623157e308]", "[1.7976931348623159e308]", "[179769313486231580e291]",
	"[0.0000000001e318]", "[0.00000000001e320]", "[0e999999999]", "[0.0e400]",
	"[9223372036854775808]", "[-9223372036854775809]", "[123456789012345678901234567890]",
	"[0x10]", "[1a]", "[NaN]", "[Infinity]", "[\"\\u0000\"]", "{\"\\u0000\":1}",
	"[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\udc00\"]", "[\"\\ud800\\u0041\"]",
	"[\"\\ud800x\"]", "[\"\\uD83D\\uDE00\"]", "[\"\\ud800\\\"]", "[\"\\u12\"]", "[\"\\u12g4\"]",
	"[\"\\x41\"]", "[\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"]", "[\"\\'\"]", "[\"\t\"]", "[\"\n\"]",
	"[\"\x1f\"]", "[\"\x7f\"]", "[\"\xc3\xbc\"]", "[\"\xc3\"]", "[\"\xc3(\"]", "[\"\xc0\x80\"]",
	"[\"\xc1\xbf\"]", "[\"\xe0\x80\x80\"]", "[\"\xe0\xa0\x80\"]", "[\"\xed\x9f\xbf\"]",
	"[\"\xed\xa0\x80\"]", "[\"\xee\x80\x80\"]", "[\"\xf0\x8f\xbf\xbf\"]",
	"[\"\xf0\x90\x80\x80\"]", "[\"\xf4\x8f\xbf\xbf\"]", "[\"\xf4\x90\x80\x80\"]",
	"[\"\xf5\x80\x80\x80\"]", "[\"\x80\"]", "[\"\xff\"]", "[\"\xfe\"]", "[\xc3\xbc]",
	"\xef\xbb\xbf{}", "\xef\xbb\xbf", "\xef\xbb{}", "\xef\xbb\xbf\xef\xbb\xbf{}",
	" \xef\xbb\xbf{}", "[1]\xef\xbb\xbf", "\f[]", "[\v]", "[1]//", "[/**/]", "[1]\x01",
	"{\"a\":1,\"a\":[2],\"a\":{\"b\":3}}", "{\"\":\"\"}", "[[[[[[[[[[[[]]]]]]]]]]]]",
	"{\"a\":{\"b\":{\"c\":[1,2,{\"d\":null}]}}}", "[\"abc", "[\"abc\\", "[\"abc\\u", "[\"\\ud83d",
	"{\"key", "{\"key\"", "{\"key\":", "{\"key\":\"value", "{\"key\":tr", "{\"key\":1",
};

static void check_cases(void)
{
	static const size_t steps[] = {SIZE_MAX, 1, 2, 3};
	struct check_why why;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t k = 0; k < ARRAY_LEN(steps); k++)
			if (!check_scan(cases[i], strlen(cases[i]), steps[k], 0, &why))
				ok(false, "%s in pieces of %zu: %s", cases[i], steps[k], why.text);
	ok(check_scan("[\0]", 3, 1, 0, &why) && check_scan("[\"\0\"]", 5, 9, 0, &why) &&
		   check_scan("[]\0", 3, 2, 0, &why),
	   "NUL bytes");
	ok(true, "%zu chosen cases", ARRAY_LEN(cases));
}

/* ---- generated documents ---- */

static void gen_text(struct buf *b, uint64_t *seed)
{
	static const char *const bits[] = {
		"a", "bc", " ", "evil.example", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00fc",
		"\\ud83d\\ude00", "\xc3\xbc", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "0123456789abcdef",
		"the quick brown fox jumps over it",
	};
	unsigned n = check_random(seed) % 6;

	buf_putc(b, '"');
	while (n--)
		buf_puts(b, bits[check_random(seed) % ARRAY_LEN(bits)]);
	buf_putc(b, '"');
}

static void gen_blank(struct buf *b, uint64_t *seed)
{
	static const char *const blanks[] = {"", "", "", " ", "\n", "\r\n\t", "\n                    "};
	buf_puts(b, blanks[check_random(seed) % ARRAY_LEN(blanks)]);
}

static void gen_value(struct buf *b, uint64_t *seed, unsigned depth)
{
	static const char *const scalars[] = {"true", "false", "null", "0", "-1", "17", "2.5e-3",
					      "1714640000", "-0.0", "1E9", "12345678901234567890"};
	static const char *const keys[] = {"\"Event\"", "\"Attribute\"", "\"value\"", "\"Tag\"",
					   "\"name\"", "\"Object\"", "\"type\"", "\"response\"",
					   "\"Galaxy\"", "\"GalaxyCluster\"", "\"meta\"", "\"0\""};
	unsigned pick = check_random(seed) % 8, n = check_random(seed) % 5;

	if (depth == 0)
		pick = 6 + check_random(seed) % 2;
	if (depth > 8 || pick < 2) {
		buf_puts(b, scalars[check_random(seed) % ARRAY_LEN(scalars)]);
		return;
	}
	if (pick < 5) {
		gen_text(b, seed);
		return;
	}
	buf_putc(b, pick == 7 ? '{' : '[');
	for (unsigned i = 0; i < n; i++) {
		gen_blank(b, seed);
		if (pick == 7) {
			if (check_random(seed) % 2)
				buf_puts(b, keys[check_random(seed) % ARRAY_LEN(keys)]);
			else
				gen_text(b, seed);
			gen_blank(b, seed);
			buf_putc(b, ':');
			gen_blank(b, seed);
		}
		gen_value(b, seed, depth + 1);
		gen_blank(b, seed);
		if (i + 1 < n)
			buf_putc(b, ',');
	}
	buf_putc(b, pick == 7 ? '}' : ']');
}

/* Some damage: a byte changed, removed or doubled. */
static void damage(struct buf *b, uint64_t *seed)
{
	static const char bytes[] = "\"\\{}[],:0 e-.\x80\xc3\xed\x01tnu";
	size_t at = check_random(seed) % b->n;

	switch (check_random(seed) % 3) {
	case 0:
		b->p[at] = bytes[check_random(seed) % (sizeof(bytes) - 1)];
		break;
	case 1:
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
		break;
	default:
		b->p[at] ^= (char)(1u << check_random(seed) % 8);
	}
}

static void check_generated(unsigned rounds)
{
	static const enum raw_root roots[] = {RAW_EVENT, RAW_ATTRS, RAW_OBJECT, RAW_ELEMENTS,
					      RAW_CLUSTERS};
	OWN(buf) struct buf b = BUF(1 << 20);
	struct check_why why;
	uint64_t seed = 2024;
	unsigned bad = 0;

	for (unsigned i = 0; i < rounds && bad < 5; i++) {
		uint64_t here = seed;
		buf_clear(&b);
		gen_value(&b, &seed, 0);
		if (i % 2 && b.n)
			damage(&b, &seed);
		for (unsigned k = 0; k < 3; k++) {
			if (check_scan(b.p, b.n, k ? 0 : SIZE_MAX, seed + k, &why) &&
			    check_pieces(b.p, b.n, roots[i % ARRAY_LEN(roots)], k == 2, 0, seed + k, &why))
				continue;
			ok(false, "document %u (seed %llu): %s", i, (unsigned long long)here,
			   why.text);
			diag("%.*s", STR_ARG(buf_str(&b)));
			bad++;
		}
	}
	ok(!bad, "%u generated documents, half of them damaged", rounds);
}

/* ---- one event, cut, damaged and split everywhere ---- */

static const char event[] =
	"{\"Event\":{\"info\":\"\\u00fcbung \xf0\x9f\x98\x80\",\"date\":\"2024-05-02\",\"timestamp\":1714,\n"
	"\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\",\"to_ids\":false,\n"
	"\"Tag\":[{\"name\":\"t\\\"x\"}],\"Galaxy\":[{\"name\":\"G\",\"GalaxyCluster\":[{\"meta\":{\"a\":[1]},"
	"\"tag_name\":\"g\"}]}]},{\"type\":\"x\",\"value\":12.5}],\"Object\":[{\"Attribute\":[{\"value\":\"v\","
	"\"Sighting\":[{\"source\":\"s\"}]}],\"name\":\"file\"}],\"zzz\":[{\"q\":\"\\ud83d\\ude00\"}],"
	"\"Tag\":[{\"name\":\"u\"}],\"extends_uuid\":null}}";

static void check_event_bytes(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	struct check_why why;
	size_t n = strlen(event);
	unsigned bad = 0;

	for (size_t at = 0; at < n && bad < 5; at++) {
		if (!check_scan(event, at, 7, 0, &why) ||
		    !check_pieces(event, at, RAW_EVENT, false, 7, 0, &why)) {
			ok(false, "cut at %zu: %s", at, why.text);
			bad++;
		}
		if (at && !check_pieces(event, n, RAW_EVENT, true, at, 0, &why)) {
			ok(false, "split at %zu: %s", at, why.text);
			bad++;
		}
		for (unsigned bit = 0; bit < 8; bit++) {
			buf_clear(&b);
			buf_add(&b, event, n);
			b.p[at] ^= (char)(1u << bit);
			if (check_scan(b.p, n, SIZE_MAX, 0, &why) &&
			    check_pieces(b.p, n, RAW_EVENT, false, 11, 0, &why))
				continue;
			ok(false, "bit %u of byte %zu: %s", bit, at, why.text);
			bad++;
		}
	}
	ok(!bad, "an event cut, split and damaged at each of %zu bytes", n);
	uint64_t elements = 0;
	if (!ok(check_members(event, n, &elements, &why), "its members are those of jansson"))
		diag("%s", why.text);
	is_uint(elements, 6, "elements");
}

int main(void)
{
	check_cases();
	check_event_bytes();
	check_generated(getenv("TOCSIN_LONG_TESTS") ? 200000 : 4000);
	return done_testing();
}
