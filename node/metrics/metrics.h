/*
 * metrics.h - counting. Rows are in metrics.inc; labels are positions in named sets.
 *
 * Everything may be called from any thread, costs an atomic addition, and does nothing before
 * metrics_setup(), so that unit tests of other rooms need not care.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum metric {
#define METRIC(kind, name, text, label1, label2, help) M_##name,
#include "metrics/metrics.inc"
#undef METRIC
	METRIC_COUNT
};

/*
 * Label sets: X(NAME, "label name"). STATUS, DIRECTION, OUTCOME and ERROR are known here; the
 * others belong to other rooms, so main names their members with metrics_label().
 */
#define METRIC_LABELS(X)                                                                           \
	X(NONE, "")                                                                                \
	X(STATUS, "status")                                                                        \
	X(DIRECTION, "direction")                                                                  \
	X(OUTCOME, "outcome")                                                                      \
	X(ERROR, "result")                                                                         \
	X(SOURCE, "source")                                                                        \
	X(ENDPOINT, "endpoint")                                                                    \
	X(EXPORTER, "format")                                                                      \
	X(RULE, "rule")                                                                            \
	X(AUTH_WAY, "way")                                                                         \
	X(DNS_KIND, "kind")                                                                        \
	X(DNS_RCODE, "rcode")

enum metric_label {
#define X(name, text) METRIC_LABEL_##name,
	METRIC_LABELS(X)
#undef X
	METRIC_LABEL_COUNT
};

enum metric_direction { METRIC_IN, METRIC_OUT };
/* In the order of ingest's outcomes. */
enum metric_outcome { METRIC_ADDED, METRIC_UPDATED, METRIC_UNCHANGED, METRIC_REFUSED };
enum metric_auth_way { METRIC_BY_KEY, METRIC_BY_SESSION, METRIC_BY_PASSWORD, METRIC_BY_REGISTER };
/* In the order of enum origin_kind. */
enum metric_source { METRIC_FROM_USER, METRIC_FROM_PEER, METRIC_FROM_FEED, METRIC_FROM_SYSTEM };
/* Position of an HTTP status in STATUS. */
unsigned metric_status(int http_status);

/* Name the members of a set, before metrics_setup(). The names must stay (literals, tables). */
void metrics_label(enum metric_label set, const char *const *names, size_t n);
/* Make the cells; once, before threads start. */
MUST_USE enum err metrics_setup(struct fail *f);
/* Back to the state before metrics_setup() (tests). No other thread may count meanwhile. */
void metrics_teardown(void);

/* Counters and gauges; a label that a metric does not have is 0. Out of range is ignored. */
void metric_add(enum metric m, unsigned label1, unsigned label2, int64_t n);
void metric_set(enum metric m, unsigned label1, unsigned label2, int64_t v);
int64_t metric_get(enum metric m, unsigned label1, unsigned label2);
/* Histograms. */
void metric_observe_us(enum metric m, unsigned label1, unsigned label2, uint64_t micros);

/* Short forms for metrics without labels. */
static inline void metric_inc(enum metric m)
{
	metric_add(m, 0, 0, 1);
}

/* The text that Prometheus reads (version 0.0.4). Cells that never counted are left out, except
 * those of metrics without labels. */
void metrics_text(struct buf *out);
