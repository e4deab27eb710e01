/*
 * notify.c - telling resolvers of a new serial (RFC 1996), each by a socket of its own, until it says
 * that it knows: after a second, two, four, at last each minute; a newer serial begins again.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/internal.h"
#include "metrics/metrics.h"

enum { RETRY_MAX_MS = 60000 };

struct notify {
	struct dns_server *srv;
	struct notify *next;
	struct dns_zone *zone;
	const struct dns_target *target;
	char address[46];
	bool told; /* `serial` is acknowledged */
	bool has_serial;
	uint32_t serial; /* what was told last */
	unsigned tries;
	uint16_t id;
	struct tsig_chain chain;
	int fd;
	struct event ev_read, ev_timer;
};

static void close_socket(struct notify *n)
{
	if (n->fd < 0)
		return;
	event_del(&n->ev_read);
	close(n->fd);
	n->fd = -1;
}

/* The outcome of a try, for metrics. */
static void count(enum err e)
{
	metric_add(M_DNS_NOTIFIES, (unsigned)e, 0, 1);
}

/* ---- answers ---- */

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct notify *n = arg;
	char in[1232];
	struct dns_query q;
	(void)what;
	ssize_t got = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	if (got < 0) /* nobody there yet (ECONNREFUSED): the timer tries again */
		return;
	struct str msg = {in, (size_t)got};
	metric_add(M_DNS_BYTES, METRIC_IN, 0, got);
	if (dns_query_parse(msg, &q) != DNS_PARSED || !q.response || q.id != n->id ||
	    q.opcode != DNS_NOTIFY || !dns_name_eq(&q.name, &n->zone->name))
		return;
	if (n->chain.key && !tsig_check_answer(msg, &q, &n->chain, clock_now())) {
		log_debug("dns", "event=notify-badly-signed address=%s", n->address);
		return;
	}
	if (q.rcode != RCODE_NOERROR) {
		count(ERR_PEER);
		if (n->tries == 1)
			log_warn("dns", "event=notify-refused zone=%s address=%s rcode=%u",
				 log_val(str_c(n->zone->text)), n->address, q.rcode);
		return; /* until the timer: it may be set up later */
	}
	count(ERR_OK);
	log_debug("dns", "event=notified zone=%s address=%s serial=%u tries=%u",
		  log_val(str_c(n->zone->text)), n->address, n->serial, n->tries);
	n->told = true;
	event_del(&n->ev_timer);
	close_socket(n);
}

/* ---- questions ---- */

static void fill_address(const struct dns_target *t, bool v6, struct sockaddr_storage *out,
			 socklen_t *n)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	*out = (struct sockaddr_storage){0};
	if (v6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(t->port);
		memcpy(&in6->sin6_addr, t->ip, 16);
		*n = sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(t->port);
		memcpy(&in->sin_addr, t->ip + 12, 4);
		*n = sizeof(*in);
	}
}

/* From the address that we serve on, where it is one: resolvers know their primary by it. */
static void bind_like_listener(const struct notify *n, int fd, sa_family_t family)
{
	for (size_t i = 0; i < n->srv->n_listeners; i++) {
		const struct listener *l = &n->srv->listeners[i];
		struct sockaddr_storage a = l->addr;
		if (l->wildcard || a.ss_family != family)
			continue;
		if (family == AF_INET)
			((struct sockaddr_in *)&a)->sin_port = 0;
		else
			((struct sockaddr_in6 *)&a)->sin6_port = 0;
		if (bind(fd, (struct sockaddr *)&a, l->addr_n) < 0)
			log_debug("dns", "event=notify-bind errno=%d", errno);
		return;
	}
}

static bool open_socket(struct notify *n)
{
	struct sockaddr_storage to;
	socklen_t len;
	bool v6 = !net_is_v4(n->target->ip);
	sa_family_t family = v6 ? AF_INET6 : AF_INET;
	if (n->fd >= 0)
		return true;
	fill_address(n->target, v6, &to, &len);
	n->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return false;
	bind_like_listener(n, n->fd, family);
	if (connect(n->fd, (struct sockaddr *)&to, len) < 0) {
		close(n->fd);
		n->fd = -1;
		return false;
	}
	event_assign(&n->ev_read, loop_base(n->srv->loop), n->fd, EV_READ | EV_PERSIST, on_answer, n);
	event_add(&n->ev_read, NULL);
	return true;
}

static bool write_message(struct notify *n, uint8_t *p, struct dns_msg *m)
{
	uint8_t data[DNS_SOA_MAX], question[DNS_NAME_MAX + 4];
	struct dns_record soa;
	size_t len = n->zone->name.n;
	memcpy(question, n->zone->name.b, len);
	dns_put16(question + len, DNS_SOA);
	dns_put16(question + len + 2, DNS_IN);
	random_bytes(&n->id, sizeof(n->id));
	dns_msg_begin(m, p, DNS_MSG_MAX, &n->srv->suffixes);
	dns_msg_head(m, n->id, DNS_NOTIFY << 11 | DNS_AA);
	dns_msg_question(m, (struct str){(const char *)question, len + 4});
	dns_zone_soa(n->zone, n->serial, data, &soa);
	bool fine = dns_msg_record(m, DNS_ANSWER, &soa);
	dns_msg_end(m);
	n->chain = (struct tsig_chain){.key = n->target->key};
	return fine && (!n->chain.key || tsig_sign(m, &n->chain, clock_now(), TSIG_GOOD, NULL));
}

static void send_one(struct notify *n)
{
	struct dns_msg m;
	uint64_t wait = n->srv->lim.notify_retry_ms;
	for (unsigned i = 0; i < n->tries && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	wait = MIN(wait, RETRY_MAX_MS);
	n->tries++;
	if (open_socket(n) && write_message(n, n->srv->out, &m) &&
	    send(n->fd, m.p, m.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)m.n)
		metric_add(M_DNS_BYTES, METRIC_OUT, 0, (int64_t)m.n);
	else
		count(ERR_NET);
	struct timeval tv = {.tv_sec = (time_t)(wait / 1000),
			     .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
	event_add(&n->ev_timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct notify *n = arg;
	(void)fd;
	(void)what;
	count(ERR_TIMEOUT);
	send_one(n);
}

/* ---- which ---- */

static struct notify *find(struct dns_server *s, const struct dns_zone *z,
			   const struct dns_target *t)
{
	for (struct notify *n = s->notifies; n; n = n->next)
		if (n->zone == z && n->target == t)
			return n;
	return NULL;
}

static struct notify *add(struct dns_server *s, struct dns_zone *z, const struct dns_target *t)
{
	struct notify *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->srv = s;
	n->zone = z;
	n->target = t;
	n->fd = -1;
	net_text(t->ip, n->address);
	evtimer_assign(&n->ev_timer, loop_base(s->loop), on_timer, n);
	n->next = s->notifies;
	s->notifies = n;
	return n;
}

static void look(struct dns_server *s, struct dns_zone *z, uint32_t serial)
{
	for (unsigned i = 0; i < z->n_targets; i++) {
		struct notify *n = find(s, z, &z->targets[i]);
		n = n ? n : add(s, z, &z->targets[i]);
		if (!n || (n->has_serial && n->serial == serial))
			continue;
		n->has_serial = true;
		n->serial = serial;
		n->told = false;
		n->tries = 0;
		send_one(n);
	}
}

void notify_look(struct dns_server *s)
{
	for (size_t i = 0; i < dns_set_zones(s->set); i++) {
		struct dns_zone *z = dns_set_zone_at(s->set, i);
		uint32_t serial;
		if (z->source->ops->serial(z->source, &serial))
			look(s, z, serial);
	}
}

void notify_forget(struct dns_server *s)
{
	for (struct notify *n = s->notifies, *next; n; n = next) {
		next = n->next;
		event_del(&n->ev_timer);
		close_socket(n);
		secret_wipe(&n->chain, sizeof(n->chain));
		free(n);
	}
	s->notifies = NULL;
}
