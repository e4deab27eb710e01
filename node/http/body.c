/*
 * body.c - request bodies on their way to handlers: buffered whole, or streamed through a bounded
 * queue to one worker at a time; decompression happens on the worker.
 *
 * Invariant: at most one worker job per call touches the decoder and the handler's body state.
 */
#include <stdlib.h>

#include "base/log.h"
#include "http/internal.h"

#define SLICE 8 /* segments that a job takes before others get their turn */

static bool is_streamed(const struct http_call *c)
{
	return c->req.ep && (c->req.ep->flags & EP_STREAM_BODY) && !c->whole;
}

bool body_full(struct http_call *c)
{
	bool full;

	if (!is_streamed(c))
		return false;
	pthread_mutex_lock(&c->lock);
	full = c->in_bytes >= c->srv->lim.body_queue ||
	       (c->in_bytes && atomic_load(&c->srv->bodies) > c->srv->lim.bodies_total);
	c->in_waiting |= full;
	pthread_mutex_unlock(&c->lock);
	return full;
}

/* Account for `n` more waiting bytes of this call (or fewer). */
static void count(struct http_call *c, int64_t n)
{
	c->counted += (uint64_t)n;
	atomic_fetch_add(&c->srv->bodies, (uint64_t)n);
}

/*
 * A worker may hold the call, and with it a buffered body, for an instant after it has answered; who
 * reads the answer can count on the budget all the same.
 */
void body_answered(struct http_call *c)
{
	if (is_streamed(c) || !c->counted)
		return;
	count(c, -(int64_t)c->counted);
}

static bool refuse(struct http_call *c, int status, const char *text)
{
	if (!req_answered(&c->req))
		reply_error(&c->req, status, "%s", text);
	return false;
}

static bool push_buffered(struct http_call *c, struct str bytes)
{
	if (c->body.n + bytes.n > c->body_cap)
		return refuse(c, 413, err_text(ERR_LIMIT));
	if (atomic_load(&c->srv->bodies) + bytes.n > c->srv->lim.bodies_total)
		return refuse(c, 503, err_text(ERR_BUSY));
	count(c, (int64_t)bytes.n);
	buf_str_add(&c->body, bytes);
	if (buf_err(&c->body) != ERR_OK)
		return refuse(c, 503, err_text(ERR_NOMEM));
	return true;
}

struct sink {
	struct http_call *call;
	struct fail fail;
	enum err err; /* of the handler or the cap, so that a broken coding can be told apart */
};

static enum err piece_taken(struct http_call *c, struct str piece, struct fail *f)
{
	call_around(c, true);
	enum err e = c->req.ep->body(&c->req, piece, f);
	call_around(c, false);
	return e;
}

/* Decoded bytes of a streamed body, in pieces. */
static enum err stream_sink(void *arg, struct str bytes)
{
	struct sink *s = arg;
	struct http_call *c = s->call;

	while (bytes.n && s->err == ERR_OK) {
		struct str piece = {bytes.p, MIN(bytes.n, PIECE_MAX)};
		c->req.body_size += piece.n;
		if (c->req.body_size > c->body_cap)
			s->err = ERR_LIMIT;
		else if (atomic_load(&c->cancelled))
			s->err = ERR_CANCELLED;
		else
			s->err = piece_taken(c, piece, &s->fail);
		bytes = (struct str){bytes.p + piece.n, bytes.n - piece.n};
	}
	return s->err;
}

/* Answer for a body that could not be taken. */
static void answer_failure(struct http_call *c, struct sink *s, enum err e)
{
	c->failed = true;
	if (req_answered(&c->req))
		return;
	if (s->err == ERR_OK && e == ERR_PARSE) {
		refuse(c, 400, "Invalid compressed data.");
		return;
	}
	log_info("http", "event=body-refused path=%s err=%s detail=%s", c->req.ep->path,
		 err_name(e), log_val(str_c(s->fail.text)));
	reply_err(&c->req, e);
}

static bool begin(struct http_call *c)
{
	struct sink s = {.call = c};

	if (c->begun)
		return !c->failed;
	c->begun = true;
	if (c->coding != CODING_IDENTITY) {
		c->decoder = decoder_new(c->coding);
		if (!c->decoder)
			s.err = ERR_NOMEM;
	}
	if (s.err == ERR_OK && c->req.ep->begin) {
		call_around(c, true);
		s.err = c->req.ep->begin(&c->req, &s.fail);
		call_around(c, false);
	}
	if (s.err != ERR_OK)
		answer_failure(c, &s, s.err);
	/* a handler that has answered wants no body */
	c->failed |= req_answered(&c->req);
	return !c->failed;
}

static void take(struct http_call *c, struct str bytes)
{
	struct sink s = {.call = c};
	enum err e;

	if (!begin(c))
		return;
	e = c->decoder ? decoder_feed(c->decoder, bytes, stream_sink, &s) : stream_sink(&s, bytes);
	if (e != ERR_OK)
		answer_failure(c, &s, e);
	c->failed |= req_answered(&c->req);
}

static void finish(struct http_call *c)
{
	struct sink s = {.call = c};

	if (!begin(c))
		return;
	if (c->in_bad)
		refuse(c, c->in_bad, c->in_bad == 413 ? err_text(ERR_LIMIT) : err_text(ERR_INVAL));
	else if (c->decoder && decoder_end(c->decoder) != ERR_OK)
		answer_failure(c, &s, ERR_PARSE);
	else
		call_run(c);
}

/* A segment has been used: make room, and let the connection read on when it waits for that. */
static void used(struct http_call *c, size_t n)
{
	bool resume;

	pthread_mutex_lock(&c->lock);
	c->in_bytes -= n;
	count(c, -(int64_t)n);
	resume = c->in_waiting && c->in_bytes <= c->srv->lim.body_queue / 2;
	if (resume)
		c->in_waiting = false;
	pthread_mutex_unlock(&c->lock);
	if (resume)
		call_post(c, POST_RESUME);
}

/* Take one segment to the handler. False: no more to do now. */
static bool step(struct http_call *c)
{
	struct seg *s;
	bool end, closed;

	pthread_mutex_lock(&c->lock);
	s = c->in_head;
	closed = c->in_closed;
	end = !s && c->in_end;
	if (!s && !end && !closed) {
		c->in_running = false;
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	if (s && !closed)
		c->in_head = s->next;
	pthread_mutex_unlock(&c->lock);
	if (end || closed) {
		/* in_running stays set: nobody starts another job */
		if (!closed)
			finish(c);
		call_drop(c);
		return false;
	}
	take(c, (struct str){s->p, s->n});
	used(c, s->n);
	seg_free(s);
	return true;
}

static void body_job(struct task *t, bool dropped)
{
	struct http_call *c = CONTAINER_OF(t, struct http_call, task_in);
	int i = 0;

	if (dropped) {
		pthread_mutex_lock(&c->lock);
		c->in_closed = true;
		pthread_mutex_unlock(&c->lock);
	}
	while (step(c))
		if (++i == SLICE) {
			offload_post(c->srv->conf.workers, &c->task_in);
			return;
		}
	call_unref(c);
}

enum start { START_NO, START_FIRST, START_AGAIN };

/* With the lock held: does the job have to be started? */
static enum start need_start(struct http_call *c)
{
	enum start how = c->in_begun ? START_AGAIN : START_FIRST;

	if (c->in_running || c->in_closed)
		return START_NO;
	c->in_running = c->in_begun = true;
	return how;
}

/* Start it, without the lock (a stopped pool drops the task in here). False: refused. */
static bool start(struct http_call *c, enum start how)
{
	if (how == START_NO)
		return true;
	call_ref(c);
	c->task_in.run = body_job;
	if (how == START_AGAIN) {
		offload_post(c->srv->conf.workers, &c->task_in);
		return true;
	}
	call_hold(c);
	if (offload_try(c->srv->conf.workers, &c->task_in) == ERR_OK)
		return true;
	pthread_mutex_lock(&c->lock);
	c->in_closed = true;
	pthread_mutex_unlock(&c->lock);
	reply_err(&c->req, ERR_BUSY);
	call_drop(c);
	call_unref(c);
	return false;
}

static bool push_streamed(struct http_call *c, struct str bytes)
{
	struct seg *s = seg_new(0, bytes.n);
	enum start how;

	if (!s)
		return refuse(c, 503, err_text(ERR_NOMEM));
	memcpy(s->own, bytes.p, bytes.n);
	s->n = bytes.n;
	pthread_mutex_lock(&c->lock);
	if (c->in_head)
		c->in_tail->next = s;
	else
		c->in_head = s;
	c->in_tail = s;
	c->in_bytes += bytes.n;
	count(c, (int64_t)bytes.n);
	how = need_start(c);
	pthread_mutex_unlock(&c->lock);
	return start(c, how);
}

bool body_push(struct http_call *c, struct str bytes)
{
	c->bytes_in += bytes.n;
	/* compressed input may be all framing: it gets no more room than its contents */
	if (c->bytes_in > c->body_cap + PIECE_MAX) {
		body_bad(c, 413);
		return false;
	}
	return is_streamed(c) ? push_streamed(c, bytes) : push_buffered(c, bytes);
}

static void end_streamed(struct http_call *c, int bad)
{
	enum start how;

	pthread_mutex_lock(&c->lock);
	c->in_end = true;
	c->in_bad = bad;
	how = need_start(c);
	pthread_mutex_unlock(&c->lock);
	(void)start(c, how);
}

void body_end(struct http_call *c)
{
	c->body_done = true;
	if (is_streamed(c)) {
		end_streamed(c, 0);
		return;
	}
	c->req.body = buf_str(&c->body);
	c->req.body_size = c->body.n;
	call_dispatch(c);
}

void body_bad(struct http_call *c, int status)
{
	if (is_streamed(c))
		end_streamed(c, status); /* the worker answers, it may be at the handler now */
	else
		refuse(c, status, status == 413 ? err_text(ERR_LIMIT) : err_text(ERR_INVAL));
}

void body_abandon(struct http_call *c)
{
	bool drop;

	pthread_mutex_lock(&c->lock);
	drop = c->in_begun && !c->in_running && !c->in_closed;
	c->in_closed |= !c->in_end;
	pthread_mutex_unlock(&c->lock);
	if (drop)
		call_drop(c);
}

static enum err buffer_sink(void *arg, struct str bytes)
{
	struct sink *s = arg;
	struct http_call *c = s->call;

	if (c->body.n + bytes.n > c->body_cap)
		return s->err = ERR_LIMIT;
	buf_str_add(&c->body, bytes);
	return s->err = buf_err(&c->body);
}

bool body_decode(struct http_call *c)
{
	struct sink s = {.call = c};
	OWN(buf) struct buf wire = c->body;
	enum err e;

	c->body = BUF(c->body_cap);
	c->decoder = decoder_new(c->coding);
	if (!c->decoder) {
		reply_err(&c->req, ERR_NOMEM);
		return false;
	}
	e = decoder_feed(c->decoder, buf_str(&wire), buffer_sink, &s);
	if (e == ERR_OK)
		e = decoder_end(c->decoder);
	if (e != ERR_OK) {
		answer_failure(c, &s, e);
		return false;
	}
	c->req.body = buf_str(&c->body);
	c->req.body_size = c->body.n;
	return true;
}
