/*
 * push_log.h - what a push has to look at: the change log is walked once for all steps, from where each
 * has got, and events are marked with what of them changed. An event that goes, or could not go
 * before, brings all that belongs to it: its parts may be older than any cursor.
 */
#pragma once

#include "egress/egress.h"
#include "store/store.h"
#include "sync/id_list.h"

struct pass;

/* What of an event others than the peer have changed since a step's cursor, and what this pass says. */
enum push_bits {
	PUSH_EVENT = 1, /* what it says */
	PUSH_HEAD = 2, /* its head: its tags may name other clusters */
	PUSH_PROPOSAL = 4, /* proposals: those in push_log.proposals */
	PUSH_SIGHTING = 8, /* sightings, or their publication, which changes the head */
	PUSH_ABOUT = 16, /* anything, by anybody: what is about it may only now be seen */
	PUSH_BRINGS = 32, /* it may go in this pass, where it could perhaps not before */
	PUSH_NEW = 64, /* the peer did not have it */
	PUSH_ALL = 127,
	/* what it brings has gone, or may not go, or waits for the event */
	PUSH_PROPOSALS_DONE = 128,
	PUSH_SIGHTINGS_DONE = 256,
	PUSH_ANALYST_DONE = 512,
	PUSH_DONE = 896,
	PUSH_NOTED = 1024 /* it was not all done before */
};

struct push_mark {
	uint64_t event_id;
	unsigned bits;
};

/* Where the steps have got; 0: they look at everything, and need nothing from the log. */
struct push_cursors {
	uint64_t events, /* and clusters */
		proposals, sightings, analyst;
};

struct push_log {
	uint64_t seq; /* of the snapshot: what changes from now on is for the next pass */
	char policy[80]; /* version in force */
	/* all events, clusters and notes are to be judged; all proposals; all sightings */
	bool whole, all_proposals, all_sightings;
	bool groups; /* the walk saw a sharing group change: then all are to be judged too */
	struct push_mark *v; /* ascending when it is `settled` */
	size_t n, cap;
	bool settled;
	struct search_hit *proposals; /* by event, event_id, attr_id and id are set */
	size_t n_proposals, cap_proposals;
	struct id_list clusters, analyst;
};

/* The walk alone. */
MUST_USE enum err push_log_read(struct push_log *l, const struct store_rtxn *t, uint64_t peer_id,
				const struct push_cursors *from, struct fail *f);
/* The log of a pass, read when the first step asks for it. It belongs to the pass. */
MUST_USE enum err push_log_of(struct pass *p, struct push_log **out, struct fail *f);
void push_log_free(struct push_log *l); /* made by calloc(); may be NULL */
OWN_DEFINE(push_log, struct push_log *, push_log_free(*p))

/* At the end of a pass: what events should have brought, and did not, is due again in the next one. */
void push_log_leave(const struct pass *p);
/* Marks one more. */
MUST_USE enum err push_log_mark(struct push_log *l, uint64_t event_id, unsigned bits, struct fail *f);
/* Adds to the marks of an event that has some; no other gets any. */
void push_log_add(struct push_log *l, uint64_t event_id, unsigned bits);
unsigned push_log_bits(struct push_log *l, uint64_t event_id);
/* Proposals of an event that changed; NULL: none. */
const struct search_hit *push_log_proposals(const struct push_log *l, uint64_t event_id, size_t *n);
/* All events with any of the bits, ascending, added to `out`. */
MUST_USE enum err push_log_events(struct push_log *l, unsigned bits, struct id_list *out,
				  struct fail *f);
