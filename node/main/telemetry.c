/*
 * telemetry.c - labels from the tables of api, feeds/export and gate; gauges when somebody asks.
 */
#include "main/telemetry.h"

#include <stdatomic.h>

#include "api/throttle.h"
#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "sync/feed_stats.h"

#define ROWS_MAX 512

/* Label 0 is what matched no row. */
static const char *endpoint_names[ROWS_MAX] = {"none"};
static const char *exporter_names[128];
static const char *rule_names[RULE_COUNT];

enum err telemetry_setup(struct fail *f)
{
	size_t n = 0;
	if (endpoint_names[1])
		return ERR_OK; /* counters are the process's, and this is its second node (tests) */
	if (api_rows_n >= ROWS_MAX)
		return fail(f, ERR_BUG, "more than %d endpoints", ROWS_MAX);
	for (size_t i = 0; i < api_rows_n; i++)
		endpoint_names[i + 1] = api_rows[i]->path;
	while (n < ARRAY_LEN(exporter_names) && export_rows[n]) {
		exporter_names[n] = export_rows[n]->name;
		n++;
	}
	for (size_t i = 0; i < RULE_COUNT; i++)
		rule_names[i] = gate_rule_name((enum gate_rule)i);
	metrics_label(METRIC_LABEL_ENDPOINT, endpoint_names, api_rows_n + 1);
	metrics_label(METRIC_LABEL_EXPORTER, exporter_names, n);
	metrics_label(METRIC_LABEL_RULE, rule_names, RULE_COUNT);
	TRY(metrics_setup(f));
	metric_set(M_START_TIME, 0, 0, clock_now());
	return ERR_OK;
}

static atomic_uint_fast64_t requests;

uint64_t telemetry_requests(void)
{
	return atomic_load_explicit(&requests, memory_order_relaxed);
}

void telemetry_request(const struct http_req *r, const struct http_done *d)
{
	unsigned label = r->ep ? r->row + 1 : 0;
	atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed);
	metric_add(M_HTTP_REQUESTS, label, metric_status(d->status), 1);
	metric_observe_us(M_HTTP_SECONDS, label, 0, d->micros > 0 ? (uint64_t)d->micros : 0);
	log_debug("http", "status=%d in=%llu out=%llu us=%lld path=%s", d->status,
		  (unsigned long long)d->bytes_in, (unsigned long long)d->bytes_out,
		  (long long)d->micros, r->ep ? r->ep->path : "-");
}

static void put(enum metric m, uint64_t v)
{
	metric_set(m, 0, 0, (int64_t)v);
}

static void refresh_http(struct node *n)
{
	struct http_stats s;
	http_server_stats(n->http, &s);
	put(M_HTTP_CONNS, s.conns_open);
	put(M_HTTP_CONNS_TOTAL, s.conns_total);
	put(M_HTTP_REFUSED, s.conns_refused);
	put(M_HTTP_BAD, s.bad_requests);
	put(M_HTTP_TIMEOUTS, s.timeouts);
	metric_set(M_HTTP_BYTES, METRIC_IN, 0, (int64_t)s.bytes_in);
	metric_set(M_HTTP_BYTES, METRIC_OUT, 0, (int64_t)s.bytes_out);
}

static void refresh_store(struct node *n)
{
	struct store_stats s;
	struct index_stats x;
	store_stats(n->store, &s);
	index_stats(n->index, &x);
	put(M_STORE_BYTES, s.map_used);
	put(M_STORE_SEQ, s.seq);
	put(M_STORE_COMMITS, s.commits);
	put(M_STORE_JOBS, s.jobs);
	put(M_STORE_QUEUE, s.queue);
	put(M_STORE_READERS, s.readers);
	put(M_EVENTS, s.rows[T_EVENT]);
	put(M_ATTRIBUTES, x.live);
	put(M_INDEX_BYTES, x.bytes);
	put(M_INDEX_SEQ, x.seq);
}

static void refresh_workers(struct node *n)
{
	struct offload_stats s;
	offload_stats(n->workers, &s);
	put(M_WORKERS_BUSY, s.busy);
	put(M_WORKERS_WAITING, s.waiting);
	put(M_WORKERS_TASKS, s.finished);
	put(M_WORKERS_REFUSED, s.refused);
}

/* ---- feeds: a line for each that is or was fetched, by its number ---- */

#define FEEDS_MAX 1000u

struct feed_line {
	struct misp_feed row;
	struct feed_stats stats;
};

static int64_t enabled_of(const struct feed_line *x)
{
	return x->row.enabled;
}
static int64_t last_try_of(const struct feed_line *x)
{
	return x->row.last_try;
}
static int64_t last_success_of(const struct feed_line *x)
{
	return x->row.last_success;
}
static int64_t runs_of(const struct feed_line *x)
{
	return (int64_t)x->stats.runs;
}
static int64_t failed_of(const struct feed_line *x)
{
	return (int64_t)x->stats.failed;
}
static int64_t entries_of(const struct feed_line *x)
{
	return (int64_t)x->stats.entries;
}
static int64_t added_of(const struct feed_line *x)
{
	return (int64_t)x->stats.added;
}

static const struct {
	const char *name, *kind, *help;
	int64_t (*of)(const struct feed_line *x);
} feed_metrics[] = {
	{"tocsin_feed_enabled", "gauge", "Is the feed fetched?", enabled_of},
	{"tocsin_feed_last_try_timestamp_seconds", "gauge", "When it was fetched last; 0: never", last_try_of},
	{"tocsin_feed_last_success_timestamp_seconds", "gauge", "When that went well last; 0: never", last_success_of},
	{"tocsin_feed_runs_total", "counter", "Fetches of the feed", runs_of},
	{"tocsin_feed_failed_runs_total", "counter", "Those that failed", failed_of},
	{"tocsin_feed_entries", "gauge", "Events or values that it held", entries_of},
	{"tocsin_feed_added_total", "counter", "Events or values that it brought", added_of},
};

static void feed_lines(struct node *n, struct buf *out)
{
	struct fail f = {0};
	for (size_t i = 0; i < ARRAY_LEN(feed_metrics); i++) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		struct feed_line x;
		uint64_t id = 0;
		bool told = false;
		if (store_read(n->store, &t, &f) != ERR_OK)
			return;
		for (unsigned k = 0; k < FEEDS_MAX && store_next(t, T_FEED, &id, NULL, &x.row) == ERR_OK; k++) {
			x.stats = feed_stats_get(t, id);
			if (!x.row.enabled && !x.stats.runs)
				continue;
			if (!told)
				buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", feed_metrics[i].name,
					   feed_metrics[i].help, feed_metrics[i].name, feed_metrics[i].kind);
			told = true;
			buf_printf(out, "%s{feed=\"%llu\"} %lld\n", feed_metrics[i].name, (unsigned long long)id,
				   (long long)feed_metrics[i].of(&x));
		}
	}
}

void telemetry_text(struct node *n, struct buf *out)
{
	refresh_http(n);
	refresh_store(n);
	refresh_workers(n);
	put(M_AUTH_WAITING, throttle_waiting(n->api.throttle, clock_boot_ms()));
	metrics_text(out);
	feed_lines(n, out);
}
