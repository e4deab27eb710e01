/*
 * tcp.c - connections: questions one after another, each answered before the next is looked at.
 *
 * A connection has a buffer for one question and one for one message; rows of a transfer are pulled when
 * that message is gone. Whoever takes nothing for a while, or asks nothing, is closed.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/internal.h"
#include "metrics/metrics.h"

enum {
	QUESTION_MAX = 4096,
	ACCEPT_MAX = 64,
	MESSAGES_AT_ONCE = 8, /* of one transfer before others get their turn */
	KERNEL_BYTES = 256 << 10, /* left alone the kernel keeps megabytes for a reader that takes nothing */
};

struct conn {
	struct dns_server *srv;
	struct conn *next, **self;
	int fd;
	struct event ev_read, ev_write;
	struct asker asker;
	struct xfr *xfr;
	bool last;	      /* what is in `out` is the end of the transfer */
	int64_t asked_ms;     /* idle since */
	int64_t moved_ms;     /* the reader took something */
	int64_t transfer_ms;  /* a transfer began */
	size_t in_n, out_n, out_at;
	uint8_t in[2 + QUESTION_MAX];
	uint8_t *out; /* 2 + DNS_MSG_MAX bytes, while there is something to send */
};

static void conn_close(struct conn *c, enum err why)
{
	struct dns_server *s = c->srv;
	event_del(&c->ev_read);
	event_del(&c->ev_write);
	xfr_close(MOVE(c->xfr), why);
	close(c->fd);
	*c->self = c->next;
	if (c->next)
		c->next->self = c->self;
	s->n_conns--;
	metric_set(M_DNS_CONNS, 0, 0, s->n_conns);
	free(c->out);
	free(c);
}

/* ---- out ---- */

/* Make the next message of the transfer. */
static enum err next_message(struct conn *c)
{
	struct fail f = {0};
	size_t n = 0;
	enum err e = xfr_next(c->xfr, c->out + 2, &n, &c->last, &f);
	if (e != ERR_OK) {
		log_warn("dns", "event=transfer-broken address=%s error=%s detail=%s", c->asker.text,
			 err_name(e), log_val(str_c(f.text)));
		return e;
	}
	dns_put16(c->out, (uint16_t)n);
	c->out_n = n + 2;
	c->out_at = 0;
	return ERR_OK;
}

enum sent { SENT_ALL, SENT_LATER, SENT_BROKEN };

static enum sent send_some(struct conn *c)
{
	while (c->out_at < c->out_n) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_n - c->out_at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_LATER : SENT_BROKEN;
		c->out_at += (size_t)n;
		c->moved_ms = clock_boot_ms();
		metric_add(M_DNS_BYTES, METRIC_OUT, 0, n);
	}
	c->out_n = c->out_at = 0;
	return SENT_ALL;
}

/* Send what there is and make more; false when the connection is gone. */
static bool pump(struct conn *c)
{
	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		enum sent sent = send_some(c);
		enum err e = sent == SENT_BROKEN ? ERR_NET : ERR_OK;
		if (sent == SENT_LATER)
			break;
		if (e == ERR_OK && c->xfr && c->last) {
			xfr_close(MOVE(c->xfr), ERR_OK);
			c->asked_ms = clock_boot_ms();
		}
		if (e == ERR_OK && c->xfr)
			e = next_message(c);
		if (e != ERR_OK) {
			conn_close(c, e);
			return false;
		}
		if (!c->xfr)
			break;
	}
	if (c->xfr || c->out_n)
		event_add(&c->ev_write, NULL);
	else
		free(MOVE(c->out));
	return true;
}

/* ---- in ---- */

/* Answer the question in front. What is to be sent goes by its turn; false: the connection is gone. */
static bool answer_one(struct conn *c, size_t n)
{
	struct dns_msg m;
	c->out = c->out ? c->out : malloc(2 + DNS_MSG_MAX);
	if (!c->out) {
		conn_close(c, ERR_NOMEM);
		return false;
	}
	enum dns_reply r = dns_answer(c->srv, (struct str){(char *)c->in + 2, n}, &c->asker, c->out + 2,
				      DNS_MSG_MAX, &m, &c->xfr);
	c->in_n -= 2 + n;
	memmove(c->in, c->in + 2 + n, c->in_n);
	c->asked_ms = c->moved_ms = clock_boot_ms();
	if (r == REPLY_NONE) {
		conn_close(c, ERR_PARSE);
		return false;
	}
	if (r == REPLY_MESSAGE) {
		dns_put16(c->out, (uint16_t)m.n);
		c->out_n = m.n + 2;
		c->out_at = 0;
	} else {
		c->transfer_ms = c->asked_ms;
		c->last = false;
	}
	event_add(&c->ev_write, NULL);
	return true;
}

/* Look at what came, unless an answer is on its way. */
static void take_questions(struct conn *c)
{
	size_t n = c->in_n < 2 ? 0 : (size_t)c->in[0] << 8 | c->in[1];
	if (c->in_n >= 2 && (n < DNS_HEAD || n > QUESTION_MAX)) {
		conn_close(c, ERR_LIMIT);
		return;
	}
	if (c->in_n < 2 || c->in_n < 2 + n)
		event_add(&c->ev_read, NULL);
	else if (answer_one(c, n))
		event_del(&c->ev_read);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	if (pump(c) && !c->xfr && !c->out_n)
		take_questions(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)what;
	if (c->in_n < sizeof(c->in)) {
		ssize_t n = recv(fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (n <= 0) {
			conn_close(c, ERR_OK);
			return;
		}
		metric_add(M_DNS_BYTES, METRIC_IN, 0, n);
		c->in_n += (size_t)n;
	}
	take_questions(c);
}

/* ---- coming and going ---- */

static unsigned from_address(const struct dns_server *s, const uint8_t ip[16])
{
	unsigned n = 0;
	for (const struct conn *c = s->conns; c; c = c->next)
		n += memcmp(c->asker.ip, ip, 16) == 0;
	return n;
}

static void admit(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct dns_server *s = l->srv;
	struct asker a;
	asker_fill(&a, from, true);
	struct conn *c = NULL;
	if (s->n_conns < s->lim.connections && from_address(s, a.ip) < s->lim.per_address)
		c = calloc(1, sizeof(*c));
	if (!c) {
		log_info("dns", "event=turned-away address=%s connections=%u", a.text, s->n_conns);
		metric_inc(M_DNS_TURNED_AWAY);
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){KERNEL_BYTES}, sizeof(int));
	c->srv = s;
	c->fd = fd;
	c->asker = a;
	c->asked_ms = c->moved_ms = clock_boot_ms();
	c->self = &s->conns;
	c->next = s->conns;
	if (c->next)
		c->next->self = &c->next;
	s->conns = c;
	s->n_conns++;
	metric_set(M_DNS_CONNS, 0, 0, s->n_conns);
	event_assign(&c->ev_read, loop_base(s->loop), fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->ev_write, loop_base(s->loop), fd, EV_WRITE, on_write, c);
	event_add(&c->ev_read, NULL);
}

void tcp_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)what;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage from;
		socklen_t n = sizeof(from);
		int got = accept4(fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0) {
			admit(l, got, &from);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK) { /* until the next tick */
			log_warn("dns", "event=accept-failed errno=%d", errno);
			event_del(&l->ev_tcp);
		}
		return;
	}
}

/* Why a connection has to go now, or ERR_OK. */
static enum err overdue(const struct conn *c, int64_t now)
{
	const struct dns_limits *lim = &c->srv->lim;
	bool busy = c->xfr || c->out_n;
	if (busy && now - c->moved_ms > lim->stall_ms)
		return ERR_TIMEOUT;
	if (c->xfr && now - c->transfer_ms > lim->transfer_ms)
		return ERR_LIMIT;
	return !busy && now - c->asked_ms > lim->idle_ms ? ERR_CANCELLED : ERR_OK;
}

void tcp_tick(struct dns_server *s)
{
	int64_t now = clock_boot_ms();
	for (struct conn *c = s->conns, *next; c; c = next) {
		enum err e = overdue(c, now);
		next = c->next;
		if (e != ERR_OK)
			conn_close(c, e);
	}
}

void tcp_close_all(struct dns_server *s)
{
	while (s->conns)
		conn_close(s->conns, ERR_CANCELLED);
}
