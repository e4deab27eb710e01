/*
 * approvals.h - what needs two persons (gate.md sections 5 and 6): taking an embargo off or shortening it,
 * and approving an early release or a release in a freeze window.
 *
 * The first person's attempt is refused and kept here as a request; a second one, who may publish,
 * approves, and then it is done, in one transaction with the audit record that names both. Requests
 * expire. Peers and feeds ask for nothing: what they bring never loosens what is here.
 */
#pragma once

#include "ingest/ingest.h"

enum approval_state {
	APPROVAL_PENDING,
	APPROVAL_APPROVED,
	APPROVAL_REJECTED,
	APPROVAL_EXPIRED, /* as time goes, not as stored */
	APPROVAL_STATES
};
extern const char *const approval_state_names[APPROVAL_STATES];

#define APPROVAL_DAYS 7

struct approval {
	uint64_t id;
	enum approval_state state;
	bool attach; /* the tag is to be attached; false: to be taken off */
	bool local;
	int64_t asked, expires, decided; /* seconds */
	uint64_t event_id, attr_id; /* attr_id 0: a tag of the event */
	struct uuid event_uuid, attr_uuid;
	uint64_t orgc_id; /* of the event: whose second persons may approve */
	uint64_t by_id, second_id; /* users */
	struct str tag, by, second; /* by: e-mails */
};

/* One by its number; strings in `a`. ERR_NOENT. */
MUST_USE enum err approval_get(const struct store_rtxn *t, uint64_t id, struct arena *a,
			       struct approval *out);
/* The next with a number above *id (begin with 0); ERR_NOENT at the end. */
MUST_USE enum err approval_next(const struct store_rtxn *t, uint64_t *id, struct arena *a,
				struct approval *out);
/* Is this refusal (ERR_PERM) one that waits for a second person now? */
bool approval_was_asked(const struct fail *f);
/* A person who decides. */
struct approver {
	uint64_t user_id;
	struct uuid org;
	struct str name; /* e-mail */
};
/*
 * Approve, and do it; or reject. ERR_NOENT; ERR_PERM with the reason in plain words: it is decided or
 * expired, or the one who asked would approve himself (he may reject: withdraw).
 */
MUST_USE enum err approval_approve(const struct ingest_env *env, uint64_t id,
				   const struct approver *who, const struct origin *o,
				   struct fail *f);
MUST_USE enum err approval_reject(const struct ingest_env *env, uint64_t id,
				  const struct approver *who, struct fail *f);
