/*
 * push_parts.h - what the pushes of proposals and of sightings share: which events have changed in
 * that respect, and their parts through the gate into a body.
 */
#pragma once

#include "model/link_rules.h"
#include "sync/pass.h"

/* Events with something to send. */
struct parts_push {
	struct pass *p;
	struct link_rules rules;
	enum element_kind kind;
	uint64_t *ids;
	size_t n, cap;
	/* proposals: exactly those that somebody else than the peer has changed, by event; none: all */
	struct search_hit *some;
	size_t n_some, cap_some;
	uint64_t seq; /* of the snapshot from which they were chosen */
};

/*
 * All events with parts of the kind, or those of which somebody else than the peer has changed any
 * since `covered`; or the one that is asked for.
 */
MUST_USE enum err parts_push_choose(struct parts_push *x, uint64_t covered, struct fail *f);
void parts_push_free(struct parts_push *x);

/* The head of an event that the link and its rules let through. ERR_NOENT: they do not. */
MUST_USE enum err parts_push_head(const struct parts_push *x, uint64_t event_id, struct arena *a,
				  struct misp_event *e, struct uuid *as, struct fail *f);
/* The peer does not have it because sending it failed: its parts are to go when it has gone. */
bool parts_push_waits(const struct parts_push *x, struct uuid own);
/* How many of its parts are known to have changed; 0: all may have. */
size_t parts_push_some(const struct parts_push *x, uint64_t event_id);
/* Its parts through the gate, in the form of the exporter, as a text. */
MUST_USE enum err parts_push_body(const struct parts_push *x, const char *exporter, const char *form,
				  uint64_t event_id, const struct part_filter *filter,
				  struct buf *out, struct fail *f);
