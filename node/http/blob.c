/*
 * blob.c - documents that never change.
 *
 * Nothing is compressed or hashed for a request. Invariant: a blob does not change after it was made.
 */
#include "http/blob.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "http/internal.h"

enum err http_blob_make(struct http_blob *b, const char *type, struct buf *body, struct fail *f)
{
	OWN(encoder) struct encoder *e = encoder_new(CODING_GZIP);
	OWN(buf) struct buf z = BUF(body->n + 4096);
	uint8_t sha1[20];
	char hex[41];
	*b = (struct http_blob){.type = type};
	if (buf_err(body) != ERR_OK)
		return fail(f, buf_err(body), "a document that does not change is too long");
	hash_sha1(buf_str(body), sha1);
	snprintf(b->etag, sizeof(b->etag), "\"%s\"", hash_hex(sha1, 20, hex));
	b->plain.p = buf_take(body, &b->plain.n);
	if (!b->plain.p)
		return fail(f, ERR_NOMEM, "no memory");
	if (e && encoder_add(e, b->plain, FLUSH_END, &z) == ERR_OK && z.n < b->plain.n)
		b->gzip.p = buf_take(&z, &b->gzip.n);
	return ERR_OK;
}

void http_blob_free(struct http_blob *b)
{
	free((char *)b->plain.p);
	free((char *)b->gzip.p);
	*b = (struct http_blob){0};
}

void reply_blob(struct http_req *r, const struct http_blob *b)
{
	bool gzip = b->gzip.p && req_accepts_gzip(r);
	reply_header(r, "ETag", str_c(b->etag));
	reply_header(r, "Cache-Control", STR("no-cache"));
	reply_header(r, "Vary", STR("Accept-Encoding"));
	if (req_none_match(r, str_c(b->etag))) {
		reply_empty(r, 304);
		return;
	}
	if (gzip)
		reply_header(r, "Content-Encoding", STR("gzip"));
	reply_const(r, 200, b->type, gzip ? b->gzip : b->plain);
}
