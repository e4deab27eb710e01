/*
 * parse.h - the request head: a pure function from bytes to method, target, headers, framing.
 *
 * One interpretation only. What RFC 9112 lets a recipient repair is refused here, because repairs
 * are what request smuggling lives on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/req.h"

#define PARSE_HEADERS_MAX 256

/* Limits of one head. */
struct parse_limits {
	size_t head_max, uri_max;
	unsigned headers_max; /* at most PARSE_HEADERS_MAX */
};

struct http_head {
	enum http_method method;
	struct str target;    /* as sent */
	struct str path;      /* undecoded, begins with '/' (or is "*", for OPTIONS) */
	struct str query;     /* after '?', absent when there is none */
	unsigned minor;       /* HTTP/1.minor */
	struct str host;      /* value of Host, absent in HTTP/1.0 without one */
	struct http_pair *headers;
	size_t headers_n;
	bool chunked;         /* Transfer-Encoding: chunked */
	bool has_length;      /* Content-Length was given */
	uint64_t length;
	bool keep_alive;      /* may the connection go on after this request? */
	bool expect_continue;
};

/*
 * Look for the end of the head in `s`. Returns its size including the empty line, 0 if it is not
 * complete, or -1 with *status set (400, 414, 431). *scan (0 at first) remembers how far earlier
 * calls have looked, so that a slow sender costs linear time.
 */
ptrdiff_t http_head_end(struct str s, const struct parse_limits *lim, size_t *scan, int *status);

/*
 * Parse a complete head (as measured by http_head_end). The views in *out point into `s` and the
 * arena. Returns 0 or the status to refuse with: 400, 414, 417, 431, 501, 503 (memory), 505.
 * *why gets a short literal for the log.
 */
int http_head_parse(struct str s, const struct parse_limits *lim, struct arena *a,
		    struct http_head *out, const char **why);

/* Is `c` allowed in a method or header name (RFC 9110 tchar)? */
bool http_is_token_char(unsigned char c);
/* Does the comma-separated list hold this token (any case)? */
bool http_list_has(struct str list, const char *token);
