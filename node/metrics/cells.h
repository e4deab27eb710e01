/*
 * cells.h - rows and cells as prom.c sees them. Private to this room.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "metrics/metrics.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_SECONDS };

struct metric_row {
	const char *name, *help;
	enum metric_kind kind;
	enum metric_label labels[2];
};

struct metric_label_set {
	const char *name;
	const char *const *members;
	size_t n;
};

/* Upper bounds of histogram buckets in microseconds; one more bucket has no bound. */
#define METRIC_BOUNDS 14
extern const uint64_t metric_bounds_us[METRIC_BOUNDS];

/* A counter or gauge uses the first number; a histogram the buckets and the sum. */
struct metric_cell {
	_Atomic int64_t v;
};
enum {
	METRIC_HIST_SUM = METRIC_BOUNDS + 1,
	METRIC_HIST_CELLS,
};

extern const struct metric_row metric_rows[METRIC_COUNT];
extern struct metric_label_set metric_sets[METRIC_LABEL_COUNT];

/* The first cell of a metric with these labels, or NULL (not set up, out of range). */
struct metric_cell *metric_cells(enum metric m, unsigned label1, unsigned label2);
