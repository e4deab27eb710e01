/*
 * fill.h - inside fill.c and change.c: one store being filled, and what puts one thing into it.
 */
#pragma once

#include "tests/nonint/nonint.h"

#define WHEN 1600000000

struct filling {
	struct side *s;
	const struct model *m;
	unsigned variant;
	struct rng rng; /* of numbers only */
	bool later; /* what is hidden is newer than it was */
};

extern const struct origin from_here;

/* Ends the test when something is not taken in. */
void must(enum err e, const struct fail *f, const char *what);
/* The document of an event with all that stands in it, in this variant. */
void fill_event(const struct filling *x, unsigned i, struct buf *b);
/* `groups` is where the result's groups are. */
struct admit_facts facts_of(const struct filling *x, const struct thing *t, uint64_t groups[THINGS_MAX]);
void add_event(struct filling *x, unsigned i);
/* A sighting, note or proposal. */
void add_parts(struct filling *x, unsigned i);
void delete_one(struct filling *x, unsigned i);
void tag_locally(struct filling *x, unsigned i);
/* New, or in place of what is there. */
enum err put_group(struct store_wtxn *w, const struct filling *x, unsigned i, struct fail *f);
enum err put_cluster(struct store_wtxn *w, const struct filling *x, unsigned i, uint64_t galaxy, struct fail *f);
/* Jobs of the writer; arg is the filling. */
enum err local_tags(struct store_wtxn *w, void *arg, struct fail *f);
enum err put_times(struct store_wtxn *w, void *arg, struct fail *f);
