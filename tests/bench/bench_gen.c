/*
 * bench_gen.c - write benchmark inputs: a MISP feed folder, one big event, values, a table for SQL.
 *
 * Streams: memory does not grow with the size of what is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "tests/bench/gen.h"

#define CHUNK ((size_t)1 << 20)

static uint64_t n_attributes = 1000000, n_events, first;
static struct gen gen = {.seed = 1, .repeat_permille = 110};

static void die(const char *what)
{
	fprintf(stderr, "bench_gen: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Write what has been collected once it is worth it (or at the end). */
static void drain(struct buf *b, FILE *f, int end)
{
	if (buf_err(b) != ERR_OK)
		die("buffer");
	if (b->n && (end || b->n > CHUNK)) {
		if (fwrite(b->p, 1, b->n, f) != b->n)
			die("write");
		buf_clear(b);
	}
}

static void write_event(struct buf *b, FILE *f, uint64_t ev, uint64_t from, uint64_t count)
{
	gen_event_head(b, &gen, ev);
	for (uint64_t k = 0; k < count; k++) {
		if (k)
			buf_putc(b, ',');
		gen_attribute(b, &gen, from + k, 1);
		drain(b, f, 0);
	}
	gen_event_tail(b);
	buf_putc(b, '\n');
	drain(b, f, 1);
}

static FILE *open_in(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		die(path);
	return f;
}

static void feed(const char *dir)
{
	OWN(buf) struct buf b = BUF(8 * CHUNK), m = BUF(8 * CHUNK);
	uint64_t done = 0, ev = first;
	FILE *manifest;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		die(dir);
	manifest = open_in(dir, "manifest.json");
	buf_putc(&m, '{');
	while (done < n_attributes && (!n_events || ev < first + n_events)) {
		uint64_t count = gen_event_size(&gen, ev);
		char name[64], uuid[37];
		FILE *f;

		if (count > n_attributes - done)
			count = n_attributes - done;
		gen_uuid(&gen, 1, ev, uuid);
		snprintf(name, sizeof name, "%s.json", uuid);
		f = open_in(dir, name);
		write_event(&b, f, ev, done, count);
		if (fclose(f))
			die(name);
		if (ev > first)
			buf_puts(&m, ",\n");
		gen_manifest_entry(&m, &gen, ev);
		drain(&m, manifest, 0);
		done += count;
		ev++;
	}
	buf_puts(&m, "}\n");
	drain(&m, manifest, 1);
	if (fclose(manifest))
		die("manifest.json");
	printf("{\"events\":%" PRIu64 ",\"attributes\":%" PRIu64 "}\n", ev - first, done);
}

static void values(void)
{
	char v[GEN_VALUE_MAX];

	for (uint64_t i = 0; i < n_attributes; i++) {
		gen_value(&gen, i, v);
		puts(v);
	}
}

/* Tab separated: id, event, type, value, uuid, to_ids, timestamp; for LOAD DATA. */
static void table(void)
{
	char v[GEN_VALUE_MAX], uuid[37];

	for (uint64_t i = 0; i < n_attributes; i++) {
		const char *type = gen_value(&gen, i, v);

		gen_uuid(&gen, 2, i, uuid);
		printf("%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\t%d\t%" PRIu64 "\n", i + 1, i / 50 + 1,
		       type, v, uuid, i % 5 != 0, UINT64_C(1700000000) + i / 50);
	}
}

static void sql_event(FILE *f, FILE *tags, uint64_t ev, uint64_t count)
{
	char uuid[37];

	gen_uuid(&gen, 1, ev, uuid);
	fprintf(f,
		"%" PRIu64 "\t1\t2024-%02u-%02u\tInvented campaign %" PRIu64 "\t1\t%s\t1\t%u\t%" PRIu64
		"\t1\t%" PRIu64 "\t3\t%u\t%" PRIu64 "\n",
		ev + 1, (unsigned)(ev % 12 + 1), (unsigned)(ev % 28 + 1), ev, uuid, (unsigned)(ev % 3),
		count, GEN_EPOCH + ev, (unsigned)(ev % 4 + 1), GEN_EPOCH + ev + 60);
	fprintf(tags, "%" PRIu64 "\t1\n%" PRIu64 "\t%u\n", ev + 1, ev + 1,
		(unsigned)(ev % GEN_GROUPS) + 2);
}

static void sql_attribute(FILE *f, FILE *tags, uint64_t ev, uint64_t i)
{
	char v[GEN_VALUE_MAX], uuid[37];
	const char *type = gen_value(&gen, i, v);
	int tag = gen_tag(&gen, i);

	gen_uuid(&gen, 2, i, uuid);
	fprintf(f, "%" PRIu64 "\t%" PRIu64 "\t0\t%s\t%s\t%s\t%d\t%s\t%" PRIu64 "\t5\t0\t%s\t0\n",
		i + 1, ev + 1, strchr("sme", type[0]) ? "Payload delivery" : "Network activity", type, v,
		i % 5 != 0, uuid, GEN_EPOCH + i / 50,
		i % 4 ? "" : "seen in the second stage of an invented campaign");
	if (tag >= 0)
		fprintf(tags, "%" PRIu64 "\t%" PRIu64 "\t%d\n", i + 1, ev + 1, GEN_GROUPS + 2 + tag);
}

/* What feed() writes as rows, one file for each table, tab separated; see refs.py for the columns. */
static void sql(const char *dir)
{
	static const char *const names[] = {"events", "attributes", "event_tags", "attribute_tags",
					    "tags"};
	FILE *f[5];
	uint64_t done = 0, ev = first;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		die(dir);
	for (int i = 0; i < 5; i++)
		f[i] = open_in(dir, names[i]);
	for (; done < n_attributes; ev++) {
		uint64_t count = gen_event_size(&gen, ev);

		if (count > n_attributes - done)
			count = n_attributes - done;
		sql_event(f[0], f[2], ev, count);
		for (uint64_t k = 0; k < count; k++)
			sql_attribute(f[1], f[3], ev, done + k);
		done += count;
	}
	fputs("1\ttlp:clear\n", f[4]);
	for (int i = 0; i < GEN_GROUPS; i++)
		fprintf(f[4], "%d\tbench:group=\"%d\"\n", i + 2, i);
	for (int i = 0; i < GEN_TAGS; i++)
		fprintf(f[4], "%d\tbench:mark=\"%d\"\n", GEN_GROUPS + 2 + i, i);
	for (int i = 0; i < 5; i++)
		if (fclose(f[i]))
			die(names[i]);
}

static int usage(void)
{
	fputs("usage: bench_gen [-n ATTRIBUTES] [-e EVENTS] [-s SEED] [-r REPEATED PER MILLE]\n"
	      "                 [-f FIRST EVENT] [-T TAGGED PER MILLE] feed|sql DIR\n"
	      "       bench_gen [-n ATTRIBUTES] [-s SEED] [-r REPEATED PER MILLE] event|values|table\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-' && strlen(argv[i]) == 2; i += 2) {
		uint64_t v = strtoull(argv[i + 1], NULL, 10);

		switch (argv[i][1]) {
		case 'n': n_attributes = v; break;
		case 'e': n_events = v; break;
		case 's': gen.seed = v; break;
		case 'r': gen.repeat_permille = (unsigned)v; break;
		case 'f': first = v; break;
		case 'T': gen.tagged_permille = (unsigned)v; break;
		default: return usage();
		}
	}
	if (i >= argc)
		return usage();
	if (!strcmp(argv[i], "feed") && i + 2 == argc) {
		feed(argv[i + 1]);
	} else if (!strcmp(argv[i], "sql") && i + 2 == argc) {
		sql(argv[i + 1]);
	} else if (!strcmp(argv[i], "event")) {
		OWN(buf) struct buf b = BUF(8 * CHUNK);

		write_event(&b, stdout, first, 0, n_attributes);
	} else if (!strcmp(argv[i], "values")) {
		values();
	} else if (!strcmp(argv[i], "table")) {
		table();
	} else {
		return usage();
	}
	return fflush(stdout) ? 1 : 0;
}
