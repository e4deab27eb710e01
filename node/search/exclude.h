/*
 * exclude.h - values that never correlate, from the table of exclusions.
 *
 * As in MISP a `%` at either end stands for anything; elsewhere it is itself. Compared as values are
 * (folded), for a value correlates in any case.
 */
#pragma once

#include "base/arena.h"
#include "store/store.h"

struct exclude;

/* Read the table. NULL in *out when it is empty. */
MUST_USE enum err exclude_load(const struct store_rtxn *t, struct exclude **out);
void exclude_free(struct exclude *x);
OWN_DEFINE(exclude, struct exclude *, exclude_free(*p))
/* Does an exclusion match this folded value? NULL matches nothing. */
bool exclude_match(const struct exclude *x, struct str folded);
