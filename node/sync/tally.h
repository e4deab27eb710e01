/*
 * tally.h - what did not travel in a pass, counted by reason; a few rows, whatever the peer answers.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#define TALLY_ROWS 24
#define TALLY_TEXT 200

/* Zeroed is empty. */
struct tally {
	struct tally_row {
		const char *kind, *what; /* literals: "events", "held" */
		char text[TALLY_TEXT];
		uint64_t n;
	} v[TALLY_ROWS];
	size_t n;
};

/* Count one. What finds no row of its own is counted under "other reasons". */
void tally_add(struct tally *t, const char *kind, const char *what, const char *text, uint64_t n);
/* [{"kind":"events","what":"held","text":"..","count":5},..] */
void tally_put(const struct tally *t, struct buf *out);
/* Add the counts of such a list; `kinds` and `whats` (ended by NULL) are the words that are known. */
void tally_take(struct tally *t, struct str json, const char *const *kinds, const char *const *whats);
