/*
 * ledger_tree.h - the hash tree of RFC 6962: leaves and nodes, growing, proofs and their checking.
 * Pure: no store, no clock, no keys.
 */
#pragma once

#include <stdbool.h>

#include "base/hash.h"

#define TREE_LEVELS 64
#define TREE_PATH_MAX 130 /* hashes in a proof, more than any can have */

struct sha256 tree_leaf(struct str leaf); /* SHA-256 of 0x00 and the leaf */
struct sha256 tree_node(const struct sha256 *left, const struct sha256 *right); /* 0x01, both */

/* What has to be known of a tree to let it grow: the complete subtrees, the largest first. */
struct tree {
	uint64_t size; /* leaves */
	unsigned n;
	struct sha256 peak[TREE_LEVELS];
};
/* Told of each complete subtree of two leaves or more: its level (1: two leaves), its last leaf. */
typedef enum err (*tree_node_fn)(void *user, uint64_t last, unsigned level,
				 const struct sha256 *hash);
MUST_USE enum err tree_grow(struct tree *t, const struct sha256 *leaf, tree_node_fn node,
			    void *user);
struct sha256 tree_root(const struct tree *t);

/* Gives the hash of the complete subtree at `level` whose last leaf is `last`; level 0: of a leaf. */
typedef enum err (*tree_get_fn)(void *user, uint64_t last, unsigned level, struct sha256 *out);
/* Root of the first `size` leaves. */
MUST_USE enum err tree_root_at(uint64_t size, tree_get_fn get, void *user, struct sha256 *out);

struct tree_path {
	unsigned n;
	struct sha256 h[TREE_PATH_MAX];
};
/* Proof that leaf `index` stands in the tree of `size` leaves (2.1.1). */
MUST_USE enum err tree_include(uint64_t index, uint64_t size, tree_get_fn get, void *user,
			       struct tree_path *out);
/* Proof that the tree of `from` leaves begins the one of `size` (2.1.2). */
MUST_USE enum err tree_extend(uint64_t from, uint64_t size, tree_get_fn get, void *user,
			      struct tree_path *out);
/* Do they hold? */
bool tree_includes(const struct sha256 *leaf, uint64_t index, uint64_t size,
		   const struct tree_path *p, const struct sha256 *root);
bool tree_extends(uint64_t from, const struct sha256 *from_root, uint64_t size,
		  const struct tree_path *p, const struct sha256 *root);
