/*
 * near.h - values that correlate without being equal: addresses and the networks that hold them, and
 * ssdeep hashes that share a piece (inside node/search only).
 *
 * Kept in memory, made from the rows of the index when first asked and followed from there: rows never
 * change. 12 bytes for an address or network, about 1 kB for an ssdeep hash. Safe for many threads.
 */
#pragma once

#include "index/rows.h"

struct near;
enum near_kind { NEAR_NONE, NEAR_ADDRESS, NEAR_SSDEEP };

/* What the part (0, 1) of values of a type is to be taken for. */
enum near_kind near_kind_of(uint16_t type, unsigned part);

struct near *near_new(bool networks, bool ssdeep);
void near_free(struct near *n);
/* Take in the rows of a view that are not known yet. */
MUST_USE enum err near_follow(struct near *n, const struct ix_view *v);
/*
 * The rows near a folded value of that kind: for an address the networks that hold it, for a network
 * the addresses in it, for an ssdeep hash all that share seven letters with it (candidates: compare
 * the records). Dead ones too; no row twice. `fn` returning false ends it.
 */
MUST_USE enum err near_each(struct near *n, const struct ix_view *v, enum near_kind kind,
			    struct str folded, bool (*fn)(void *user, uint32_t row), void *user);
/* Memory held. */
size_t near_bytes(struct near *n);
