/*
 * ledger.h - who was given what, and when: an append-only hash tree (RFC 6962) in the store. Nothing is
 * sent before its intent is durable; how it ended is added after.
 *
 * Writing needs a `struct ledger` (one per daemon); reading needs a read transaction only. Reads are of
 * what is durable. Nothing here decides who may get what.
 */
#pragma once

#include "audit/ledger_leaf.h"
#include "audit/ledger_note.h"
#include "audit/ledger_tree.h"
#include "store/store.h"

struct ledger;

struct ledger_opts {
	struct store *store;
	const char *key_file; /* made when missing */
	unsigned checkpoint_leaves; /* a checkpoint after so many; 0: 10,000 */
	unsigned checkpoint_s; /* ... or seconds, when there are new leaves; 0: 300 */
};
/* Open, and close as `unknown` what was under way when the process ended. */
MUST_USE enum err ledger_open(const struct ledger_opts *o, struct ledger **out, struct fail *f);
/* Writes what waits and a last checkpoint. All transfers must have been closed. */
void ledger_close(struct ledger *l);
const struct note_key *ledger_key(const struct ledger *l);

/* ---- sending ------------------------------------------------------------------------------- */

/* One answer, push or file for one audience. */
struct ledger_transfer;
/* `way` says by what way and in what form ("push/json"), `policy` is the SHA-256 of the policy (hex).
   `listing`: rows of a list, of which those that the audience has been given before in this version
   are counted only. Texts are copied and cut at LEAF_TEXT_MAX. Writes nothing yet. */
MUST_USE enum err ledger_begin(struct ledger *l, const struct ledger_audience *to, struct str way,
			       bool listing, const char *policy, struct ledger_transfer **out,
			       struct fail *f);

struct ledger_named {
	struct ledger_transfer *t;
	const struct ledger_item *v; /* may be given again in the next call: items are not remembered */
	size_t n;
};
/* Name what leaves, of several transfers in one commit. On ERR_OK it is durable; on anything else
   nothing may leave. Blocks: call from a worker. */
MUST_USE enum err ledger_intend(struct ledger *l, const struct ledger_named *v, size_t n,
				struct fail *f);
/* It has ended; `digest` (NULL: none) is the SHA-256 of the `bytes`. Written with the next intent or
   within a second. Frees `t`; a transfer that named nothing leaves no trace. */
void ledger_end(struct ledger_transfer *t, enum ledger_outcome outcome, uint64_t bytes,
		const uint8_t *digest);
/* Write what waits, now. */
MUST_USE enum err ledger_flush(struct ledger *l, struct fail *f);
/* Sign what is there, if there is more than the last checkpoint has. */
MUST_USE enum err ledger_checkpoint(struct ledger *l, struct fail *f);

/* ---- who has what ---------------------------------------------------------------------------- */

/* Audiences have numbers in the order of their first transfer, from 0 on. */
struct ledger_known {
	uint32_t number;
	struct ledger_audience a; /* name borrowed from the transaction */
};
/* ERR_NOENT: nothing was ever sent to it. */
MUST_USE enum err ledger_audience_find(const struct store_rtxn *t, const struct ledger_audience *a,
				       uint32_t *number);
MUST_USE enum err ledger_audience_get(const struct store_rtxn *t, uint32_t number,
				      struct ledger_known *out);
/* All of them: call with *number = UINT32_MAX first. */
MUST_USE enum err ledger_audience_next(const struct store_rtxn *t, uint32_t *number,
				       struct ledger_known *out);

/* What an audience was given of a thing. Versions are the newest sent, whatever came of the transfer:
   what broke off may have arrived. */
struct ledger_given {
	uint32_t audience;
	struct ledger_item sent; /* newest contents; seq 0: never more than a row of a list */
	struct ledger_item listed; /* newest row; seq 0: none */
	uint64_t first, last, times; /* leaves that name it: the first, the last, how many */
};
/* ERR_NOENT: never. A thing that was deleted and came back has several local ids: this one. */
MUST_USE enum err ledger_last(const struct store_rtxn *t, uint32_t audience,
			      enum ledger_thing thing, uint64_t id, struct ledger_given *out);
/* Each audience that was given the thing, under whatever local id; one id is given several times when
   the UUID came back under another. An error of `each` ends it and is returned. */
typedef enum err (*ledger_given_fn)(void *user, const struct ledger_known *who,
				    const struct ledger_given *what);
MUST_USE enum err ledger_audiences_of(const struct store_rtxn *t, enum ledger_thing thing,
				      struct uuid u, ledger_given_fn each, void *user);
/* Things an audience was given, by kind and local id: call with *out zero (and `thing` in sent.thing
   and listed.thing) first, then with the last one. */
MUST_USE enum err ledger_given_next(const struct store_rtxn *t, uint32_t audience,
				    struct ledger_given *inout);

/* ---- the log --------------------------------------------------------------------------------- */

/* Leaves there are; leaf numbers are 0 to size - 1. */
MUST_USE enum err ledger_size(const struct store_rtxn *t, uint64_t *size);
MUST_USE enum err ledger_root(const struct store_rtxn *t, uint64_t size, struct sha256 *out);
/* A leaf's bytes, borrowed from the transaction. */
MUST_USE enum err ledger_leaf_get(const struct store_rtxn *t, uint64_t seq, struct str *bytes);
/* The leaf that closes a transfer, by the transfer's first leaf. ERR_NOENT: it is under way. */
MUST_USE enum err ledger_closed_by(const struct store_rtxn *t, uint64_t first, uint64_t *seq);
/* Leaves for an audience: the first with a number >= *seq, or with `back` the last with one <= *seq. */
MUST_USE enum err ledger_leaf_of(const struct store_rtxn *t, uint32_t audience, bool back,
				 uint64_t *seq);
/* The smallest checkpoint of at least *size leaves, which becomes its size. The text is borrowed.
   ERR_NOENT: none has been made yet. */
MUST_USE enum err ledger_checkpoint_at(const struct store_rtxn *t, uint64_t *size, struct str *text);
MUST_USE enum err ledger_checkpoint_last(const struct store_rtxn *t, uint64_t *size,
					 struct str *text);
MUST_USE enum err ledger_prove(const struct store_rtxn *t, uint64_t seq, uint64_t size,
			       struct tree_path *out);
MUST_USE enum err ledger_prove_growth(const struct store_rtxn *t, uint64_t from, uint64_t size,
				      struct tree_path *out);

/* ---- checking (ledger_check.c) ----------------------------------------------------------------- */

struct ledger_report {
	uint64_t leaves, checkpoints, named, audiences, problems;
	uint64_t signed_size; /* leaves that the newest checkpoint covers */
	struct sha256 root;
};
typedef void (*ledger_tell_fn)(void *user, const char *problem);
typedef void (*ledger_progress_fn)(void *user, uint64_t done, uint64_t total);
/* Every leaf, hash, checkpoint and index entry against each other. `key` (NULL: those that the log
   names) must have signed the newest checkpoint. ERR_CORRUPT: there were problems, each was told.
   `progress` may be NULL. */
MUST_USE enum err ledger_verify(const struct store_rtxn *t, const struct note_key *key,
				ledger_progress_fn progress, ledger_tell_fn tell, void *user,
				struct ledger_report *out, struct fail *f);
