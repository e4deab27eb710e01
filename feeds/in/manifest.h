/*
 * manifest.h - the manifest of a MISP feed, read as it arrives: for each event its UUID and when it
 * was changed, who made it and its tags. Trusts nothing, stores nothing.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

struct manifest_entry {
	struct uuid uuid;
	int64_t timestamp; /* 0: not given */
	struct uuid orgc_uuid; /* nil: not given */
	struct str orgc_name;
	struct str *tags; /* names */
	uint32_t n_tags;
};

struct manifest_read;
/* Called for each event; the entry dies with the call. An error ends the reading. */
typedef enum err (*manifest_fn)(void *user, const struct manifest_entry *e, struct fail *f);
struct manifest_read *manifest_read_new(manifest_fn fn, void *user);
/* Feed bytes. ERR_PARSE with place, ERR_LIMIT, or what the callback said. */
MUST_USE enum err manifest_read_feed(struct manifest_read *m, const void *p, size_t n,
				     struct fail *f);
MUST_USE enum err manifest_read_end(struct manifest_read *m, struct fail *f);
void manifest_read_free(struct manifest_read *m);
OWN_DEFINE(manifest_read, struct manifest_read *, manifest_read_free(*p))
