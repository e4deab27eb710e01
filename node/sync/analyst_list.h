/*
 * analyst_list.h - {"Note":{"<uuid>":"<modified>",..},"Opinion":..}: what peers tell each other of
 * analyst data before any of it travels. Read while it comes, bounded.
 */
#pragma once

#include "base/err.h"
#include "base/own.h"
#include "base/uuid.h"
#include "model/misp.h"

/* A million rows are 48 MB; what comes behind them is left for another pass. */
#define ANALYST_ROWS_MAX 1000000u

struct analyst_row {
	struct uuid uuid;
	uint8_t kind; /* enum analyst_kind */
	bool known; /* for the caller */
	int64_t modified; /* seconds; 0: not a time */
	uint64_t id; /* for the caller */
};

struct analyst_rows {
	struct analyst_row *v;
	size_t n, cap;
	bool cut; /* there were more */
};
void analyst_rows_free(struct analyst_rows *r);
OWN_DEFINE(analyst_rows, struct analyst_rows, analyst_rows_free(p))
MUST_USE enum err analyst_rows_add(struct analyst_rows *r, const struct analyst_row *row,
				   struct fail *f);
/* By kind, then UUID; of several with one UUID the last stays. */
void analyst_rows_sort(struct analyst_rows *r);
struct analyst_row *analyst_rows_find(const struct analyst_rows *r, uint8_t kind, struct uuid u);

/* A reader fed with the bytes of such an answer; "[]" is an empty one. */
struct analyst_reader;
struct analyst_reader *analyst_reader_new(struct analyst_rows *out);
MUST_USE enum err analyst_reader_feed(struct analyst_reader *r, const void *p, size_t n,
				      struct fail *f);
MUST_USE enum err analyst_reader_end(struct analyst_reader *r, struct fail *f);
void analyst_reader_free(struct analyst_reader *r);
OWN_DEFINE(analyst_reader, struct analyst_reader *, analyst_reader_free(*p))
