/*
 * order.h - events in the order in which they came or were published last, or opened by time, as the
 * change log tells: for those who ask for what was added after something they have (TAXII).
 *
 * A table in memory, made when it is first asked for and kept up from the log; thread-safe. It knows
 * nothing of audiences: who asks has to ask the gate for each event.
 */
#pragma once

#include "store/store.h"

struct order;

struct order *order_new(void); /* NULL: no memory */
void order_free(struct order *o);
/* Take in what the snapshot has. */
MUST_USE enum err order_follow(struct order *o, const struct store_rtxn *t, struct fail *f);

struct order_row {
	uint64_t seq; /* of the change; ascending */
	int64_t second; /* when; never less than in the row before */
	int64_t clock; /* what the clock said, which may have been less */
	uint64_t event_id;
	bool opened; /* by time, for whom it was held until then; else published */
	bool again; /* published: a row behind this one says that it opened */
	int64_t published; /* when that was */
};
/* The first row behind this change; false: there is none. */
bool order_next(struct order *o, uint64_t seq, struct order_row *out);
/* The last row of an event; false: it has none. */
bool order_find(struct order *o, uint64_t event_id, struct order_row *out);
/* Where to begin for what is not older than a second: order_next() gives the first such row. */
uint64_t order_since(struct order *o, int64_t second);
