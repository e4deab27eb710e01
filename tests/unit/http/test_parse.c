/* test_parse.c - the request head parser: what passes, what it means, what is refused how. */
#include "http/parse.h"

#include "base/buf.h"
#include "tests/tap/tap.h"

static const struct parse_limits lim = {4096, 1024, 20};

struct vector {
	const char *name, *head;
	int status; /* 0: passes */
};

#define H "Host: x\r\n"
static const struct vector vectors[] = {
	{"plain", "GET / HTTP/1.1\r\n" H "\r\n", 0},
	{"1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0},
	{"empty line first", "\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
	{"length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
	{"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", 0},
	{"options star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
	{"absolute", "GET http://x/a HTTP/1.1\r\n" H "\r\n", 0},
	{"absolute https", "GET HTTPS://X/a HTTP/1.1\r\n" H "\r\n", 0},
	{"high bytes in a value", "GET / HTTP/1.1\r\n" H "A: \xc3\xa9\r\n\r\n", 0},
	{"brackets", "GET /a[]:1 HTTP/1.1\r\n" H "\r\n", 0},
	{"star for GET", "GET * HTTP/1.1\r\n" H "\r\n", 400},
	{"absolute without path", "GET http://x HTTP/1.1\r\n" H "\r\n", 400},
	{"other host", "GET http://y/ HTTP/1.1\r\n" H "\r\n", 400},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400},
	{"xchunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
	{"space before colon", "POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", 400},
	{"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
	 400},
	{"both", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	 400},
	{"+5", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
	{"19 digits", "POST / HTTP/1.1\r\n" H "Content-Length: 1000000000000000000\r\n\r\n", 400},
	{"fold", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
	{"control in a value", "GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", 400},
	{"DEL in a value", "GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n", 400},
	{"CR in a value", "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400},
	{"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"expect", "POST / HTTP/1.1\r\n" H "Expect: x\r\n\r\n", 417},
	{"version 2", "GET / HTTP/2.0\r\n" H "\r\n", 505},
	{"version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505},
	{"version 1.1x", "GET / HTTP/1.1x\r\n" H "\r\n", 400},
	{"unknown method", "FETCH / HTTP/1.1\r\n" H "\r\n", 501},
	{"method with a bracket", "G[T / HTTP/1.1\r\n" H "\r\n", 400},
	{"tab in the target", "GET /\ta HTTP/1.1\r\n" H "\r\n", 400},
};

static void run_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		OWN(arena) struct arena *a = arena_new(65536);
		struct http_head h;
		const char *why;
		struct str s = str_c(v->head);
		size_t scan = 0;
		int status = 0;
		ptrdiff_t n = http_head_end(s, &lim, &scan, &status);
		is_int(n, (int64_t)s.n, "%s: the end is found", v->name);
		is_int(http_head_parse(s, &lim, a, &h, &why), v->status, "%s (%s)", v->name, why);
	}
}

static void meaning(void)
{
	OWN(arena) struct arena *a = arena_new(65536);
	struct http_head h;
	const char *why;
	struct str s = STR("POST /a/b?c=d&e HTTP/1.1\r\nHOST: h:80\r\nA:  b c \t\r\nB:\r\n"
			   "content-length: 12\r\nConnection: x , CLOSE\r\n"
			   "Expect: 100-Continue\r\n\r\n");

	is_int(http_head_parse(s, &lim, a, &h, &why), 0, "parses");
	ok(h.method == HTTP_POST, "method");
	is_view(h.path, "/a/b", "path");
	is_view(h.query, "c=d&e", "query");
	is_view(h.host, "h:80", "host");
	is_uint(h.headers_n, 6, "headers");
	is_view(h.headers[1].value, "b c", "white space around a value is cut");
	ok(h.headers[2].value.p && h.headers[2].value.n == 0, "an empty value is present");
	ok(h.has_length && h.length == 12 && !h.chunked, "length");
	ok(!h.keep_alive, "Connection: close among others");
	ok(h.expect_continue, "expect");
	s = STR("GET /?  HTTP/1.1\r\nHost: x\r\n\r\n");
	is_int(http_head_parse(s, &lim, a, &h, &why), 400, "two spaces");
	s = STR("GET /? HTTP/1.0\r\nConnection: Keep-Alive\r\nExpect: 100-continue\r\n\r\n");
	is_int(http_head_parse(s, &lim, a, &h, &why), 0, "1.0");
	ok(h.keep_alive && !h.expect_continue && h.query.p && h.query.n == 0 && !h.host.p,
	   "1.0: keep-alive when asked, no 100, empty query present, no host");
}

static void ends(void)
{
	struct str s = STR("GET / HTTP/1.1\r\nHost: x\r\n\r\nrest");
	size_t scan = 0;
	int status = 0;

	for (size_t n = 1; n < s.n - 4; n++) {
		ptrdiff_t got = http_head_end((struct str){s.p, n}, &lim, &scan, &status);
		if (got != 0)
			ok(false, "found an end after %zu bytes", n);
	}
	is_int(http_head_end(s, &lim, &scan, &status), (int64_t)s.n - 4, "end, without the rest");
	scan = 0;
	is_int(http_head_end(STR("GET / HTTP/1.1\n"), &lim, &scan, &status), -1, "bare LF at once");
	is_int(status, 400, "is 400");
	scan = 0;
	is_int(http_head_end(STR("\r\n\r\n"), &lim, &scan, &status), -1, "two empty lines");
}

static void limits(void)
{
	OWN(buf) struct buf b = BUF(100000);
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct http_head h;
	const char *why;
	size_t scan = 0;
	int status = 0;

	buf_puts(&b, "GET /");
	for (int i = 0; i < 2000; i++)
		buf_putc(&b, 'a');
	is_int(http_head_end(buf_str(&b), &lim, &scan, &status), -1, "endless target");
	is_int(status, 414, "is 414");
	buf_clear(&b);
	buf_puts(&b, "GET / HTTP/1.1\r\n" H "A: ");
	for (int i = 0; i < 5000; i++)
		buf_putc(&b, 'a');
	scan = 0;
	is_int(http_head_end(buf_str(&b), &lim, &scan, &status), -1, "endless header");
	is_int(status, 431, "is 431");
	buf_clear(&b);
	buf_puts(&b, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 19; i++)
		buf_puts(&b, "A: b\r\n");
	buf_puts(&b, "\r\n");
	is_int(http_head_parse(buf_str(&b), &lim, a, &h, &why), 0, "20 headers");
	b.n -= 2;
	buf_puts(&b, "A: b\r\n\r\n");
	is_int(http_head_parse(buf_str(&b), &lim, a, &h, &why), 431, "21 headers");
}

int main(void)
{
	run_vectors();
	meaning();
	ends();
	limits();
	ok(http_list_has(STR("a, gzip ,b"), "GZIP") && !http_list_has(STR("xgzip"), "gzip"),
	   "lists");
	return done_testing();
}
