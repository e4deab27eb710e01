/*
 * test_client_curl.c - our HTTP client against a server with odd answers: limits, redirects, codes,
 * encodings, and who is trusted over TLS.
 */
#include "sync/client_curl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tests/tap/tap.h"

static char dir[64], cert[96], key[96], pin[128];
static pid_t server;
static int server_in;
static unsigned port, tls_port;
static struct buf got = BUF(1u << 20);
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

static char seen_count[16];
static void on_header(void *user, struct str name, struct str value)
{
	(void)user;
	if (str_eq_nocase(name, STR("x-result-count")))
		snprintf(seen_count, sizeof(seen_count), "%.*s", STR_ARG(value));
}

static enum err call(const struct client_opts *o, const char *path, struct client_req r)
{
	char url[256];
	OWN(client) struct client *c = NULL;
	buf_clear(&got);
	last = (struct fail){0};
	snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", o->ca_file || o->insecure ? "https" : "http",
		 o->ca_file || o->insecure ? tls_port : port, path);
	if (!r.url)
		r.url = url;
	if (!r.data)
		r.data = keep;
	TRY(client_new(o, &c, &last));
	return client_call(c, &r, &res, &last);
}

static const struct client_opts plain = {.stall_ms = 1000, .redirects = 3};
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
	is_err(call(&plain, "/headers",
		    REQ(.headers = headers, .n_headers = 2, .header = on_header)),
	       ERR_OK, "headers");
	ok(str_find(buf_str(&got), STR("\"X-Test\": \"yes\"")) >= 0, "are sent");
	is_str(seen_count, "7", "and received");
	const char *bad[] = {"X: a\r\nY: b"};
	is_err(call(&plain, "/headers", REQ(.headers = bad, .n_headers = 1)), ERR_INVAL,
	       "a line break in a header is refused");
}

/* A body of `left` letters, made while it is sent. */
static struct made {
	size_t left, size;
	unsigned rewound;
} made;

static enum err made_read(void *user, void *p, size_t cap, size_t *n, struct fail *f)
{
	(void)user;
	if (made.size == SIZE_MAX)
		return fail(f, ERR_CORRUPT, "cannot be made");
	*n = MIN(cap, made.left);
	memset(p, 'x', *n);
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
	is_err(call(&plain, "/file", REQ(.url = NULL)), ERR_PEER, "none to a file");
	is_err(call(&plain, "/gzip", REQ(.url = NULL)), ERR_OK, "gzip");
	is_uint(got.n, 7000, "is unpacked");
	ok(res.wire_bytes < res.bytes && res.bytes == 7000, "and counted both ways");
	is_err(call(&plain, "/bomb", REQ(.max_bytes = 100000)), ERR_LIMIT, "up to the limit");
	ok(got.n <= 100000, "and no further");
	is_err(call(&plain, "/garbage", REQ(.url = NULL)), ERR_PEER, "what is no gzip");
	int64_t t = clock_boot_ms();
	is_err(call(&plain, "/stall", REQ(.url = NULL)), ERR_TIMEOUT, "a server that goes silent");
	ok(clock_boot_ms() - t < 8000, "is given up");
	is_err(call(&plain, "/stall", REQ(.total_ms = 300)), ERR_TIMEOUT, "time for all of it");
	atomic_bool stop = true;
	is_err(call(&plain, "/stall", REQ(.cancelled = &stop)), ERR_CANCELLED, "cancelled");
}

static void test_tls(void)
{
	struct client_opts o = {.ca_file = cert};
	if (!tls_port) {
		diag("no certificate could be made");
		return;
	}
	is_err(call(&o, "/plain", REQ(.url = NULL)), ERR_OK, "a server signed by whom we trust");
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/plain", tls_port);
	is_err(call(&plain, "", REQ(.url = url)), ERR_NET, "by somebody else");
	o = (struct client_opts){.insecure = true};
	is_err(call(&o, "/plain", REQ(.url = NULL)), ERR_OK, "not verified when asked for");
	o.pinned = pin;
	is_err(call(&o, "/plain", REQ(.url = NULL)), ERR_OK, "with the key that was pinned");
	o.pinned = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	is_err(call(&o, "/plain", REQ(.url = NULL)), ERR_NET, "with another");
}

static int run(const char *cmd)
{
	return system(cmd); /* style: ok, fixed commands on our own files */
}

static bool make_certificate(void)
{
	char cmd[700];
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	snprintf(cmd, sizeof(cmd),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		 "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s "
		 ">/dev/null 2>&1",
		 key, cert);
	if (run(cmd) != 0)
		return false;
	snprintf(cmd, sizeof(cmd),
		 "openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform der | "
		 "openssl dgst -sha256 -binary | openssl base64 -A > %s/pin",
		 cert, dir);
	char path[96];
	snprintf(path, sizeof(path), "%s/pin", dir);
	FILE *f = run(cmd) == 0 ? fopen(path, "r") : NULL;
	char digest[64] = "";
	bool good = f && fgets(digest, sizeof(digest), f);
	if (f)
		fclose(f);
	unlink(path);
	snprintf(pin, sizeof(pin), "sha256//%s", digest);
	return good;
}

static void start_server(bool tls)
{
	int in[2], out[2];
	char script[512], line[32] = "";
	const char *top = getenv("top_srcdir");
	snprintf(script, sizeof(script), "%s/tests/unit/sync/client_server.py", top ? top : ".");
	if (pipe(in) < 0 || pipe(out) < 0)
		bail_out("no pipe");
	server = fork();
	if (server == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, tls ? cert : NULL, key, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_in = in[1];
	FILE *f = fdopen(out[0], "r");
	if (!f || !fgets(line, sizeof(line), f))
		bail_out("the server does not start");
	port = (unsigned)strtoul(line, NULL, 10);
	if (tls && fgets(line, sizeof(line), f))
		tls_port = (unsigned)strtoul(line, NULL, 10);
	fclose(f);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/tocsin.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		bail_out("cannot make a folder");
	start_server(make_certificate());
	test_basics();
	test_streams();
	test_net();
	test_codes();
	test_limits();
	test_tls();
	close(server_in);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	buf_free(&got);
	return done_testing();
}
