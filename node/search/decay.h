/*
 * decay.h - what indicators are worth by the decaying models of the node: MISP's polynomial, from
 * tags (base score), the newest sighting or change, and time (rest-api.md 3.5, 3.4).
 *
 * Pure but for reading the models: which tags and sightings count for the audience is the caller's.
 */
#pragma once

#include "model/misp.h"
#include "model/types.h"
#include "search/query.h"
#include "store/store.h"

#define DECAY_MODELS 64 /* that are asked at once */
#define DECAY_RATIOS 64 /* taxonomies that one weighs */
#define DECAY_WORTHS 256 /* tags that a user values otherwise */

/* A taxonomy, or a predicate of one, and its weight. */
struct decay_ratio {
	struct str base;
	double weight;
};
struct decay_model {
	const struct misp_decay *row;
	double lifetime, speed, threshold, base; /* days, exponent is 1 / speed, 0 to 100 */
	struct decay_ratio *ratios;
	uint32_t n_ratios;
	bool types[ATTR_TYPE_LIMIT];
};
struct decay_models {
	struct decay_model *v; /* by id */
	uint32_t n;
	bool named; /* asked for by name: they count for all types, enabled or not */
	/* numerical values that the user gives tags instead of their own, by name */
	struct decay_worth {
		struct str tag;
		double value;
	} *worth;
	uint32_t n_worth;
};
/* What tags of one event, or of one attribute, say of each ratio of a model. */
struct decay_sums {
	struct {
		uint32_t tags, numeric;
		double sum, last;
		bool last_numeric;
	} ratio[DECAY_RATIOS];
};
struct decay_score {
	const struct decay_model *model;
	double score, base;
	bool decayed;
};

/*
 * The models that a search asks for and its user may see, with what it overrides; copied into `a`.
 * `org_id` 0 or `all`: those of every organisation. ERR_NOENT: it names one that is not there. The user's
 * setting tag_numerical_value_override comes with them (`user_id` 0: nobody's).
 */
MUST_USE enum err decay_models_read(const struct store_rtxn *t, const struct query *q,
				    uint64_t user_id, uint64_t org_id, bool all, struct arena *a,
				    struct decay_models *out, struct fail *f);
/* Does it say anything of attributes of this type? */
bool decay_concerns(const struct decay_models *all, const struct decay_model *m, uint16_t type);
/* What of a tag's name is weighed: namespace and predicate where there is a value, the namespace
   where there is none, else all of it. */
struct str decay_tag_base(struct str name);
/* Sum up resolved tags. */
void decay_sum(const struct decay_models *all, const struct decay_model *m,
	       const struct misp_tagref *tags, uint32_t n, struct decay_sums *out);
/* The base score: tags of the attribute stand in for those of the event with the same base. */
double decay_base(const struct decay_model *m, const struct decay_sums *event,
		  const struct decay_sums *attr);
#define DECAY_UNSEEN INT64_MIN
/* From when on it loses its worth. `seen` is the newest sighting (seconds) or DECAY_UNSEEN. */
int64_t decay_since(const struct misp_attr *a, int64_t seen);
/* The score after `elapsed_s` seconds; never below 0, and 0 for what lies more than a minute ahead. */
struct decay_score decay_after(const struct decay_model *m, double base, int64_t elapsed_s);
