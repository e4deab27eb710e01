/*
 * metrics.c - cells in one array, relaxed atomics. A reader may see one thread's counts a moment
 * apart from another's; for metrics that is no error.
 */
#include "metrics/metrics.h"

#include <stdlib.h>

#include "base/own.h"
#include "metrics/cells.h"

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(k, n, text, l1, l2, h)                                                              \
	[M_##n] = {.name = text,                                                                   \
		   .help = h,                                                                      \
		   .kind = METRIC_##k,                                                             \
		   .labels = {METRIC_LABEL_##l1, METRIC_LABEL_##l2}},
#include "metrics/metrics.inc"
#undef METRIC
};

const uint64_t metric_bounds_us[METRIC_BOUNDS] = {
	100,	500,	1000,	2500,	 5000,	  10000,   25000,
	50000,	100000, 250000, 1000000, 5000000, 10000000, 60000000,
};

static const char *const none_names[] = {""};
static const char *const status_names[] = {"1xx", "2xx", "3xx", "4xx", "5xx", "403", "404", "499"};
static const char *const direction_names[] = {"in", "out"};
static const char *const outcome_names[] = {"added", "updated", "unchanged", "refused"};
static const char *const source_names[] = {"user", "peer", "feed", "system"};
static const char *const auth_way_names[] = {"key", "session", "password", "register"};
/* enum dns_kind; RCODEs by number */
static const char *const dns_kind_names[] = {"soa", "axfr", "ixfr", "other"};
static const char *const dns_rcode_names[] = {
	"noerror", "formerr", "servfail", "nxdomain", "notimp", "refused", "6",	 "7", "8",
	"notauth", "10",      "11",	  "12",	      "13",	"14",	   "15", "badvers"};
static const char *error_names[ERR_COUNT];

#define SET(s, label, list)                                                                        \
	[METRIC_LABEL_##s] = {.name = label, .members = list, .n = ARRAY_LEN(list)}
struct metric_label_set metric_sets[METRIC_LABEL_COUNT] = {
	SET(NONE, "", none_names),
	SET(STATUS, "status", status_names),
	SET(DIRECTION, "direction", direction_names),
	SET(OUTCOME, "outcome", outcome_names),
	SET(ERROR, "result", error_names),
	SET(SOURCE, "source", source_names),
	[METRIC_LABEL_ENDPOINT] = {.name = "endpoint"},
	[METRIC_LABEL_EXPORTER] = {.name = "format"},
	[METRIC_LABEL_RULE] = {.name = "rule"},
	SET(AUTH_WAY, "way", auth_way_names),
	SET(DNS_KIND, "kind", dns_kind_names),
	SET(DNS_RCODE, "rcode", dns_rcode_names),
};

static struct metric_cell *cells;
static size_t first_cell[METRIC_COUNT];

unsigned metric_status(int s)
{
	switch (s) {
	case 403:
		return 5;
	case 404:
		return 6;
	case 499: /* the client left */
		return 7;
	default:
		return s >= 100 && s < 600 ? (unsigned)s / 100 - 1 : 4;
	}
}

void metrics_label(enum metric_label set, const char *const *names, size_t n)
{
	if (BUG(cells))
		return;
	metric_sets[set].members = names;
	metric_sets[set].n = n;
}

static size_t cells_of(const struct metric_row *r)
{
	return r->kind == METRIC_SECONDS ? METRIC_HIST_CELLS : 1;
}

enum err metrics_setup(struct fail *f)
{
	size_t n = 0;

	if (BUG(cells))
		return ERR_BUG;
	for (int e = 0; e < ERR_COUNT; e++)
		error_names[e] = err_name((enum err)e);
	for (size_t m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *r = &metric_rows[m];

		first_cell[m] = n;
		n += metric_sets[r->labels[0]].n * metric_sets[r->labels[1]].n * cells_of(r);
	}
	cells = calloc(n ? n : 1, sizeof(*cells));
	return cells ? ERR_OK : fail(f, ERR_NOMEM, "metrics");
}

void metrics_teardown(void)
{
	free(cells);
	cells = NULL;
}

struct metric_cell *metric_cells(enum metric m, unsigned label1, unsigned label2)
{
	const struct metric_row *r = &metric_rows[m];
	size_t n1 = metric_sets[r->labels[0]].n, n2 = metric_sets[r->labels[1]].n;

	if (!cells || label1 >= n1 || label2 >= n2)
		return NULL;
	return cells + first_cell[m] + (label1 * n2 + label2) * cells_of(r);
}

void metric_add(enum metric m, unsigned label1, unsigned label2, int64_t n)
{
	struct metric_cell *c = metric_cells(m, label1, label2);

	if (c && !BUG(metric_rows[m].kind == METRIC_SECONDS))
		atomic_fetch_add_explicit(&c->v, n, memory_order_relaxed);
}

void metric_set(enum metric m, unsigned label1, unsigned label2, int64_t v)
{
	struct metric_cell *c = metric_cells(m, label1, label2);

	if (c && !BUG(metric_rows[m].kind == METRIC_SECONDS))
		atomic_store_explicit(&c->v, v, memory_order_relaxed);
}

int64_t metric_get(enum metric m, unsigned label1, unsigned label2)
{
	struct metric_cell *c = metric_cells(m, label1, label2);

	return c ? atomic_load_explicit(&c->v, memory_order_relaxed) : 0;
}

void metric_observe_us(enum metric m, unsigned label1, unsigned label2, uint64_t micros)
{
	struct metric_cell *c = metric_cells(m, label1, label2);
	size_t bucket = 0;

	if (!c || BUG(metric_rows[m].kind != METRIC_SECONDS))
		return;
	while (bucket < METRIC_BOUNDS && micros > metric_bounds_us[bucket])
		bucket++;
	atomic_fetch_add_explicit(&c[bucket].v, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c[METRIC_HIST_SUM].v, (int64_t)micros, memory_order_relaxed);
}
