/*
 * ledger_leaf.h - what a leaf of the ledger says, and its bytes (README has the format). Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/uuid.h"

#define LEAF_FORMAT 1
#define LEAF_ITEMS 64 /* named by one leaf; more take several */
#define LEAF_TEXT_MAX 200
#define LEAF_BYTES_MAX 8192

enum leaf_kind { LEAF_INTENT = 1, LEAF_CLOSED, LEAF_KEY, LEAF_AUDIT, LEAF_KINDS };
const char *leaf_kind_name(unsigned kind);

/* The newest record of a chain of the audit log. */
#define LEAF_TIPS 8
struct leaf_tip {
	uint8_t chain; /* its number on disk (chains.inc) */
	uint64_t seq;
	struct sha256 digest;
};

/* What leaves, beside events. */
enum ledger_thing { LEDGER_THING_EVENT, LEDGER_THING_CLUSTER, LEDGER_THING_ANALYST, LEDGER_THINGS };
const char *ledger_thing_name(enum ledger_thing t);

/* How a transfer ended. */
#define LEDGER_OUTCOMES(X)                                                                         \
	X(SENT, "sent", "all of it was handed to the network or the folder")                       \
	X(BROKEN, "broken", "it broke off; bytes and digest are of what had left")                  \
	X(UNKNOWN, "unknown", "the node stopped while it was under way")                           \
	X(UNSENT, "unsent", "nothing of it left")
enum ledger_outcome {
#define X(o, name, doc) LEDGER_##o,
	LEDGER_OUTCOMES(X)
#undef X
	LEDGER_OUTCOME_COUNT
};
const char *ledger_outcome_name(unsigned o);

/* A thing in a version: its own time, and the change log of this node up to where it was read. */
struct ledger_item {
	uint8_t thing; /* enum ledger_thing */
	struct uuid uuid;
	uint64_t id; /* local */
	int64_t timestamp; /* seconds */
	uint64_t seq;
};

struct leaf_item {
	struct ledger_item item;
	uint64_t prev; /* how many leaves before this one the audience was given it; 0: never */
};

struct ledger_audience {
	uint8_t kind; /* enum audience_kind of the gate */
	struct uuid org;
	struct str name;
};

struct leaf {
	uint8_t kind; /* enum leaf_kind */
	uint64_t time_ms; /* since 1970 */
	/* LEAF_INTENT: 0: it begins a transfer, else how many leaves before it that one stands.
	   LEAF_CLOSED: likewise, never 0. LEAF_AUDIT: how many leaves before it the last of its kind
	   stands; 0: it is the first */
	uint64_t back;
	/* LEAF_INTENT */
	bool listing; /* rows of a list: heads, no contents */
	struct ledger_audience to;
	struct str way; /* "push/json" */
	uint8_t policy[32]; /* SHA-256 of the policy */
	uint64_t again; /* rows besides these that the audience has in this version already */
	uint32_t n;
	struct leaf_item *v;
	/* LEAF_CLOSED */
	uint8_t outcome; /* enum ledger_outcome */
	uint64_t bytes;
	uint8_t digest[32]; /* SHA-256 of the bytes */
	/* LEAF_KEY: from here on checkpoints are signed with it */
	uint8_t key[32];
	struct str origin;
	/* LEAF_AUDIT: how far the audit log had come */
	uint32_t n_tips;
	struct leaf_tip tips[LEAF_TIPS];
};

/* Append the bytes of a leaf. ERR_INVAL: more items than fit, or a text is too long. */
MUST_USE enum err leaf_write(const struct leaf *l, struct buf *out);
/* Read one; texts are borrowed from `bytes`, items go to `items`. ERR_CORRUPT: it is none. */
MUST_USE enum err leaf_read(struct str bytes, struct leaf *out, struct leaf_item items[LEAF_ITEMS]);

/* Numbers of seven bits a byte, the lowest first, for whoever packs something beside leaves. */
void leaf_num_put(struct buf *b, uint64_t v);
bool leaf_num_get(struct str *s, uint64_t *v);
