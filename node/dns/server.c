/*
 * server.c - start, reload and stop; the sockets; the tasks by which other threads reach the server's.
 */
#include "dns/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "dns/internal.h"

enum { BACKLOG = 128 };

void asker_fill(struct asker *a, const struct sockaddr_storage *from, bool tcp)
{
	*a = (struct asker){.tcp = tcp};
	if (from->ss_family == AF_INET) {
		a->ip[10] = a->ip[11] = 0xff;
		memcpy(a->ip + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else {
		memcpy(a->ip, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	}
	net_text(a->ip, a->text);
}

/* ---- sockets ---- */

static int open_one(const struct addrinfo *ai, int type)
{
	int one = 1, off = 1;
	int fd = socket(ai->ai_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if ((type == SOCK_STREAM && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
				     setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)) ||
	    (ai->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static void set_port(struct sockaddr *a, in_port_t port)
{
	if (a->sa_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = port;
	else
		((struct sockaddr_in *)a)->sin_port = port;
}

static in_port_t get_port(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
					: ((const struct sockaddr_in *)a)->sin_port;
}

/* UDP and TCP on the same port, also where the kernel chooses it. */
static bool open_pair(struct listener *l, struct addrinfo *ai, bool any)
{
	for (int tries = any ? 20 : 1; tries > 0; tries--) {
		if (any)
			set_port(ai->ai_addr, 0);
		l->tcp = open_one(ai, SOCK_STREAM);
		l->addr_n = sizeof(l->addr);
		if (l->tcp < 0 || getsockname(l->tcp, (struct sockaddr *)&l->addr, &l->addr_n) < 0)
			return false;
		set_port(ai->ai_addr, get_port(&l->addr));
		l->udp = open_one(ai, SOCK_DGRAM);
		if (l->udp >= 0)
			return true;
		int e = errno;
		close(l->tcp);
		l->tcp = -1;
		errno = e;
	}
	return false;
}

static enum err open_listener(struct listener *l, const struct dns_listen *to, struct fail *f)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	char service[8];
	snprintf(service, sizeof(service), "%u", to->port);
	if (getaddrinfo(to->host, service, &hints, &ai) != 0)
		return fail(f, ERR_CONFIG, "dns: not a numeric address: %s", to->host ? to->host : "");
	bool fine = open_pair(l, ai, to->port == 0);
	int e = errno;
	freeaddrinfo(ai);
	if (!fine)
		return fail_errno(f, ERR_CONFIG, e, "dns: listen on %s port %s", to->host ? to->host : "",
				  service);
	return udp_prepare(l->udp, &l->addr, &l->wildcard, f);
}

static void listener_close(struct listener *l)
{
	if (l->tcp >= 0)
		close(l->tcp);
	if (l->udp >= 0)
		close(l->udp);
	l->tcp = l->udp = -1;
}

/* ---- tasks ---- */

static void on_changed(struct task *t, bool dropped)
{
	struct dns_server *s = CONTAINER_OF(t, struct dns_server, changed);
	pthread_mutex_lock(&s->lock);
	s->changed_posted = false;
	pthread_mutex_unlock(&s->lock);
	if (!dropped)
		notify_look(s);
}

static void on_swap(struct task *t, bool dropped)
{
	struct dns_server *s = CONTAINER_OF(t, struct dns_server, swap);
	pthread_mutex_lock(&s->lock);
	struct dns_set *set = MOVE(s->next_set);
	s->swap_posted = false;
	pthread_mutex_unlock(&s->lock);
	if (dropped || !set) {
		dns_set_unref(set);
		return;
	}
	notify_forget(s);
	if (s->set)
		dns_set_inherit(set, s->set);
	dns_set_unref(s->set);
	s->set = set;
	log_info("dns", "event=serving zones=%zu", dns_set_zones(set));
	notify_look(s);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct dns_server *s = arg;
	(void)fd;
	(void)what;
	tcp_tick(s);
	/* where accepting failed for want of files */
	for (size_t i = 0; i < s->n_listeners; i++)
		event_add(&s->listeners[i].ev_tcp, NULL);
}

/* ---- start and stop ---- */

static void defaults(struct dns_limits *l)
{
	const struct dns_limits d = {.connections = 128,
				     .per_address = 16,
				     .idle_ms = 20000,
				     .stall_ms = 30000,
				     .transfer_ms = 3600000,
				     .message = DNS_MSG_MAX,
				     .notify_retry_ms = 1000};
	l->connections = l->connections ? l->connections : d.connections;
	l->per_address = l->per_address ? l->per_address : d.per_address;
	l->idle_ms = l->idle_ms ? l->idle_ms : d.idle_ms;
	l->stall_ms = l->stall_ms ? l->stall_ms : d.stall_ms;
	l->transfer_ms = l->transfer_ms ? l->transfer_ms : d.transfer_ms;
	l->message = l->message ? MIN(l->message, (unsigned)DNS_MSG_MAX) : d.message;
	l->notify_retry_ms = l->notify_retry_ms ? l->notify_retry_ms : d.notify_retry_ms;
}

enum err dns_server_new(const struct dns_opts *o, struct dns_server **out, struct fail *f)
{
	enum err e = ERR_OK;
	*out = NULL;
	struct dns_server *s = calloc(1, sizeof(*s));
	if (!s)
		return fail(f, ERR_NOMEM, "no memory for the DNS server");
	pthread_mutex_init(&s->lock, NULL);
	s->lim = o->limits;
	defaults(&s->lim);
	s->hooks = o->hooks;
	s->changed.run = on_changed;
	s->swap.run = on_swap;
	s->listeners = calloc(o->n_listen ? o->n_listen : 1, sizeof(*s->listeners));
	if (!s->listeners)
		e = fail(f, ERR_NOMEM, "no memory for the DNS server");
	for (size_t i = 0; i < o->n_listen && e == ERR_OK; i++) {
		s->listeners[i] = (struct listener){.srv = s, .tcp = -1, .udp = -1};
		s->n_listeners++;
		e = open_listener(&s->listeners[i], &o->listen[i], f);
	}
	if (e == ERR_OK)
		e = loop_new("dns", &s->loop, f);
	if (e != ERR_OK) {
		dns_server_stop(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

static enum err check_sources(struct dns_set *set, struct fail *f)
{
	for (size_t i = 0; i < dns_set_zones(set); i++)
		if (!dns_set_zone_at(set, i)->source)
			return fail(f, ERR_BUG, "dns: a zone without a source");
	return ERR_OK;
}

enum err dns_server_start(struct dns_server *s, struct dns_set *set, struct fail *f)
{
	struct event_base *base = loop_base(s->loop);
	TRY(dns_server_use(s, set, f));
	on_swap(&s->swap, false); /* nobody else is here yet; the posted one finds nothing to do */
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct listener *l = &s->listeners[i];
		event_assign(&l->ev_tcp, base, l->tcp, EV_READ | EV_PERSIST, tcp_accept, l);
		event_assign(&l->ev_udp, base, l->udp, EV_READ | EV_PERSIST, udp_ready, l);
		if (event_add(&l->ev_tcp, NULL) != 0 || event_add(&l->ev_udp, NULL) != 0)
			return fail(f, ERR_IO, "dns: cannot watch sockets");
	}
	event_assign(&s->tick, base, -1, EV_PERSIST, on_tick, s);
	event_add(&s->tick, &(struct timeval){.tv_sec = 1});
	return loop_start(s->loop, f);
}

enum err dns_server_use(struct dns_server *s, struct dns_set *set, struct fail *f)
{
	TRY(check_sources(set, f));
	pthread_mutex_lock(&s->lock);
	struct dns_set *unused = s->next_set;
	bool post = !s->swap_posted;
	s->next_set = dns_set_ref(set);
	s->swap_posted = true;
	pthread_mutex_unlock(&s->lock);
	dns_set_unref(unused);
	if (post)
		loop_post(s->loop, &s->swap);
	return ERR_OK;
}

void dns_server_changed(struct dns_server *s)
{
	pthread_mutex_lock(&s->lock);
	bool post = !s->changed_posted;
	s->changed_posted = true;
	pthread_mutex_unlock(&s->lock);
	if (post)
		loop_post(s->loop, &s->changed);
}

uint16_t dns_server_port(const struct dns_server *s, size_t listen)
{
	return ntohs(get_port(&s->listeners[listen].addr));
}

void dns_server_stop(struct dns_server *s)
{
	if (!s)
		return;
	if (s->loop) {
		loop_stop(s->loop);
		loop_join(s->loop);
		tcp_close_all(s);
		notify_forget(s);
	}
	loop_free(s->loop);
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_close(&s->listeners[i]);
	dns_set_unref(s->set);
	dns_set_unref(s->next_set);
	pthread_mutex_destroy(&s->lock);
	free(s->listeners);
	free(s);
}
