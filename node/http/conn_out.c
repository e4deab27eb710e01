/*
 * conn_out.c - from answered calls to bytes on the wire, in the order of the requests.
 *
 * Invariant: only the first call in flight writes; a broken stream ends the connection without
 * the last chunk.
 */
#include <errno.h>

#include "base/clock.h"
#include "http/internal.h"

#define DRAIN_MAX 65536u
#define COPIED_MAX 2048u /* shorter bodies stand behind their heads, in one segment */

/* Is this answer the last thing on the connection? */
static bool closes(struct conn *c, struct http_call *call)
{
	if (call == c->body_call) {
		/* answered before its body was read: a short rest is dropped, a long one ends it */
		c->body_call = NULL;
		c->body_full = false;
		if (c->body_chunked || c->body_left > DRAIN_MAX)
			c->close_after = true;
		if (c->close_after) {
			c->state = CONN_HEAD;
			c->in.n = 0;
		}
	}
	if (!call->keep_alive)
		c->close_after |= !call->next;
	return !call->next && (c->close_after || c->io->stopping);
}

static bool has_body(const struct http_call *call)
{
	return call->req.method != HTTP_HEAD && !call->reply.no_length;
}

/* A plain body or file to the output queue. */
static bool queue_body(struct conn *c, struct http_call *call)
{
	struct reply *r = &call->reply;
	int fd;

	switch (r->kind) {
	case REPLY_NONE:
	case REPLY_STREAM:
		return true;
	case REPLY_LIT:
		return r->lit.n > 1024 ? outq_lit(&c->out, r->lit)
				       : outq_copy(&c->out, r->lit.p, r->lit.n);
	case REPLY_BUF:
		if (r->body.n <= COPIED_MAX)
			return outq_copy(&c->out, r->body.p ? r->body.p : "", r->body.n);
		return outq_take(&c->out, &r->body);
	case REPLY_FILE:
		if (r->file.hot && r->file.length <= COPIED_MAX)
			return outq_copy(&c->out, r->file.hot->bytes.p, r->file.length);
		if (r->file.hot)
			return outq_hotfile(&c->out, MOVE(r->file.hot));
		fd = r->file.fd;
		r->file.fd = -1;
		return outq_file(&c->out, fd, r->file.offset, r->file.length);
	}
	return false;
}

static void emit_head(struct conn *c, struct http_call *call)
{
	bool close = closes(c, call);

	call->head_written = true;
	if (!reply_head_write(call, &c->out, close) ||
	    (has_body(call) && !queue_body(c, call)))
		c->broken = true;
	c->close_after |= !call->keep_alive; /* a stream without length ends so */
}

/* Move on with a streamed answer. True when it is complete. */
static bool emit_stream(struct conn *c, struct http_call *call)
{
	if (c->out.bytes >= OUT_LOW)
		return false;
	stream_kick(call);
	if (!stream_move(call, &c->out)) {
		c->broken = true;
		return false;
	}
	if (stream_ended(call))
		return true;
	stream_kick(call);
	return false;
}

static void finish(struct conn *c, struct http_call *call)
{
	c->first = call->next;
	c->in_flight--;
	call->conn = NULL;
	if (!call->body_done)
		body_abandon(call);
	body_answered(call);
	stream_close(call);
	if (c->io->srv->conf.done) {
		struct http_done d = {
			.status = call->reply.status,
			.bytes_in = call->bytes_in,
			.bytes_out = call->bytes_out,
			.micros = clock_now_us() - call->req.start_us,
		};
		c->io->srv->conf.done(&call->req, &d);
	}
	call_unref(call);
}

void conn_emit(struct conn *c)
{
	while (c->first && c->first->ready && !c->broken) {
		struct http_call *call = c->first;
		uint64_t before = c->out.bytes;
		bool complete = true;
		if (!call->head_written)
			emit_head(c, call);
		if (call->reply.kind == REPLY_STREAM && has_body(call) && !c->broken)
			complete = emit_stream(c, call);
		call->bytes_out += c->out.bytes - before;
		if (!complete || c->broken)
			break;
		finish(c, call);
	}
}

static ssize_t write_tls(struct conn *c)
{
	struct str s = outq_peek(&c->out, c->io->tls_scratch, sizeof(c->io->tls_scratch));
	size_t put;

	if (!s.p) {
		errno = EIO;
		return -1;
	}
	switch (tls_write(c->tls, s.p, s.n, &put)) {
	case TLS_DONE:
		outq_consume(&c->out, put);
		return (ssize_t)put;
	case TLS_WANT_READ: /* only in a handshake, which is over */
	case TLS_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case TLS_EOF:
	case TLS_FAILED:
		break;
	}
	errno = EPIPE;
	return -1;
}

bool conn_flush(struct conn *c)
{
	bool wrote = false;

	while (c->out.bytes && !c->broken) {
		ssize_t n = c->tls ? write_tls(c) : outq_write(&c->out, c->fd);
		if (n > 0) {
			wrote = true;
			c->window_out += (uint64_t)n;
			atomic_fetch_add_explicit(&c->io->srv->n_out, (uint64_t)n,
						  memory_order_relaxed);
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			break;
		} else {
			c->broken = true;
		}
	}
	return wrote;
}
