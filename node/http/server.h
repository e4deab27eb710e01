/*
 * server.h - the HTTP server: configuration, start, stop, reload, statistics.
 *
 * The strict HTTP/1.1 front of the node (design section 7). It knows nothing of MISP's data: rows,
 * authentication and metrics are handed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "http/req.h"
#include "http/route.h"

struct http_server;
struct offload;

/* One listening address. Either `unix_path` or `host` (numeric) and `port`. */
struct http_listen {
	const char *unix_path;
	const char *unix_group; /* may connect besides our user and root; NULL: nobody */
	const char *host;
	uint16_t port; /* 0: any; ask http_server_port() */
	bool tls;
};

struct http_tls_conf {
	const char *cert_file, *key_file; /* PEM; NULL cert: no TLS */
	const char *client_ca_file;       /* PEM; verify client certificates against it, or NULL */
	bool client_required;
};

/* Zero means the default, given in brackets. */
struct http_limits {
	size_t head_max;          /* bytes of request line and headers [65536] */
	size_t uri_max;           /* bytes of the request target [16384] */
	unsigned headers_max;     /* number of headers [100] */
	size_t body_default;      /* body cap of rows that name none [1 MiB] */
	size_t body_queue;        /* streamed body bytes waiting for a worker [512 KiB] */
	uint64_t bodies_total;    /* buffered body bytes of all requests together [256 MiB] */
	unsigned pipeline;        /* requests of a connection in flight [8] */
	unsigned conns;           /* connections in all [4096] */
	unsigned conns_per_addr;  /* per IPv4 address or IPv6 /64; not for loopback [256] */
	unsigned requests_per_conn; /* then the connection is closed [100000] */
	unsigned idle_ms;         /* keep-alive without a request [60000] */
	unsigned head_ms;         /* from the first byte (or TLS) to the end of the head [15000] */
	unsigned stall_ms;        /* window in which a body or reader must make progress [20000] */
	unsigned min_rate;        /* bytes per second over that window, both directions [256] */
	size_t gzip_min;          /* smallest body that is compressed [1024] */
	size_t pretty_max;        /* largest body that is indented [1 MiB] */
};

/* One finished request, for metrics and the access log. */
struct http_done {
	int status; /* 499 when the client left first */
	uint64_t bytes_in, bytes_out;
	int64_t micros;
};

/* Listeners and file names are copied; rows, workers and app must outlive the server. */
struct http_conf {
	const struct endpoint *const *rows;
	size_t rows_n;
	const struct http_listen *listen;
	size_t listen_n;
	unsigned io_threads; /* 0: one for each core */
	struct http_tls_conf tls;
	struct http_limits limits;
	struct offload *workers; /* where handlers run; outlives the server */
	void *app;               /* handed to handlers and callbacks */
	/*
	 * Who is this, and may they call r->ep? Called on the I/O thread before the body is read:
	 * short, no blocking. Sets r->user. On an error it may answer itself with reply_error().
	 * NULL: everybody may.
	 */
	enum err (*auth)(struct http_req *r, struct fail *f);
	/* Called on the I/O thread when an answer has been written or given up; may be NULL. */
	void (*done)(const struct http_req *r, const struct http_done *d);
	/* Called on the handler's thread before and after each call of the row's functions; may be NULL. */
	void (*around)(struct http_req *r, bool begins);
	/* Called when nobody works on the request any more, before its memory goes; may be NULL. */
	void (*gone)(struct http_req *r);
	/* Where long streamed answers are kept whole while their ETag is made; NULL: they get none. */
	const char *spool_dir;
	size_t arena_max; /* most memory of one request [8 MiB] */
};

struct http_stats {
	uint64_t conns_total, conns_open, conns_refused, requests, bad_requests, timeouts, bytes_in,
		bytes_out, tls_handshakes, tls_failures, cancelled;
};

/* Make a server, bind its sockets (so that privileges can be dropped) and load certificates. */
enum err http_server_new(const struct http_conf *conf, struct http_server **out, struct fail *f)
	MUST_USE;
/* Start the I/O threads: requests are answered from now on. */
enum err http_server_start(struct http_server *s, struct fail *f) MUST_USE;
/* Port of the n-th configured listener (for port 0); 0 for a Unix socket. */
uint16_t http_server_port(const struct http_server *s, size_t n);
/* Read certificate and key again; new connections use them. The old ones stay on failure. */
enum err http_server_reload(struct http_server *s, struct fail *f) MUST_USE;
/* Accept no more, finish what is in flight for at most `grace_ms`, then close what is left. */
void http_server_stop(struct http_server *s, unsigned grace_ms);
/*
 * Stops hard if still running, waits until no handler holds a request (at most 30 s, then it gives
 * up and keeps the memory), ends the threads. The worker pool must still run, or have been stopped.
 */
void http_server_free(struct http_server *s);
void http_server_stats(const struct http_server *s, struct http_stats *out);
