/*
 * ref_jansson.c - the reference for parsing: jansson on the same bytes, in the same minute.
 *
 * Reads each file whole, parses it, drops the tree; prints one JSON line with MB/s and peak memory.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	char *p;

	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		exit(1);
	}
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	if (!p || fread(p, 1, *n, f) != *n) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return p;
}

int main(int argc, char **argv)
{
	double spent = 0.0;
	uint64_t bytes = 0;
	struct rusage ru;

	for (int i = 1; i < argc; i++) {
		json_error_t e;
		size_t n;
		char *p = slurp(argv[i], &n);
		double t0 = now();
		json_t *doc = json_loadb(p, n, 0, &e);

		if (!doc) {
			fprintf(stderr, "%s: %s\n", argv[i], e.text);
			return 1;
		}
		json_decref(doc);
		spent += now() - t0;
		bytes += n;
		free(p);
	}
	getrusage(RUSAGE_SELF, &ru);
	printf("{\"bytes\":%" PRIu64 ",\"seconds\":%.3f,\"mb_per_s\":%.1f,\"peak_kb\":%ld}\n", bytes,
	       spent, spent > 0 ? (double)bytes / spent / 1e6 : 0.0, ru.ru_maxrss);
	return 0;
}
