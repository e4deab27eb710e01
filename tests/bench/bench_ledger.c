/*
 * bench_ledger.c - the ledger alone: entries appended in batches, intents with many events, one durable
 * intent at a time, proofs, what it takes on disk.
 *   bench_ledger [FOLDER [entries]]
 * The folder is made and left; use one on the disk that matters. Not part of make check.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/ledger.h"
#include "audit/ledger_bundle.h"

#define BATCH 4000u /* transfers named in one commit */
#define CHUNK 300u /* events that a chunk of a pull names */
#define ALONE 2000u
#define PROOFS 2000u

static struct store *store;
static struct ledger *ledger;
static struct fail f;
static const char policy[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void must(enum err e)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "bench_ledger: %s: %s\n", err_text(e), f.text);
	exit(1);
}

/* UUIDs are random, ids ascend with gaps: as in a store. */
static struct ledger_item item(uint64_t n)
{
	struct ledger_item x = {.id = n * 4 + 1, .timestamp = 1700000000 + (int64_t)n, .seq = n + 1};
	uint64_t a = hash_64(&n, 8, 1), b = hash_64(&n, 8, 2);
	memcpy(x.uuid.b, &a, 8);
	memcpy(x.uuid.b + 8, &b, 8);
	return x;
}

static struct ledger_transfer *begin(unsigned audience)
{
	char name[32];
	struct ledger_transfer *t;
	struct ledger_audience a = {.kind = 3};
	snprintf(name, sizeof(name), "cert-%u", audience);
	a.name = str_c(name);
	memcpy(a.org.b, &audience, sizeof(audience));
	must(ledger_begin(ledger, &a, STR("push/json"), false, policy, &t, &f));
	return t;
}

struct took {
	double wall, cpu;
};

static struct took since(double wall, double used)
{
	return (struct took){now() - wall, cpu() - used};
}

/* One event each, 4,000 transfers a commit; each is closed with the next commit: two leaves. */
static struct took batches(uint64_t from, uint64_t n, unsigned audience)
{
	static struct ledger_named v[BATCH];
	static struct ledger_item items[BATCH];
	static const uint8_t digest[32] = {1};
	double w = now(), c = cpu();
	for (uint64_t at = 0; at < n; at += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			items[i] = item(from + at + i);
			v[i] = (struct ledger_named){begin(audience), &items[i], 1};
		}
		must(ledger_intend(ledger, v, BATCH, &f));
		for (unsigned i = 0; i < BATCH; i++)
			ledger_end(v[i].t, LEDGER_SENT, 1000, digest);
	}
	must(ledger_flush(ledger, &f));
	return since(w, c);
}

/* As a pull: chunks of many events. */
static struct took chunks(uint64_t from, uint64_t n, unsigned audience)
{
	static struct ledger_item items[CHUNK];
	double w = now(), c = cpu();
	struct ledger_transfer *t = begin(audience);
	for (uint64_t at = 0; at < n; at += CHUNK) {
		for (unsigned i = 0; i < CHUNK; i++)
			items[i] = item(from + at + i);
		struct ledger_named v = {t, items, CHUNK};
		must(ledger_intend(ledger, &v, 1, &f));
	}
	ledger_end(t, LEDGER_SENT, 1000, NULL);
	must(ledger_flush(ledger, &f));
	return since(w, c);
}

static struct took alone(uint64_t from, unsigned audience)
{
	double w = now(), c = cpu();
	for (unsigned i = 0; i < ALONE; i++) {
		struct ledger_item x = item(from + i);
		struct ledger_named v = {begin(audience), &x, 1};
		must(ledger_intend(ledger, &v, 1, &f));
		ledger_end(v.t, LEDGER_SENT, 1000, NULL);
	}
	return since(w, c);
}

static void proofs(void)
{
	struct store_rtxn *t;
	struct tree_path p;
	struct buf text = BUF(1u << 20);
	size_t most = 0, longest = 0;
	uint64_t size;
	must(store_read(store, &t, &f));
	must(ledger_size(t, &size));
	double w = now();
	for (unsigned i = 0; i < PROOFS; i++) {
		uint64_t n = i;
		must(ledger_prove(t, hash_64(&n, 8, 7) % size, size, &p));
		most = MAX(most, p.n * sizeof(p.h[0]));
	}
	double each = (now() - w) / PROOFS;
	for (unsigned i = 0; i < PROOFS; i++) {
		uint64_t n = i;
		buf_clear(&text);
		bundle_line(&text, "path", STR(""));
		must(bundle_proof(t, hash_64(&n, 8, 7) % size, size, &text, &f));
		longest = MAX(longest, text.n);
	}
	printf("proof in a log of %llu leaves: %.1f us, %zu bytes of hashes, %zu as text with its leaf\n",
	       (unsigned long long)size, each * 1e6, most, longest);
	store_read_end(t);
	buf_free(&text);
}

static void tell(void *user, const char *problem)
{
	(void)user;
	fprintf(stderr, "problem: %s\n", problem);
}

static void verify(void)
{
	struct store_rtxn *t;
	struct ledger_report r;
	must(store_read(store, &t, &f));
	double w = now();
	must(ledger_verify(t, ledger_key(ledger), NULL, tell, NULL, &r, &f));
	printf("verify: %.2f s for %llu leaves that name %llu\n", now() - w,
	       (unsigned long long)r.leaves, (unsigned long long)r.named);
	store_read_end(t);
}

static uint64_t used(void)
{
	struct store_stats s;
	store_stats(store, &s);
	return s.map_used;
}

static void line(const char *what, uint64_t n, struct took t, uint64_t bytes)
{
	printf("%-58s %9.0f/s %7.2f us of processor %5.0f bytes each\n", what, (double)n / t.wall,
	       t.cpu * 1e6 / (double)n, (double)bytes / (double)n);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/tmp/bench_ledger";
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	char path[4096], key[4200];
	n = n / BATCH * BATCH;
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/store", dir);
	snprintf(key, sizeof(key), "%s/ledger.key", dir);
	mkdir(path, 0700);
	struct store_opts so = {.dir = path, .create = true};
	must(store_open(&so, &store, &f));
	struct ledger_opts lo = {.store = store, .key_file = key};
	must(ledger_open(&lo, &ledger, &f));
	uint64_t at = used();
	struct took t = batches(0, n, 1);
	line("leaves in batches (intent with an event, closed)", 2 * n, t, used() - at);
	at = used();
	t = batches(0, n, 2);
	line("the same for a second audience (UUIDs known)", 2 * n, t, used() - at);
	at = used();
	t = chunks(0, n, 3);
	line("events in chunks of 300 (a pull)", n, t, used() - at);
	at = used();
	t = chunks(0, n, 3);
	line("the same again, to the same audience", n, t, used() - at);
	t = alone(n, 4);
	line("transfers one by one, durable each", ALONE, t, 0);
	must(ledger_checkpoint(ledger, &f));
	proofs();
	verify();
	ledger_close(ledger);
	store_close(store);
	return 0;
}
