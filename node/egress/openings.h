/*
 * openings.h - embargoes that end: each opening becomes a change in the change log, so that feeds,
 * streams and incremental consumers see it although the event did not change (gate.md section 5).
 *
 * A thread follows the change log, asks the gate for each event which audiences of the policy it is
 * held from and until when, and writes CHANGE_OPEN within a second of that time. What opened while
 * the node was down is written at the start. Openings wait while the clock is not trusted.
 */
#pragma once

#include "egress/egress.h"

struct openings;

/* Scan the store and start. The env outlives it. */
MUST_USE enum err openings_start(const struct egress_env *env, struct openings **out,
				 struct fail *f);
/* The policy has changed: judge everything again. */
void openings_rescan(struct openings *o);
/* Times waited for (status, tests). */
uint64_t openings_pending(struct openings *o);
/* When the event opened last for a release class; 0: never. */
int64_t openings_of(struct openings *o, uint64_t event_id, unsigned release_class);
/* The same of something in it: who may have that learns of it (view.c). */
int64_t openings_within(struct openings *o, uint64_t event_id, unsigned release_class);
/* Did something in the event open at this time, for any class? Then a copy with it may be one of ours. */
bool openings_at(struct openings *o, uint64_t event_id, int64_t t);
/* Events with an embargo tag that cannot be read (it holds for ever): how many, and the ids of the
   first `n`. */
uint64_t openings_unreadable(struct openings *o, uint64_t *ids, size_t n);
void openings_stop(struct openings *o);
