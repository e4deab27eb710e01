/*
 * decay.h - scores of decaying models, as one audience may know them (inside node/egress only).
 */
#pragma once

#include "egress/view.h"
#include "search/decay.h"

/* Of one question; lives as long as its run. */
struct view_decay {
	struct decay_models models;
	int64_t now; /* seconds; one time for the whole answer */
	bool drops, shows, on_events;
	uint64_t event_id; /* whose tags are summed up */
	struct decay_sums *event_sums; /* one for each model */
};

/* Read the models that the query asks for, where it asks for any. ERR_NOENT: it names one that is not
   there. */
MUST_USE enum err view_decay_begin(struct view *v, const struct query *q, struct arena *a,
				   struct fail *f);
/* As search_visible.decayed: decayed in all models that concern it. */
bool view_decayed(void *user, const struct misp_event *e, const struct misp_attr *attr);
