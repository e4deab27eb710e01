/*
 * server.c - the server as a whole: making, starting, stopping, statistics.
 *
 * Owns the I/O threads. Invariant: threads run until no request is held by anybody, so that a late
 * answer always finds its loop.
 */
#include "http/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hotfile.h"
#include "base/log.h"
#include "http/internal.h"

#define TICK_MS 250
#define HELD_MS 30000  /* how long http_server_free() waits for handlers */
#define CONF_MAX 65536 /* memory for the copied configuration */

#define DEFAULT(field, value)                                                                      \
	do {                                                                                       \
		if (!lim->field)                                                                   \
			lim->field = (value);                                                      \
	} while (0)

static void set_defaults(struct http_limits *lim)
{
	DEFAULT(head_max, 65536);
	DEFAULT(uri_max, 16384);
	DEFAULT(headers_max, 100);
	DEFAULT(body_default, (size_t)1 << 20);
	DEFAULT(body_queue, (size_t)512 << 10);
	DEFAULT(bodies_total, (uint64_t)256 << 20);
	DEFAULT(pipeline, 8);
	DEFAULT(conns, 4096);
	DEFAULT(conns_per_addr, 256);
	DEFAULT(requests_per_conn, 100000);
	DEFAULT(idle_ms, 60000);
	DEFAULT(head_ms, 15000);
	DEFAULT(stall_ms, 20000);
	DEFAULT(min_rate, 256);
	DEFAULT(gzip_min, 1024);
	DEFAULT(pretty_max, (size_t)1 << 20);
	/* a head must fit what one read keeps */
	lim->head_max = MIN(lim->head_max, READ_MAX / 2);
	lim->headers_max = MIN(lim->headers_max, (unsigned)PARSE_HEADERS_MAX);
}

static void on_tick(void *arg)
{
	struct io *io = arg;

	io->now_ms = clock_boot_ms();
	if (!io->stopping)
		listen_start(io); /* those that ran out of descriptors */
	if (!io->number)
		hotfile_tidy();
	for (struct conn *c = io->conns, *next; c; c = next) {
		next = c->next;
		conn_tick(c);
	}
}

static enum err io_init(struct io *io, struct http_server *s, unsigned number, struct fail *f)
{
	char name[16];

	io->srv = s;
	io->number = number;
	io->now_ms = clock_boot_ms();
	snprintf(name, sizeof(name), "http%u", number % 1000);
	io->scratch = malloc(READ_MAX);
	io->listeners = calloc(s->conf.listen_n + 1, sizeof(*io->listeners));
	if (!io->scratch || !io->listeners)
		return fail(f, ERR_NOMEM, "http");
	TRY(loop_new(name, &io->loop, f));
	return timer_new(io->loop, on_tick, io, &io->tick, f);
}

static void io_free(struct io *io)
{
	if (io->loop)
		loop_stop(io->loop);
	if (io->loop)
		loop_join(io->loop);
	listen_stop(io);
	timer_free(io->tick);
	if (io->spare) {
		arena_free(io->spare->req.arena);
		free(io->spare);
	}
	loop_free(io->loop);
	free(io->listeners);
	free(io->scratch);
}

/* Keep what the configuration points to: callers build it on the stack. */
static enum err copy_conf(struct http_server *s, const struct http_conf *conf, struct fail *f)
{
	struct http_listen *l;
	struct arena *a = s->memory = arena_new(CONF_MAX);

	s->conf = *conf;
	s->conf.listen_n = 0;
	l = a ? ARENA_ARRAY(a, struct http_listen, conf->listen_n + 1) : NULL;
	if (!l)
		return fail(f, ERR_NOMEM, "http");
	for (size_t i = 0; i < conf->listen_n; i++) {
		l[i] = conf->listen[i];
		l[i].host = arena_cstr(a, str_c(l[i].host));
		l[i].unix_path = arena_cstr(a, str_c(l[i].unix_path));
	}
	s->conf.listen = l;
	s->conf.listen_n = conf->listen_n;
	s->conf.tls.cert_file = arena_cstr(a, str_c(conf->tls.cert_file));
	s->conf.tls.key_file = arena_cstr(a, str_c(conf->tls.key_file));
	s->conf.tls.client_ca_file = arena_cstr(a, str_c(conf->tls.client_ca_file));
	s->conf.spool_dir = arena_cstr(a, str_c(conf->spool_dir));
	return arena_overflowed(a) ? fail(f, ERR_NOMEM, "http") : ERR_OK;
}

enum err http_server_new(const struct http_conf *conf, struct http_server **out, struct fail *f)
{
	struct http_server *s = calloc(1, sizeof(*s));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	enum err e;

	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "http");
	signal(SIGPIPE, SIG_IGN); /* sendfile() and TLS know no MSG_NOSIGNAL */
	s->lim = conf->limits;
	set_defaults(&s->lim);
	s->parse_lim = (struct parse_limits){s->lim.head_max, s->lim.uri_max, s->lim.headers_max};
	pthread_mutex_init(&s->tls_lock, NULL);
	s->ios_n = conf->io_threads ? conf->io_threads : (unsigned)MAX(cores, 1L);
	s->ios = calloc(s->ios_n, sizeof(*s->ios));
	s->ports = calloc(conf->listen_n + 1, sizeof(*s->ports));
	s->addrs = addrs_new();
	e = s->ios && s->ports && s->addrs ? copy_conf(s, conf, f) : fail(f, ERR_NOMEM, "http");
	if (e == ERR_OK)
		e = router_new(conf->rows, conf->rows_n, &s->router, f);
	if (e == ERR_OK && conf->tls.cert_file)
		e = tls_ctx_new(&s->conf.tls, &s->tls, f);
	for (size_t i = 0; e == ERR_OK && i < s->conf.listen_n; i++)
		if (s->conf.listen[i].tls && !s->tls)
			e = fail(f, ERR_CONFIG, "listening with TLS needs a certificate");
	for (unsigned i = 0; e == ERR_OK && i < s->ios_n; i++)
		e = io_init(&s->ios[i], s, i, f);
	if (e == ERR_OK)
		e = listen_open(s, f);
	if (e != ERR_OK) {
		http_server_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

enum err http_server_start(struct http_server *s, struct fail *f)
{
	for (unsigned i = 0; i < s->ios_n; i++) {
		timer_every(s->ios[i].tick, TICK_MS);
		listen_start(&s->ios[i]);
		TRY(loop_start(s->ios[i].loop, f));
		s->running = true;
	}
	return ERR_OK;
}

uint16_t http_server_port(const struct http_server *s, size_t n)
{
	return n < s->conf.listen_n ? s->ports[n] : 0;
}

enum err http_server_reload(struct http_server *s, struct fail *f)
{
	struct tls_ctx *fresh = NULL, *old;

	if (!s->conf.tls.cert_file)
		return ERR_OK;
	TRY(tls_ctx_new(&s->conf.tls, &fresh, f));
	pthread_mutex_lock(&s->tls_lock);
	old = s->tls;
	s->tls = fresh;
	pthread_mutex_unlock(&s->tls_lock);
	tls_ctx_unref(old);
	return ERR_OK;
}

/* Take no more; connections without a request in flight end at once. */
static void io_stop(struct task *t, bool dropped)
{
	struct io *io = CONTAINER_OF(t, struct io, task_stop);

	(void)dropped;
	io->stopping = true;
	listen_stop(io);
	for (struct conn *c = io->conns, *next; c; c = next) {
		next = c->next;
		conn_stop(c);
	}
	if (!io->conns)
		atomic_store(&io->empty, true);
}

static void io_kill(struct task *t, bool dropped)
{
	struct io *io = CONTAINER_OF(t, struct io, task_kill);

	(void)dropped;
	while (io->conns)
		conn_close(io->conns);
	atomic_store(&io->empty, true);
}

static bool all_empty(struct http_server *s)
{
	for (unsigned i = 0; i < s->ios_n; i++)
		if (!atomic_load(&s->ios[i].empty))
			return false;
	return true;
}

static void nap(void)
{
	struct timespec ts = {0, 2000000};

	nanosleep(&ts, NULL);
}

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void http_server_stop(struct http_server *s, unsigned grace_ms)
{
	int64_t until = monotonic_ms() + grace_ms;

	if (!s->running || atomic_exchange(&s->stopping, true))
		return;
	for (unsigned i = 0; i < s->ios_n; i++) {
		s->ios[i].task_stop.run = io_stop;
		loop_post(s->ios[i].loop, &s->ios[i].task_stop);
	}
	while (!all_empty(s) && monotonic_ms() < until)
		nap();
	if (all_empty(s))
		return;
	log_warn("http", "event=stop-hard connections=%u", atomic_load(&s->conns_open));
	for (unsigned i = 0; i < s->ios_n; i++) {
		s->ios[i].task_kill.run = io_kill;
		loop_post(s->ios[i].loop, &s->ios[i].task_kill);
	}
	while (!all_empty(s))
		nap();
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	http_server_stop(s, 0);
	for (int64_t until = monotonic_ms() + HELD_MS; atomic_load(&s->calls);) {
		if (monotonic_ms() > until) {
			/* late answers need the loops: better leak than crash on the way out */
			log_error("http", "event=requests-held n=%u", atomic_load(&s->calls));
			return;
		}
		nap();
	}
	for (unsigned i = 0; s->ios && i < s->ios_n; i++)
		io_free(&s->ios[i]);
	for (size_t i = 0; i < s->conf.listen_n; i++)
		if (s->conf.listen[i].unix_path && s->running)
			unlink(s->conf.listen[i].unix_path);
	router_free(s->router);
	tls_ctx_unref(s->tls);
	addrs_free(s->addrs);
	pthread_mutex_destroy(&s->tls_lock);
	free(s->ports);
	free(s->ios);
	arena_free(s->memory);
	free(s);
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
	*out = (struct http_stats){
		.conns_total = s->n_conns,
		.conns_open = s->conns_open,
		.conns_refused = s->n_refused,
		.requests = s->n_requests,
		.bad_requests = s->n_bad,
		.timeouts = s->n_timeouts,
		.bytes_in = s->n_in,
		.bytes_out = s->n_out,
		.tls_handshakes = s->n_handshakes,
		.tls_failures = s->n_tls_failed,
		.cancelled = s->n_cancelled,
	};
}
