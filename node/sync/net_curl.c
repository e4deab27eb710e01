/*
 * net_curl.c - the loop behind all our requests: one thread, one libcurl multi handle, and with them
 * one pool of connections, DNS and TLS sessions. It never calls back to its users and never waits
 * for them. Lives as long as somebody has a client or holds it.
 */
#include "sync/net_curl.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "loop/loop.h"

#define IDLE_CONNECTIONS 64L

struct engine {
	struct loop *loop;
	CURLM *multi;
	CURLSH *share;
	pthread_mutex_t share_lock;
	struct event *timer;
	unsigned users;
};

static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct engine *the_engine; /* under engine_lock */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- the loop's side of an exchange ---- */

static void signal_locked(struct transfer *t)
{
	pthread_cond_signal(&t->cond);
}

static size_t on_data(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	n *= size;
	pthread_mutex_lock(&t->lock);
	bool paused = t->recv_paused = ring_free(&t->down) < n;
	if (!paused) {
		ring_add(&t->down, p, n);
		t->moved += n;
	}
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
	return paused ? CURL_WRITEFUNC_PAUSE : n;
}

static void head_end(struct transfer *t)
{
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
	if (t->status < 200)
		return; /* 1xx: the answer proper follows */
	pthread_mutex_lock(&t->lock);
	t->head_done = true;
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	struct str line = {p, n * size};
	t->lines += line.n;
	if (!t->head_done && str_has_prefix(line, STR("HTTP/")))
		buf_clear(&t->head);
	if (!t->head_done) /* else trailers: nobody asked for any */
		buf_str_add(&t->head, line);
	if (buf_err(&t->head) != ERR_OK || t->lines > TRANSFER_LINES_MAX) {
		t->err = ERR_LIMIT;
		return 0;
	}
	if (t->head_done)
		return line.n;
	pthread_mutex_lock(&t->lock);
	t->moved += line.n;
	pthread_mutex_unlock(&t->lock);
	if (str_is(line, "\r\n") || str_is(line, "\n"))
		head_end(t);
	return line.n;
}

static size_t on_read(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	size_t got = 0;
	pthread_mutex_lock(&t->lock);
	if (!t->rewind)
		got = ring_get(&t->up, p, n * size);
	t->moved += got;
	bool paused = t->send_paused = !got && !t->up_end;
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
	return paused ? CURL_READFUNC_PAUSE : got;
}

/* A second try on another connection: the waiting thread begins the body anew. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct transfer *t = user;
	if (offset != 0 || origin != SEEK_SET || !t->req.can_rewind)
		return CURL_SEEKFUNC_CANTSEEK;
	pthread_mutex_lock(&t->lock);
	t->rewind = true;
	t->up_end = false;
	t->up.n = 0;
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
	return CURL_SEEKFUNC_OK;
}

static void finish(struct transfer *t, CURLcode code)
{
	long in = 0, out = 0, connects = 0;
	curl_off_t down = 0, up = 0;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
	(void)curl_easy_getinfo(t->curl, CURLINFO_SSL_VERIFYRESULT, &t->verify);
	(void)curl_easy_getinfo(t->curl, CURLINFO_HEADER_SIZE, &in);
	(void)curl_easy_getinfo(t->curl, CURLINFO_REQUEST_SIZE, &out);
	(void)curl_easy_getinfo(t->curl, CURLINFO_SIZE_DOWNLOAD_T, &down);
	(void)curl_easy_getinfo(t->curl, CURLINFO_SIZE_UPLOAD_T, &up);
	(void)curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &connects);
	(void)curl_multi_remove_handle(t->engine->multi, t->curl);
	t->wire_bytes = (uint64_t)down;
	t->bytes_in = (uint64_t)down + (uint64_t)in;
	t->bytes_out = (uint64_t)up + (uint64_t)out;
	t->reused = connects == 0;
	t->code = code;
	pthread_mutex_lock(&t->lock);
	t->done = true;
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
}

static void finished(struct engine *e)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(e->multi, &left))) {
		struct transfer *t = NULL;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
}

/* ---- setting up ---- */

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (curl_easy_setopt(curl, (option), (value)) != CURLE_OK)                         \
			return CURLE_FAILED_INIT;                                                  \
	} while (0)

static CURLcode set_tls(CURL *curl, const struct client_opts *o)
{
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, o->insecure ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, o->insecure ? 0L : 2L);
	if (o->ca_file)
		SET(CURLOPT_CAINFO, o->ca_file);
	if (o->pinned)
		SET(CURLOPT_PINNEDPUBLICKEY, o->pinned);
	if (o->cert_file)
		SET(CURLOPT_SSLCERT, o->cert_file);
	/* else OpenSSL would ask at the terminal for the password of a key that has one, and wait */
	SET(CURLOPT_KEYPASSWD, "");
	if (o->key_file)
		SET(CURLOPT_SSLKEY, o->key_file);
	return CURLE_OK;
}

static CURLcode set_body(struct transfer *t, CURL *curl)
{
	const struct transfer_req *r = &t->req;
	bool head = strcmp(r->method, "HEAD") == 0;
	if (r->has_body) {
		SET(CURLOPT_POST, 1L);
		if (r->body.p)
			SET(CURLOPT_POSTFIELDS, r->body.p);
		SET(CURLOPT_POSTFIELDSIZE_LARGE,
		    r->body.p ? (curl_off_t)r->body.n : (curl_off_t)r->body_size);
	}
	if (head && !r->has_body)
		SET(CURLOPT_NOBODY, 1L);
	else if (strcmp(r->method, r->has_body ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, r->method);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, t);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, t);
	return CURLE_OK;
}

/* What libcurl would follow or unpack by itself is left to client_curl.c, which has limits. */
static CURLcode setup(struct transfer *t)
{
	CURL *curl = t->curl;
	const struct client_opts *o = t->req.opts;
	curl_easy_reset(curl);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_SHARE, t->engine->share);
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* else the loop waits for getaddrinfo() when an exchange is given up while a name is looked up */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	if (strncmp(t->req.url, "https:", 6) == 0)
		SET(CURLOPT_PIPEWAIT, 1L); /* rather another stream than another connection */
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_PROXY, o->proxy ? o->proxy : "");
	SET(CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "tocsin");
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_ms ? o->connect_ms : 15000));
	SET(CURLOPT_TIMEOUT_MS, (long)t->req.total_ms);
	SET(CURLOPT_FRESH_CONNECT, t->req.fresh ? 1L : 0L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* refused while there is a buffer, as after some HTTP/2 exchanges: it has this size then */
	(void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 65536L);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_HTTPHEADER, t->req.headers);
	CURLcode code = set_tls(curl, o);
	if (code == CURLE_OK)
		code = set_body(t, curl);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_URL, t->req.url);
	return code;
}

static void start(struct transfer *t)
{
	CURLcode code = setup(t);
	if (code == CURLE_OK) {
		CURLMcode added = curl_multi_add_handle(t->engine->multi, t->curl);
		if (added != CURLM_OK) {
			snprintf(t->error, sizeof(t->error), "%s", curl_multi_strerror(added));
			code = CURLE_FAILED_INIT;
		}
	}
	if (code != CURLE_OK)
		finish(t, code);
}

static void fulfil(struct transfer *t, unsigned wishes)
{
	if (wishes & WISH_START)
		start(t);
	if (t->done)
		return;
	if (wishes & WISH_ABORT)
		finish(t, CURLE_ABORTED_BY_CALLBACK);
	else if (wishes & WISH_RESUME)
		/* may call on_data() from here, which may pause again */
		(void)curl_easy_pause(t->curl, CURLPAUSE_CONT);
}

void transfer_on_task(struct task *task, bool dropped)
{
	struct transfer *t = CONTAINER_OF(task, struct transfer, task);
	unsigned wishes;
	pthread_mutex_lock(&t->lock);
	while ((wishes = t->wishes)) {
		t->wishes = 0;
		pthread_mutex_unlock(&t->lock);
		fulfil(t, dropped ? WISH_ABORT : wishes);
		finished(t->engine);
		pthread_mutex_lock(&t->lock);
	}
	t->posted = false; /* the last touch: the waiting thread may free it from here on */
	signal_locked(t);
	pthread_mutex_unlock(&t->lock);
}

/* ---- the loop itself ---- */

static void on_event(evutil_socket_t fd, short what, void *user)
{
	struct engine *e = user;
	int running, mask = (what & EV_READ ? CURL_CSELECT_IN : 0) |
			    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	(void)curl_multi_socket_action(e->multi, fd, mask, &running);
	finished(e);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	struct engine *e = user;
	int running;
	(void)fd, (void)what;
	(void)curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finished(e);
}

static int set_timer(CURLM *multi, long ms, void *user)
{
	struct engine *e = user;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	(void)multi;
	if (ms < 0)
		event_del(e->timer);
	else
		event_add(e->timer, &tv);
	return 0;
}

static int set_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *socket)
{
	struct engine *e = user;
	struct event *ev = socket;
	short want = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
			     (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
	(void)curl;
	if (ev)
		event_free(ev);
	ev = what == CURL_POLL_REMOVE ? NULL
				      : event_new(loop_base(e->loop), fd, want, on_event, e);
	(void)curl_multi_assign(e->multi, fd, ev);
	if (what != CURL_POLL_REMOVE && (!ev || event_add(ev, NULL) != 0)) {
		log_error("net", "socket_event=failed");
		return -1;
	}
	return 0;
}

static void share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *user)
{
	struct engine *e = user;
	(void)curl, (void)data, (void)access;
	pthread_mutex_lock(&e->share_lock);
}

static void share_unlock(CURL *curl, curl_lock_data data, void *user)
{
	struct engine *e = user;
	(void)curl, (void)data;
	pthread_mutex_unlock(&e->share_lock);
}

static void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->loop) {
		loop_stop(e->loop);
		loop_join(e->loop);
	}
	/* closing idle connections still calls set_socket() and set_timer() */
	if (e->multi)
		curl_multi_cleanup(e->multi);
	if (e->share)
		curl_share_cleanup(e->share);
	if (e->timer)
		event_free(e->timer);
	loop_free(e->loop);
	pthread_mutex_destroy(&e->share_lock);
	free(e);
}

static enum err engine_start(struct engine *e, struct fail *f)
{
	TRY(loop_new("net", &e->loop, f));
	e->multi = curl_multi_init();
	e->share = curl_share_init();
	e->timer = event_new(loop_base(e->loop), -1, 0, on_timer, e);
	if (!e->multi || !e->share || !e->timer)
		return fail(f, ERR_NOMEM, "libcurl does not start");
	(void)curl_share_setopt(e->share, CURLSHOPT_LOCKFUNC, share_lock);
	(void)curl_share_setopt(e->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
	(void)curl_share_setopt(e->share, CURLSHOPT_USERDATA, e);
	(void)curl_share_setopt(e->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	(void)curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	(void)curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
	(void)curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	(void)curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	return loop_start(e->loop, f);
}

/* With engine_lock held. */
static enum err engine_new(struct fail *f)
{
	struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return fail(f, ERR_NOMEM, "no memory");
	pthread_mutex_init(&e->share_lock, NULL);
	enum err err = engine_start(e, f);
	if (err == ERR_OK)
		the_engine = e;
	else
		engine_free(e);
	return err;
}

enum err client_hold(struct fail *f)
{
	enum err e = ERR_OK;
	(void)pthread_once(&once, init);
	pthread_mutex_lock(&engine_lock);
	if (!the_engine)
		e = engine_new(f);
	if (e == ERR_OK)
		the_engine->users++;
	pthread_mutex_unlock(&engine_lock);
	return e;
}

void client_drop(void)
{
	pthread_mutex_lock(&engine_lock);
	if (the_engine && --the_engine->users == 0) {
		engine_free(the_engine);
		the_engine = NULL;
	}
	pthread_mutex_unlock(&engine_lock);
}

struct engine *engine_of_all(void)
{
	pthread_mutex_lock(&engine_lock);
	struct engine *e = the_engine;
	pthread_mutex_unlock(&engine_lock);
	return e;
}

void engine_post(struct engine *e, struct task *t)
{
	loop_post(e->loop, t);
}
