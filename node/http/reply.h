/*
 * reply.h - answering a request: status, headers, and a buffer, a stream or a file.
 *
 * Exactly one of the reply_* senders is called per request, from any thread that holds the
 * request; later calls are ignored and logged as a bug. Bodies of events and the like come only
 * from sealed streams (egress); the plain senders are for small administrative answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hotfile.h"
#include "base/str.h"
#include "http/req.h"

/* What produce() says about the bytes it just made. */
enum produce {
	PRODUCE_MORE,  /* call again when there is room */
	PRODUCE_AGAIN, /* nothing more now; reply_source_wake() will be called */
	PRODUCE_END,   /* the body is complete (the bytes of this call included) */
	PRODUCE_ABORT, /* broken: close the connection without the last chunk */
};

struct reply_source;
struct reply_source_ops {
	/*
	 * Write at most `max` (at least 4096) bytes to `to`, their number to *made (may be 0 with
	 * MORE only if progress was made otherwise). Runs on a worker, never twice at once; with
	 * `inline_ok` on the I/O thread (then it must not block).
	 */
	enum produce (*produce)(struct reply_source *s, char *to, size_t max, size_t *made);
	/*
	 * What was made, or is made from now on, leaves: called once, on a worker, before the first
	 * byte does; not at all when the client has the answer already (304). False: nothing may leave.
	 * May be NULL.
	 */
	bool (*leaves)(struct reply_source *s);
	/* The client has gone: stop working soon. May come from another thread. May be NULL. */
	void (*cancel)(struct reply_source *s);
	/* Last call, on any thread; no reply_source_wake() may follow. */
	void (*free)(struct reply_source *s);
};

/* Embed this at the start of the producer's own struct and fill `ops`. */
struct reply_source {
	const struct reply_source_ops *ops;
	int64_t length;  /* exact body length if known, else -1 (chunked) */
	bool inline_ok;  /* produce() is short and never blocks */
	/* The server's part: do not touch. */
	void (*wake)(void *arg);
	void *wake_arg;
};
/* After PRODUCE_AGAIN: there is something to produce again. Any thread, any number of times. */
void reply_source_wake(struct reply_source *s);

/* Add a header to the answer (before the sender). Name and value are copied; CR, LF or NUL in
 * the value make it a bug and the header is left out. Content-Length, Transfer-Encoding,
 * Connection and Date are the server's own. */
void reply_header(struct http_req *r, const char *name, struct str value);
void reply_header_u64(struct http_req *r, const char *name, uint64_t value);

/*
 * JSON body. Takes the memory of `body` (left empty). Indents it for clients other than MISP and
 * PyMISP, adds the ETag (or answers 304) when the request has If-None-Match and the handler has set
 * none, compresses it when the client can and it pays. A failed buffer becomes a 500.
 */
void reply_json(struct http_req *r, int status, struct buf *body);
/* As reply_json with another media type and without indenting. */
void reply_body(struct http_req *r, int status, const char *type, struct buf *body);
/* Bytes that outlive the server, as they are. */
void reply_const(struct http_req *r, int status, const char *type, struct str bytes);
/* A literal that outlives the server. */
void reply_lit(struct http_req *r, int status, const char *type, const char *text);
/* Status and headers without body (204, 302 with Location...). */
void reply_empty(struct http_req *r, int status);
/* MISP's error document {"name":M,"message":M,"url":U}, texts HTML-escaped as MISP does. */
void reply_error(struct http_req *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The document of an error code: err_http() and err_text(). */
void reply_err(struct http_req *r, enum err e);
/* Stream from `s`; the reply owns it from now on, whatever happens. */
void reply_stream(struct http_req *r, int status, const char *type, struct reply_source *s);

/* A file to send. `fd` is taken over (also on failure). */
struct reply_file {
	int fd;
	const struct hotfile *hot; /* instead of fd, all of it: a reference, taken over likewise */
	uint64_t offset, length;
	const char *type;     /* media type, a literal */
	const char *encoding; /* "gzip" if the file is a precompressed variant, else NULL */
	struct str etag;      /* with its quotes, or absent */
	int64_t mtime;        /* Last-Modified when not 0 */
};
/* Send an open file (sendfile where possible); 304 when If-None-Match or -Modified-Since match. */
void reply_file(struct http_req *r, int status, const struct reply_file *f);
/*
 * Send `path` below the folder `root` (no symlinks out of it, regular files only), choosing
 * `path`.gz if it exists and the client takes gzip. 404 when there is none.
 */
void reply_path(struct http_req *r, const char *root, const char *path, const char *type);

/* Does the client accept gzip in the answer? */
bool req_accepts_gzip(const struct http_req *r);
/* Does If-None-Match name this tag (with quotes; "-gzip" and "-br" suffixes ignored)? */
bool req_none_match(const struct http_req *r, struct str etag);
/* Has somebody answered already? */
bool req_answered(const struct http_req *r);
