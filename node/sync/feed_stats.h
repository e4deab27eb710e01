/*
 * feed_stats.h - how the runs over a feed went, in numbers: kept beside its row, for lists and metrics.
 */
#pragma once

#include "store/store.h"

struct feed_stats {
	uint64_t runs, failed; /* since the feed was entered */
	uint64_t failed_in_a_row;
	uint64_t entries; /* events or values that the feed held, when it was last read as a whole */
	uint64_t added; /* events or values that came in, of all runs */
	uint64_t refused; /* events that failed or were refused in the last good run */
	uint64_t bytes; /* of the last good run that brought any */
	uint64_t ms; /* that the last run took */
};

/* All zero when there was none. */
struct feed_stats feed_stats_get(const struct store_rtxn *t, uint64_t feed_id);
/* Inside of a job. */
MUST_USE enum err feed_stats_put(struct store_wtxn *w, uint64_t feed_id, const struct feed_stats *s,
				 struct fail *f);
/* The feed is gone. */
MUST_USE enum err feed_stats_drop(struct store_wtxn *w, uint64_t feed_id, struct fail *f);
