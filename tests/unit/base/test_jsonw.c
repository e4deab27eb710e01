/* test_jsonw.c - the writer against fixed texts and against jansson as the oracle. */
#include "base/jsonw.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap/tap.h"

/* Each character at each place of a text that is read by eights, against the same in three pieces. */
static void places(void)
{
	static const char text[] = "abcdefghijklmnopqrstuvw";
	size_t wrong = 0;

	for (size_t at = 0; at < sizeof(text) - 1; at++)
		for (int c = 1; c < 256; c++) {
			OWN(buf) struct buf whole = BUF(1000), parts = BUF(1000);
			char with[sizeof(text)];

			memcpy(with, text, sizeof(with));
			with[at] = (char)c;
			json_quote(&whole, str_c(with));
			json_quote(&parts, (struct str){text, at});
			parts.n--;
			json_quote(&parts, (struct str){with + at, 1});
			memmove(parts.p + at + 1, parts.p + at + 2, parts.n - at - 2);
			parts.n -= 2;
			json_quote(&parts, str_c(text + at + 1));
			size_t tail = sizeof(text) - at; /* its quotes and what is behind `at` */
			memmove(parts.p + parts.n - tail, parts.p + parts.n - tail + 1, tail - 1);
			parts.n--;
			wrong += !str_eq(buf_str(&whole), buf_str(&parts));
		}
	is_uint(wrong, 0, "every byte at every place");
}

static void shapes(void)
{
	OWN(buf) struct buf b = BUF(10000);
	struct jsonw w = jsonw_on(&b);
	struct uuid u = {{0x5e, 0x6d, 0x9c, 0x6e}};

	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "c", "x");
	JSONW_KV(&w, jsonw_c, "null", NULL);
	JSONW_KV(&w, jsonw_str, "absent", STR_NONE);
	JSONW_KV(&w, jsonw_str, "empty", STR(""));
	jsonw_key(&w, "list");
	jsonw_arr(&w);
	jsonw_obj(&w);
	jsonw_obj_end(&w);
	jsonw_arr(&w);
	jsonw_arr_end(&w);
	jsonw_int(&w, -5);
	jsonw_uint(&w, UINT64_MAX);
	jsonw_int_str(&w, INT64_MIN);
	jsonw_uint_str(&w, 7);
	jsonw_bool(&w, true);
	jsonw_bool(&w, false);
	jsonw_null(&w);
	jsonw_uuid(&w, u);
	jsonw_raw(&w, STR("{\"raw\":1}"));
	jsonw_arr_end(&w);
	jsonw_key_str(&w, STR("k\"ey"));
	jsonw_int(&w, 1);
	jsonw_obj_end(&w);
	is_view(buf_str(&b),
		"{\"c\":\"x\",\"null\":null,\"absent\":null,\"empty\":\"\",\"list\":[{},[],-5,"
		"18446744073709551615,\"-9223372036854775808\",\"7\",true,false,null,"
		"\"5e6d9c6e-0000-0000-0000-000000000000\",{\"raw\":1}],\"k\\\"ey\":1}",
		"commas and forms");
	is_int(w.depth, 0, "all closed");
	buf_clear(&b);
	is_ok(json_pretty(&b, STR("{\"a\":[1,{\"b\":\"x,{}\\\"\"}],\"c\":{},\"d\":[],\"e\":[[\"z\"]]}")),
	      "indent");
	is_view(buf_str(&b),
		"{\n    \"a\": [\n        1,\n        {\n            \"b\": \"x,{}\\\"\"\n        }\n"
		"    ],\n    \"c\": {},\n    \"d\": [],\n    \"e\": [\n        [\n            \"z\"\n"
		"        ]\n    ]\n}",
		"as PHP indents");
	buf_clear(&b);
	is_err(json_pretty(&b, STR("{\"a\":[1}")), ERR_PARSE, "unbalanced");
	is_err(json_pretty(&b, STR("[1]]")), ERR_PARSE, "unbalanced the other way");
	buf_clear(&b);
	is_err(json_pretty(&b, STR("# A page\n\n- of words: two, three\n")), ERR_PARSE, "no JSON: Markdown");
	is_err(json_pretty(&b, STR("<div>\n  a b</div>")), ERR_PARSE, "no JSON: HTML");
	is_int((long long)b.n, 0, "nothing of it is written");
	is_err(json_pretty(&b, STR("\"abc")), ERR_PARSE, "unfinished string");
	is_err(json_pretty(&b, STR("\"abc\\")), ERR_PARSE, "unfinished escape");
}

static void depth(void)
{
	OWN(buf) struct buf b = BUF(10000);
	struct jsonw w = jsonw_on(&b);

	for (int i = 0; i < 64; i++)
		jsonw_arr(&w);
	jsonw_int(&w, 1);
	jsonw_int(&w, 2);
	is_ok(buf_err(&b), "64 levels");
	for (int i = 0; i < 64; i++)
		jsonw_arr_end(&w);
	ok(memmem(b.p, b.n, "[1,2]", 5), "with commas in the deepest");
	w = jsonw_on(&b);
	buf_clear(&b);
	for (int i = 0; i < 70; i++)
		jsonw_obj(&w);
	is_err(buf_err(&b), ERR_LIMIT, "more is an error");
	for (int i = 0; i < 70; i++)
		jsonw_obj_end(&w);
}

static void quoting(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	unsigned differ = 0, n = 0;

	json_quote(&b, (struct str){"/\b\f\n\r\t\"\\\0\x1f\x7f\xc3\xa4\xe2\x80\xa8\xe2\x80\xa9", 19});
	is_view(buf_str(&b),
		"\"/\\b\\f\\n\\r\\t\\\"\\\\\\u0000\\u001f\x7f\xc3\xa4\\u2028\\u2029\"", "escapes");
	buf_clear(&b);
	json_quote(&b, STR("a\xff\xc3(\xe4\xb8\xed\xa0\x80z"));
	is_view(buf_str(&b),
		"\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"\xef\xbf\xbdz\"",
		"bytes that are no UTF-8");
	/* What jansson reads back must be what went in, for every code point. */
	for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x3000 ? 1 : 37) {
		char s[8];
		size_t len = 0;
		json_t *j;

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		s[len++] = 'x';
		if (cp < 0x80) {
			s[len++] = (char)cp;
		} else {
			int extra = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
			static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};

			s[len++] = (char)(lead[extra] | cp >> (6 * extra));
			while (extra--)
				s[len++] = (char)(0x80 | (cp >> (6 * extra) & 0x3f));
		}
		buf_clear(&b);
		json_quote(&b, (struct str){s, len});
		j = json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		n++;
		differ += !j || json_string_length(j) != len ||
			  memcmp(json_string_value(j), s, len) != 0;
		json_decref(j);
	}
	is_uint(differ, 0, "%u code points come back from jansson", n);
}

int main(void)
{
	shapes();
	places();
	depth();
	quoting();
	return done_testing();
}
