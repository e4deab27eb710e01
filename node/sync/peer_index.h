/*
 * peer_index.h - a peer's answer to POST /events/index, read as it arrives (sync-protocol.md 3.2):
 * a list of short rows, or of full ones from older servers. Trusts nothing, stores nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/uuid.h"

struct peer_index_row {
	struct uuid uuid, orgc_uuid; /* nil: not given */
	int64_t timestamp;
	int64_t sighting_timestamp; /* 0: none, or not told */
	bool published;
};

struct peer_index;
/* Called for each row that has a UUID. An error ends the reading. */
typedef enum err (*peer_index_fn)(void *user, const struct peer_index_row *row, struct fail *f);
struct peer_index *peer_index_new(peer_index_fn fn, void *user);
/* Feed bytes. ERR_PARSE with place, ERR_LIMIT, or what the callback said. */
MUST_USE enum err peer_index_feed(struct peer_index *x, const void *p, size_t n, struct fail *f);
MUST_USE enum err peer_index_end(struct peer_index *x, struct fail *f);
void peer_index_free(struct peer_index *x);
OWN_DEFINE(peer_index, struct peer_index *, peer_index_free(*p))
