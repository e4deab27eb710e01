/*
 * audit_file.h - verifying an exported audit log without a node: by its lines alone.
 */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "base/hash.h"

/* One chain of the file. */
struct audit_file_chain {
	char name[40];
	uint64_t records, first, last, trimmed;
	char oldest[24], newest[24];
	struct sha256 tip;
	bool partial; /* the file begins in the middle, and nothing vouches for what was before */
	bool broken;
	uint64_t at; /* number of the first record that does not fit */
	unsigned long line; /* in the file */
	const char *why;
};

#define AUDIT_FILE_CHAINS 8u
struct audit_file {
	struct audit_file_chain v[AUDIT_FILE_CHAINS];
	unsigned n;
	bool broken;
};
/* Read all of it. ERR_IO; ERR_PARSE: a line that is no record (*line tells which). */
MUST_USE enum err audit_file_verify(FILE *in, struct audit_file *out, unsigned long *line);
