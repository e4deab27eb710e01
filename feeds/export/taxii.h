/*
 * taxii.h - a page of a TAXII 2.1 collection: released events as STIX 2.1 objects, at most so many, and where
 * the next page begins. A page may end and begin between any two objects, also inside an event: it costs
 * what it gives. Only the end of an event (relationships, the report) needs a walk over all of it.
 */
#pragma once

#include "feeds/export/export.h"

/* Version of what has none of its own (observables): always the same. */
#define TAXII_NO_VERSION ((int64_t)1483228800 * 1000000) /* 2017-01-01 */

enum taxii_form { TAXII_OBJECTS, TAXII_MANIFEST, TAXII_VERSIONS };

/* Where an object stands: which of those that are told at a place. */
struct taxii_place {
	struct export_place at;
	uint32_t nth;
};

struct taxii_page {
	/* what is asked */
	enum taxii_form form;
	uint64_t limit; /* objects; at least 1 */
	bool no_more; /* whether there are more than `limit` need not be known */
	size_t bytes; /* it also ends when it is as long as this */
	struct taxii_place from; /* in the first event: what stands before is left out */
	const struct str *types, *ids; /* only these; none: all */
	size_t n_types, n_ids;
	bool has_version;
	int64_t version_us; /* only this version */
	/* set by who supplies the events, for the one under way: the date of its objects */
	int64_t event_us;
	/* Write the token of a next page that begins at `stop`, in the event under way. */
	enum err (*token)(void *user, const struct taxii_page *p, struct buf *b);
	void *token_user;

	/* what it is */
	uint64_t n;
	int64_t first_us, last_us;
	bool more; /* there is at least one object behind it, at `stop` */
	struct taxii_place stop;
};

/* "2026-11-23T12:00:00.000001Z", six digits always. */
void taxii_time(struct buf *b, int64_t us);
