/*
 * seal.c - `sealed`: an exporter's bytes, bound to one audience, pulled in bounded chunks.
 *
 * The digest is kept only for those whom the ledger will name (not for local users), since it
 * costs about as much as making the bytes.
 */
#include "gate/seal.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"

struct seal_writer {
	struct buf chunk;
	struct sealed_totals totals;
};

struct sealed {
	struct audience aud;
	char *media;
	struct seal_source src;
	struct seal_writer w;
	struct hash_ctx *digest; /* NULL: not asked */
	size_t max_chunk;
	enum err err; /* sticks */
	bool ended;
};

struct buf *seal_buf(struct seal_writer *w)
{
	return &w->chunk;
}

void seal_count(struct seal_writer *w, unsigned events, unsigned attributes)
{
	w->totals.events += events;
	w->totals.attributes += attributes;
}

struct sealed *sealed_new(const struct audience *aud, const char *media,
			  const struct seal_source *src, size_t max_chunk)
{
	struct sealed *s = calloc(1, sizeof(*s));
	bool digest = aud->kind != AUD_OPERATOR && aud->kind != AUD_MEMBER;

	if (s) {
		s->aud = *aud;
		s->src = *src;
		s->max_chunk = max_chunk;
		s->media = strdup(media ? media : "application/octet-stream");
		s->digest = digest ? hash_begin() : NULL;
		buf_init(&s->w.chunk, max_chunk);
	} else if (src->free) {
		src->free(src->user);
	}
	if (s && (!s->media || (digest && !s->digest))) {
		sealed_free(s);
		return NULL;
	}
	return s;
}

enum err sealed_pull(struct sealed *s, struct buf *out, size_t want, bool *end, struct fail *f)
{
	bool ended = false;

	*end = s->ended;
	if (s->err != ERR_OK)
		return fail(f, s->err, "the transfer failed before");
	if (s->ended)
		return ERR_OK;
	buf_clear(&s->w.chunk);
	s->err = s->src.produce(s->src.user, &s->w, MIN(want, s->max_chunk), &ended, f);
	if (s->err == ERR_OK && buf_err(&s->w.chunk) != ERR_OK)
		s->err = fail(f, buf_err(&s->w.chunk), "an element is larger than a chunk may be");
	if (s->err == ERR_OK) {
		buf_str_add(out, buf_str(&s->w.chunk));
		if (buf_err(out) != ERR_OK)
			s->err = fail(f, buf_err(out), "no room for the next chunk");
	}
	if (s->err != ERR_OK)
		return s->err;
	s->w.totals.bytes += s->w.chunk.n;
	if (s->digest)
		hash_add(s->digest, s->w.chunk.p ? s->w.chunk.p : "", s->w.chunk.n);
	s->ended = *end = ended;
	if (ended && s->digest) {
		struct sha256 d = hash_end(MOVE(s->digest));

		memcpy(s->w.totals.digest, d.b, sizeof(d.b));
	}
	return ERR_OK;
}

const struct audience *sealed_audience(const struct sealed *s)
{
	return &s->aud;
}

const char *sealed_media(const struct sealed *s)
{
	return s->media;
}

const struct sealed_totals *sealed_totals(const struct sealed *s)
{
	return &s->w.totals;
}

void sealed_free(struct sealed *s)
{
	if (!s)
		return;
	if (s->src.free)
		s->src.free(s->src.user);
	hash_abort(s->digest);
	buf_free(&s->w.chunk);
	free(s->media);
	free(s);
}
