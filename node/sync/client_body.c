/*
 * client_body.c - see client_body.h. Memory: at most WHOLE_MAX of what goes out and one chunk of what
 * comes in. Bodies up to WHOLE_MAX are made before they are sent, because some web servers in front
 * of a MISP do not hand on bodies of unknown length.
 */
#include "sync/client_body.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)64 * 1024)
#define WHOLE_MAX ((size_t)256 * 1024)
#define COMPRESS_MIN 1024u /* as MISP's client (sync-protocol.md 1.5) */

/* The next bytes of the source; none at its end. */
static enum err source(struct client_body *b, struct str *out, struct fail *f)
{
	const struct client_req *r = b->req;
	size_t n = 0;
	if (!r->read) {
		*out = str_sub(r->body, b->at, CHUNK);
		b->at += out->n;
	} else {
		if (!b->chunk && !(b->chunk = malloc(CHUNK)))
			return fail(f, ERR_NOMEM, "no memory for a body");
		TRY(r->read(r->user, b->chunk, CHUNK, &n, f));
		*out = (struct str){b->chunk, n};
	}
	b->read += out->n;
	b->in_end = out->n == 0;
	if (b->in_end && r->read && r->body_size >= 0 && b->read != (uint64_t)r->body_size)
		return fail(f, ERR_BUG, "a body of %lld bytes has %llu", (long long)r->body_size,
			    (unsigned long long)b->read);
	return ERR_OK;
}

/* One step: some bytes more are ready, or the end is known. */
static enum err step(struct client_body *b, struct fail *f)
{
	struct str in;
	buf_consume(&b->ready, b->sent);
	b->sent = 0;
	TRY(source(b, &in, f));
	if (!b->compressed)
		buf_str_add(&b->ready, in);
	else if (encoder_add(b->encoder, in, b->in_end ? FLUSH_END : FLUSH_NO, &b->ready) != ERR_OK)
		return fail(f, ERR_NOMEM, "a body cannot be compressed");
	return buf_err(&b->ready) == ERR_OK ? ERR_OK
					    : fail(f, buf_err(&b->ready), "no memory for a body");
}

/* Read plainly what decides whether compressing pays; then, if it does, begin again with that. */
static enum err compress_begin(struct client_body *b, struct fail *f)
{
	static const enum coding of[] = {
		[CLIENT_PLAIN] = CODING_IDENTITY,
		[CLIENT_GZIP] = CODING_GZIP,
		[CLIENT_BR] = CODING_BR,
	};
	OWN(buf) struct buf first = BUF(2 * CHUNK);
	if (b->req->content_encoding == CLIENT_PLAIN)
		return ERR_OK;
	while (!b->in_end && b->ready.n <= COMPRESS_MIN)
		TRY(step(b, f));
	if (b->ready.n <= COMPRESS_MIN || !(b->encoder = encoder_new(of[b->req->content_encoding])))
		return ERR_OK;
	b->compressed = true;
	first = b->ready;
	b->ready = BUF(2 * WHOLE_MAX);
	if (encoder_add(b->encoder, buf_str(&first), b->in_end ? FLUSH_END : FLUSH_NO, &b->ready) !=
	    ERR_OK)
		return fail(f, ERR_NOMEM, "a body cannot be compressed");
	return ERR_OK;
}

enum err client_body_open(struct client_body *b, const struct client_req *r, struct str *whole,
			  struct fail *f)
{
	*b = (struct client_body){.req = r, .ready = BUF(2 * WHOLE_MAX)};
	*whole = STR_NONE;
	if (!client_body_is(r))
		return ERR_OK;
	if (!r->read && (r->content_encoding == CLIENT_PLAIN || r->body.n <= COMPRESS_MIN)) {
		*whole = r->body;
		return ERR_OK;
	}
	TRY(compress_begin(b, f));
	while (!b->in_end && b->ready.n < WHOLE_MAX)
		TRY(step(b, f));
	if (b->in_end)
		*whole = buf_str(&b->ready);
	return ERR_OK;
}

void client_body_close(struct client_body *b)
{
	encoder_free(MOVE(b->encoder));
	buf_free(&b->ready);
	free(MOVE(b->chunk));
}

enum err client_body_make(struct client_body *b, char *to, size_t cap, size_t *n, bool *end,
			  struct fail *f)
{
	while (!b->in_end && b->sent == b->ready.n)
		TRY(step(b, f));
	*n = MIN(cap, b->ready.n - b->sent);
	memcpy(to, b->ready.p + b->sent, *n);
	b->sent += *n;
	*end = b->in_end && b->sent == b->ready.n;
	return ERR_OK;
}

enum err client_body_rewind(struct client_body *b, struct fail *f)
{
	struct str whole;
	if (b->req->read) {
		if (!b->req->rewind)
			return fail(f, ERR_NET, "the connection broke, and the body cannot be sent again");
		TRY(b->req->rewind(b->req->user, f));
	}
	client_body_close(b);
	return client_body_open(b, b->req, &whole, f);
}
