/*
 * import_as.h - `tocsin import --as FORMAT`: files that are no MISP events. A format is a row of
 * import_formats.inc.
 */
#pragma once

#include <stdio.h>

#include "cli/cli.h"

struct import_job;
/* Take in one file; told in words (without --json) and in j->result, which is to get an object. An exit code. */
typedef int (*import_as_fn)(struct import_job *j);

struct import_format {
	const char *name;
	import_as_fn run;
	const char *where;
	const char *text;
};

struct import_job {
	struct cli *c;
	const struct import_format *format;
	FILE *file;
	const char *name; /* of the file, for people */
	bool gzip; /* its bytes are compressed; the daemon unpacks them */
	bool dry; /* only look, change nothing */
	json_t *result; /* an object */
};

/* The command itself, with --as or --list. */
int import_as(struct cli *c);

#define IMPORT_FORMAT(name, handler, where, text) int handler(struct import_job *j);
#include "cli/import_formats.inc"
#undef IMPORT_FORMAT
