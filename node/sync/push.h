/*
 * push.h - events on their way to a peer: which ones (push_candidates.c) and how (push_events.c).
 * sync-protocol.md 4.1 to 4.8.
 */
#pragma once

#include "model/link_rules.h"
#include "sync/pass.h"
#include "sync/push_log.h"

/* Of one pass; the next one goes on. Bounds our memory. */
#define PUSH_MAX 1000000

struct push_candidate {
	uint64_t event_id;
	struct uuid own, uuid; /* here, and as the peer knows it */
	int64_t timestamp;
	bool wanted; /* by the peer, as far as it has said */
	bool noted; /* something is remembered about it */
	bool went, was_new; /* it is there now; it was not before */
	bool owes; /* its note says now that what belongs to it is due (NOTE_push_parts) */
	bool is_protected, has_reports;
};

struct push {
	struct pass *p;
	struct link_rules rules;
	struct push_candidate *v;
	size_t n, cap;
	struct push_log *log; /* of the pass */
};

/* Who the link is, for the gate. */
struct caller push_caller(const struct pass *p);
struct caller push_caller_of(const struct link *l);
/* One event as it goes over the link. */
struct egress_push push_what(const struct link *l, const struct link_rules *rules,
			     uint64_t event_id);
/*
 * All events that may go to the peer and that it may lack: since the cursor, or all; judged by the
 * gate, the rules of the link, and what is remembered. What is held is told and counted.
 */
MUST_USE enum err push_candidates(struct push *x, struct fail *f);
