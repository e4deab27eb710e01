/*
 * rows.h - many results in little memory: a bit for each row of the index instead of a hit for each
 * result; and where pages ended, so that the next one begins there.
 *
 * A row keeps its number while the process runs, so that results outlast views and transactions.
 */
#pragma once

#include "search/search.h"

/*
 * Results in the order of their attribute ids. Rows come in that order but for those that an edit
 * has moved; these are few and stand in a list.
 */
struct search_rows;

/* Taken over by search_rows_new(): bits by row (freed with free()), and rows out of order, sorted. */
struct search_rows_from {
	uint64_t *bits, n_words;
	uint32_t *moved;
	size_t n_moved;
};
/* NULL: no memory, and `from` stays the caller's. */
struct search_rows *search_rows_new(struct index *ix, const struct search_rows_from *from);
/* The next hit; false at the end. One thread at a time. */
bool search_rows_next(struct search_rows *r, struct search_hit *out);

/* ---- where pages ended ---------------------------------------------------------------------- */

struct search_pages *search_pages_new(void);
void search_pages_free(struct search_pages *p);
/* Results of the question `key` up to the id *after were *covered, no more than `skip`. False: not
   known for the store of change `seq`. A reader who goes on page by page goes on behind what he had,
   whatever has changed meanwhile. */
bool search_pages_get(struct search_pages *p, const uint8_t key[16], uint64_t seq, uint64_t skip,
		      uint64_t *covered, uint64_t *after);
/* A page began behind `skip` results and the id `before` (0: not known), and ended behind `covered`
   and `after`. */
void search_pages_put(struct search_pages *p, const uint8_t key[16], uint64_t seq, uint64_t skip,
		      uint64_t before, uint64_t covered, uint64_t after);
