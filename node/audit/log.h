/*
 * log.h - the audit log: who did what when, hash-chained, never changed, only trimmed from its old end.
 *
 * A record is one line of JSON in a fixed order of members; `prev` is the SHA-256 of the line before
 * it in its chain, so that whoever keeps a line can tell whether anything before it was changed.
 * Texts carry UUIDs, numbers and names of accounts, never values of intelligence.
 */
#pragma once

#include "base/hash.h"
#include "store/store.h"

enum audit_action {
#define ACTION(name, chain, window_s, text) AUDIT_##name,
#include "audit/actions.inc"
#undef ACTION
	AUDIT_ACTIONS
};

enum audit_chain {
#define CHAIN(name, number, days, text) AUDIT_CHAIN_##name,
#include "audit/chains.inc"
#undef CHAIN
	AUDIT_CHAINS
};

enum audit_actor {
	AUDIT_BY_NOBODY = 0, /* not authenticated */
	AUDIT_BY_USER,
	AUDIT_BY_TOOL, /* the local socket */
	AUDIT_BY_PEER,
	AUDIT_BY_FEED,
	AUDIT_BY_SYSTEM, /* the node itself */
};

enum audit_outcome { AUDIT_OK = 0, AUDIT_REFUSED, AUDIT_FAILED };

/* Longest texts; more is cut. */
#define AUDIT_NAME_MAX 120u
#define AUDIT_TEXT_MAX 240u

struct audit_who {
	enum audit_actor kind;
	uint64_t id; /* of the user, peer or feed */
	uint64_t key_id; /* of the API key; 0: none */
	struct uuid org; /* nil: none */
	struct str name; /* e-mail of a user, name of a peer or feed; absent: none */
	struct str address; /* absent: none */
};

struct audit_entry {
	enum audit_action action;
	enum audit_outcome outcome;
	struct audit_who who;
	const char *kind; /* of the object: "event", "user" ...; a literal; NULL: none */
	uint64_t id; /* local number of the object; 0: none */
	struct uuid object; /* nil: none */
	unsigned status; /* HTTP status of the answer; 0: none */
	uint64_t count; /* of equal things, or things lost; 0: one */
	struct str text; /* short; absent: none */
	struct str second; /* approvals: e-mail of the second person */
};

/* Names as they stand in records ("write"); by name, or AUDIT_ACTIONS. */
const char *audit_action_name(enum audit_action a);
const char *audit_action_text(enum audit_action a);
enum audit_action audit_action_find(struct str name);
const char *audit_chain_name(enum audit_chain c);
unsigned audit_chain_days(enum audit_chain c);
/* Equal entries of the queue within so many seconds are one record. */
unsigned audit_action_window(enum audit_action a);
enum audit_chain audit_action_chain(enum audit_action a);

/*
 * Write a record inside a job: with the change that it tells of, or not at all. Never on behalf of a
 * reader: that is audit_later().
 */
MUST_USE enum err audit_add(struct store_wtxn *w, const struct audit_entry *e, struct fail *f);

/* ---- without waiting ------------------------------------------------------------------------- */

/*
 * Entries that no change carries (log-ins, refusals, reads): copied, equal ones counted together,
 * written twice a second by a thread of the queue's own. Bounded; what finds no room is counted and
 * recorded as `overflow`. Entries of nobody have a small room of their own, so that strangers cannot
 * push out what users do.
 */
struct audit_queue;
struct audit_queue_opts {
	struct store *store;
	/* The same thread trims the log each hour (search.h): what is older than so many days, by this
	   clock, and only while it says that it is trusted. 0 days, or no clock: never. */
	unsigned days;
	int64_t (*now)(void *user, bool *trusted);
	void *user;
};
MUST_USE enum err audit_queue_start(const struct audit_queue_opts *o, struct audit_queue **out,
				    struct fail *f);
/* Writes what is left. NULL is none. */
void audit_queue_stop(struct audit_queue *q);
/* NULL: not recorded (tests without a log). Never blocks on the disk. */
void audit_later(struct audit_queue *q, const struct audit_entry *e);
/* Write now what waits, and wait until it is durable: before the log is searched. */
MUST_USE enum err audit_queue_flush(struct audit_queue *q, struct fail *f);
