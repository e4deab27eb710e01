/*
 * httpd_test.c - a small server on node/http for the raw-socket suite and for wrk.
 *
 * Prints "port N" (and "tls N") when it accepts; SIGTERM stops it gracefully, SIGHUP reloads the
 * certificate. Limits come as name=value arguments.
 */
#include "http/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "http/reply.h"
#include "loop/offload.h"

#define TEXT "text/plain"

static const char *files_dir;
static atomic_uint freed_ctx;

static void nap_ms(uint64_t ms)
{
	struct timespec ts = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

static uint64_t arg_u64(const struct http_req *r, const char *name, uint64_t fallback)
{
	uint64_t v;

	if (str_u64(req_arg(r, name), &v) || str_u64(req_param(r, name), &v))
		return v;
	return fallback;
}

#define PERIOD (7 * 26)
static char table[PERIOD * 320];

static void make_table(void)
{
	for (size_t i = 0; i < sizeof(table); i++)
		table[i] = (char)('a' + (i / 7) % 26);
}

/* The bytes at..at+n of the endless test text; fast, so that benches measure the server. */
static void test_text(char *to, uint64_t at, uint64_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_table);
	while (n) {
		uint64_t from = at % PERIOD, take = MIN(n, sizeof(table) - from);
		memcpy(to, table + from, take);
		to += take;
		at += take;
		n -= take;
	}
}

static enum err hello(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_lit(r, 200, TEXT, "hello\n");
	return ERR_OK;
}

static enum err slow(struct http_req *r, struct fail *f)
{
	uint64_t left = arg_u64(r, "ms", 100);

	(void)f;
	for (; left && !req_cancelled(r); left -= left < 10 ? left : 10)
		nap_ms(10);
	reply_lit(r, 200, TEXT, req_cancelled(r) ? "cancelled\n" : "slow\n");
	return ERR_OK;
}

/* What the server understood, as JSON. */
static enum err show(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);

	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "row", r->ep->path);
	JSONW_KV(&w, jsonw_c, "method", http_method_name(r->method));
	JSONW_KV(&w, jsonw_str, "url", r->url);
	JSONW_KV(&w, jsonw_str, "ext", r->ext);
	JSONW_KV(&w, jsonw_str, "tail", r->tail);
	JSONW_KV(&w, jsonw_str, "id", req_arg(r, "id"));
	JSONW_KV(&w, jsonw_str, "peer", str_c(r->peer.addr));
	JSONW_KV(&w, jsonw_int, "uid", r->peer.is_unix ? (int64_t)r->peer.uid : -1);
	JSONW_KV(&w, jsonw_str, "cert", r->peer.cert);
	jsonw_key(&w, "args");
	jsonw_arr(&w);
	for (size_t i = 0; i < r->args_n; i++)
		jsonw_str(&w, r->args[i]);
	jsonw_arr_end(&w);
	jsonw_key(&w, "named");
	jsonw_arr(&w);
	for (size_t i = 0; i < r->named.n; i++) {
		jsonw_str(&w, r->named.v[i].name);
		jsonw_str(&w, r->named.v[i].value);
	}
	jsonw_arr_end(&w);
	jsonw_key(&w, "query");
	jsonw_arr(&w);
	for (size_t i = 0; i < r->query.n; i++) {
		jsonw_str(&w, r->query.v[i].name);
		jsonw_str(&w, r->query.v[i].value);
	}
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_uint, "body", r->body.n);
	jsonw_obj_end(&w);
	reply_json(r, 200, &b);
	return ERR_OK;
}

static enum err echo(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(r->body.n + 1);

	(void)f;
	buf_str_add(&b, r->body);
	reply_body(r, 200, "application/octet-stream", &b);
	return ERR_OK;
}

static enum err big(struct http_req *r, struct fail *f)
{
	uint64_t n = arg_u64(r, "n", 100000);
	struct buf b = BUF(64 << 20);
	char *p = buf_reserve(&b, n);

	(void)f;
	if (p) {
		test_text(p, 0, n);
		buf_commit(&b, n);
	}
	reply_body(r, 200, TEXT, &b);
	return ERR_OK;
}

static enum err fails(struct http_req *r, struct fail *f)
{
	(void)r;
	return fail(f, ERR_NOENT, "a detail that no client may see");
}

static enum err forgets(struct http_req *r, struct fail *f)
{
	(void)r;
	(void)f;
	return ERR_OK;
}

/* Answers from another thread, after the handler has returned. */
static void *answer_later(void *arg)
{
	struct http_req *r = arg;

	nap_ms(30);
	reply_lit(r, 200, TEXT, "later\n");
	req_release(r);
	return NULL;
}

static enum err later(struct http_req *r, struct fail *f)
{
	pthread_t t;

	req_hold(r);
	if (pthread_create(&t, NULL, answer_later, r) != 0) {
		req_release(r);
		return fail(f, ERR_NOMEM, "thread");
	}
	pthread_detach(t);
	return ERR_OK;
}

/* Streamed body: counts and sums; "slow:MS" naps for each piece, "limit:N" refuses beyond N. */
struct sums {
	uint64_t bytes, sum, slow, limit, fast;
	size_t largest;
};

static void sums_free(void *p)
{
	atomic_fetch_add(&freed_ctx, 1);
	free(p);
}

static enum err sink_begin(struct http_req *r, struct fail *f)
{
	struct sums *s = calloc(1, sizeof(*s));

	if (!s)
		return fail(f, ERR_NOMEM, "sums");
	s->slow = arg_u64(r, "slow", 0);
	s->fast = arg_u64(r, "fast", 0);
	s->limit = arg_u64(r, "limit", UINT64_MAX);
	r->ctx = s;
	r->ctx_free = sums_free;
	return ERR_OK;
}

static enum err sink_body(struct http_req *r, struct str bytes, struct fail *f)
{
	struct sums *s = r->ctx;

	s->bytes += bytes.n;
	s->largest = MAX(s->largest, bytes.n);
	for (size_t i = 0; i < bytes.n && !s->fast; i++)
		s->sum = s->sum * 31 + (uint8_t)bytes.p[i];
	if (s->slow)
		nap_ms(s->slow);
	return s->bytes > s->limit ? fail(f, ERR_INVAL, "over the limit of the test") : ERR_OK;
}

static enum err sink_run(struct http_req *r, struct fail *f)
{
	struct sums *s = r->ctx;
	struct buf b = BUF(4096);

	(void)f;
	buf_printf(&b, "{\"bytes\":%llu,\"sum\":%u,\"largest\":%zu}", (unsigned long long)s->bytes,
		   (unsigned)s->sum, s->largest);
	reply_json(r, 200, &b);
	return ERR_OK;
}

/* Streamed answer of `left` bytes; AGAIN with a late wake-up after each piece when `pause`. */
struct source {
	struct reply_source base;
	uint64_t left, at, pause;
	bool broken, waiting;
	pthread_t waker;
	bool has_waker;
};

static void *wake_later(void *arg)
{
	struct source *s = arg;

	nap_ms(s->pause);
	reply_source_wake(&s->base);
	return NULL;
}

static enum produce source_produce(struct reply_source *base, char *to, size_t max, size_t *made)
{
	struct source *s = CONTAINER_OF(base, struct source, base);
	size_t n = MIN(s->left, max);

	if (s->pause && !s->waiting && s->at) {
		s->waiting = true;
		if (s->has_waker)
			pthread_join(s->waker, NULL);
		s->has_waker = pthread_create(&s->waker, NULL, wake_later, s) == 0;
		return PRODUCE_AGAIN;
	}
	s->waiting = false;
	test_text(to, s->at, n);
	s->at += n;
	s->left -= n;
	*made = n;
	if (s->broken && s->at > 100000)
		return PRODUCE_ABORT;
	return s->left ? PRODUCE_MORE : PRODUCE_END;
}

static void source_free(struct reply_source *base)
{
	struct source *s = CONTAINER_OF(base, struct source, base);

	if (s->has_waker)
		pthread_join(s->waker, NULL);
	free(s);
}

static enum err stream(struct http_req *r, struct fail *f)
{
	static const struct reply_source_ops ops = {source_produce, NULL, NULL, source_free};
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return fail(f, ERR_NOMEM, "source");
	s->base.ops = &ops;
	s->left = arg_u64(r, "n", 100000);
	s->base.length = arg_u64(r, "length", 0) ? (int64_t)s->left : -1;
	s->base.inline_ok = arg_u64(r, "inline", 0);
	s->pause = arg_u64(r, "pause", 0);
	s->broken = arg_u64(r, "abort", 0);
	reply_stream(r, 200, TEXT, &s->base);
	return ERR_OK;
}

static enum err file(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_path(r, files_dir, arena_cstr(r->arena, r->tail), "application/octet-stream");
	return ERR_OK;
}

static enum err counters(struct http_req *r, struct fail *f)
{
	struct http_stats st;
	struct buf b = BUF(4096);

	(void)f;
	http_server_stats(*(struct http_server **)r->app, &st);
	buf_printf(&b,
		   "{\"open\":%llu,\"requests\":%llu,\"bad\":%llu,\"timeouts\":%llu,"
		   "\"cancelled\":%llu,\"refused\":%llu,\"freed\":%u}",
		   (unsigned long long)st.conns_open, (unsigned long long)st.requests,
		   (unsigned long long)st.bad_requests, (unsigned long long)st.timeouts,
		   (unsigned long long)st.cancelled, (unsigned long long)st.conns_refused,
		   atomic_load(&freed_ctx));
	reply_json(r, 200, &b);
	return ERR_OK;
}

static enum err auth(struct http_req *r, struct fail *f)
{
	if (r->ep->auth == 0)
		return ERR_OK;
	if (str_is(req_header(r, "Authorization"), "good"))
		return ERR_OK;
	return fail(f, ERR_AUTH, "wrong key");
}

#define ROW(name, m, p, fl, fn)                                                                    \
	static const struct endpoint ep_##name = {                                                 \
		.methods = (m), .path = (p), .flags = (fl), .run = (fn), .doc = "test"}
ROW(hello, HTTP_ANY, "/test/hello", EP_INLINE, hello);
ROW(work, HTTP_ANY, "/test/work", 0, hello);
ROW(slow, HTTP_ANY, "/test/slow/:ms", 0, slow);
ROW(show, HTTP_ANY, "/test/show/:id", 0, show);
ROW(view, HTTP_GET, "/events/view/:id", 0, show);
ROW(events_index, HTTP_GET | HTTP_POST, "/events/index", 0, show);
ROW(add, HTTP_POST, "/events/add", 0, show);
ROW(del, HTTP_POST | HTTP_DELETE, "/events/delete/:id", 0, show);
ROW(groups, HTTP_GET, "/sharing_groups/index", 0, show);
ROW(admin, HTTP_ANY, "/admin/users/add", 0, show);
ROW(echo, HTTP_POST, "/test/echo", 0, echo);
ROW(echo_inline, HTTP_POST, "/test/echoInline", EP_INLINE, echo);
ROW(count, HTTP_POST, "/test/count", EP_INLINE, show);
ROW(big, HTTP_GET, "/test/big/:n", EP_INLINE, big);
ROW(fails, HTTP_GET, "/test/fails", 0, fails);
ROW(forgets, HTTP_GET, "/test/forgets", 0, forgets);
ROW(later, HTTP_GET, "/test/later", 0, later);
ROW(stream, HTTP_GET, "/test/stream/:n", 0, stream);
ROW(counters, HTTP_GET, "/test/counters", EP_INLINE, counters);
ROW(file, HTTP_GET, "/files/*", EP_EXACT | EP_NO_AUTH, file);
ROW(local, HTTP_GET, "/test/local", EP_LOCAL, show);
static const struct endpoint ep_secret = {
	.methods = HTTP_ANY, .path = "/test/secret", .auth = 1, .run = show, .doc = "test"};
static const struct endpoint ep_sink = {
	.methods = HTTP_POST,
	.path = "/test/sink",
	.flags = EP_STREAM_BODY,
	.body_cap = (size_t)1 << 30,
	.begin = sink_begin,
	.body = sink_body,
	.run = sink_run,
	.doc = "test",
};
static const struct endpoint ep_small_sink = {
	.methods = HTTP_POST,
	.path = "/test/smallSink",
	.flags = EP_STREAM_BODY,
	.body_cap = 100000,
	.begin = sink_begin,
	.body = sink_body,
	.run = sink_run,
	.doc = "test",
};

static const struct endpoint *const rows[] = {
	&ep_hello, &ep_work,  &ep_slow,	   &ep_show,   &ep_view,  &ep_events_index, &ep_add,
	&ep_del,   &ep_groups, &ep_admin,   &ep_echo,	&ep_big,   &ep_fails,	     &ep_forgets,
	&ep_later, &ep_stream, &ep_counters, &ep_file,	&ep_secret, &ep_sink,	     &ep_small_sink,
	&ep_echo_inline, &ep_local, &ep_count,
};

static void parse_args(int argc, char **argv, struct http_conf *conf, struct http_listen *listen,
		       const char **files)
{
	struct http_limits *l = &conf->limits;
	size_t bodies = 0;
	struct {
		const char *name;
		unsigned *u;
		size_t *z;
		const char **s;
	} options[] = {
		{"threads=", &conf->io_threads, NULL, NULL},
		{"conns=", &l->conns, NULL, NULL},
		{"requests=", &l->requests_per_conn, NULL, NULL},
		{"idle_ms=", &l->idle_ms, NULL, NULL},
		{"head_ms=", &l->head_ms, NULL, NULL},
		{"stall_ms=", &l->stall_ms, NULL, NULL},
		{"min_rate=", &l->min_rate, NULL, NULL},
		{"body=", NULL, &l->body_default, NULL},
		{"bodies=", NULL, &bodies, NULL},
		{"cert=", NULL, NULL, &conf->tls.cert_file},
		{"key=", NULL, NULL, &conf->tls.key_file},
		{"ca=", NULL, NULL, &conf->tls.client_ca_file},
		{"unix=", NULL, NULL, &listen[2].unix_path},
		{"files=", NULL, NULL, files},
		{"spool=", NULL, NULL, &conf->spool_dir},
	};

	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < ARRAY_LEN(options); k++) {
			struct str a = str_c(argv[i]), name = str_c(options[k].name);
			uint64_t v = 0;
			if (!str_has_prefix(a, name))
				continue;
			(void)str_u64(str_sub(a, name.n, SIZE_MAX), &v);
			if (options[k].u)
				*options[k].u = (unsigned)v;
			if (options[k].z)
				*options[k].z = (size_t)v;
			if (options[k].s)
				*options[k].s = argv[i] + name.n;
		}
	l->bodies_total = bodies;
}

int main(int argc, char **argv)
{
	static struct http_server *server;
	struct http_listen all[3] = {
		{.host = "127.0.0.1"}, {.host = "127.0.0.1", .tls = true}, {0}};
	struct http_listen use[3];
	struct http_conf conf = {.rows = rows, .rows_n = ARRAY_LEN(rows), .io_threads = 1};
	struct offload *pool = NULL;
	struct fail f = {0};
	const char *files = NULL;
	sigset_t set;
	int signo = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	parse_args(argc, argv, &conf, all, &files);
	if (files)
		files_dir = files;
	use[conf.listen_n++] = all[0];
	if (conf.tls.cert_file)
		use[conf.listen_n++] = all[1];
	if (all[2].unix_path)
		use[conf.listen_n++] = all[2];
	conf.listen = use;
	conf.app = &server;
	conf.auth = auth;
	if (offload_new(&(struct offload_conf){.threads = 4}, &pool, &f) != ERR_OK)
		return 1;
	conf.workers = pool;
	if (http_server_new(&conf, &server, &f) != ERR_OK ||
	    http_server_start(server, &f) != ERR_OK) {
		fprintf(stderr, "%s\n", f.text);
		return 1;
	}
	printf("port %u\n", http_server_port(server, 0));
	if (conf.tls.cert_file)
		printf("tls %u\n", http_server_port(server, 1));
	printf("ready\n");
	fflush(stdout);
	while (sigwait(&set, &signo) == 0 && signo == SIGHUP)
		if (http_server_reload(server, &f) != ERR_OK)
			fprintf(stderr, "%s\n", f.text);
	http_server_stop(server, 3000);
	http_server_free(server);
	offload_free(pool);
	printf("stopped\n");
	return 0;
}
