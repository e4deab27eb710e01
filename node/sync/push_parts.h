/*
 * push_parts.h - what the pushes of proposals and of sightings share: which events have something of
 * them to send, and their parts through the gate into a body.
 */
#pragma once

#include "model/link_rules.h"
#include "sync/document.h"
#include "sync/pass.h"
#include "sync/push_log.h"

/* Events with something to send. */
struct parts_push {
	struct pass *p;
	struct link_rules rules;
	enum element_kind kind;
	struct push_log *log; /* of the pass */
	bool all; /* not only those that the log names */
	struct id_list ids;
};

/*
 * Those of which the log says that parts of the kind are to go; all that have any, when the step has no
 * cursor or the policy is another one.
 */
MUST_USE enum err parts_push_choose(struct parts_push *x, struct fail *f);
void parts_push_free(struct parts_push *x);
/* All that was chosen has been looked at: events that have no such parts are done with `bit` too. */
MUST_USE enum err parts_push_rest(struct parts_push *x, unsigned bit, struct fail *f);

/* The head of an event that the link and its rules let through. ERR_NOENT: they do not. */
MUST_USE enum err parts_push_head(const struct parts_push *x, uint64_t event_id, struct arena *a,
				  struct misp_event *e, struct uuid *as, struct fail *f);
/* How many of its parts are known to have changed; 0: all are to be looked at. */
size_t parts_push_some(const struct parts_push *x, uint64_t event_id);
/* May be left out what was sent before? Not to a peer that did not have the event, nor under another
   policy, nor when everything is asked for. */
bool parts_push_trusts(const struct parts_push *x, uint64_t event_id);
/* Its parts through the gate, in the form of the exporter, as a text. What is sent of it is to be
   intended by *receipt before. */
MUST_USE enum err parts_push_body(const struct parts_push *x, const char *exporter, const char *form,
				  uint64_t event_id, const struct part_filter *filter,
				  struct buf *out, struct receipt **receipt, struct fail *f);
