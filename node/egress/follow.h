/*
 * follow.h - what a change of the store means for those who keep copies of what they were given: feed
 * folders, subscriptions.
 */
#pragma once

#include "egress/egress.h"

/* Is it of a row that is shown with, or decides about, events that it is not part of? New ones change
   nothing that is there, but for block lists. */
bool follow_touches_all(const struct change *c);
/* The event that it is of; false when it is of none. *uuid: of a deleted one, else nil or the event's. */
bool follow_event(const struct change *c, uint64_t *id, struct uuid *uuid);
/*
 * The UUID under which event `id` leaves for this audience; `was` is what the change said of it, for one
 * that is deleted. *there: is it in the store? ERR_NOENT: it is gone without a trace, or back under
 * another number.
 */
MUST_USE enum err follow_name(const struct egress_env *env, const struct audience *aud,
			      const struct store_rtxn *t, uint64_t id, struct uuid was,
			      struct arena *a, bool *there, struct uuid *name);
