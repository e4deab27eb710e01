/*
 * changes.h - what has changed for a peer since it asked last: a cursor into the change log as other
 * tocsins hold it. Sealed, so that it tells nothing of what its holder may not see.
 */
#pragma once

#include "api/rest.h"

/*
 * When the request bears "tocsin_since" (our own; a MISP ignores it) and the caller is a peer: restrict
 * the index to events that changed since, unless everything has to be compared (no cursor, another
 * policy or other rights since, sharing groups or block lists changed, too much at once). Answers with
 *   X-Tocsin-Cursor: for the next time
 *   X-Tocsin-Changed: all, or the kinds that changed ("events", "sightings" ...; empty: nothing); and
 *   "retractions" when something waits to be taken back
 * *yes: the answer is about changes, so events without content are in it too. The cost follows the
 * number of changes since.
 */
MUST_USE enum err changes_restrict(struct http_req *r, struct view *v, const json_t *params,
				   struct query *q, bool *yes, struct fail *f);
