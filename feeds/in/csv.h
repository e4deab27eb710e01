/*
 * csv.h - lines of fields, as they arrive: any delimiter, also of several characters; quotes; comments.
 * Trusts nothing: a line has a longest form, a quote that is never closed ends with its line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

#define CSV_LINE_MAX (256u << 10) /* longer lines, and quotes over more than this, are passed over */
#define CSV_FIELDS_MAX 512u /* further ones of a line are not told */
#define CSV_DELIMITER_MAX 32u

struct csv_row {
	const struct str *fields; /* without quotes and blanks around; views that die with the call */
	uint32_t n; /* 1 at least */
	uint64_t line; /* on which it begins, from 1 */
};
/* Called for each line that is neither empty nor a comment. An error ends the reading. */
typedef enum err (*csv_row_fn)(void *user, const struct csv_row *row, struct fail *f);
/* Told of each line that is passed over as too long; may be NULL. */
typedef void (*csv_long_fn)(void *user, uint64_t line);

struct csv_opts {
	struct str delimiter; /* 1 to 32 bytes; "\t" (two characters) is a tab; empty: a comma */
	bool plain; /* quotes mean nothing */
	csv_long_fn too_long;
};

struct csv;
/* ERR_INVAL: no such delimiter. */
MUST_USE enum err csv_new(const struct csv_opts *o, csv_row_fn fn, void *user, struct csv **out,
			  struct fail *f);
/* More bytes, cut anywhere. */
MUST_USE enum err csv_feed(struct csv *c, const void *p, size_t n, struct fail *f);
/* The last line may lack its end. */
MUST_USE enum err csv_end(struct csv *c, struct fail *f);
void csv_free(struct csv *c);
OWN_DEFINE(csv, struct csv *, csv_free(*p))
/* So far: lines in all; comments; those passed over as too long. */
uint64_t csv_lines(const struct csv *c);
uint64_t csv_comments(const struct csv *c);
uint64_t csv_too_long(const struct csv *c);
