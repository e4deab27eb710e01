/*
 * correlate.h - correlations at read time: which attributes of other events belong to an attribute.
 *
 * No table: the value index is asked (design section 5), and what is near in memory (search/near.h).
 * Both sides must be live, of a type that correlates, with correlation off on neither the attribute
 * nor its event, and no exclusion may match the value.
 *
 * Over-correlation: through one part of its value, and in one way, an attribute belongs to nothing
 * when it would belong to more than `limit` attributes of other events. Only what the asker may see is
 * counted, so the limit tells nothing of what is hidden.
 */
#pragma once

#include "search/search.h"

#define CORRELATE_LIMIT 20 /* MISP's default of MISP.correlation_limit */

/* What all askers share. */
struct correlate_rules {
	uint32_t limit;	 /* 0: none */
	bool networks;	 /* addresses correlate with networks that hold them */
	uint8_t ssdeep;	 /* ssdeep hashes correlate that are so alike (1 to 100); 0: only equal ones */
};
struct correlator;
struct correlator *correlator_new(struct index *ix, const struct correlate_rules *rules);
void correlator_free(struct correlator *c);
OWN_DEFINE(correlator, struct correlator *, correlator_free(*p))
/* Memory that it holds. */
size_t correlator_bytes(struct correlator *c);

enum correlate_way { BY_VALUE, BY_NETWORK, BY_LIKENESS, CORRELATE_WAYS };
struct correlation {
	struct search_hit hit;
	uint8_t way;  /* enum correlate_way; the first that was found */
	uint8_t part; /* of the asking attribute's value: 0, 1 */
};
struct correlations {
	struct correlation *v; /* the latest rows first within a way */
	uint32_t n;
	bool over; /* some were left out by the limit */
};

/* One asker's questions. What it remembers is bounded by the number of events. */
struct correlate;
/* `c` NULL: equal values alone, with the default limit. `vis` must outlive it. */
struct correlate *correlate_new(struct index *ix, struct correlator *c,
				const struct search_visible *vis);
void correlate_free(struct correlate *c);
OWN_DEFINE(correlate, struct correlate *, correlate_free(*p))
/* Correlations of an attribute of `e`, which the caller has found to be visible; in the arena. */
MUST_USE enum err correlate_attr(struct correlate *c, const struct store_rtxn *t,
				 const struct misp_event *e, const struct misp_attr *attr,
				 struct arena *a, struct correlations *out, struct fail *f);

/* ---- over the whole store (rank.c) ---------------------------------------------------------- */

struct correlate_rank {
	struct str value; /* folded */
	uint64_t count;
};
enum correlate_list {
	TOP_CORRELATIONS, /* values that correlate, by pairs of attributes in different events */
	OVER_CORRELATIONS, /* values over the limit, by attributes that hold them */
};
/*
 * The values with the highest counts of what the audience sees: `n` from `skip` on, in the arena; equal
 * counts by value. Excluded values are in neither list. Walks all rows of the index once.
 */
MUST_USE enum err correlate_ranks(struct index *ix, struct correlator *c,
				  const struct search_visible *vis, const struct store_rtxn *t,
				  enum correlate_list list, uint64_t skip, uint64_t n,
				  const volatile bool *cancelled, struct arena *a,
				  struct correlate_rank **out, uint64_t *n_out, struct fail *f);
