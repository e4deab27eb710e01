/*
 * server.h - the DNS server: sockets, limits, whom it tells of changes, and what it reports.
 */
#pragma once

#include "dns/set.h"

struct dns_server;

struct dns_listen {
	const char *host; /* numeric */
	uint16_t port;	  /* 0: any, the same for UDP and TCP (tests) */
};

enum dns_kind { DNS_KIND_SOA, DNS_KIND_AXFR, DNS_KIND_IXFR, DNS_KIND_OTHER };

/* A transfer, for the record of what left to whom. */
struct dns_transfer {
	const struct dns_zone *zone;
	enum dns_kind kind;	/* AXFR also where an IXFR was answered with the whole zone */
	const char *key;	/* name of the key; "" when none was needed */
	const char *address;	/* of the resolver */
	uint32_t from, serial;	/* IXFR: from which serial */
	uint64_t records, bytes, messages;
	uint64_t left_out; /* rows of the source that no zone can hold */
	int64_t millis;
	enum err result;
};

struct dns_hooks {
	/* Before the first record leaves; an error refuses (SERVFAIL). On the server's thread. */
	enum err (*begin)(void *user, const struct dns_transfer *t, struct fail *f);
	/* After the last byte, or where it broke off. */
	void (*end)(void *user, const struct dns_transfer *t);
	void *user;
};

/* Zero means the default, given in brackets. */
struct dns_limits {
	unsigned connections;	 /* at a time [128] */
	unsigned per_address;	 /* of them from one address [16] */
	unsigned idle_ms;	 /* without a question [20000] */
	unsigned stall_ms;	 /* in which a reader must take something [30000] */
	unsigned transfer_ms;	 /* for one transfer [3600000] */
	unsigned message;	 /* most bytes of a message of a transfer [DNS_MSG_MAX] */
	unsigned notify_retry_ms; /* first repetition of a NOTIFY, then doubled up to a minute [1000] */
};

struct dns_opts {
	const struct dns_listen *listen;
	size_t n_listen;
	struct dns_limits limits;
	struct dns_hooks hooks;
};

/* Open the sockets. ERR_CONFIG when an address cannot be had. */
MUST_USE enum err dns_server_new(const struct dns_opts *o, struct dns_server **out, struct fail *f);
/* Begin to serve this set, whose sources are all given; tells resolvers of it. Takes a reference. */
MUST_USE enum err dns_server_start(struct dns_server *s, struct dns_set *set, struct fail *f);
/* Another set, from now on. Transfers that run go on. Any thread; does not wait. */
MUST_USE enum err dns_server_use(struct dns_server *s, struct dns_set *set, struct fail *f);
/* Serials have changed: look, and tell the resolvers. Any thread, never fails, cheap. */
void dns_server_changed(struct dns_server *s);
/* The port that was bound (for port 0). */
uint16_t dns_server_port(const struct dns_server *s, size_t listen);
/* End transfers, close, free. NULL is fine. */
void dns_server_stop(struct dns_server *s);
