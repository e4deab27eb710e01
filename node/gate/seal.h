/* seal.h - making a `sealed`: for egress only (rooms.txt). */
#pragma once

#include "gate/seal_write.h"
#include "gate/sealed.h"

/* Produces more bytes through `w` until about `want` are there; sets *end. */
struct seal_source {
	enum err (*produce)(void *user, struct seal_writer *w, size_t want, bool *end,
			    struct fail *f);
	void (*free)(void *user);
	void *user;
};

/* Keeps the record of what leaves. The source tells it what it names. */
struct seal_witness {
	const struct seal_witness_ops *ops;
};
struct seal_witness_ops {
	/* What each has been told since the last time is durable before this returns. */
	enum err (*intend)(struct seal_witness *const *v, size_t n, struct fail *f);
	/* Has it been told as much as it may hold? */
	bool (*is_full)(const struct seal_witness *w);
	/* Has it ever been told anything? */
	bool (*has_named)(const struct seal_witness *w);
	/* The end; frees it. */
	void (*end)(struct seal_witness *w, enum sent_outcome o, uint64_t bytes,
		    const uint8_t digest[32]);
};

/* Takes over source and witness (NULL: for local users, nothing is recorded). NULL: no memory, both
   are freed. */
struct sealed *sealed_new(const struct audience *aud, const char *media,
			  const struct seal_source *src, struct seal_witness *witness,
			  size_t max_chunk);
