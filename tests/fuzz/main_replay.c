/*
 * main_replay.c - runs a fuzz target over files and folders of files, without a fuzzing engine.
 *
 * Each file is given from memory of its exact size, so that a sanitizer sees reads beyond it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static unsigned files;

static int run_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct stat st;

	if (!in || stat(path, &st) != 0) {
		fprintf(stderr, "cannot read %s\n", path);
		if (in)
			fclose(in);
		return 1;
	}
	size_t n = (size_t)st.st_size;
	uint8_t *p = malloc(n ? n : 1);
	if (!p || fread(p, 1, n, in) != n) {
		fprintf(stderr, "cannot read %s\n", path);
		free(p);
		fclose(in);
		return 1;
	}
	fclose(in);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	files++;
	return 0;
}

static int run(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int bad = 0;

	if (!d)
		return run_file(path);
	while ((e = readdir(d))) {
		char *child;

		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&child, "%s/%s", path, e->d_name) < 0)
			abort();
		bad |= run_file(child);
		free(child);
	}
	closedir(d);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= run(argv[i]);
	printf("%u inputs\n", files);
	return bad || !files;
}
