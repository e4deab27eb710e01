/*
 * naive.h - the slow and plain way to answer a query: read everything, ask everything. What
 * test_search.c compares the planner with.
 */
#pragma once

#include "search/search.h"

struct naive_hits {
	struct search_hit *v;
	size_t n;
	uint64_t total;
};

/* Free v afterwards. Orders other than by id are not known here. */
void naive_run(const struct store_rtxn *t, const struct query *q, const struct search_visible *vis,
	       struct naive_hits *out);
