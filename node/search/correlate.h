/*
 * correlate.h - correlations at read time: which attributes of other events hold an equal value.
 * No table: the value index is asked (design section 5), with a cap for over-correlating values.
 */
#pragma once

#include "search/search.h"

/*
 * Live attributes of other visible events that correlate with `attr` on the parts that its type
 * correlates on; at most `limit` hits. None for types that do not correlate, for deleted
 * attributes and where correlation is disabled on either side.
 */
MUST_USE enum err search_correlating(struct index *ix, const struct store_rtxn *t,
				     const struct misp_attr *attr,
				     const struct search_visible *vis, uint64_t limit,
				     struct arena *a, struct search_result *out);
