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
/* Takes over the source (freed with the sealed). NULL: no memory, source freed. */
struct sealed *sealed_new(const struct audience *aud, const char *media,
			  const struct seal_source *src, size_t max_chunk);
