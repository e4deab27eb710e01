/*
 * ledger_bundle.h - the ledger, or a proof from it, as lines of text for others; and their check, which
 * needs nothing but the text and the node's public key. No store in the checking part.
 *
 *   tocsin-ledger/1 bundle|proof|growth
 *   key <public key>
 *   leaf <number> <base64>          bundle: all from 0 on; proof: each followed by its path
 *   path <base64 of the hashes>     proof: from the leaf up; growth: behind `old`
 *   old <base64 of a checkpoint>    growth: the earlier one
 *   checkpoint <base64>             bundle: behind the leaf that it covers last; else last line
 */
#pragma once

#include <stdio.h>

#include "audit/ledger.h"

enum ledger_text { LEDGER_TEXT_BUNDLE, LEDGER_TEXT_PROOF, LEDGER_TEXT_GROWTH };

void bundle_head(struct buf *out, enum ledger_text what, const struct note_key *k);
void bundle_line(struct buf *out, const char *word, struct str bytes);
/* Leaves from *seq on, with checkpoints between them, until about `want` bytes are there or all are
   (ERR_NOENT). */
MUST_USE enum err bundle_leaves(const struct store_rtxn *t, uint64_t *seq, size_t want,
				struct buf *out, struct fail *f);
/* Leaf and path to the checkpoint of `size` leaves. */
MUST_USE enum err bundle_proof(const struct store_rtxn *t, uint64_t seq, uint64_t size,
			       struct buf *out, struct fail *f);

struct bundle_result {
	enum ledger_text what;
	uint64_t leaves, checkpoints, size; /* size: of the newest checkpoint */
	uint64_t unsigned_leaves; /* of a bundle, behind it */
	bool own_key; /* the key was in the text alone */
	struct sha256 root; /* of the newest checkpoint */
	char key[300];
};
/* Each leaf that a proof shows, once it has been proven by what stands before the last line... that line
   included: told when all holds. */
typedef void (*bundle_leaf_fn)(void *user, uint64_t seq, const struct leaf *l);
/* Read and check. `trusted` NULL: the key in the text is taken at its word (own_key). ERR_CORRUPT: it
   does not hold, ERR_PARSE: it is no such text; `f` says where. `leaf` may be NULL. */
MUST_USE enum err bundle_check(FILE *in, const struct note_key *trusted, bundle_leaf_fn leaf,
			       void *user, struct bundle_result *out, struct fail *f);
