/*
 * bench_store.c - the store alone: bulk appends, small durable jobs, reads.
 *   bench_store [FOLDER [records [seconds]]]
 * The folder is made and left; use one on the disk that matters. Not part of make check.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/own.h"
#include "store/store.h"
#include "trust/admitted_make.h"

#define THREADS 32
#define ELEMENTS 50
#define GETS 2000000u

static struct admitted *proof;
static struct store *store;
static uint64_t bulk_n;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum err e, const struct fail *f)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", err_text(e), f->text);
	exit(1);
}

/* An attribute as they come in feeds: about 110 bytes packed. */
static enum err attr_put(struct store_wtxn *w, uint64_t event, uint64_t body, struct fail *f)
{
	char value[80];
	struct misp_attr a;
	struct el_key k = {.body = body};

	misp_attr_init(&a);
	a.id = k.id = store_new_el_id(w, EL_ATTR);
	a.event_id = event;
	memcpy(a.uuid.b, &a.id, 8);
	a.uuid.b[15] = 1;
	a.type = 17;
	a.category = 4;
	a.distribution = 5;
	a.to_ids = true;
	a.timestamp = 1700000000 + (int64_t)(a.id & 0xffff);
	a.value = (struct str){value, (size_t)snprintf(value, sizeof(value),
						       "host-%llu.bench.example.org",
						       (unsigned long long)a.id)};
	a.comment = STR("seen by the generator of the benchmark");
	return store_el_put(w, proof, EL_ATTR, k, &a, f);
}

struct bulk {
	uint64_t body, left, jobs;
};

static enum err bulk_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct bulk *b = arg;

	if (!b->body)
		TRY(store_stage_new(w, &b->body, f));
	for (; b->left && !store_txn_full(w); b->left--)
		TRY(attr_put(w, 1, b->body, f));
	b->jobs++;
	return ERR_OK;
}

static uint64_t bulk(uint64_t n)
{
	struct bulk b = {.left = n};
	struct fail f = {0};
	struct store_stats st;
	double t = now();

	while (b.left)
		must(store_run(store, bulk_job, &b, &f), &f);
	t = now() - t;
	store_stats(store, &st);
	printf("bulk append       %10.0f records/s  (%llu in %.2f s, %llu jobs, %.0f bytes each)\n",
	       (double)n / t, (unsigned long long)n, t, (unsigned long long)b.jobs,
	       (double)st.map_used / (double)n);
	return b.body;
}

static enum err event_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.info = STR("a small event"), .timestamp = 1700000000};
	struct change c = {.op = CHANGE_ADD, .kind = CHANGE_TABLE(T_EVENT), .whole = true};

	(void)arg;
	e.id = c.id = c.event_id = store_new_row_id(w, T_EVENT);
	e.body = store_new_body(w);
	e.uuid = c.uuid = uuid_random();
	e.attribute_count = e.attribute_total = ELEMENTS;
	for (unsigned i = 0; i < ELEMENTS; i++)
		TRY(attr_put(w, e.id, e.body, f));
	TRY(store_event_put(w, proof, &e, f));
	return store_change(w, &c, f);
}

/* The event of the bulk, so that the check finds an owner of the records. */
static enum err release_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.body = *(uint64_t *)arg};

	e.id = store_new_row_id(w, T_EVENT);
	e.uuid = uuid_random();
	e.attribute_count = e.attribute_total = bulk_n;
	TRY(store_stage_release(w, e.body, f));
	return store_event_put(w, proof, &e, f);
}

static atomic_bool stop;
static atomic_uint_fast64_t jobs;

static void *small_main(void *arg)
{
	struct fail f = {0};

	while (!atomic_load(&stop)) {
		must(store_run(store, event_job, arg, &f), &f);
		atomic_fetch_add(&jobs, 1);
	}
	return NULL;
}

static void small(unsigned threads, double seconds)
{
	struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct store_stats a, b;
	pthread_t th[THREADS];
	double t;

	atomic_store(&stop, false);
	atomic_store(&jobs, 0);
	store_stats(store, &a);
	t = now();
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&th[i], NULL, small_main, NULL))
			exit(1);
	nanosleep(&pause, NULL);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(th[i], NULL);
	t = now() - t;
	store_stats(store, &b);
	printf("small jobs, %2u thr %9.0f jobs/s     (%d elements each; %.1f jobs a commit)\n",
	       threads, (double)jobs / t, ELEMENTS,
	       (double)jobs / (double)(b.commits - a.commits));
}

static enum err tags_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	for (unsigned i = 0; i < 10000; i++) {
		struct misp_tag t = {.colour = STR("#ffffff"), .exportable = true};
		char name[32];

		t.id = store_new_row_id(w, T_TAG);
		t.name = (struct str){name, (size_t)snprintf(name, sizeof(name), "bench:tag=\"%u\"",
							     (unsigned)t.id)};
		TRY(store_put(w, T_TAG, t.id, &t, f));
	}
	return ERR_OK;
}

static void reads(uint64_t body)
{
	struct store_el_iter *it;
	struct store_rtxn *t;
	struct misp_attr a;
	struct misp_tag tag;
	struct fail f = {0};
	uint64_t n = 0, x = 88172645463325252u;
	double from;

	must(store_run(store, tags_job, NULL, &f), &f);
	must(store_read(store, &t, &f), &f);
	from = now();
	for (unsigned i = 0; i < GETS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		must(store_get(t, T_TAG, 1 + x % 10000, NULL, &tag), &f);
	}
	printf("store_get         %10.0f ns         (10,000 tags at random)\n",
	       (now() - from) / GETS * 1e9);
	store_read_end(t);
	from = now();
	for (unsigned i = 0; i < GETS; i++) {
		must(store_read(store, &t, &f), &f);
		store_read_end(t);
	}
	printf("read transaction  %10.0f ns\n", (now() - from) / GETS * 1e9);
	must(store_read(store, &t, &f), &f);
	from = now();
	must(store_el_iter_new(t, EL_ATTR, (struct el_key){.body = body}, false, &it), &f);
	while (store_el_iter_next(it, NULL, NULL, &a) == ERR_OK)
		n++;
	printf("iterate, unpack   %10.0f records/s\n", (double)n / (now() - from));
	store_el_iter_free(it);
	store_read_end(t);
}

static void check(void)
{
	struct store_report rep;
	struct fail f = {0};
	double from = now();

	must(store_check(store, NULL, NULL, NULL, &rep, &f), &f);
	printf("check             %10.0f records/s\n",
	       (double)(rep.rows + rep.elements) / (now() - from));
}

int main(int argc, char **argv)
{
	struct store_opts o = {.dir = argc > 1 ? argv[1] : "bench-store", .create = true};
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000, body;
	double seconds = argc > 3 ? strtod(argv[3], NULL) : 3;
	struct misp_event head = {0};
	struct origin origin = {0};
	struct fail f = {0};
	struct rusage ru;

	proof = admitted_make(NULL, &head, &origin);
	must(store_open(&o, &store, &f), &f);
	bulk_n = n;
	body = bulk(n);
	small(1, seconds / 3);
	small(THREADS, seconds);
	reads(body);
	must(store_run(store, release_job, &body, &f), &f);
	check();
	getrusage(RUSAGE_SELF, &ru);
	printf("peak memory       %10ld KiB (pages of the map included)\n", ru.ru_maxrss);
	store_close(store);
	admitted_free(proof);
	return 0;
}
