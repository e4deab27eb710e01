/*
 * follow_names.h - many names, and the book of those that a resolver was given: a file that changes are
 * appended to and a whole set replaces.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct names_entry {
	struct str name; /* with a last dot or without, any case; comes back in lower case with the dot */
	const char *type; /* of a zone that comes: a constant of the caller's */
	bool gone, data; /* data: not a zone */
};

struct names_row;
struct names {
	struct buf text;
	struct names_row *rows;
	size_t n, cap;
};

/* False when there is no room. */
bool names_add(struct names *n, const struct names_entry *e);
struct names_entry names_at(const struct names *n, size_t i);
/* By kind and name, in the order of coming where these are the same. */
void names_sort(struct names *n);
void names_free(struct names *n);
OWN_DEFINE(names, struct names, names_free(p))

/* What the book holds and `now` (sorted) does not, as entries that go. No book: nothing. */
MUST_USE enum err names_missing(const char *book, const struct names *now, struct names *out, struct fail *f);
/* Those that come, or all: what goes first, then what comes. */
MUST_USE enum err names_append(const char *book, const struct names *n, bool all, struct fail *f);
MUST_USE enum err names_replace(const char *book, const struct names *n, struct fail *f);
