/*
 * listen.c - listening sockets and accepting connections.
 *
 * Every I/O thread has a TCP socket of its own (SO_REUSEPORT spreads clients over them); a Unix
 * socket belongs to the first thread. Invariant: limits are checked before memory is spent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "http/internal.h"

#define BACKLOG 1024
#define ACCEPT_MAX 64 /* connections taken before others get their turn */

/*
 * Who may connect is the file's owner (and root) and, where the group exists, its members. With no
 * such group nobody else gets in.
 */
static enum err guard_unix(const struct http_listen *l, struct fail *f)
{
	const struct group *g = l->unix_group ? getgrnam(l->unix_group) : NULL;
	bool shared = g && chown(l->unix_path, (uid_t)-1, g->gr_gid) == 0;

	if (g && !shared)
		log_warn("http", "the daemon is not in the socket's group, which stays outside group=%s",
			 log_val(str_c(l->unix_group)));
	if (chmod(l->unix_path, shared ? 0660 : 0600) < 0)
		return fail_errno(f, ERR_IO, errno, "chmod %s", l->unix_path);
	return ERR_OK;
}

static enum err open_unix(const struct http_listen *l, int *out, struct fail *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(l->unix_path);
	OWN(fd) int fd = -1;

	if (n >= sizeof(a.sun_path))
		return fail(f, ERR_CONFIG, "socket path too long: %s", l->unix_path);
	memcpy(a.sun_path, l->unix_path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "socket");
	/* a socket that nobody listens on is left over from a crash */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fail(f, ERR_CONFIG, "%s: another process listens there", l->unix_path);
	unlink(l->unix_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail_errno(f, ERR_CONFIG, errno, "bind %s", l->unix_path);
	TRY(guard_unix(l, f)); /* before anybody can connect */
	if (listen(fd, BACKLOG) < 0)
		return fail_errno(f, ERR_IO, errno, "listen %s", l->unix_path);
	*out = fd;
	fd = -1;
	return ERR_OK;
}

static enum err open_tcp(const struct http_listen *l, uint16_t *port, int *out, struct fail *f)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	struct sockaddr_storage bound;
	socklen_t n = sizeof(bound);
	int one = 1, fd;
	char service[8];

	snprintf(service, sizeof(service), "%u", *port);
	if (getaddrinfo(l->host, service, &hints, &ai) != 0)
		return fail(f, ERR_CONFIG, "not a numeric address: %s", l->host ? l->host : "");
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* NODELAY is inherited by accepted sockets */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &n) < 0) {
		int e = errno;
		if (fd >= 0)
			close(fd);
		freeaddrinfo(ai);
		return fail_errno(f, ERR_CONFIG, e, "listen on %s port %s", l->host, service);
	}
	freeaddrinfo(ai);
	*port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
						  : ((struct sockaddr_in *)&bound)->sin_port);
	*out = fd;
	return ERR_OK;
}

/* Is somebody else listening there already? SO_REUSEPORT would let us steal half the clients. */
static enum err check_free(const struct http_listen *l, struct fail *f)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	char service[8];
	int fd, one = 1, rc, e;

	snprintf(service, sizeof(service), "%u", l->port);
	if (l->port == 0 || getaddrinfo(l->host, service, &hints, &ai) != 0)
		return ERR_OK;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	rc = fd < 0 ? -1 : bind(fd, ai->ai_addr, ai->ai_addrlen);
	e = errno;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(ai);
	return rc < 0 ? fail_errno(f, ERR_CONFIG, e, "listen on %s port %s", l->host, service)
		      : ERR_OK;
}

enum err listen_open(struct http_server *s, struct fail *f)
{
	for (size_t i = 0; i < s->conf.listen_n; i++) {
		const struct http_listen *l = &s->conf.listen[i];
		s->ports[i] = l->port;
		if (!l->unix_path)
			TRY(check_free(l, f));
		for (unsigned t = 0; t < (l->unix_path ? 1u : s->ios_n); t++) {
			struct io *io = &s->ios[t];
			struct listener *to = &io->listeners[io->listeners_n];
			*to = (struct listener){.fd = -1,
						.tls = l->tls,
						.is_unix = l->unix_path != NULL,
						.io = io};
			TRY(l->unix_path ? open_unix(l, &to->fd, f)
					 : open_tcp(l, &s->ports[i], &to->fd, f));
			io->listeners_n++;
		}
	}
	return ERR_OK;
}

static void fill_peer(struct http_peer *p, int fd, bool is_unix, const struct sockaddr_storage *a)
{
	*p = (struct http_peer){.is_unix = is_unix};
	if (is_unix) {
		struct ucred cred;
		socklen_t n = sizeof(cred);
		memcpy(p->addr, "unix", 5);
		p->uid = (uid_t)-1;
		p->gid = (gid_t)-1;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0) {
			p->uid = cred.uid;
			p->gid = cred.gid;
			p->pid = cred.pid;
		}
	} else if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;
		p->ip[10] = p->ip[11] = 0xff;
		memcpy(p->ip + 12, &in->sin_addr, 4);
		inet_ntop(AF_INET, &in->sin_addr, p->addr, sizeof(p->addr));
	} else {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
		memcpy(p->ip, &in6->sin6_addr, 16);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, p->ip + 12, p->addr, sizeof(p->addr));
		else
			inet_ntop(AF_INET6, p->ip, p->addr, sizeof(p->addr));
	}
}

static bool is_loopback(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t one[16] = {[15] = 1};

	return memcmp(ip, one, 16) == 0 || (memcmp(ip, mapped, 12) == 0 && ip[12] == 127);
}

/* Take a new socket, or refuse it. */
static void admit(struct listener *l, int fd, const struct sockaddr_storage *a)
{
	struct http_server *s = l->io->srv;
	struct tls_ctx *tls = NULL;
	struct http_peer peer;
	bool counted;

	fill_peer(&peer, fd, l->is_unix, a);
	counted = !l->is_unix && !is_loopback(peer.ip);
	/* the place is taken first: with a look and a later step two threads would both have it */
	if (atomic_fetch_add(&s->conns_open, 1) >= s->lim.conns ||
	    (counted && !addrs_enter(s->addrs, peer.ip, s->lim.conns_per_addr))) {
		atomic_fetch_sub(&s->conns_open, 1);
		atomic_fetch_add(&s->n_refused, 1);
		close(fd);
		return;
	}
	atomic_fetch_add(&s->n_conns, 1);
	if (l->tls) {
		pthread_mutex_lock(&s->tls_lock);
		tls = tls_ctx_ref(s->tls);
		pthread_mutex_unlock(&s->tls_lock);
	}
	conn_new(l->io, fd, tls, &peer, counted);
	tls_ctx_unref(tls);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage a;
		socklen_t n = sizeof(a);
		int got = accept4(fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0) {
			admit(l, got, &a);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* try again at the next tick instead of spinning */
			log_warn("http", "event=accept-failed errno=%d", errno);
			event_del(&l->ev);
			l->listening = false;
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

void listen_start(struct io *io)
{
	for (size_t i = 0; i < io->listeners_n; i++) {
		struct listener *l = &io->listeners[i];
		if (l->listening || l->fd < 0)
			continue;
		event_assign(&l->ev, loop_base(io->loop), l->fd, EV_READ | EV_PERSIST, on_accept,
			     l);
		l->listening = event_add(&l->ev, NULL) == 0;
	}
}

void listen_stop(struct io *io)
{
	for (size_t i = 0; i < io->listeners_n; i++) {
		struct listener *l = &io->listeners[i];
		if (l->listening)
			event_del(&l->ev);
		l->listening = false;
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
}
