/*
 * state.h - what a peer's last passes came to and where the next ones go on, for each direction:
 * cursors, back-off, counts. Apart from the row, which belongs to the administrator.
 */
#pragma once

#include "base/err.h"
#include "store/store.h"

enum pass_direction { PASS_PULL, PASS_PUSH };

/* A zeroed one when there is none yet. Texts live as long as `t`, lists in `a`. */
MUST_USE enum err peer_state_read(const struct store_rtxn *t, uint64_t peer_id,
				  enum pass_direction d, struct arena *a,
				  struct misp_peerstate *out);
MUST_USE enum err peer_state_write(struct store_wtxn *w, uint64_t peer_id, enum pass_direction d,
				   const struct misp_peerstate *s, struct fail *f);
/* The row has changed: the back-off ends, and with `cursors` (URL, rules) what was covered so far says
   nothing any more. */
MUST_USE enum err peer_state_rewind(struct store_wtxn *w, uint64_t peer_id, enum pass_direction d,
				    bool cursors, struct fail *f);
/* The peer is removed: states and notes go too. */
MUST_USE enum err peer_state_drop(struct store_wtxn *w, uint64_t peer_id, struct fail *f);
