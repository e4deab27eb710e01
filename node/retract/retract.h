/*
 * retract.h - taking back what has been given out (gate.md section 9): who received something that it
 * may no longer have, how that can reach them, and what came of it.
 *
 * The ledger knows who was given what; the change log says what changed; the gate is asked again. Each
 * recipient that lost something gets a row in BOOK_RETRACTIONS, which passes over links and answers to
 * peers deliver. Nobody is told of anything that was not given to him.
 */
#pragma once

#include <stdatomic.h>

#include "audit/ledger.h"
#include "egress/egress.h"

/* What is taken back. X(NAME, "name", element kind or EL_COUNT) */
#define RETRACT_WHATS(X)                                                                           \
	X(EVENT, "event", EL_COUNT)                                                                \
	X(ATTRIBUTE, "attribute", EL_ATTR)                                                         \
	X(OBJECT, "object", EL_OBJECT)                                                             \
	X(REPORT, "report", EL_REPORT)                                                             \
	X(CLUSTER, "cluster", EL_COUNT)                                                            \
	X(ANALYST, "analyst_data", EL_COUNT)
enum retract_what {
#define X(NAME, name, kind) RETRACT_##NAME,
	RETRACT_WHATS(X)
#undef X
	RETRACT_WHAT_COUNT
};
const char *retract_what_name(unsigned what);
bool retract_what_find(struct str name, enum retract_what *out);

/* X(NAME, "name", one sentence) */
#define RETRACT_STATES(X)                                                                          \
	X(PENDING, "pending", "waits for the recipient")                                           \
	X(DELIVERED, "delivered", "the recipient was told, or what it fetches lacks it")           \
	X(ACKNOWLEDGED, "acknowledged", "the recipient says that it no longer has it")             \
	X(IMPOSSIBLE, "impossible", "it cannot be taken back there; the reason stands beside")
enum retract_state {
#define X(NAME, name, doc) RETRACT_##NAME,
	RETRACT_STATES(X)
#undef X
	RETRACT_STATE_COUNT
};
const char *retract_state_name(unsigned state);

/* How it reaches a recipient. */
enum retract_route {
	RETRACT_BY_NONE, /* nobody here is that recipient any more */
	RETRACT_BY_FOLDER, /* a published folder: it is removed there */
	RETRACT_BY_QUERY, /* exports and streams: the next answer lacks it */
	RETRACT_BY_PUSH, /* a link that we push over */
	RETRACT_BY_PULL, /* a user who pulls */
};

#define RETRACT_TEXT_MAX 256

struct retraction {
	uint32_t audience; /* its number in the ledger */
	uint8_t what; /* enum retract_what */
	struct uuid uuid; /* as stored here */
	uint64_t id; /* local */
	struct uuid event_uuid; /* of elements */
	uint64_t event_id;
	uint64_t parent; /* object of an attribute, or 0 */
	uint64_t seq; /* of the change log: what is newer lacks it */
	int64_t at; /* seconds, when it was noticed */
	uint8_t state; /* enum retract_state */
	int64_t state_at;
	uint64_t tries;
	struct str why; /* why it may no longer be there */
	struct str note; /* what the recipient said, or why it is impossible */
	struct str before; /* packed record of an element as the recipient had it; absent: unknown */
};

/* Does this verdict on an event that was given out mean that it may not be there any more? */
bool retract_takes_back(const struct verdict *v);

/* ---- the rows (book.c) ------------------------------------------------------------------------ */

/* Texts are borrowed from the transaction. ERR_NOENT: none. */
MUST_USE enum err retraction_get(const struct store_rtxn *t, uint32_t audience,
				 enum retract_what what, struct uuid u, struct retraction *out);
/* Those that are open (pending), or those that are settled, of one audience, or of all with
   UINT32_MAX: call with an empty `key` first. ERR_NOENT at the end. */
MUST_USE enum err retraction_next(const struct store_rtxn *t, bool settled, uint32_t audience,
				  struct buf *key, struct retraction *out);
MUST_USE enum err retraction_put(struct store_wtxn *w, const struct retraction *r, struct fail *f);
MUST_USE enum err retraction_del(struct store_wtxn *w, const struct retraction *r, struct fail *f);
/* Does it go with its event, marked as deleted there? Then nobody is told of it apart. */
static inline bool retraction_goes_along(const struct retraction *r)
{
	return r->event_id && !r->before.n;
}
/* Note what became of some, in one job; those that are gone meanwhile are left out. */
struct retract_outcome {
	uint32_t audience;
	enum retract_what what;
	struct uuid uuid;
	enum retract_state state;
	bool again; /* it failed: the state stays, the try counts */
	char note[RETRACT_TEXT_MAX];
};
MUST_USE enum err retractions_note(struct store *s, const struct retract_outcome *v, size_t n,
				   struct fail *f);

/* ---- recipients (callers.c) --------------------------------------------------------------------- */

/* Who is behind an audience of the ledger, as far as he is still here. */
struct recipient {
	enum retract_route route;
	struct caller caller; /* RETRACT_BY_PUSH, RETRACT_BY_PULL; texts in the arena */
	struct audience aud;
	bool native; /* RETRACT_BY_PULL: has asked as a tocsin does */
};
MUST_USE enum err recipient_find(const struct egress_env *env, const struct store_rtxn *t,
				 const struct ledger_audience *who, struct arena *a,
				 struct recipient *out, struct fail *f);
/* This user asks as a tocsin does. Written once. */
MUST_USE enum err recipient_is_native(struct store *s, uint64_t user_id, struct fail *f);
/* The number of an audience in the ledger; ERR_NOENT: it was never given anything. */
MUST_USE enum err recipient_number(const struct store_rtxn *t, const struct audience *aud,
				   uint32_t *number);
/* Has it something to hear of? */
bool recipient_waits(const struct store_rtxn *t, const struct audience *aud);

/* ---- the work (judge.c, retractor.c) ------------------------------------------------------------ */

struct retract_env {
	const struct egress_env *out;
	uint64_t (*published)(void *user); /* change that all published folders hold; NULL: none are */
	void *user;
};
struct retract_result {
	uint64_t changes, judged, added, dropped;
	bool more; /* the log goes on */
};
/* Look at the next changes, or at everything when policy, groups or block lists changed. The cost
   follows the changes and who was given what they changed. */
MUST_USE enum err retract_run(const struct retract_env *env, const atomic_bool *stop,
			      struct retract_result *out, struct fail *f);

struct retractor;
/* A thread that does so whenever the change log has grown. `env` is copied. */
MUST_USE enum err retractor_start(const struct retract_env *env, struct retractor **out,
				  struct fail *f);
void retractor_rescan(struct retractor *r); /* the policy has changed */
void retractor_stop(struct retractor *r);
