/*
 * pass.h - one run over a link in one direction: hello, then the steps of steps.inc in their order.
 *
 * Blocking, for threads that may wait. A single thing that fails does not hold up the others, a step
 * that fails does not hold up the next ones; only the store failing, the peer being gone or turning
 * us away, and cancelling end a pass. What is done is durable at once, so that an interrupted pass
 * goes on where it was. A preview asks and judges with the same code and changes nothing anywhere.
 */
#pragma once

#include "base/err.h"
#include "egress/egress.h"
#include "ingest/ingest.h"
#include "sync/intake.h"
#include "sync/link.h"
#include "sync/notes.h"
#include "sync/state.h"
#include "sync/tally.h"

enum pass_technique {
	PASS_FULL, /* all that the rules let through and that is newer */
	PASS_UPDATE, /* pull: only what is here already */
	PASS_INCREMENTAL, /* push: what has changed since the last push */
	PASS_ONE, /* one event, by UUID */
	PASS_CLUSTERS, /* pull: only galaxy clusters that tags here name */
};

/* What is moved. X(NAME, name in JSON, text for people) */
#define PASS_KINDS(X)                                                                              \
	X(EVENT, "events", "events")                                                               \
	X(CLUSTER, "clusters", "clusters")                                                         \
	X(PROPOSAL, "proposals", "proposals")                                                      \
	X(SIGHTING, "sightings", "sightings")                                                      \
	X(ANALYST, "analyst_data", "analyst data")                                                 \
	X(RETRACTION, "retractions", "retractions")
enum pass_kind {
#define X(NAME, name, text) PASS_##NAME,
	PASS_KINDS(X)
#undef X
	PASS_KIND_COUNT
};
const char *pass_kind_name(enum pass_kind k);
const char *pass_kind_text(enum pass_kind k);
const char *pass_what_name(unsigned what); /* of pass_item.what */

struct pass_count {
	uint64_t listed; /* that were looked at */
	uint64_t current; /* the other side has them, or they were refused and have not changed */
	uint64_t added, updated; /* on the side that receives; in a preview: would be */
	uint64_t refused; /* by this side's rules (pull) or by the peer (push) */
	uint64_t failed; /* to be tried again */
	uint64_t held; /* push: by the gate, the rules of the link, or the operator */
	uint64_t local; /* pull: made here, never overwritten */
	uint64_t blocked; /* on a block list */
	uint64_t bytes; /* of documents */
};

/* Something that did not travel, or in a preview anything that was judged. */
struct pass_item {
	enum pass_kind kind;
	struct uuid uuid;
	enum { PASS_ITEM_ADDED, PASS_ITEM_UPDATED, PASS_ITEM_HELD, PASS_ITEM_REFUSED, PASS_ITEM_FAILED } what;
	uint64_t bytes; /* preview: of the document, 0: unknown */
	const char *text; /* why, in plain words; what it is, in a preview */
};
typedef void (*pass_item_fn)(void *user, const struct pass_item *item);

struct pass_opts {
	const struct ingest_env *in;
	const struct egress_env *out; /* NULL: pull only */
	const struct secret_key *key; /* opens the row's API key */
	uint64_t peer_id; /* row of T_PEER */
	uint64_t user_id; /* who asked for it, may be 0 */
	struct client_opts client; /* proxy, time limits, network; TLS and agent come from the row */
	const char *node_version; /* for the User-Agent */
	enum pass_direction direction;
	enum pass_technique technique;
	struct uuid only; /* of PASS_ONE */
	bool all; /* leave cursors and notes aside */
	bool preview;
	bool routine; /* by the schedule: what the peer can do was asked some time ago, and will do */
	unsigned parallel; /* events at a time [4], at most 16 */
	uint64_t max_event_bytes; /* [1 GiB] */
	const atomic_bool *cancelled; /* NULL: never */
	/* Told from any of the working threads, one at a time; each may be NULL. */
	intake_progress_fn progress;
	pass_item_fn item;
	void *user;
};

struct pass_result {
	struct link_hello hello;
	bool whole; /* everything was compared, not only what changed since */
	struct pass_count n[PASS_KIND_COUNT];
	uint64_t requests, bytes_in, bytes_out; /* on the wire */
	uint64_t attributes;
};

/* A run, for its steps. */
struct pass {
	const struct pass_opts *o;
	struct pass_result *res;
	struct link link;
	struct arena *a; /* as long as the pass */
	struct misp_peerstate state; /* as found; what steps change is written at the end */
	struct tally why; /* what did not travel */
	bool more; /* something was left for the next pass: cursors stay */
	/* a tocsin: it has said what changed since our cursor (3.2 of nobody but us); then only these
	   kinds are asked for */
	bool native;
	/* or a MISP whose whole index the step of the events has read, or found to be as it was: that of
	   the sightings does not ask for it again */
	bool has_index, same_index;
	const char *index_etag;
	uint64_t index_rows;
	/* in both cases these events have sightings, at that sighting_timestamp of the peer's */
	struct pass_sighted {
		struct uuid uuid;
		int64_t at;
	} *sighted;
	size_t n_sighted, cap_sighted;
	unsigned changed; /* bits of enum pass_kind */
	unsigned parts_done; /* push: enum push_bits of steps that have nothing to do with this peer */
	struct push_log *log; /* push: what changed since the cursors, once a step has asked */
	struct intake take; /* its progress is the pass's, for all steps */
	pthread_mutex_t lock; /* of counts and items */
};

/*
 * Run once. The state of the direction is written at the end. ERR_OK also when single things failed.
 * ERR_NOENT: no such row; ERR_AUTH: the peer refuses the key; ERR_NET, ERR_TIMEOUT, ERR_PEER;
 * ERR_CANCELLED; store errors.
 */
MUST_USE enum err pass_run(const struct pass_opts *o, struct pass_result *out, struct fail *f);
/* Is the peer there, and what is it? Fills out->hello. Errors as above. */
MUST_USE enum err pass_hello(const struct pass_opts *o, struct pass_result *out, struct fail *f);

/* ---- for steps --------------------------------------------------------------------------- */

#define STEP(direction, function, kind, doc) enum err function(struct pass *p, struct fail *f);
#include "sync/steps.inc"
#undef STEP

static inline bool pass_cancelled(const struct pass *p)
{
	return p->o->cancelled && atomic_load(p->o->cancelled);
}
/* pull_sightings.c: would the step ask for the whole index? Then one request does for both. */
bool pull_sightings_due(const struct pass *p);
/* Say and count what became of one thing. Thread-safe. `text` need live for the call only. */
void pass_tell(struct pass *p, const struct pass_item *item);
/* Only say it. */
void pass_say(struct pass *p, const struct pass_item *item);
/* Progress of the step at hand; thread-safe. */
void pass_progress(struct pass *p, uint64_t done, uint64_t total);
/* Whoever the pass brings things from, now. */
struct origin pass_origin(const struct pass *p);
/* The facts under which what a pull brings is admitted (sync-protocol.md 3.5). */
struct admit_facts pass_facts(const struct pass *p);
