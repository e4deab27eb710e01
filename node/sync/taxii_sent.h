/*
 * taxii_sent.h - what a TAXII server was sent by pushes: of each event the digest of its envelope and the ids of its
 * objects, in the store, so that nothing is sent twice and all can be revoked when the event is gone.
 */
#pragma once

#include "base/buf.h"
#include "store/store.h"

/* A row of T_TAXII, and what it points to: another URL, collection or audience is another target. */
struct taxii_target {
	uint64_t row;
	uint64_t where;
};

struct taxii_sent {
	uint8_t digest[32]; /* of the envelope; zeroes: not known to be there */
	uint8_t refused; /* the server did not take all of it */
	uint8_t generation; /* of the ids */
	uint32_t pieces; /* of the ids */
	int64_t time; /* seconds */
};

/* ERR_NOENT: nothing was sent of this event (our UUID). */
MUST_USE enum err taxii_sent_get(const struct store_rtxn *t, struct taxii_target to, struct uuid u,
				 struct taxii_sent *out);
/* The next event of which something was sent: begin with a nil UUID. */
MUST_USE enum err taxii_sent_next(const struct store_rtxn *t, struct taxii_target to, struct uuid *u,
				  struct taxii_sent *out);
/* Ids as lines, "type--uuid microseconds". */
MUST_USE enum err taxii_sent_ids(const struct store_rtxn *t, struct taxii_target to, struct uuid u,
				 const struct taxii_sent *s, struct buf *out);
/* Note it, with other ids (`ids` NULL: those that it has). Durable on return. */
MUST_USE enum err taxii_sent_put(struct store *s, struct taxii_target to, struct uuid u,
				 struct taxii_sent *note, const struct buf *ids, struct fail *f);
MUST_USE enum err taxii_sent_del(struct store *s, struct taxii_target to, struct uuid u, struct fail *f);
/* Forget all of rows that are gone, and of other targets of this one. */
MUST_USE enum err taxii_sent_sweep(struct store *s, struct taxii_target to, struct fail *f);
