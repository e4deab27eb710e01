/*
 * bench_set.c - the set of a subscription (node/subs): filling it, writing it as a file, changes of 1 and of 100
 * indicators with the difference that a consumer is given.
 *
 * usage: bench_set DIR [INDICATORS] [FORMAT] [BUDGET]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "subs/set.h"

#define PER_EVENT 100
#define PER_COMMIT 2048
#define NOW 1800000000

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum err e, const struct fail *f)
{
	if (e != ERR_OK) {
		fprintf(stderr, "%s: %s\n", err_name(e), f->text);
		exit(1);
	}
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x7fb5d329728ea185);
	x ^= x >> 27;
	x *= UINT64_C(0x81dadef4bc2dd44d);
	return x ^ x >> 33;
}

/* Names in no order, as they come. */
static void record(struct buf *b, uint64_t n, struct uuid event)
{
	static struct arena *a;
	struct indicator i;
	char text[64];
	if (!a)
		a = arena_new(1 << 20);
	arena_reset(a);
	uint64_t x = mix(n + 1);
	if (x & 1)
		snprintf(text, sizeof(text), "h%llx.evil-%u.example", (unsigned long long)(x >> 20),
			 (unsigned)(x >> 1 & 1023));
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u", (unsigned)(11 + (x >> 56) % 80),
			 (unsigned)(x >> 8 & 255), (unsigned)(x >> 16 & 255), (unsigned)(x >> 24 & 255));
	if (!ind_make(a, x & 1 ? IND_DOMAIN : IND_IP, str_c(text), &i))
		exit(2);
	i.event = event;
	memcpy(i.attr.b, &x, sizeof(x));
	i.changed = NOW - (int64_t)(x % 1000000);
	i.threat_level = 1 + x % 3;
	buf_clear(b);
	ind_pack(b, &i, false);
}

static struct uuid event_uuid(uint64_t e)
{
	struct uuid u = UUID_NIL;
	uint64_t x = mix(e + 77);
	memcpy(u.b, &x, sizeof(x));
	u.b[15] = 1;
	return u;
}

static void event_put(struct set_write *w, uint64_t e, uint64_t from, uint64_t n)
{
	static struct buf b = BUF(1 << 16);
	struct fail f = {0};
	struct uuid u = event_uuid(e);
	set_batch(w);
	must(set_event_begin(w, u, &f), &f);
	for (uint64_t k = 0; k < n; k++) {
		record(&b, from + k, u);
		must(set_put(w, buf_str(&b), NOW, &f), &f);
	}
	must(set_event_end(w, u, &f), &f);
}

static void fill(struct ind_set *s, uint64_t n)
{
	struct set_write *w;
	struct fail f = {0};
	double begun = now_s();
	for (uint64_t e = 0; e < n / PER_EVENT;) {
		must(set_begin(s, &w, &f), &f);
		for (uint64_t k = 0; k < PER_COMMIT && e < n / PER_EVENT; k++, e++)
			event_put(w, e, e * PER_EVENT, PER_EVENT);
		must(set_commit(&w, e >= n / PER_EVENT, NOW, &f), &f);
	}
	double took = now_s() - begun;
	struct set_info i = set_info(s);
	printf("fill: %.2f s, %.0f indicators/s, %llu shown of %llu\n", took, (double)n / took,
	       (unsigned long long)i.shown, (unsigned long long)i.eligible);
}

static void file(struct ind_set *s, const struct set_rules *rules)
{
	OWN(set_read) struct set_read *r = NULL;
	struct buf b = BUF(64 << 20);
	struct fail f = {0};
	struct sensor_opts o = rules->opts;
	struct sensor_run run = {.format = rules->format, .opts = &o, .out = &b};
	struct indicator i;
	uint64_t n = 0, bytes = 0;
	double begun = now_s();
	must(set_read_open(s, &r, &f), &f);
	must(sensor_begin(&run), &f);
	while (set_read_next(r, &i) == ERR_OK) {
		must(sensor_item(&run, &i), &f);
		n++;
		if (b.n > 256 << 10) {
			bytes += b.n;
			buf_clear(&b);
		}
	}
	double took = now_s() - begun;
	printf("file: %.3f s, %.2f M entries/s, %.0f MB/s\n", took, (double)n / took / 1e6,
	       (double)(bytes + b.n) / took / 1e6);
	sensor_free(&run);
	buf_free(&b);
}

static void changes(struct ind_set *s, uint64_t n, uint64_t many, unsigned times)
{
	double commit = 0, delta = 0;
	size_t told = 0;
	for (unsigned t = 0; t < times; t++) {
		OWN(set_read) struct set_read *r = NULL;
		OWN(arena) struct arena *a = arena_new(32 << 20);
		struct set_write *w;
		struct set_changes c;
		struct fail f = {0};
		uint64_t before = set_info(s).serial;
		double begun = now_s();
		must(set_begin(s, &w, &f), &f);
		event_put(w, n + t, n + t * many, many);
		must(set_commit(&w, true, NOW, &f), &f);
		commit += now_s() - begun;
		begun = now_s();
		must(set_read_open(s, &r, &f), &f);
		must(set_read_changes(r, before, 100000, a, &c), &f);
		delta += now_s() - begun;
		told += c.n;
	}
	printf("%llu changes: commit %.2f ms, difference %.3f ms (%zu told)\n", (unsigned long long)many,
	       commit / times * 1e3, delta / times * 1e3, told);
}

int main(int argc, char **argv)
{
	struct ind_set *s;
	struct fail f = {0};
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	const struct sensor_row *row = sensor_find(str_c(argc > 3 ? argv[3] : "values"));
	if (argc < 2 || !row)
		return 2;
	struct set_rules rules = {.format = row->format,
				  .opts = {.name = STR("bench")},
				  .max_entries = argc > 4 ? strtoull(argv[4], NULL, 10) : 0};
	printf("%s, %llu indicators, budget %llu\n", row->name, (unsigned long long)n,
	       (unsigned long long)rules.max_entries);
	must(set_open(argv[1], &rules, &s, &f), &f);
	fill(s, n);
	file(s, &rules);
	changes(s, n, 1, 50);
	changes(s, n + 50, 100, 20);
	set_close(s);
	return 0;
}
