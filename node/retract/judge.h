/*
 * judge.h - one slice of the work: what changed, who was given it, what they may no longer have (inside
 * node/retract only).
 */
#pragma once

#include "retract/retract.h"

/* Something that changed. */
struct thing {
	enum retract_what what; /* of event, cluster, analyst data */
	bool whole; /* which elements is not in the log */
	struct uuid uuid;
	uint64_t id, seq;
};

/* A recipient that was given it. */
struct pair {
	uint32_t audience;
	size_t thing;
	uint64_t sent_seq, sent_id; /* contents were given at that change; 0: only as a row of a list */
};

/* An element that changed, as it was and as it is. */
struct before {
	enum element_kind kind;
	struct el_key key;
	uint64_t event_id;
	struct uuid uuid;
	struct str was, now; /* packed; now absent: gone */
};

struct row {
	struct retraction r;
	bool drop;
};

struct slice {
	const struct retract_env *env;
	struct store_rtxn *t;
	struct arena *a; /* of one judgement */
	struct arena *keep; /* of the slice */
	int64_t now;
	uint64_t from, to; /* changes */
	char policy[65];
	bool all; /* everything is judged anew */
	struct thing *things;
	size_t n_things, cap_things;
	struct pair *pairs;
	size_t n_pairs, cap_pairs;
	struct row *rows;
	size_t n_rows, cap_rows;
	struct before *before; /* by event */
	size_t n_before, cap_before;
};

/* judge.c */
MUST_USE enum err slice_thing(struct slice *s, enum retract_what what, struct uuid u, uint64_t id,
			      uint64_t seq, bool whole, struct fail *f);
MUST_USE enum err slice_row(struct slice *s, const struct retraction *r, struct fail *f);
void row_begin(const struct slice *s, const struct recipient *to, struct retraction *r);

/* elements.c: read what elements were before and add their events to the things; *more: there are too
   many for one slice. Judge those of an event that may itself stay. Forget them, in the job. */
MUST_USE enum err before_read(struct slice *s, bool *more, struct fail *f);
MUST_USE enum err judge_elements(struct slice *s, const struct recipient *to, struct view *v,
				 const struct misp_event *e, const struct pair *p, struct fail *f);
MUST_USE enum err before_forget(const struct slice *s, struct store_wtxn *w, struct fail *f);
