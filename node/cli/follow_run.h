/*
 * follow_run.h - the loop of `tocsin follow`: ask, wait, verify, apply, remember; and wait longer after
 * each failure.
 */
#pragma once

#include "cli/follow_target.h"

struct follow_plan {
	bool once, whole; /* end after one round; begin with a whole set */
	unsigned wait_s; /* the node may hold its answer back so long */
	int64_t pause_s; /* at least, between two changes */
};

/* The exit code. */
int follow_run(struct follow *f, const struct follow_plan *plan);
