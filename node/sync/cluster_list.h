/*
 * cluster_list.h - which galaxy clusters a peer offers, and one of them (sync-protocol.md 5.1). Both
 * are read as they come, by the reader of documents: bounded whatever the peer sends.
 */
#pragma once

#include "sync/pass.h"

struct cluster_row {
	struct uuid uuid;
	uint64_t version;
};
struct cluster_list {
	struct cluster_row *v; /* in the arena given, ascending by UUID */
	size_t n;
};
/*
 * Published custom clusters of the peer with their versions; with `only` (not NULL) of these UUIDs.
 * A peer that has none to tell, or does not tell us, has none.
 */
MUST_USE enum err cluster_list_ask(struct pass *p, const struct uuid *only, size_t n_only,
				   struct arena *a, struct cluster_list *out, struct fail *f);
/* NULL: not in it. */
const struct cluster_row *cluster_list_find(const struct cluster_list *l, struct uuid u);
/* The document of one cluster; ERR_PEER when the answer is about another one. */
MUST_USE enum err cluster_get(struct pass *p, struct uuid u, struct raw_event **out,
			      uint64_t *bytes, struct fail *f);
/* Version as a number; what is none is 0. */
uint64_t cluster_version(struct str s);
