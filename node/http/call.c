/*
 * call.c - one request and its answer: lifetime, workers, the way back to the I/O thread.
 *
 * `refs` keep the memory; `holds` are those who may still answer. Invariant: when the last hold
 * goes, the call has an answer.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/internal.h"
#include "loop/offload.h"

#define ARENA_MAX_DEFAULT ((size_t)8 * 1024 * 1024)

struct http_call *call_new(struct conn *conn)
{
	struct http_server *srv = conn->io->srv;
	size_t arena_max = srv->conf.arena_max ? srv->conf.arena_max : ARENA_MAX_DEFAULT;
	struct http_call *c = conn->io->spare;
	struct arena *arena;

	if (c) {
		conn->io->spare = NULL;
		arena = c->req.arena;
	} else {
		c = malloc(sizeof(*c));
		arena = arena_new(arena_max);
		if (!c || !arena) {
			free(c);
			arena_free(arena);
			return NULL;
		}
	}
	memset(c, 0, sizeof(*c));
	c->srv = srv;
	c->io = conn->io;
	c->conn = conn;
	c->req.arena = arena;
	c->req.app = srv->conf.app;
	c->req.peer = conn->peer;
	c->req.is_https = conn->tls != NULL;
	c->req.start_us = clock_now_us();
	c->reply.file.fd = -1;
	c->reply.extra = BUF(32768);
	c->body = BUF(0);
	atomic_init(&c->refs, 1);
	atomic_init(&c->holds, 0);
	pthread_mutex_init(&c->lock, NULL);
	atomic_fetch_add(&srv->calls, 1);
	return c;
}

static void call_free(struct http_call *c)
{
	struct http_server *srv = c->srv;

	if (c->req.ctx && c->req.ctx_free)
		c->req.ctx_free(c->req.ctx);
	if (srv->conf.gone)
		srv->conf.gone(&c->req);
	stream_free(c);
	while (c->in_head) {
		struct seg *s = c->in_head;
		c->in_head = s->next;
		seg_free(s);
	}
	decoder_free(c->decoder);
	buf_free(&c->reply.extra);
	buf_free(&c->reply.body);
	file_drop(&c->reply.file);
	buf_free(&c->body);
	if (c->counted)
		atomic_fetch_sub(&srv->bodies, c->counted);
	pthread_mutex_destroy(&c->lock);
	/* Keep one call with its arena: most requests of a thread come one after the other. */
	if (loop_is_here(c->io->loop) && !c->io->spare && arena_used(c->req.arena) < 16384) {
		arena_reset(c->req.arena);
		c->io->spare = c;
	} else {
		arena_free(c->req.arena);
		free(c);
	}
	atomic_fetch_sub(&srv->calls, 1);
}

void call_ref(struct http_call *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void call_unref(struct http_call *c)
{
	if (atomic_fetch_sub(&c->refs, 1) == 1)
		call_free(c);
}

void call_hold(struct http_call *c)
{
	atomic_fetch_add(&c->holds, 1);
	call_ref(c);
}

void call_drop(struct http_call *c)
{
	if (atomic_fetch_sub(&c->holds, 1) == 1 && !atomic_load(&c->answered)) {
		if (!atomic_load(&c->cancelled))
			log_error("http", "event=unanswered path=%s",
				  c->req.ep ? c->req.ep->path : "-");
		reply_err(&c->req, ERR_BUG);
	}
	call_unref(c);
}

void req_hold(struct http_req *r)
{
	call_hold(call_of(r));
}

void req_release(struct http_req *r)
{
	call_drop(call_of(r));
}

bool req_cancelled(const struct http_req *r)
{
	return atomic_load_explicit(&call_of(r)->cancelled, memory_order_relaxed);
}

bool req_shut(const struct http_req *r)
{
	return atomic_load_explicit(&call_of(r)->shut, memory_order_relaxed);
}

bool req_answered(const struct http_req *r)
{
	return atomic_load(&call_of(r)->answered);
}

/* The task of call_post(), on the I/O thread. */
static void posted(struct task *t, bool dropped)
{
	struct http_call *c = CONTAINER_OF(t, struct http_call, task_post);
	unsigned why = atomic_exchange(&c->posted, 0);

	if (!dropped)
		conn_posted(c, why);
	if ((why & POST_REPLY) && !c->conn)
		stream_close(c); /* too late: nobody is there to read it */
	call_unref(c);
}

void call_post(struct http_call *c, enum post why)
{
	if (atomic_fetch_or(&c->posted, (unsigned)why))
		return; /* on its way already */
	call_ref(c);
	c->task_post.run = posted;
	loop_post(c->io->loop, &c->task_post);
}

void call_around(struct http_call *c, bool begins)
{
	if (c->srv->conf.around)
		c->srv->conf.around(&c->req, begins);
}

void call_run(struct http_call *c)
{
	struct fail f = {0};
	enum err e;

	if (atomic_load(&c->cancelled)) {
		reply_err(&c->req, ERR_CANCELLED);
		return;
	}
	call_around(c, true);
	e = c->req.ep->run(&c->req, &f);
	call_around(c, false);
	if (e == ERR_OK)
		return;
	log_info("http", "event=handler-failed path=%s err=%s detail=%s", c->req.ep->path,
		 err_name(e), log_val(str_c(f.text)));
	if (!req_answered(&c->req))
		reply_err(&c->req, e);
}

static void run_job(struct task *t, bool dropped)
{
	struct http_call *c = CONTAINER_OF(t, struct http_call, task_in);

	if (dropped)
		reply_err(&c->req, ERR_CANCELLED);
	else if (c->coding == CODING_IDENTITY || body_decode(c))
		call_run(c);
	call_drop(c);
}

static bool is_inline(const struct http_call *c)
{
	const struct endpoint *ep = c->req.ep;

	if (c->coding != CODING_IDENTITY || (ep->flags & EP_STREAM_BODY && !c->whole))
		return false;
	return ep->flags & EP_INLINE || (c->req.body.n && c->req.body.n <= ep->inline_max);
}

void call_dispatch(struct http_call *c)
{
	call_hold(c);
	if (is_inline(c)) {
		call_run(c);
		call_drop(c);
		return;
	}
	c->task_in.run = run_job;
	if (offload_try(c->srv->conf.workers, &c->task_in) != ERR_OK) {
		reply_err(&c->req, ERR_BUSY);
		call_drop(c);
	}
}

void call_detach(struct http_call *c)
{
	bool stop_source;

	c->conn = NULL;
	if (!c->ready)
		atomic_fetch_add(&c->srv->n_cancelled, 1);
	atomic_store(&c->cancelled, true);
	body_abandon(c);
	if (c->ready && c->reply.kind == REPLY_STREAM) {
		pthread_mutex_lock(&c->lock);
		stop_source = !c->ended && !c->closing;
		pthread_mutex_unlock(&c->lock);
		if (stop_source && c->reply.src->ops->cancel)
			c->reply.src->ops->cancel(c->reply.src);
		stream_close(c);
	}
	call_unref(c);
}
