/*
 * bench_json.c - how fast events are tokenized and read into raw documents, beside jansson on the
 * same bytes. Figures are medians; memory is the peak above what the document itself takes.
 *
 * bench_json [attributes [rounds [piece bytes [own]]]]: "own" leaves jansson out.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/own.h"
#include "model/json_read.h"
#include "model/json_scan.h"
#include "tests/bench/gen.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct str doc;
static size_t chunk;
static uint64_t seen;
static struct raw_limits lim;

static void scan_all(void)
{
	struct json_scan *s = malloc(sizeof(*s));

	json_scan_init(s, 64, 1 << 20);
	for (size_t at = 0; at < doc.n; at += chunk) {
		enum json_tok t;
		json_scan_feed(s, doc.p + at, MIN(chunk, doc.n - at));
		while ((t = json_scan_next(s)) != TOK_MORE) {
			if (t == TOK_BAD)
				abort();
			seen++;
		}
		json_scan_leave(s);
	}
	json_scan_free(s);
	free(s);
}

static enum err count(void *user, struct raw_event *r, struct fail *f)
{
	(void)user;
	(void)f;
	seen += raw_count(r, EL_ATTR);
	raw_free(r);
	return ERR_OK;
}

static void read_all(void)
{
	struct json_read_opts o = {.root = RAW_EVENT, .limits = &lim, .spool_dir = "/tmp"};
	struct fail f = {0};
	OWN(json_read) struct json_read *j = json_read_new(&o, count, NULL);

	for (size_t at = 0; at < doc.n; at += chunk)
		if (json_read_feed(j, doc.p + at, MIN(chunk, doc.n - at), &f) != ERR_OK)
			abort();
	if (json_read_end(j, &f) != ERR_OK)
		abort();
}

static void jansson_all(void)
{
	json_t *t = json_loadb(doc.p, doc.n, 0, NULL);

	if (!t)
		abort();
	json_decref(t);
}

static long peak_kib(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static double measure(const char *name, void (*run)(void), unsigned rounds, uint64_t attrs)
{
	double t[64];

	for (unsigned i = 0; i < rounds; i++) {
		double start = now();
		run();
		t[i] = now() - start;
	}
	qsort(t, rounds, sizeof(t[0]), by_time);
	double median = t[rounds / 2], rate = (double)doc.n / median / 1e6;
	printf("%-28s %8.1f MB/s %8.0f ns/attribute\n", name, rate, median / (double)attrs * 1e9);
	return rate;
}

int main(int argc, char **argv)
{
	uint64_t attrs = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 9;
	OWN(buf) struct buf b = BUF(SIZE_MAX / 2);
	struct gen g = {.seed = 1, .repeat_permille = 100};

	chunk = argc > 3 ? strtoull(argv[3], NULL, 10) : 65536;
	if (!attrs || !rounds || rounds > 64 || !chunk)
		return 2;
	gen_event_head(&b, &g, 1);
	for (uint64_t i = 0; i < attrs; i++) {
		if (i)
			buf_putc(&b, ',');
		gen_attribute(&b, &g, i, 1);
	}
	gen_event_tail(&b);
	doc = buf_str(&b);
	lim = raw_limits_default;
	printf("%llu attributes, %.1f MB, pieces of %zu bytes, median of %u\n",
	       (unsigned long long)attrs, (double)doc.n / 1e6, chunk, rounds);
	long base = peak_kib();
	measure("tokenizer", scan_all, rounds, attrs);
	double own = measure("reader into raw", read_all, rounds, attrs);
	printf("%-28s %8.1f MB\n", "peak memory of the reader", (double)(peak_kib() - base) / 1024);
	if (argc > 4)
		return seen == 0;
	base = peak_kib();
	double ref = measure("jansson, tree", jansson_all, MIN(rounds, 3), attrs);
	printf("%-28s %8.1f MB\n", "peak memory of jansson", (double)(peak_kib() - base) / 1024);
	printf("%-28s %8.1f\n", "ratio reader / jansson", own / ref);
	return seen == 0;
}
