/*
 * req.h - what a handler sees of an HTTP request.
 *
 * Everything here is read-only for handlers except `user`, `ctx` and `ctx_free`. All views live in
 * the request's arena: they die with the request, which lives until it is answered and released.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/str.h"

enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD = 2,
	HTTP_POST = 4,
	HTTP_PUT = 8,
	HTTP_DELETE = 16,
	HTTP_OPTIONS = 32,
	HTTP_PATCH = 64,
};
/* MISP takes most calls with any method (recordings: PUT servers/getVersion is 200). */
#define HTTP_ANY 127u
#define HTTP_READ (HTTP_GET | HTTP_HEAD)

/* One header, query parameter or named parameter. */
struct http_pair {
	struct str name, value;
};
struct http_pairs {
	struct http_pair *v;
	size_t n;
};

/* Where a request came from. */
struct http_peer {
	char addr[64];   /* textual address, "unix" for the local socket */
	uint8_t ip[16];  /* IPv6, or IPv4 mapped (::ffff:a.b.c.d); zeros for "unix" */
	bool is_unix;    /* the credentials below are valid */
	bool is_tls;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	struct str cert; /* subject of a verified client certificate, else absent */
};

struct endpoint;

struct http_req {
	enum http_method method; /* a HEAD request to a GET row stays HTTP_HEAD */
	struct str url;          /* path as received, without query: the `url` of error documents */
	struct str query_text;   /* after the '?', undecoded; absent when there is none */
	struct str ext;          /* "json", "xml" or "csv" cut from the last segment, else absent */
	struct str tail;         /* what "*" of an EP_EXACT pattern matched, decoded */
	struct str args[16];     /* positional path segments after controller and action, decoded */
	size_t args_n;
	struct http_pairs named;  /* MISP's /name:value segments in order, decoded, "[]" kept */
	struct http_pairs query;  /* ?name=value, decoded */
	struct http_pairs headers;
	struct str body; /* whole and decompressed; empty when the row streams its body */
	uint64_t body_size; /* decompressed bytes so far (streamed bodies) */
	const struct endpoint *ep;
	unsigned row; /* its number among the rows of the server */
	struct http_peer peer;
	struct arena *arena; /* for handlers; one thread at a time works on a request */
	void *app;           /* http_conf.app */
	void *user;          /* the auth callback's result; freed by its own means (arena) */
	void *ctx;           /* the handler's own, between begin, body and run */
	void (*ctx_free)(void *ctx); /* called when the request dies, if set and ctx is not NULL */
	bool is_auto;   /* User-Agent begins with PyMISP or MISP, or XMLHttpRequest: compact JSON */
	bool is_https;
	int64_t start_us; /* wall time at which the head was complete */
};

/* Header by name (any case); absent if missing. Comma lists are not joined. */
struct str req_header(const struct http_req *r, const char *name);
/* Positional parameter that the row's path calls ":name"; absent if the path was shorter. */
struct str req_arg(const struct http_req *r, const char *name);
/* First named parameter /name:value (exact name); absent if missing. */
struct str req_named(const struct http_req *r, const char *name);
/* First query parameter; absent if missing. */
struct str req_query(const struct http_req *r, const char *name);
/* The named parameter, or else the query parameter. */
struct str req_param(const struct http_req *r, const char *name);
/* Every value of /name[]:v (or /name:v), from `*it` (begin with 0); false at the end. */
bool req_named_next(const struct http_req *r, const char *name, size_t *it, struct str *value);
/* Has the client left, or the server been told to stop hard? Long work asks now and then. */
bool req_cancelled(const struct http_req *r);
/* Has the client closed its side? It has left, or has nothing more to say and waits: TCP does not tell
   which before something is sent. Nobody should be let wait for long by it. */
bool req_shut(const struct http_req *r);
/*
 * Keep the request alive past the return of the handler, to answer later from any thread (the
 * writer's completion, for instance). Each hold needs one release. When the last hold goes and
 * nothing was answered, the server answers 500.
 */
void req_hold(struct http_req *r);
void req_release(struct http_req *r);
/* Content codings that request bodies may have, as getVersion lists them; NULL ends the list. */
const char *const *http_request_codings(void);
/* "GET" and so on. */
const char *http_method_name(enum http_method m);
