/*
 * test_client_curl.c - our HTTP client against a server with odd answers: limits, redirects, codes,
 * encodings, and who is trusted over TLS.
 */
#include "sync/client_curl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tests/tap/tap.h"
#include "tests/unit/sync/client_world.h"

static struct buf got = BUF(8u << 20);
static struct client_res res;
static struct fail last;

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	(void)user, (void)f;
	buf_add(&got, p, n);
	return buf_err(&got);
}

static enum err refuse(void *user, const void *p, size_t n, struct fail *f)
{
	(void)user, (void)p, (void)n;
	return fail(f, ERR_PARSE, "not what we want");
}

static char seen_count[16], seen_proxy[40];
static void on_header(void *user, struct str name, struct str value)
{
	(void)user;
	if (str_eq_nocase(name, STR("x-result-count")))
		snprintf(seen_count, sizeof(seen_count), "%.*s", STR_ARG(value));
	if (str_eq_nocase(name, STR("x-authorization")))
		snprintf(seen_proxy, sizeof(seen_proxy), "%.*s", STR_ARG(value));
}

static enum err call_at(const char *listener, const struct client_opts *o, const char *path,
			struct client_req r)
{
	char url[256];
	OWN(client) struct client *c = NULL;
	bool tls = strcmp(listener, "http") != 0 && strcmp(listener, "mute") != 0;
	buf_clear(&got);
	last = (struct fail){0};
	snprintf(url, sizeof(url), "http%s://127.0.0.1:%u%s", tls ? "s" : "", world_port(listener), path);
	if (!r.url)
		r.url = url;
	if (!r.data)
		r.data = keep;
	TRY(client_new(o, &c, &last));
	return client_call(c, &r, &res, &last);
}

static enum err call(const struct client_opts *o, const char *path, struct client_req r)
{
	return call_at("http", o, path, r);
}

static const struct client_opts plain = {.redirects = 3}, hasty = {.stall_ms = 1000, .answer_ms = 1500};
#define REQ(...) ((struct client_req){__VA_ARGS__})

static void test_basics(void)
{
	is_err(call(&plain, "/plain", REQ(.url = NULL)), ERR_OK, "a request");
	is_view(buf_str(&got), "plain", "its body");
	is_err(call(&plain, "/", REQ(.body = STR("a=b"))), ERR_OK, "a body makes it a POST");
	is_view(buf_str(&got), "POST a=b", "which arrives");
	is_err(call(&plain, "/", REQ(.method = "DELETE", .body = STR(""))), ERR_OK, "a method");
	is_view(buf_str(&got), "DELETE ", "that is used");
	is_err(call(&plain, "/plain", REQ(.method = "HEAD")), ERR_OK, "HEAD");
	is_uint(got.n, 0, "without body");
	const char *headers[] = {"Authorization: secret", "X-Test: yes"};
	is_err(call(&plain, "/told",
		    REQ(.headers = headers, .n_headers = 2, .header = on_header)),
	       ERR_OK, "headers");
	ok(str_find(buf_str(&got), STR("\"x-test\": \"yes\"")) >= 0, "are sent");
	is_str(seen_count, "7", "and received");
	const char *bad[] = {"X: a\r\nY: b"};
	is_err(call(&plain, "/told", REQ(.headers = bad, .n_headers = 1)), ERR_INVAL,
	       "a line break in a header is refused");
}

/* A body of `left` letters, made while it is sent. */
static struct made {
	size_t left, size;
	unsigned rewound;
	bool noise; /* of four letters */
} made;

static enum err made_read(void *user, void *p, size_t cap, size_t *n, struct fail *f)
{
	(void)user;
	if (made.size == SIZE_MAX)
		return fail(f, ERR_CORRUPT, "cannot be made");
	*n = MIN(cap, made.left);
	static uint32_t x = 1;
	for (size_t i = 0; i < *n; i++) {
		x = x * 1103515245u + 12345u;
		((char *)p)[i] = made.noise ? "abcd"[x >> 30] : 'x';
	}
	made.left -= *n;
	return ERR_OK;
}

static enum err made_rewind(void *user, struct fail *f)
{
	(void)user, (void)f;
	made.left = made.size;
	made.rewound++;
	return ERR_OK;
}

static void test_streams(void)
{
	made = (struct made){.left = 300000, .size = 300000};
	struct client_req r = {.read = made_read, .rewind = made_rewind, .body_size = 300000};
	is_err(call(&plain, "/", r), ERR_OK, "a streamed body of known size");
	is_uint(got.n, 300005, "arrives");
	ok(res.bytes_out > 300000 && res.bytes_in > 300000, "and is counted");
	made.left = made.size;
	r.body_size = -1;
	is_err(call(&plain, "/", r), ERR_OK, "one of unknown size");
	is_uint(got.n, 300005, "arrives");
	made.left = made.size;
	r.body_size = 300000;
	is_err(call(&plain, "/post-hop", r), ERR_OK, "a redirect is followed with the body");
	is_uint(got.n, 300005, "from its start");
	is_uint(made.rewound, 1, "to which it was put back");
	made.left = made.size;
	r.rewind = NULL;
	ok(call(&plain, "/post-hop", r) != ERR_OK, "which not every body can");
	made.size = SIZE_MAX;
	is_err(call(&plain, "/", r), ERR_CORRUPT, "what read() said comes back");
	is_str(last.text, "cannot be made", "with its text");
}

static void test_compressed(void)
{
	static const struct {
		enum client_encoding how;
		const char *name;
	} ways[] = {
		{CLIENT_GZIP, "gzip"},
#ifdef HAVE_BROTLI
		{CLIENT_BR, "br"},
#endif
	};
	static char text[1000000];
	char want[60];
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct client_req r = {.content_encoding = ways[i].how, .body = {text, 1024}};
		is_err(call(&plain, "/unpack", r), ERR_OK, "1024 bytes");
		is_view(buf_str(&got), "identity 1024 0 length", "are not worth it");
		r.body.n = sizeof(text);
		is_err(call(&plain, "/unpack", r), ERR_OK, "more of them");
		snprintf(want, sizeof(want), "%s 1000000 1 length", ways[i].name);
		is_view(buf_str(&got), want, "are, and their length is told");
		r.body = STR_NONE;
		r.read = made_read;
		r.rewind = made_rewind;
		r.body_size = -1;
		made = (struct made){.left = 900, .size = 900};
		is_err(call(&plain, "/unpack", r), ERR_OK, "a small stream");
		is_view(buf_str(&got), "identity 900 0 length", "goes as it is");
		made = (struct made){.left = 5000000, .size = 5000000, .noise = true};
		is_err(call(&plain, "/unpack", r), ERR_OK, "a large one");
		snprintf(want, sizeof(want), "%s 5000000 1 chunked", ways[i].name);
		is_view(buf_str(&got), want, "in pieces");
		made = (struct made){.left = 5000000, .size = 5000000, .noise = true};
		is_err(call(&plain, "/post-hop", r), ERR_OK, "again after a redirect");
		ok(made.rewound == 1 && got.n > 1000000, "from its start");
	}
	made = (struct made){.left = 5000000, .size = 5000000, .noise = true};
	struct client_req r = {.read = made_read, .body_size = 5000000};
	is_err(call(&plain, "/early", r), ERR_PEER, "refused before all was sent");
	is_uint(res.status, 413, "by its status");
	r.body_size = 6000000;
	made = (struct made){.left = 5000000, .size = 5000000};
	is_err(call(&plain, "/unpack", r), ERR_BUG, "fewer bytes than announced");
}

/* A network of our own. */
static enum err net_call(struct net *n, const struct client_opts *o, const struct client_req *r,
			 struct client_res *out, struct fail *f)
{
	ok(o->net == n, "the network in libcurl's place is called");
	out->status = str_has_suffix(str_c(r->url), STR("/none")) ? 404 : 200;
	return out->status == 200 ? r->data(r->user, "here", 4, f) : ERR_OK;
}

static void test_net(void)
{
	struct net n = {.call = net_call};
	struct client_opts o = {.net = &n};
	is_err(call(&o, "/some", REQ(.url = NULL)), ERR_OK, "a request");
	is_view(buf_str(&got), "here", "is answered by it");
	is_err(call(&o, "/none", REQ(.url = NULL)), ERR_NOENT, "and its status is judged");
}

static void test_codes(void)
{
	is_err(call(&plain, "/status/404", REQ(.url = NULL)), ERR_NOENT, "404");
	is_err(call(&plain, "/status/403", REQ(.url = NULL)), ERR_AUTH, "403");
	is_err(call(&plain, "/status/500", REQ(.url = NULL)), ERR_PEER, "500");
	is_uint(got.n, 0, "its body is no data");
	ok(strncmp(res.error_body, "why it failed", 13) == 0 && strlen(res.error_body) == 400,
	   "but its beginning is kept");
	is_err(call(&plain, "/etag", REQ(.url = NULL)), ERR_OK, "an entity tag");
	is_str(res.etag, "\"one\"", "is told");
	is_err(call(&plain, "/etag", REQ(.etag = "\"one\"")), ERR_OK, "and asked with");
	is_int(res.status, 304, "gives 304");
	is_err(call(&plain, "", REQ(.url = "http://127.0.0.1:1/")), ERR_NET, "nobody listens");
	is_err(call(&plain, "", REQ(.url = "file:///etc/passwd")), ERR_INVAL, "no files");
	is_err(call(&plain, "/plain", REQ(.data = refuse)), ERR_PARSE, "what data() said comes back");
	is_str(last.text, "not what we want", "with its text");
}

static void test_limits(void)
{
	is_err(call(&plain, "/hop/2", REQ(.url = NULL)), ERR_OK, "some redirects");
	is_view(buf_str(&got), "plain", "are followed");
	is_err(call(&plain, "/hop/9", REQ(.url = NULL)), ERR_PEER, "many are not");
	struct client_opts usual = {.insecure = false};
	is_err(call(&usual, "/hop/9", REQ(.url = NULL)), ERR_OK, "ten of them, usually");
	is_err(call(&usual, "/hop/10", REQ(.url = NULL)), ERR_PEER, "and not eleven");
	is_err(call(&plain, "/file", REQ(.url = NULL)), ERR_PEER, "none to a file");
	is_err(call(&plain, "/nowhere", REQ(.url = NULL)), ERR_PEER, "none to what is no URL");
	static const char *const codings[] = {
		"gzip", "deflate",
#ifdef HAVE_BROTLI
		"br",
#endif
#ifdef HAVE_ZSTD
		"zstd",
#endif
	};
	char path[40];
	for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
		snprintf(path, sizeof(path), "/packed/%s", codings[i]);
		is_err(call(&plain, path, REQ(.url = NULL)), ERR_OK, "%s (%s)", codings[i], last.text);
		is_uint(got.n, 7000, "is unpacked");
		ok(res.wire_bytes < res.bytes && res.bytes == 7000, "and counted both ways");
		snprintf(path, sizeof(path), "/bomb/%s", codings[i]);
		is_err(call(&plain, path, REQ(.max_bytes = 100000)), ERR_LIMIT, "up to the limit");
		ok(got.n <= 100000, "and no further");
	}
	is_err(call(&plain, "/garbage", REQ(.url = NULL)), ERR_PEER, "what is no gzip");
	is_err(call(&plain, "/cut", REQ(.url = NULL)), ERR_PEER, "gzip that is cut");
	is_err(call(&plain, "/foam", REQ(.url = NULL)), ERR_PEER, "a coding that nobody knows");
	is_err(call(&plain, "/one-header", REQ(.url = NULL)), ERR_LIMIT, "a huge header");
	is_str(last.text, "the head of the answer is larger than 64 KiB", "is said to be one");
	is_err(call(&plain, "/many-headers", REQ(.url = NULL)), ERR_LIMIT, "headers without end");
	is_err(call(&plain, "/flood/1000000", REQ(.max_bytes = 999999)), ERR_LIMIT, "a large body");
	is_err(call(&plain, "/flood/1000000", REQ(.max_bytes = 1000000)), ERR_OK, "just not too large");
	is_err(call(&plain, "/short", REQ(.url = NULL)), ERR_NET, "less than was announced");
	ok(strstr(last.text, "ended early"), "is said: %s", last.text);
	is_err(call(&plain, "/nothing", REQ(.url = NULL)), ERR_NET, "no answer at all");
	is_err(call(&plain, "/endless-error", REQ(.url = NULL)), ERR_PEER, "an error with a gigabyte");
	is_uint(res.status, 500, "keeps its status");
	is_uint(strlen(res.error_body), 400, "and the beginning of what it says");
	int64_t t = clock_boot_ms();
	is_err(call(&hasty, "/stall", REQ(.url = NULL)), ERR_TIMEOUT, "a server that goes silent");
	ok(clock_boot_ms() - t < 8000, "is given up");
	is_err(call(&hasty, "/silent", REQ(.url = NULL)), ERR_TIMEOUT, "one that never answers");
	is_str(last.text, "the server was silent for 2 s", "which is said");
	is_err(call(&hasty, "/drip", REQ(.url = NULL)), ERR_TIMEOUT, "one that drips");
	is_str(last.text, "the server was slower than 64 bytes a second for 1 s", "likewise");
	is_err(call(&hasty, "/stall", REQ(.total_ms = 300)), ERR_TIMEOUT, "time for all of it");
}

static void test_redirects(void)
{
	static const char *const headers[] = {"Authorization: secret", "X-Key: secret",
					      "Accept: application/json"};
	const struct client_req with = {.headers = headers, .n_headers = 3};
	struct client_req posts = with, from;
	char path[100], url[100];
	is_err(call(&plain, "/code-hop/302", with), ERR_OK, "a relative redirect");
	ok(str_find(buf_str(&got), STR("secret")) >= 0, "to the same place: with our headers");
	static const char *const away[] = {"/away/other/127.0.0.1/told", "/away/http/localhost/told"};
	for (size_t i = 0; i < ARRAY_LEN(away); i++) {
		is_err(call(&plain, away[i], with), ERR_OK, "to another place (%s)", away[i]);
		ok(str_find(buf_str(&got), STR("secret")) < 0, "without the key");
		ok(str_find(buf_str(&got), STR("application/json")) >= 0, "but with what we read");
	}
	/* a way back does not give the key to who sent us there and back */
	snprintf(path, sizeof(path), "/away/other/127.0.0.1/away/http/127.0.0.1/told");
	is_err(call(&plain, path, with), ERR_OK, "there and back");
	ok(str_find(buf_str(&got), STR("secret")) < 0, "without the key");
	is_err(call(&plain, "/away/http/localhost/status/403", with), ERR_AUTH, "refused elsewhere");
	ok(strstr(last.text, "http://localhost") && strstr(last.text, "not sent to another host"),
	   "says why: %s", last.text);
	posts.body = STR("{}");
	is_err(call(&plain, "/away/other/127.0.0.1/told", posts), ERR_PEER, "no body goes elsewhere");
	ok(strstr(last.text, "127.0.0.1") && strstr(last.text, "change its URL"), "says what to do: %s",
	   last.text);
	is_err(call(&plain, "/code-hop/308", posts), ERR_OK, "one that stays");
	ok(str_find(buf_str(&got), STR("content-length")) >= 0, "keeps method and body");
	is_err(call(&plain, "/code-hop/303", posts), ERR_OK, "303");
	ok(str_find(buf_str(&got), STR("content-length")) < 0, "is a GET");
	/* from https to http: not even on the same host */
	from = with;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/away/http/127.0.0.1/told", world_port("server"));
	from.url = url;
	struct client_opts tls = {.ca_file = world_cert("ca")};
	is_err(call(&tls, "", from), ERR_OK, "from https to http");
	ok(str_find(buf_str(&got), STR("secret")) < 0, "without the key");
}

static void test_tls(void)
{
	static const struct {
		const char *listener, *words;
	} bad[] = {
		{"expired", "has expired"},
		{"othername", "is for another name"},
		{"selfsigned", "is signed by itself"},
		{"wantscert", "want"}, /* .. a client certificate; "may", if it did not wait for us */
		{"wantscert12", "client certificate"},
		{"http", "does not speak TLS"},
	};
	char url[100];
	struct client_opts ca = {.ca_file = world_cert("ca")};
	is_err(call_at("server", &ca, "/plain", REQ(.url = NULL)), ERR_OK, "signed by whom we trust");
	is_err(call_at("server", &plain, "/plain", REQ(.url = NULL)), ERR_NET, "by somebody else");
	ok(strstr(last.text, "a CA that is not trusted here"), "says: %s", last.text);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(url, sizeof(url), "https://127.0.0.1:%u/plain", world_port(bad[i].listener));
		is_err(call(&ca, "", REQ(.url = url)), ERR_NET, "%s", bad[i].listener);
		ok(strstr(last.text, bad[i].words), "says: %s", last.text);
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/plain", world_port("server"));
	ok(call(&ca, "", REQ(.url = url)) != ERR_OK, "http to who speaks https: %s", last.text);
	struct client_opts own = ca;
	own.cert_file = own.key_file = world_cert("client");
	is_err(call_at("wantscert", &own, "/plain", REQ(.url = NULL)), ERR_OK, "ours is taken");
	own.cert_file = own.key_file = "/nowhere/client.pem";
	is_err(call_at("wantscert", &own, "/plain", REQ(.url = NULL)), ERR_NET, "one that is not there");
	ok(strstr(last.text, "/nowhere/client.pem cannot be used"), "says: %s", last.text);
	own = (struct client_opts){.ca_file = "/nowhere/ca.pem"};
	is_err(call_at("server", &own, "/plain", REQ(.url = NULL)), ERR_NET, "a CA file that is not there");
	ok(strstr(last.text, "/nowhere/ca.pem cannot be read"), "says: %s", last.text);
}

static void test_proxy(void)
{
	char proxy[100], want[200];
	struct client_opts o = {.proxy = proxy, .ca_file = world_cert("ca")};
	snprintf(proxy, sizeof(proxy), "http://user:word@127.0.0.1:%u", world_port("proxy"));
	is_err(call(&o, "/plain", REQ(.header = on_header)), ERR_OK, "over a proxy");
	snprintf(want, sizeof(want), "proxied GET http://127.0.0.1:%u/plain", world_port("http"));
	is_view(buf_str(&got), want, "which is asked");
	is_str(seen_proxy, "Basic dXNlcjp3b3Jk", "with its password");
	is_err(call_at("server", &o, "/told", REQ(.url = NULL)), ERR_OK, "TLS goes through it");
	ok(str_find(buf_str(&got), STR("roxy")) < 0, "unseen");
	is_err(call(&plain, "/tunnels", REQ(.url = NULL)), ERR_OK, "without a proxy");
	is_view(buf_str(&got), "1", "it is not asked, and was once");
	is_err(call_at("expired", &o, "/plain", REQ(.url = NULL)), ERR_NET, "who is trusted is the same");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	is_err(call(&plain, "/plain", REQ(.url = NULL)), ERR_OK, "the environment is not looked at");
	snprintf(proxy, sizeof(proxy), "http://user:word@127.0.0.1:1");
	is_err(call(&o, "/plain", REQ(.url = NULL)), ERR_NET, "a proxy that is not there");
	ok(!strstr(last.text, "word"), "does not give its password away: %s", last.text);
}

/* Connections and sessions are shared, but not their trust. */
static void test_trust(void)
{
	struct client_opts o = {.insecure = true}, ca = {.ca_file = world_cert("ca")};
	is_err(call_at("selfsigned", &o, "/plain", REQ(.url = NULL)), ERR_OK, "not verified when asked for");
	is_err(call_at("selfsigned", &ca, "/plain", REQ(.url = NULL)), ERR_NET, "but by the next call");
	is_err(call_at("server", &ca, "/plain", REQ(.url = NULL)), ERR_OK, "a good one");
	is_err(call_at("server", &plain, "/plain", REQ(.url = NULL)), ERR_NET, "for whom it is one");
	ca.pinned = world_pin;
	is_err(call_at("server", &ca, "/plain", REQ(.url = NULL)), ERR_OK, "with the key that was pinned");
	ca.pinned = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	is_err(call_at("server", &ca, "/plain", REQ(.url = NULL)), ERR_NET, "with another");
	ok(strstr(last.text, "is not the pinned one"), "says: %s", last.text);
	ca.pinned = "/etc/passwd";
	is_err(call_at("server", &ca, "/plain", REQ(.url = NULL)), ERR_CONFIG, "a pin is no file");
	ok(!client_pin_ok(STR("sha256//AAAA")) && !client_pin_ok(STR("")), "nor half a digest");
	o.pinned = world_pin;
	is_err(call_at("server", &o, "/plain", REQ(.url = NULL)), ERR_OK, "a pin alone");
	is_err(call_at("selfsigned", &o, "/plain", REQ(.url = NULL)), ERR_NET, "tells who it is");
}

int main(void)
{
	world_start();
	test_basics();
	test_streams();
	test_compressed();
	test_net();
	test_codes();
	test_limits();
	test_redirects();
	test_tls();
	test_trust();
	test_proxy();
	world_stop();
	buf_free(&got);
	return done_testing();
}
