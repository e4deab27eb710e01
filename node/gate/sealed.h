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
/* Known only after the end. */
struct sealed_totals {
	uint64_t bytes, events, attributes;
	uint8_t digest[32];
};
const struct sealed_totals *sealed_totals(const struct sealed *s);
void sealed_free(struct sealed *s);
OWN_DEFINE(sealed, struct sealed *, sealed_free(*p))
