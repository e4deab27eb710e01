/* test_metrics.c - counting from threads, labels, and the text form. */
#include "metrics/metrics.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "metrics/cells.h"
#include "tests/tap/tap.h"

#define THREADS 4
#define EACH 10000

static bool has(const struct buf *b, const char *line)
{
	return memmem(b->p, b->n, line, strlen(line)) != NULL;
}

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++) {
		metric_inc(M_STORE_COMMITS);
		metric_add(M_HTTP_BYTES, METRIC_OUT, 0, 3);
		metric_observe_us(M_HTTP_SECONDS, 1, 0, 700);
	}
	return NULL;
}

static void names(void)
{
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *r = &metric_rows[m];
		size_t n = strlen(r->name);
		bool total = n > 6 && strcmp(r->name + n - 6, "_total") == 0;
		bool good = strncmp(r->name, "tocsin_", 7) == 0 && strlen(r->help) > 3;

		for (const char *p = r->name; *p; p++)
			good &= islower((unsigned char)*p) || *p == '_';
		ok(good, "%s: name and help", r->name);
		ok(total == (r->kind == METRIC_COUNTER), "%s: counters end in _total", r->name);
		for (unsigned o = 0; o < m; o++)
			if (strcmp(metric_rows[o].name, r->name) == 0)
				ok(false, "%s stands twice", r->name);
	}
}

static void before_setup(void)
{
	metric_inc(M_STORE_COMMITS);
	metric_observe_us(M_HTTP_SECONDS, 0, 0, 1);
	is_int(metric_get(M_STORE_COMMITS, 0, 0), 0, "nothing happens before the setup");
}

static void threads(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, count, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	is_int(metric_get(M_STORE_COMMITS, 0, 0), THREADS * EACH, "no count is lost");
	is_int(metric_get(M_HTTP_BYTES, METRIC_OUT, 0), 3 * THREADS * EACH, "nor with a label");
	is_int(metric_get(M_HTTP_BYTES, METRIC_IN, 0), 0, "the other label is another cell");
}

static void text(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);

	metric_set(M_STORE_BYTES, 0, 0, 4096);
	metric_add(M_HTTP_REQUESTS, 1, metric_status(200), 2);
	metric_add(M_HTTP_REQUESTS, 1, metric_status(599), 1);
	metric_add(M_HTTP_REQUESTS, 2, 0, 1);
	metric_add(M_HTTP_REQUESTS, 0, 99, 1);
	metric_observe_us(M_HTTP_SECONDS, 0, 0, 100);
	metric_observe_us(M_HTTP_SECONDS, 0, 0, 101);
	metric_observe_us(M_HTTP_SECONDS, 0, 0, 3600000000);
	metric_add(M_PEER_PULLS, ERR_TIMEOUT, 0, 1);
	metrics_text(&b);
	is_ok(buf_err(&b), "text");
	ok(has(&b, "# TYPE tocsin_store_bytes gauge\ntocsin_store_bytes 4096\n"), "gauge");
	ok(has(&b, "tocsin_http_requests_total{endpoint=\"POST /a\\\"b\",status=\"2xx\"} 2\n"),
	   "two labels, escaped");
	ok(has(&b, "status=\"5xx\"} 1\n"), "another status");
	ok(!has(&b, "endpoint=\"GET /\",status"), "out of range counts nowhere");
	ok(has(&b, "tocsin_http_request_seconds_bucket{endpoint=\"GET /\",le=\"0.0001\"} 1\n"),
	   "a bound belongs to its bucket");
	ok(has(&b, "{endpoint=\"GET /\",le=\"0.0005\"} 2\n"), "buckets add up");
	ok(has(&b, "{endpoint=\"GET /\",le=\"60\"} 2\n"), "to the last bound");
	ok(has(&b, "{endpoint=\"GET /\",le=\"+Inf\"} 3\n"), "and beyond");
	ok(has(&b, "tocsin_http_request_seconds_sum{endpoint=\"GET /\"} 3600.000201\n"), "sum");
	ok(has(&b, "tocsin_http_request_seconds_count{endpoint=\"GET /\"} 3\n"), "count");
	ok(has(&b, "{endpoint=\"POST /a\\\"b\",le=\"0.001\"} 40000\n"), "no observation is lost");
	ok(has(&b, "tocsin_peer_pulls_total{result=\"timeout\"} 1\n"), "codes by name");
	ok(has(&b, "tocsin_store_sequence 0\n"), "a metric without labels is always there");
	ok(!has(&b, "result=\"ok\""), "a cell that never counted is not");
}

int main(void)
{
	static const char *const endpoints[] = {"GET /", "POST /a\"b"};

	names();
	before_setup();
	metrics_label(METRIC_LABEL_ENDPOINT, endpoints, 2);
	is_ok(metrics_setup(NULL), "setup");
	threads();
	text();
	metrics_teardown();
	return done_testing();
}
