/*
 * correlator.h - the inside of struct correlator, for correlate.c and rank.c.
 */
#pragma once

#include "model/types.h"
#include "search/correlate.h"
#include "search/eye.h"
#include "search/near.h"

struct correlator {
	struct index *ix;
	struct correlate_rules rules;
	struct near *near; /* NULL: nothing but equal values */
};

/* May the part of a row (IX_PART) correlate, as far as columns tell? */
static inline bool part_correlates(const struct ix_view *v, uint32_t at)
{
	const struct type_row *row = type_get((enum attr_type)v->type[at >> 1]);

	return row && row->correlates != CORR_NEVER && !(at & 1 && row->correlates == CORR_FIRST) &&
	       !(v->flags[at >> 1] & IX_DELETED);
}
/* The same with the records: does the audience see it, and is correlation on? */
MUST_USE enum err row_correlates(struct eye *e, uint32_t row, bool *yes);
