/*
 * client_body.h - the body of a request on its way out: taken from memory or a callback, compressed
 * when that was asked for and pays. Part of client_curl.c.
 */
#pragma once

#include "base/buf.h"
#include "codec/codec.h"
#include "sync/client_curl.h"

struct client_body {
	const struct client_req *req;
	struct encoder *encoder;
	bool compressed;
	bool in_end; /* the source has no more */
	size_t at; /* of req->body */
	uint64_t read;
	struct buf ready; /* bytes to be sent */
	size_t sent; /* of those */
	char *chunk; /* for read() */
};

/*
 * Begin. *whole: all of it, when it is small enough to be kept (its length is announced then);
 * absent: it comes from client_body_make(). Absent too when there is none.
 */
MUST_USE enum err client_body_open(struct client_body *b, const struct client_req *r,
				   struct str *whole, struct fail *f);
void client_body_close(struct client_body *b);
/* Up to `cap` bytes more, and whether that was all. */
MUST_USE enum err client_body_make(struct client_body *b, char *to, size_t cap, size_t *n, bool *end,
				   struct fail *f);
/* Back to the start. */
MUST_USE enum err client_body_rewind(struct client_body *b, struct fail *f);

static inline bool client_body_is(const struct client_req *r)
{
	return r->body.p || r->read;
}
