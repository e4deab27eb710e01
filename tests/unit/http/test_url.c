/* test_url.c - decoding and splitting of targets. */
#include "http/url.h"

#include "base/buf.h"
#include "tests/tap/tap.h"

int main(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct http_pairs q;
	struct http_pair p;
	struct str s, path, seg;
	OWN(buf) struct buf many = BUF(100000);

	ok(url_decode(a, STR("plain"), true, &s) && str_is(s, "plain"), "nothing to decode");
	ok(url_decode(a, STR("a%20b+c%2B%c3%A9"), true, &s) && str_is(s, "a b c+\xc3\xa9"), "plus");
	ok(url_decode(a, STR("a+b"), false, &s) && str_is(s, "a+b"), "plus kept");
	ok(!url_decode(a, STR("%"), true, &s), "lone percent");
	ok(!url_decode(a, STR("%4"), true, &s), "half an escape");
	ok(!url_decode(a, STR("a%4"), true, &s), "half an escape at the end");
	ok(!url_decode(a, STR("%4g"), true, &s), "no hex");
	ok(!url_decode(a, STR("%00"), true, &s), "NUL");
	ok(url_decode(a, STR("%41"), true, &s) && str_is(s, "A"), "just an escape");
	ok(url_decode(a, STR("%2541"), true, &s) && str_is(s, "%41"), "decoded once");
	path = STR("//a//b/");
	ok(url_segment(&path, &seg) && str_is(seg, "a"), "empty segments are skipped");
	ok(url_segment(&path, &seg) && str_is(seg, "b"), "second");
	ok(!url_segment(&path, &seg), "end");
	is_ok(url_query(a, STR("a=1&b&&c=%26=&=x"), &q), "query");
	is_uint(q.n, 4, "four pairs");
	is_view(q.v[0].value, "1", "value");
	ok(q.v[1].value.p && q.v[1].value.n == 0, "no equals sign: empty value");
	is_view(q.v[2].value, "&=", "decoded after splitting");
	is_view(q.v[3].name, "", "empty name");
	is_err(url_query(a, STR("a=%z1"), &q), ERR_INVAL, "broken escape");
	is_ok(url_query(a, STR_NONE, &q), "no query");
	is_uint(q.n, 0, "is empty");
	for (int i = 0; i < URL_PAIRS_MAX + 1; i++)
		buf_puts(&many, "a&");
	is_err(url_query(a, buf_str(&many), &q), ERR_LIMIT, "too many");
	ok(url_named(STR("deleted[]:1"), &p) && str_is(p.name, "deleted[]") && str_is(p.value, "1"),
	   "named");
	ok(url_named(STR("a:b:c"), &p) && str_is(p.value, "b:c"), "first colon splits");
	ok(url_named(STR("a:"), &p) && p.value.n == 0, "empty value");
	ok(!url_named(STR(":b"), &p) && !url_named(STR("ab"), &p), "not named");
	return done_testing();
}
