/*
 * blob.h - a document that never changes while the process runs: made once, kept plain and compressed,
 * with its ETag. For pages and descriptions, never for anything that is stored.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "http/req.h"

struct http_blob {
	const char *type; /* media type, a literal */
	struct str plain, gzip; /* gzip: absent when it does not pay */
	char etag[44]; /* with its quotes */
};

/* Make it of `body`, whose memory is taken. ERR_NOMEM. */
enum err http_blob_make(struct http_blob *b, const char *type, struct buf *body,
			struct fail *f) MUST_USE;
void http_blob_free(struct http_blob *b);
/* Answer with it, or 304 when the client has it. It outlives the server. */
void reply_blob(struct http_req *r, const struct http_blob *b);
