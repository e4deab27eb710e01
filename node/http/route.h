/*
 * route.h - endpoint rows and the router from a request path to a row.
 *
 * The caller owns the rows (const, for ever) and hands in an array of pointers to them; the router
 * keeps no state that changes. MISP's spellings are equal: camelCase and snake_case, any case of
 * the action, a ".json" suffix, /events/ID for /events/view/ID, an admin/ prefix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "http/req.h"

enum endpoint_flag {
	EP_INLINE = 1,       /* run() is short and never blocks: call it on the I/O thread */
	EP_STREAM_BODY = 2,  /* body() gets the request body piece by piece, then run() is called */
	EP_NO_AUTH = 4,      /* do not call the auth callback */
	EP_EXACT = 8,        /* match the path literally; a last "*" matches the rest (req->tail) */
	EP_LOCAL = 16,       /* only over the Unix socket */
	EP_NO_GZIP = 32,     /* never compress the answer */
};

/*
 * Handlers return ERR_OK when they have answered or hold the request to answer later. Any other
 * code: if nothing was answered, the server answers reply_err(code) and logs the detail.
 */
typedef enum err (*http_run_fn)(struct http_req *r, struct fail *f);
typedef enum err (*http_body_fn)(struct http_req *r, struct str bytes, struct fail *f);

struct endpoint {
	unsigned methods;    /* HTTP_GET | ...; GET implies HEAD; 405 otherwise */
	const char *path;    /* "/events/view/:id"; positional parameters may be absent */
	unsigned flags;      /* EP_... */
	unsigned auth;       /* permission needed; meaning is that of the auth callback */
	unsigned rate;       /* rate class, for the auth callback */
	size_t body_cap;     /* most decompressed body bytes; 0 means the server's default */
	/* bodies of at most this are handled as with EP_INLINE; 0: none. With EP_STREAM_BODY they come whole,
	   in r->body, without begin() and body(), when they are not compressed. */
	size_t inline_max;
	http_run_fn begin;   /* EP_STREAM_BODY: before the first byte (worker), may be NULL */
	http_body_fn body;   /* EP_STREAM_BODY: serial, on a worker, pieces of at most 64 KiB */
	http_run_fn run;     /* the handler */
	const void *arg;     /* for a handler that serves several rows */
	const char *shape;   /* name of the answer's shape in the documentation (api/schemas.inc) */
	const char *takes;   /* likewise of the body it reads; NULL: none is needed */
	const char *doc;     /* one line of documentation */
	const char *missing; /* what of MISP's call is not done; NULL: the row is complete */
};

struct router;
/* Build a router; the rows stay the caller's. ERR_CONFIG on a malformed or doubled row. */
enum err router_new(const struct endpoint *const *rows, size_t n, struct router **out,
		    struct fail *f) MUST_USE;
void router_free(struct router *r);

enum route_result { ROUTE_FOUND, ROUTE_NONE, ROUTE_METHOD };
/*
 * Find the row for r->method and the undecoded path r->url, and fill ext, args, named and tail
 * (from r->arena). Fails with ERR_INVAL on a path that cannot be decoded, ERR_LIMIT on too many
 * parts. *allow gets the methods of the path's rows (for ROUTE_METHOD).
 */
enum err router_match(const struct router *rt, struct http_req *r, enum route_result *result,
		      unsigned *allow) MUST_USE;
/* Row number in the array given to router_new (for metrics), or -1. */
int router_index(const struct router *rt, const struct endpoint *ep);
