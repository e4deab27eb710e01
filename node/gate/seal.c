/*
 * seal.c - `sealed`: an exporter's bytes, bound to one audience, pulled in bounded chunks.
 *
 * The digest is kept only for those whom a witness records (not for local users), since it costs about
 * as much as making the bytes. Invariant: nothing that was not named durably comes out, unless held.
 */
#include "gate/seal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"

/* With a witness each chunk may cost a commit: as large ones as a stream may hold. */
#define WITNESSED_CHUNK ((size_t)1 << 20)

struct seal_writer {
	struct buf chunk;
	struct sealed_totals totals;
};

struct receipt {
	struct seal_witness *witness;
	struct sealed_totals totals;
};

struct sealed {
	struct audience aud;
	char *media;
	struct seal_source src;
	struct seal_writer w;
	struct seal_witness *witness; /* NULL: nothing is recorded */
	struct receipt *receipt; /* made in time: without memory for it nothing may leave */
	struct hash_ctx *digest; /* likewise */
	bool held;
	atomic_bool lost;
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

static void witness_end(struct seal_witness *w, enum sent_outcome o,
			const struct sealed_totals *t)
{
	if (w)
		w->ops->end(w, o, t->bytes, t->digest);
}

struct sealed *sealed_new(const struct audience *aud, const char *media,
			  const struct seal_source *src, struct seal_witness *witness,
			  size_t max_chunk)
{
	static const struct sealed_totals nothing;
	struct sealed *s = calloc(1, sizeof(*s));

	if (s) {
		s->aud = *aud;
		s->src = *src;
		s->max_chunk = max_chunk;
		s->media = strdup(media ? media : "application/octet-stream");
		s->witness = witness;
		s->digest = witness ? hash_begin() : NULL;
		s->receipt = witness ? calloc(1, sizeof(*s->receipt)) : NULL;
		buf_init(&s->w.chunk, max_chunk);
	} else {
		if (src->free)
			src->free(src->user);
		witness_end(witness, SENT_NOTHING, &nothing);
	}
	if (s && (!s->media || (witness && (!s->digest || !s->receipt)))) {
		sealed_free(s);
		return NULL;
	}
	return s;
}

static void digest_take(struct sealed *s)
{
	struct sha256 d;

	if (!s->digest)
		return;
	d = hash_end(MOVE(s->digest));
	memcpy(s->w.totals.digest, d.b, sizeof(d.b));
}

/* What has been named so far, unless it may wait. */
static enum err intend(struct sealed *s, struct fail *f)
{
	if (!s->witness || (s->held && !s->witness->ops->is_full(s->witness)))
		return ERR_OK;
	return s->witness->ops->intend(&s->witness, 1, f);
}

enum err sealed_pull(struct sealed *s, struct buf *out, size_t want, bool *end, struct fail *f)
{
	bool ended = false;

	if (s->witness && !s->held)
		want = MAX(want, WITNESSED_CHUNK);
	*end = s->ended;
	if (s->err != ERR_OK)
		return fail(f, s->err, "the transfer failed before");
	if (s->ended)
		return ERR_OK;
	buf_clear(&s->w.chunk);
	s->err = s->src.produce(s->src.user, &s->w, MIN(want, s->max_chunk), &ended, f);
	if (s->err == ERR_OK && buf_err(&s->w.chunk) != ERR_OK)
		s->err = fail(f, buf_err(&s->w.chunk), "an element is larger than a chunk may be");
	if (s->err == ERR_OK)
		s->err = intend(s, f);
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
	if (ended)
		digest_take(s);
	return ERR_OK;
}

/* ---- what is recorded ---- */

void sealed_hold(struct sealed *s)
{
	s->held = true;
}

enum err sealed_intend(struct sealed *s, struct fail *f)
{
	s->held = false;
	if (s->err == ERR_OK)
		s->err = intend(s, f);
	return s->err;
}

bool sealed_names(const struct sealed *s)
{
	return s->witness && s->witness->ops->has_named(s->witness);
}

struct receipt *sealed_receipt(struct sealed *s)
{
	if (!s->held || !s->ended || !sealed_names(s))
		return NULL;
	*s->receipt = (struct receipt){MOVE(s->witness), s->w.totals};
	return MOVE(s->receipt);
}

#define AT_ONCE 256u

enum err receipts_intend(struct receipt *const *v, size_t n, struct fail *f)
{
	struct seal_witness *w[AT_ONCE];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i])
			w[k++] = v[i]->witness;
		if (k && (k == AT_ONCE || i + 1 == n)) {
			TRY(w[0]->ops->intend(w, k, f));
			k = 0;
		}
	}
	return k ? w[0]->ops->intend(w, k, f) : ERR_OK;
}

void receipt_end(struct receipt *r, enum sent_outcome o)
{
	if (!r)
		return;
	witness_end(r->witness, o, &r->totals);
	free(r);
}

void sealed_lost(struct sealed *s)
{
	atomic_store(&s->lost, true);
}

static enum sent_outcome outcome(struct sealed *s)
{
	if (s->held || !s->w.totals.bytes)
		return SENT_NOTHING;
	return s->ended && !atomic_load(&s->lost) ? SENT_WHOLE : SENT_BROKEN;
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
	digest_take(s);
	witness_end(s->witness, outcome(s), &s->w.totals);
	free(s->receipt);
	buf_free(&s->w.chunk);
	free(s->media);
	free(s);
}
