/*
 * fuzz_http.c - the request head parser, the router and the chunk decoder on any bytes.
 *
 * Checks more than memory: a head that passes holds nothing ambiguous, and no result depends on
 * how the bytes were cut into pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/chunk.h"
#include "http/parse.h"
#include "http/route.h"
#include "http/url.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static const struct parse_limits lim = {8192, 2048, 30};

static enum err nothing(struct http_req *r, struct fail *f)
{
	(void)r;
	(void)f;
	return ERR_OK;
}

static const struct endpoint view = {
	.methods = HTTP_ANY, .path = "/events/view/:id", .run = nothing};
static const struct endpoint groups = {
	.methods = HTTP_GET, .path = "/sharing_groups/index", .run = nothing};
static const struct endpoint feed = {
	.methods = HTTP_ANY, .path = "/feed/*", .flags = EP_EXACT, .run = nothing};
static const struct endpoint *const rows[] = {&view, &groups, &feed};

static bool has_byte(struct str s, char c)
{
	return s.n && memchr(s.p, c, s.n);
}

static void check_head(const struct http_head *h)
{
	unsigned hosts = 0, lengths = 0, encodings = 0;

	CHECK(!(h->chunked && h->has_length));
	CHECK(h->minor == 1 || !h->chunked);
	CHECK(h->path.n && (h->path.p[0] == '/' || str_is(h->path, "*")));
	CHECK(!has_byte(h->path, ' ') && !has_byte(h->path, '?') && !has_byte(h->path, '\0'));
	for (size_t i = 0; i < h->headers_n; i++) {
		struct http_pair p = h->headers[i];
		CHECK(p.name.n && p.value.p);
		CHECK(!has_byte(p.value, '\r') && !has_byte(p.value, '\n') &&
		      !has_byte(p.value, '\0'));
		for (size_t k = 0; k < p.name.n; k++)
			CHECK(http_is_token_char((unsigned char)p.name.p[k]));
		hosts += str_eq_nocase(p.name, STR("host"));
		lengths += str_eq_nocase(p.name, STR("content-length"));
		encodings += str_eq_nocase(p.name, STR("transfer-encoding"));
	}
	CHECK(hosts <= 1 && lengths + encodings <= 1 && (hosts == 1 || h->minor == 0));
	CHECK(h->has_length == (lengths == 1) && h->chunked == (encodings == 1));
}

static void route(const struct http_head *h, struct arena *a)
{
	static struct router *rt;
	struct http_req r = {.method = h->method, .url = h->path, .arena = a};
	enum route_result result;
	unsigned allow;

	if (!rt && router_new(rows, sizeof(rows) / sizeof(rows[0]), &rt, NULL) != ERR_OK)
		abort();
	if (url_query(a, h->query, &r.query) == ERR_OK)
		for (size_t i = 0; i < r.query.n; i++)
			CHECK(!has_byte(r.query.v[i].name, '\0') &&
			      !has_byte(r.query.v[i].value, '\0'));
	if (router_match(rt, &r, &result, &allow) != ERR_OK)
		return;
	CHECK((result == ROUTE_FOUND) == (r.ep != NULL));
	for (size_t i = 0; i < r.args_n; i++)
		CHECK(!has_byte(r.args[i], '\0'));
	if (r.ep == &feed)
		CHECK(str_find(r.tail, STR("../")) != 0 && str_find(r.tail, STR("/../")) < 0 &&
		      !has_byte(r.tail, '\0'));
}

/* The size of the head; the answer must be the same however the bytes arrive. */
static ptrdiff_t head_size(struct str s)
{
	size_t scan = 0, scan2 = 0, at;
	int status = 0, status2 = 0;
	ptrdiff_t n = http_head_end(s, &lim, &scan, &status), m = 0;

	for (at = 1; at <= s.n && m == 0; at++)
		m = http_head_end((struct str){s.p, at}, &lim, &scan2, &status2);
	if (n > 0)
		CHECK(m == n);
	if (n < 0)
		CHECK(m < 0);
	return n;
}

static enum chunk_result decode(struct str in, size_t step, struct buf *out, size_t *taken)
{
	struct chunk_dec d = {0};
	enum chunk_result r = CHUNK_MORE;

	*taken = 0;
	while (*taken < in.n && r != CHUNK_END && r != CHUNK_BAD) {
		struct str piece;
		size_t used = 0;
		r = chunk_feed(&d, str_sub(in, *taken, step), &used, &piece);
		CHECK(used <= step && (used > 0 || r == CHUNK_BAD));
		*taken += used;
		if (r == CHUNK_DATA)
			buf_str_add(out, piece);
	}
	return r;
}

static void chunks(struct str in)
{
	OWN(buf) struct buf one = BUF(1 << 20);
	OWN(buf) struct buf two = BUF(1 << 20);
	size_t taken_one, taken_two;
	enum chunk_result a = decode(in, in.n ? in.n : 1, &one, &taken_one);
	enum chunk_result b = decode(in, 1, &two, &taken_two);

	CHECK((a == CHUNK_END) == (b == CHUNK_END) && (a == CHUNK_BAD) == (b == CHUNK_BAD));
	CHECK(taken_one == taken_two);
	CHECK(str_eq(buf_str(&one), buf_str(&two)));
	CHECK(one.n <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct str s = {(const char *)data, MIN(n, (size_t)65536)};
	struct http_head h;
	const char *why;
	ptrdiff_t head = head_size(s);

	if (head > 0 && http_head_parse(str_sub(s, 0, (size_t)head), &lim, a, &h, &why) == 0) {
		check_head(&h);
		route(&h, a);
		s = str_sub(s, (size_t)head, SIZE_MAX);
	}
	chunks(s);
	return 0;
}
