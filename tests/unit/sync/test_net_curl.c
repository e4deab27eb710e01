/*
 * test_net_curl.c - the loop behind our HTTP client: connections that calls share, consumers that are
 * slow, calls within calls, cancelling, connections that die between two calls.
 */
#include "sync/net_curl.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"
#include "tests/unit/sync/client_world.h"

static const struct client_opts plain = {.stall_ms = 2000, .answer_ms = 2000, .insecure = true},
				patient = {.insecure = true};

struct got {
	char text[4000];
	size_t n;
	uint64_t bytes;
};

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	struct got *g = user;
	size_t k = MIN(n, sizeof(g->text) - 1 - g->n);
	(void)f;
	memcpy(g->text + g->n, p, k);
	g->n += k;
	g->bytes += n;
	return ERR_OK;
}

static const char *base = "http"; /* the listener that the tests use */

static const char *url_of(char url[200], const char *path)
{
	snprintf(url, 200, "http%s://127.0.0.1:%u%s", strcmp(base, "http") == 0 ? "" : "s",
		 world_port(base), path);
	return url;
}

static enum err get(struct client *c, const char *path, struct got *g, struct fail *f)
{
	char url[200];
	struct client_res res;
	struct client_req r = {.url = url_of(url, path), .data = keep, .user = g};
	memset(g, 0, sizeof(*g));
	return client_call(c, &r, &res, f);
}

static unsigned long connection_of(const struct got *g)
{
	const char *p = strstr(g->text, "\"x-front\": \"HTTP/2.0/");
	if (p)
		return strtoul(p + 21, NULL, 10);
	p = strstr(g->text, "\"connection\": ");
	return p ? strtoul(p + 14, NULL, 10) : 0;
}

static void test_sharing(void)
{
	OWN(client) struct client *a = NULL;
	struct got g;
	struct fail f = {0};
	unsigned long first;
	is_err(client_new(&plain, &a, &f), ERR_OK, "a client");
	is_err(get(a, "/told", &g, &f), ERR_OK, "a call");
	first = connection_of(&g);
	ok(first != 0, "over a connection");
	for (int i = 0; i < 3; i++) {
		OWN(client) struct client *b = NULL;
		is_err(client_new(&plain, &b, &f), ERR_OK, "another client");
		is_err(get(b, "/told", &g, &f), ERR_OK, "calls");
		is_uint(connection_of(&g), first, "over the same");
	}
	client_free(MOVE(a));
	is_err(client_new(&plain, &a, &f), ERR_OK, "when the last one has gone");
	is_err(get(a, "/told", &g, &f), ERR_OK, "a call");
	ok(connection_of(&g) != first, "needs a new one");
	first = connection_of(&g);
	is_err(client_hold(&f), ERR_OK, "but if somebody holds it");
	client_free(MOVE(a));
	is_err(client_new(&plain, &a, &f), ERR_OK, "after the last one");
	is_err(get(a, "/told", &g, &f), ERR_OK, "a call");
	is_uint(connection_of(&g), first, "uses it again");
	client_drop();
}

/* A consumer that stops until somebody has looked at what the server could send meanwhile. */
struct slow {
	pthread_t thread;
	atomic_bool began, go_on;
	enum err err;
	uint64_t bytes;
};

static enum err slow_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct slow *s = user;
	(void)p, (void)f;
	atomic_store(&s->began, true);
	while (!atomic_load(&s->go_on))
		usleep(10000);
	s->bytes += n;
	return ERR_OK;
}

#define FLOOD (UINT64_C(200) << 20)

static void *slow_main(void *arg)
{
	struct slow *s = arg;
	OWN(client) struct client *c = NULL;
	char url[200], path[40];
	struct client_res res;
	struct fail f = {0};
	struct client_req r = {.url = url, .data = slow_data, .user = s, .max_bytes = FLOOD};
	snprintf(path, sizeof(path), "/flood/%llu", (unsigned long long)FLOOD);
	url_of(url, path);
	s->err = client_new(&plain, &c, &f);
	if (s->err == ERR_OK)
		s->err = client_call(c, &r, &res, &f);
	return NULL;
}

static void test_slow_consumer(void)
{
	struct slow s = {.err = ERR_BUG};
	struct got g;
	struct fail f = {0};
	OWN(client) struct client *c = NULL;
	is_err(client_new(&plain, &c, &f), ERR_OK, "a client");
	pthread_create(&s.thread, NULL, slow_main, &s);
	while (!atomic_load(&s.began))
		usleep(10000);
	sleep(3); /* longer than the stall limit: the peer is not to blame */
	is_err(get(c, "/flood-sent", &g, &f), ERR_OK, "others are served meanwhile");
	uint64_t sent = strtoull(g.text, NULL, 10);
	ok(sent < (UINT64_C(32) << 20), "what is not taken is not sent (%llu kB of buffers)",
	   (unsigned long long)sent / 1024);
	atomic_store(&s.go_on, true);
	pthread_join(s.thread, NULL);
	is_err(s.err, ERR_OK, "in the end");
	is_uint(s.bytes, FLOOD, "all of it came");
}

/* While data of one call arrives, its consumer makes others to the same server. */
struct nest {
	struct client *inner;
	unsigned calls, failed;
};

static enum err nest_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct nest *s = user;
	struct got g;
	(void)p, (void)n;
	if (s->calls < 200) {
		s->calls++;
		s->failed += get(s->inner, "/plain", &g, f) != ERR_OK || strcmp(g.text, "plain") != 0;
	}
	return ERR_OK;
}

static void test_nested(void)
{
	OWN(client) struct client *outer = NULL;
	struct nest s = {0};
	struct client_res res;
	struct fail f = {0};
	char url[200];
	struct client_req r = {.url = url_of(url, "/flood/20000000"), .data = nest_data, .user = &s};
	is_err(client_new(&plain, &outer, &f), ERR_OK, "a client");
	is_err(client_new(&plain, &s.inner, &f), ERR_OK, "and another");
	is_err(client_call(outer, &r, &res, &f), ERR_OK, "calls within a call");
	ok(s.calls > 50 && !s.failed, "%u of them", s.calls);
	client_free(s.inner);
}

static void *many_main(void *arg)
{
	unsigned *failed = arg;
	OWN(client) struct client *c = NULL;
	struct got g;
	struct fail f = {0};
	if (client_new(&patient, &c, &f) != ERR_OK)
		*failed = 1000;
	for (int i = 0; c && i < 40; i++) {
		uint64_t want = i % 4 == 3 ? 1000000 : 5;
		enum err e = get(c, i % 4 == 3 ? "/flood/1000000" : "/plain", &g, &f);
		if (e != ERR_OK || g.bytes != want) {
			diag("%s %s: %llu of %llu bytes", err_name(e), f.text,
			     (unsigned long long)g.bytes, (unsigned long long)want);
			++*failed;
		}
	}
	return NULL;
}

static void test_many(void)
{
	pthread_t t[16];
	unsigned failed[16] = {0}, sum = 0;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, many_main, &failed[i]);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], NULL);
		sum += failed[i];
	}
	is_uint(sum, 0, "16 threads, 640 calls over %s", base);
}

struct stopper {
	atomic_bool stop;
	pthread_t thread;
};

static void *stop_main(void *arg)
{
	struct stopper *s = arg;
	usleep(200000);
	atomic_store(&s->stop, true);
	return NULL;
}

/* Wherever a call is: before an answer, in the middle of one, in a handshake. */
static void test_cancel(void)
{
	static const struct {
		const char *scheme, *listener, *path;
	} at[] = {
		{"http", "http", "/silent"},
		{"http", "http", "/stall"},
		{"http", "mute", "/"},
		{"https", "mute", "/"},
	};
	struct fail f = {0};
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		OWN(client) struct client *c = NULL;
		struct client_res res;
		struct stopper s = {.stop = false};
		char url[100];
		struct client_req r = {.url = url, .cancelled = &s.stop};
		snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", at[i].scheme,
			 world_port(at[i].listener), at[i].path);
		is_err(client_new(&plain, &c, &f), ERR_OK, "a client");
		int64_t t = clock_boot_ms();
		pthread_create(&s.thread, NULL, stop_main, &s);
		is_err(client_call(c, &r, &res, &f), ERR_CANCELLED, "%s", url);
		ok(clock_boot_ms() - t < 1000, "at once (%lld ms)", (long long)(clock_boot_ms() - t));
		pthread_join(s.thread, NULL);
	}
}

/* ---- a name that is not found soon ---- */

/* Stands before the C library's, for libcurl's threads too. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	typedef int gai_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	gai_fn *real;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name && strcmp(name, "slow.invalid") == 0) {
		sleep(4);
		return EAI_AGAIN;
	}
	return real(name, service, hints, out);
}

static void *lost_main(void *arg)
{
	static const struct client_opts hasty = {.connect_ms = 300};
	OWN(client) struct client *c = NULL;
	struct client_res res;
	struct fail f = {0};
	struct client_req r = {.url = "http://slow.invalid/"};
	enum err *e = arg;
	*e = client_new(&hasty, &c, &f);
	if (*e == ERR_OK)
		*e = client_call(c, &r, &res, &f);
	return NULL;
}

/* libcurl would have the loop wait for the look-up that it gives up. */
static void test_slow_name(void)
{
	OWN(client) struct client *c = NULL;
	struct got g;
	struct fail f = {0};
	pthread_t t;
	enum err lost = ERR_OK;
	int64_t most = 0;
	is_err(client_new(&plain, &c, &f), ERR_OK, "a client");
	pthread_create(&t, NULL, lost_main, &lost);
	for (int i = 0; i < 50; i++) {
		int64_t begin = clock_boot_ms();
		if (get(c, "/plain", &g, &f) != ERR_OK)
			most = 1000000;
		most = MAX(most, clock_boot_ms() - begin);
		usleep(20000);
	}
	int64_t begin = clock_boot_ms();
	pthread_join(t, NULL);
	is_err(lost, ERR_TIMEOUT, "a name that is not found soon");
	ok(clock_boot_ms() - begin < 1000, "is given up when it is time to");
	ok(most < 1000, "and holds up nobody (%lld ms at most)", (long long)most);
}

/* ---- a connection that the server closes when nobody looks ---- */

struct letters {
	size_t left;
	unsigned rewound;
};

static enum err letters_read(void *user, void *p, size_t cap, size_t *n, struct fail *f)
{
	struct letters *l = user;
	(void)f;
	*n = MIN(cap, l->left);
	memset(p, 'l', *n);
	l->left -= *n;
	return ERR_OK;
}

static enum err letters_rewind(void *user, struct fail *f)
{
	struct letters *l = user;
	(void)f;
	l->left = 3000000;
	l->rewound++;
	return ERR_OK;
}

static void test_dead_connection(void)
{
	OWN(client) struct client *c = NULL;
	struct got g;
	struct fail f = {0};
	char url[200];
	unsigned bad = 0;
	url_of(url, "/unpack");
	is_err(client_new(&plain, &c, &f), ERR_OK, "a client");
	for (int i = 0; i < 20; i++) {
		struct letters l = {.left = 3000000};
		struct client_res res;
		struct client_req r = {.url = url,
				       .read = letters_read,
				       .rewind = letters_rewind,
				       .body_size = -1,
				       .user = &l};
		bad += get(c, "/last", &g, &f) != ERR_OK;
		if (i % 2)
			usleep(20000); /* else the end may be on its way still */
		bad += client_call(c, &r, &res, &f) != ERR_OK;
	}
	is_uint(bad, 0, "a call over a connection that has died is made again over another (%s)", f.text);
}

/* All of that over the streams of one connection. */
static void test_http2(void)
{
	if (!world_port("http2")) {
		diag("nginx is not installed: HTTP/2 is not tried");
		return;
	}
	base = "http2";
	test_sharing();
	test_slow_consumer();
	test_nested();
	test_many();
	test_dead_connection();
	base = "http";
}

int main(void)
{
	world_start();
	test_sharing();
	test_slow_consumer();
	test_nested();
	test_many();
	test_cancel();
	test_slow_name();
	test_dead_connection();
	test_http2();
	world_stop();
	return done_testing();
}
