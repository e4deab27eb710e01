/*
 * stream.c - answers made piece by piece: a worker asks the source for bytes, compresses and
 * frames them, and stops when the connection has enough.
 *
 * Invariant: produce() is never run twice at once, and never after the source said END or ABORT.
 * The source is freed by a job that holds the call, so that a wake-up may come until then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "http/internal.h"

#define PRODUCE_MAX ((size_t)32 * 1024)
#define LEAD 18 /* room for the size line of a chunk */
#define TRAIL 8 /* for CRLF and the last chunk */

static void wake(void *arg)
{
	struct http_call *c = arg;
	bool kick = false;

	pthread_mutex_lock(&c->lock);
	if (c->filling) {
		c->woken = true;
	} else if (c->again) {
		c->again = false;
		kick = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (kick)
		call_post(c, POST_OUTPUT);
}

void reply_source_wake(struct reply_source *s)
{
	if (s->wake)
		s->wake(s->wake_arg);
}

void stream_begin(struct http_call *c, struct reply_source *s)
{
	s->wake_arg = c;
	s->wake = wake;
}

/* Put the bytes at own + LEAD into the chunked form, if the answer is chunked. */
static void frame(struct http_call *c, struct seg *s, bool last)
{
	char *p = s->own + LEAD;

	if (c->chunked_out && s->n) {
		char line[LEAD];
		int n = snprintf(line, sizeof(line), "%zx\r\n", s->n);
		memcpy(p - n, line, (size_t)n);
		memcpy(p + s->n, "\r\n", 2);
		s->p = p - n;
		s->n += (size_t)n + 2;
	}
	if (c->chunked_out && last) {
		memcpy((char *)(uintptr_t)s->p + s->n, "0\r\n\r\n", 5);
		s->n += 5;
	}
	s->room = 0;
}

/* Compress what was produced; the result replaces *s. */
static enum err squeeze(struct http_call *c, struct seg **s, enum flush flush)
{
	OWN(buf) struct buf z = BUF(PRODUCE_MAX * 4);
	struct seg *to;

	if (!c->encoder)
		c->encoder = encoder_new(c->reply.coding);
	if (!c->encoder)
		return ERR_NOMEM;
	TRY(encoder_add(c->encoder, (struct str){(*s)->p, (*s)->n}, flush, &z));
	c->encoder_dirty = flush == FLUSH_NO && (c->encoder_dirty || (*s)->n);
	to = seg_new(LEAD, z.n + TRAIL);
	if (!to)
		return ERR_NOMEM;
	memcpy(to->own + LEAD, z.p, z.n);
	to->n = z.n;
	seg_free(*s);
	*s = to;
	return ERR_OK;
}

/* Ask the source once. The outcome is in *st; *s is NULL when there is nothing to send. */
static void produce(struct http_call *c, enum produce *st, struct seg **s)
{
	struct reply_source *src = c->reply.src;
	size_t made = 0;

	*s = seg_new(LEAD, PRODUCE_MAX + TRAIL);
	*st = PRODUCE_ABORT;
	if (!*s)
		return;
	if (!atomic_load(&c->cancelled))
		*st = src->ops->produce(src, (*s)->own + LEAD, PRODUCE_MAX, &made);
	(*s)->n = MIN(made, PRODUCE_MAX);
	c->produced += (*s)->n;
	if (src->length >= 0 && (c->produced > (uint64_t)src->length ||
				 (*st == PRODUCE_END && c->produced < (uint64_t)src->length)))
		*st = PRODUCE_ABORT;
	if (*st != PRODUCE_ABORT && c->reply.coding != CODING_IDENTITY) {
		enum flush flush = *st == PRODUCE_END ? FLUSH_END
				   : *st == PRODUCE_AGAIN && (c->encoder_dirty || (*s)->n)
					   ? FLUSH_SYNC
					   : FLUSH_NO;
		if ((flush != FLUSH_NO || (*s)->n) && squeeze(c, s, flush) != ERR_OK)
			*st = PRODUCE_ABORT;
	}
	if (*st != PRODUCE_ABORT)
		frame(c, *s, *st == PRODUCE_END);
	if (*st == PRODUCE_ABORT || (*s)->n == 0) {
		seg_free(*s);
		*s = NULL;
	}
}

/* Note the outcome. True: go on producing. */
static bool note(struct http_call *c, enum produce st, struct seg *s)
{
	bool more = false;

	pthread_mutex_lock(&c->lock);
	if (s)
		outq_seg(&c->out, s);
	if (c->closing) {
		/* stays `filling`: the job goes on to free the source */
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	switch (st) {
	case PRODUCE_MORE:
		more = c->out.bytes < STREAM_HIGH;
		break;
	case PRODUCE_AGAIN:
		more = c->woken;
		c->again = !more;
		c->woken = false;
		break;
	case PRODUCE_END:
		c->ended = true;
		break;
	case PRODUCE_ABORT:
		c->aborted = true;
		break;
	}
	c->filling = more;
	pthread_mutex_unlock(&c->lock);
	return more;
}

static void fill(struct http_call *c)
{
	enum produce st;
	struct seg *s;

	for (;;) {
		produce(c, &st, &s);
		if (!note(c, st, s))
			return;
		if (!c->reply.src->inline_ok)
			call_post(c, POST_OUTPUT);
	}
}

/* The source, if it is to be freed and by us. */
static struct reply_source *take_source(struct http_call *c)
{
	struct reply_source *src = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->closing && c->filling) {
		src = c->reply.src;
		c->reply.src = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	return src;
}

static bool is_closing(struct http_call *c)
{
	bool closing;

	pthread_mutex_lock(&c->lock);
	closing = c->closing;
	pthread_mutex_unlock(&c->lock);
	return closing;
}

static void fill_job(struct task *t, bool dropped)
{
	struct http_call *c = CONTAINER_OF(t, struct http_call, task_out);
	struct reply_source *src;

	if (!is_closing(c)) {
		if (dropped)
			(void)note(c, PRODUCE_ABORT, NULL);
		else
			fill(c);
		call_post(c, POST_OUTPUT);
	}
	src = take_source(c);
	if (src)
		src->ops->free(src);
	call_unref(c);
}

static void submit(struct http_call *c)
{
	call_ref(c);
	c->task_out.run = fill_job;
	offload_post(c->srv->conf.workers, &c->task_out);
}

void stream_close(struct http_call *c)
{
	bool need;

	if (c->reply.kind != REPLY_STREAM)
		return;
	pthread_mutex_lock(&c->lock);
	need = !c->closing && !c->filling;
	c->closing = true;
	c->filling |= need;
	pthread_mutex_unlock(&c->lock);
	if (need)
		submit(c);
}

void stream_kick(struct http_call *c)
{
	bool need;

	pthread_mutex_lock(&c->lock);
	need = !c->filling && !c->again && !c->ended && !c->aborted &&
	       c->out.bytes < STREAM_HIGH / 2;
	c->filling |= need;
	pthread_mutex_unlock(&c->lock);
	if (!need)
		return;
	if (c->reply.src->inline_ok) {
		fill(c);
		return;
	}
	submit(c);
}

bool stream_move(struct http_call *c, struct outq *to)
{
	bool good;

	pthread_mutex_lock(&c->lock);
	if (c->out.head) {
		if (to->tail)
			to->tail->next = c->out.head;
		else
			to->head = c->out.head;
		to->tail = c->out.tail;
		to->bytes += c->out.bytes;
		c->out = (struct outq){NULL, NULL, 0};
	}
	good = !c->aborted;
	pthread_mutex_unlock(&c->lock);
	return good;
}

bool stream_ended(struct http_call *c)
{
	bool ended;

	pthread_mutex_lock(&c->lock);
	ended = c->ended && !c->out.head;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

void stream_free(struct http_call *c)
{
	outq_clear(&c->out);
	encoder_free(c->encoder);
}
