/*
 * conn.c - the life of a connection: events, reading, timeouts, closing.
 *
 * All work goes through conn_drive(), which parses, writes and only then closes, so that nothing
 * is freed under its user. Invariant: a connection belongs to one I/O thread for ever.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/internal.h"

#define LINGER_MS 2000	    /* for the client to take our last words and close */
#define HALF_CLOSED_MS 2000 /* for an answer to a client that sends no more */
#define LEFT_MAX 65536u	    /* input kept while requests in flight must finish first */

static void conn_drive(struct conn *c);

/* Keep what was not parsed; it may lie in the thread's scratch buffer. */
static void keep_input(struct conn *c)
{
	char *copy = NULL;

	if (c->in.n && c->in.p == c->left)
		return;
	if (c->in.n) {
		copy = malloc(c->in.n);
		if (copy)
			memcpy(copy, c->in.p, c->in.n);
		else
			c->broken = true;
	}
	free(c->left);
	c->left = copy;
	c->in.p = copy;
	if (!copy)
		c->in.n = 0;
}

static size_t read_room(const struct conn *c)
{
	size_t room = READ_MAX - c->in.n, body;

	if (!c->body_call)
		return room;
	pthread_mutex_lock(&c->body_call->lock);
	body = c->body_call->in_bytes;
	pthread_mutex_unlock(&c->body_call->lock);
	body = c->io->srv->lim.body_queue - MIN(body, c->io->srv->lim.body_queue);
	return MIN(room, MAX(body, (size_t)16384));
}

/* Bytes read, 0 at the end or on an error (then `eof` is set), -1: none now. */
static ssize_t read_some(struct conn *c, char *to, size_t max)
{
	ssize_t n;

	if (c->tls) {
		size_t got;
		switch (tls_read(c->tls, to, max, &got)) {
		case TLS_DONE:
			return (ssize_t)got;
		case TLS_WANT_READ:
			return -1;
		case TLS_WANT_WRITE:
			c->tls_read_on_write = true;
			return -1;
		case TLS_FAILED:
			c->broken = true;
			break;
		case TLS_EOF:
			break;
		}
		c->eof = true;
		return 0;
	}
	do
		n = recv(c->fd, to, max, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -1;
	if (n < 0)
		c->broken = true;
	c->eof |= n <= 0;
	return MAX(n, (ssize_t)0);
}

static void count_in(struct conn *c, size_t n)
{
	c->window_in += n;
	atomic_fetch_add_explicit(&c->io->srv->n_in, n, memory_order_relaxed);
}

/* Read once and work on it. True: there may be more. */
static bool read_once(struct conn *c)
{
	char *scratch = c->io->scratch;
	size_t room = read_room(c), n = 0;
	ssize_t got;

	if (c->in.n)
		memcpy(scratch, c->in.p, c->in.n);
	/* TLS gives a record at a time: gather, or every record would be parsed alone */
	do {
		got = read_some(c, scratch + c->in.n + n, room - n);
		n += got > 0 ? (size_t)got : 0;
	} while (c->tls && got > 0 && n < room);
	if (n == 0 && !c->eof)
		return false;
	count_in(c, n);
	if (c->state == CONN_LINGER) {
		c->in.n = 0;
		c->broken |= c->eof;
		return n == room;
	}
	c->in = (struct str){scratch, c->in.n + n};
	conn_drive(c);
	return n == room;
}

static void handshake(struct conn *c)
{
	struct http_server *s = c->io->srv;

	c->tls_read_on_write = false;
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		atomic_fetch_add(&s->n_handshakes, 1);
		c->state = CONN_HEAD;
		return;
	case TLS_WANT_READ:
		return;
	case TLS_WANT_WRITE:
		c->tls_read_on_write = true;
		return;
	case TLS_EOF:
	case TLS_FAILED:
		atomic_fetch_add(&s->n_tls_failed, 1);
		c->broken = true;
		return;
	}
}

static bool wants_read(const struct conn *c)
{
	if (c->eof || c->broken)
		return false;
	if (c->state == CONN_BODY)
		return !c->body_full;
	if (c->state == CONN_HEAD && c->close_after)
		return false;
	return !c->blocked || c->in.n < LEFT_MAX;
}

static void set_event(struct event *ev, bool want, bool *is)
{
	if (want == *is)
		return;
	*is = want;
	if (want)
		event_add(ev, NULL);
	else
		event_del(ev);
}

/* By when the client must have done the next thing. */
static void set_deadline(struct conn *c)
{
	const struct http_limits *lim = &c->io->srv->lim;
	int64_t now = c->io->now_ms;

	if (c->state != CONN_HEAD)
		return;
	if (c->first) {
		c->head_started = false;
		if (!c->eof)
			c->deadline_ms = 0;
		else if (!c->deadline_ms)
			c->deadline_ms = now + HALF_CLOSED_MS;
	} else if (c->in.n || c->served == 0) {
		if (!c->head_started)
			c->deadline_ms = now + lim->head_ms;
		c->head_started = true;
	} else {
		c->head_started = false;
		c->deadline_ms = now + lim->idle_ms;
	}
}

/* All is said: let the client read it before the socket goes. */
static void begin_linger(struct conn *c)
{
	if (c->eof) {
		c->broken = true;
		return;
	}
	if (c->tls)
		tls_bye(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	c->in.n = 0;
	c->deadline_ms = c->io->now_ms + (c->io->stopping ? LINGER_MS / 8 : LINGER_MS);
}

static bool is_idle(const struct conn *c)
{
	return c->state == CONN_HEAD && !c->first && c->out.bytes == 0;
}

/* Parse, write, and again while the one makes work for the other. */
static void conn_drive(struct conn *c)
{
	c->working = true;
	for (int turn = 0; !c->broken && c->state != CONN_LINGER; turn++) {
		unsigned before = c->in_flight;
		size_t left = c->in.n;
		bool wrote;
		conn_parse(c);
		conn_emit(c);
		wrote = conn_flush(c);
		if (c->broken)
			break;
		if (turn > 64) {
			if (c->first) /* others want their turn; come back after them */
				call_post(c->first, POST_OUTPUT);
			break;
		}
		if (c->first && c->first->head_written && wrote && c->out.bytes < OUT_LOW)
			continue; /* a stream may have more at once */
		if (c->in.n == left && c->in_flight == before)
			break;
		if (!c->in.n)
			break;
	}
	if (!c->broken && is_idle(c)) {
		if (c->close_after)
			begin_linger(c);
		else if (c->eof || c->io->stopping)
			c->broken = true;
	}
	if (!c->broken && c->eof && c->state == CONN_BODY)
		c->broken = true;
	keep_input(c);
	c->working = false;
}

/* After every callback: arm the events for what comes next, or close. */
static void settle(struct conn *c)
{
	if (c->broken) {
		conn_close(c);
		return;
	}
	for (struct http_call *call = c->eof ? c->first : NULL; call; call = call->next)
		atomic_store_explicit(&call->shut, true, memory_order_relaxed);
	set_deadline(c);
	set_event(&c->ev_read, wants_read(c), &c->reading);
	set_event(&c->ev_write, c->out.bytes > 0 || c->tls_read_on_write, &c->writing);
	/* TLS may hold decrypted bytes that the socket does not tell of */
	if (c->tls && c->reading && tls_pending(c->tls))
		event_active(&c->ev_read, EV_READ, 0);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_HANDSHAKE)
		handshake(c);
	if (c->state != CONN_HANDSHAKE)
		for (int i = 0; i < 4 && wants_read(c) && read_once(c); i++)
			continue;
	settle(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)what;
	if (c->tls_read_on_write) {
		c->tls_read_on_write = false;
		on_read(fd, EV_READ, arg);
		return;
	}
	conn_drive(c);
	settle(c);
}

void conn_posted(struct http_call *call, unsigned why)
{
	struct conn *c = call->conn;

	if (why & POST_REPLY)
		call->ready = true;
	if (!c)
		return;
	if (why & POST_RESUME)
		c->body_full = false;
	conn_drive(c);
	settle(c);
}

static void time_out(struct conn *c)
{
	if (c->state != CONN_LINGER && !(is_idle(c) && c->in.n == 0 && c->served))
		atomic_fetch_add(&c->io->srv->n_timeouts, 1);
	if (c->state == CONN_HEAD && c->in.n && !c->first) {
		c->working = true;
		conn_refuse(c, 408);
		c->working = false;
		conn_drive(c);
		settle(c);
		return;
	}
	conn_close(c);
}

/* Is somebody too slow? Progress is measured over windows of stall_ms. */
static bool stalls(struct conn *c)
{
	const struct http_limits *lim = &c->io->srv->lim;
	uint64_t due = (uint64_t)lim->min_rate * lim->stall_ms / 1000;
	bool in = c->state == CONN_BODY && c->reading, out = c->out.bytes > 0;
	bool slow;

	if ((in || out) && c->io->now_ms - c->window_ms < (int64_t)lim->stall_ms)
		return false;
	slow = (in && c->window_in < due) || (out && c->window_out < due);
	c->window_ms = c->io->now_ms;
	c->window_in = c->window_out = 0;
	return slow;
}

void conn_tick(struct conn *c)
{
	bool late = c->deadline_ms && c->io->now_ms >= c->deadline_ms;

	if (stalls(c))
		time_out(c);
	else if (late && c->first && c->first->ready)
		c->deadline_ms = 0; /* half closed, but being answered */
	else if (late)
		time_out(c);
}

void conn_stop(struct conn *c)
{
	conn_drive(c);
	settle(c);
}

void conn_new(struct io *io, int fd, struct tls_ctx *tls, const struct http_peer *peer,
	      bool counted)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c) {
		c->io = io;
		c->fd = fd;
		c->peer = *peer;
		c->counted = counted;
		c->state = tls ? CONN_HANDSHAKE : CONN_HEAD;
		c->tls = tls ? tls_new(tls, fd) : NULL;
		c->peer.is_tls = tls != NULL;
	}
	if (!c || (tls && !c->tls)) {
		free(c);
		close(fd);
		atomic_fetch_sub(&io->srv->conns_open, 1);
		if (counted)
			addrs_leave(io->srv->addrs, peer->ip);
		return;
	}
	event_assign(&c->ev_read, loop_base(io->loop), fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->ev_write, loop_base(io->loop), fd, EV_WRITE | EV_PERSIST, on_write, c);
	c->next = io->conns;
	if (c->next)
		c->next->prev = c;
	io->conns = c;
	c->window_ms = io->now_ms;
	c->deadline_ms = io->now_ms + io->srv->lim.head_ms;
	settle(c);
}

void conn_close(struct conn *c)
{
	struct io *io = c->io;

	set_event(&c->ev_read, false, &c->reading);
	set_event(&c->ev_write, false, &c->writing);
	while (c->first) {
		struct http_call *call = c->first;
		c->first = call->next;
		if (io->srv->conf.done) {
			struct http_done d = {
				.status = call->ready ? call->reply.status : 499,
				.bytes_in = call->bytes_in,
				.bytes_out = call->bytes_out,
				.micros = clock_now_us() - call->req.start_us,
			};
			io->srv->conf.done(&call->req, &d);
		}
		call_detach(call);
	}
	outq_clear(&c->out);
	tls_free(c->tls);
	close(c->fd);
	free(c->left);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		io->conns = c->next;
	if (c->counted)
		addrs_leave(io->srv->addrs, c->peer.ip);
	atomic_fetch_sub(&io->srv->conns_open, 1);
	if (io->stopping && !io->conns)
		atomic_store(&io->empty, true);
	free(c);
}
