/*
 * sealed.h - released and exported bytes, bound to one audience: the only thing that transports
 * send. Pulled in chunks, so memory is bounded and a slow reader holds nothing but the chunk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gate/audience.h"

struct sealed;

/* Append about `want` bytes (at least one element, unless at the end) to `out`. *end tells that
   all has come. May block shortly (store reads): call from a worker. An error means that the
   transfer must be broken off, never ended as if complete. */
MUST_USE enum err sealed_pull(struct sealed *s, struct buf *out, size_t want, bool *end,
			      struct fail *f);
const struct audience *sealed_audience(const struct sealed *s);
const char *sealed_media(const struct sealed *s);
/*
 * What leaves for peers, feeds, exports and streams is recorded: events are named durably before their
 * bytes come out of sealed_pull() (which fails otherwise), and how the transfer ended is told when it
 * is freed. Whoever keeps the bytes for a while, and may not send them after all, holds it instead:
 */
struct receipt;
/* How it ended; digits as in the ledger. */
enum sent_outcome { SENT_WHOLE, SENT_BROKEN, SENT_UNKNOWN, SENT_NOTHING };
/* Before the first pull: what comes is not to be sent before it is intended. */
void sealed_hold(struct sealed *s);
/* It is sent from now on: name what has come so far; later pulls name by themselves again. */
MUST_USE enum err sealed_intend(struct sealed *s, struct fail *f);
/* Has it named anything that is recorded? */
bool sealed_names(const struct sealed *s);
/* The end has come, held until now: what is still to be told of it. NULL when that is nothing: it
   named nothing, or is for local users. `s` may be freed before. */
struct receipt *sealed_receipt(struct sealed *s);
/* Name what these hold, several in one commit; NULL ones are skipped. Nothing may leave on an error. */
MUST_USE enum err receipts_intend(struct receipt *const *v, size_t n, struct fail *f);
/* Frees it; NULL is nobody's. */
void receipt_end(struct receipt *r, enum sent_outcome o);
OWN_DEFINE(receipt, struct receipt *, receipt_end(*p, SENT_NOTHING))
/* Not all that came out has left: the receiver went away. Any thread. */
void sealed_lost(struct sealed *s);

/* Known only after the end. */
struct sealed_totals {
	uint64_t bytes, events, attributes;
	uint8_t digest[32];
};
const struct sealed_totals *sealed_totals(const struct sealed *s);
void sealed_free(struct sealed *s);
OWN_DEFINE(sealed, struct sealed *, sealed_free(*p))
