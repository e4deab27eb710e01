/*
 * digest_lines.h - lines "md5,uuid of an event" as they arrive: hashes.csv of a feed, and what a peer gives
 * for returnFormat cache. What is no such line is passed over, as MISP does; but what holds none for long is
 * not read to its end.
 */
#pragma once

#include "feeds/cache/cache.h"

struct digest_lines {
	struct value_cache_writer *to;
	uint64_t n; /* digests so far */
	uint64_t bytes;
	char line[128];
	size_t have;
	bool skip; /* the rest of a line that is too long */
};

/* More bytes, cut anywhere; as intake_data_fn and link_req.data with the reader as user. ERR_PEER: there was
   no digest in all that came so far. */
MUST_USE enum err digest_lines_feed(void *reader, const void *p, size_t n, struct fail *f);
/* The last line may lack its end. */
MUST_USE enum err digest_lines_end(struct digest_lines *r, struct fail *f);
