/*
 * internal.h - what the files of this room share. All of it belongs to the server's thread.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "dns/server.h"
#include "dns/xfr.h"
#include "loop/loop.h"

struct asker {
	uint8_t ip[16]; /* IPv4 mapped */
	char text[46];
	bool tcp;
};

/* What becomes of a message that came. */
enum dns_reply {
	REPLY_NONE,
	REPLY_MESSAGE,	/* in `m` */
	REPLY_TRANSFER, /* `xfr` makes the messages */
};

struct notify;
struct conn;
struct listener {
	struct dns_server *srv;
	int tcp, udp;
	struct event ev_tcp, ev_udp;
	struct sockaddr_storage addr; /* as bound */
	socklen_t addr_n;
	bool wildcard;
};

struct dns_server {
	struct loop *loop;
	struct dns_set *set; /* being served */
	struct dns_limits lim;
	struct dns_hooks hooks;
	struct listener *listeners;
	size_t n_listeners;
	struct conn *conns; /* a list */
	unsigned n_conns;
	struct notify *notifies; /* a list: one for each zone and target */
	struct task changed, swap;
	pthread_mutex_t lock;	 /* of what follows */
	bool changed_posted, swap_posted;
	struct dns_set *next_set;
	struct dns_suffixes suffixes; /* of the message that is being written */
	struct event tick;		/* each second: idle connections */
	/* one message, for UDP and short answers */
	uint8_t out[DNS_MSG_MAX];
};

/* answer.c: what to do with a message. The reply is in `m` over `p`, of at most `max` bytes. */
enum dns_reply dns_answer(struct dns_server *s, struct str msg, const struct asker *a, uint8_t *p,
			  size_t max, struct dns_msg *m, struct xfr **xfr);

/* tcp.c */
void tcp_accept(evutil_socket_t fd, short what, void *listener);
void tcp_tick(struct dns_server *s);
void tcp_close_all(struct dns_server *s);
/* udp.c */
void udp_ready(evutil_socket_t fd, short what, void *listener);
MUST_USE enum err udp_prepare(int fd, const struct sockaddr_storage *addr, bool *wildcard,
			      struct fail *f);
/* notify.c: look at all serials; tell whom they are news. `forget` drops what a former set said. */
void notify_look(struct dns_server *s);
void notify_forget(struct dns_server *s);

/* Address and port of a socket address. */
void asker_fill(struct asker *a, const struct sockaddr_storage *from, bool tcp);
