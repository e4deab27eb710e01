/*
 * peer_diff.h - what this node has that a peer lacks, and the other way round, by the index of both.
 * Changes nothing. Memory is a bit for each number of an event of ours, whatever the peer has.
 */
#pragma once

#include "egress/egress.h"
#include "sync/link.h"

enum diff_side { DIFF_ONLY_HERE, DIFF_ONLY_THERE, DIFF_NEWER_HERE, DIFF_NEWER_THERE };

struct diff_item {
	enum diff_side side;
	struct uuid uuid;
	int64_t here, there; /* timestamps; 0: not there */
	const char *why; /* why an event of ours may not be there; NULL: nothing holds it */
};
typedef void (*diff_item_fn)(void *user, const struct diff_item *item);

struct diff_result {
	uint64_t same, n[DIFF_NEWER_THERE + 1];
};

/* The peer's index is what it shows to us; ours what is published. Errors as pass_run(). */
MUST_USE enum err peer_diff(const struct link_env *env, const struct egress_env *out, uint64_t peer_id,
			    diff_item_fn tell, void *user, struct diff_result *res, struct fail *f);
