/* ledger_impl.h - what the files of the ledger share: keys of its books, its head (inside audit only). */
#pragma once

#include "audit/ledger.h"

#define ROOM_LEDGER "ledger"
#define HEAD_KEY "ledger/head"
#define SIGNER_KEY "ledger/key" /* the public key that the log named last */
#define TIPS_KEY "ledger/audit" /* the leaf that named the tips of the audit log last, and these */

static inline void be64_to(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
}
static inline uint64_t be64_of(const void *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}
static inline void be32_to(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}
static inline uint32_t be32_of(const void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* A key of a book. */
struct lkey {
	uint8_t b[40];
	uint8_t n;
};
static inline struct str lkey_str(const struct lkey *k)
{
	return (struct str){(const char *)k->b, k->n};
}

/* BOOK_LEDGER: number of the leaf. */
struct lkey key_leaf(uint64_t seq);
/* BOOK_LEDGER_NODE: last leaf of a complete subtree, its level; so they come in ascending order. A
   checkpoint stands behind the nodes of its last leaf. */
#define LEVEL_CHECKPOINT 0xff
struct lkey key_node(uint64_t last, unsigned level);
/* BOOK_LEDGER_EVENT: audience, kind, local id: what it was given; and last, kind and UUID with the
   local ids it had. */
#define AUDIENCE_NONE UINT32_MAX
struct lkey key_given(uint32_t audience, unsigned thing, uint64_t id);
struct lkey key_id(unsigned thing, struct uuid u, uint64_t id);
#define KEY_ID_PREFIX 21
/* BOOK_LEDGER_AUDIENCE, by a letter. */
enum { AUD_ROW = 'A', AUD_CLOSED = 'C', AUD_NAME = 'N', AUD_LEAF = 'T' };
struct lkey key_aud(uint32_t number);
struct lkey key_aud_name(const struct ledger_audience *a);
struct lkey key_aud_leaf(uint32_t number, uint64_t seq);
struct lkey key_closed(uint64_t first);

/* The end of the log: enough to append, and to notice when the last leaves were changed. */
struct head {
	struct tree tree;
	uint64_t open_from; /* transfers that begin before are closed */
	uint64_t signed_size; /* of the last checkpoint */
	uint64_t checkpoints; /* made so far */
	uint64_t time_ms; /* of the last leaf */
};
MUST_USE enum err head_get(const struct store_rtxn *t, struct head *h);
MUST_USE enum err head_put(struct store_wtxn *w, const struct head *h, struct fail *f);

MUST_USE enum err given_unpack(struct str bytes, unsigned thing, uint64_t id,
			       struct ledger_given *out);
void given_pack(const struct ledger_given *g, struct buf *out);
MUST_USE enum err audience_unpack(struct str bytes, struct ledger_audience *out);

/* ledger_write.c: appending within one job. */
struct appending {
	struct store_wtxn *w;
	struct head head;
	struct buf bytes; /* of one leaf */
	uint64_t now_ms;
};
MUST_USE enum err append_begin(struct appending *a, struct store_wtxn *w, struct fail *f);
MUST_USE enum err append_leaf(struct appending *a, struct leaf *l, struct fail *f);
MUST_USE enum err append_audience(struct appending *a, const struct ledger_audience *to,
				  uint32_t *number, struct fail *f);
/* Leaves for `n` items; *first: of the transfer (UINT64_MAX: it begins here, and is set). */
struct append_intent {
	struct ledger_audience to;
	struct str way;
	bool listing;
	const uint8_t *policy;
	uint64_t again;
	const struct ledger_item *v;
	size_t n;
};
MUST_USE enum err append_intents(struct appending *a, const struct append_intent *x,
				 uint64_t *first, struct fail *f);
MUST_USE enum err append_closed(struct appending *a, uint64_t first, unsigned outcome,
				uint64_t bytes, const uint8_t digest[32], struct fail *f);
MUST_USE enum err append_key(struct appending *a, const struct note_key *k, struct fail *f);
/* A leaf with the tips of the audit log's chains, if they are others than in the last one. */
MUST_USE enum err append_audit(struct appending *a, struct fail *f);
MUST_USE enum err append_checkpoint(struct appending *a, const struct note_key *k, struct fail *f);
/* Writes the head; frees. Call it also after an error, with its code. */
MUST_USE enum err append_end(struct appending *a, enum err e, struct fail *f);
