/*
 * chunk.h - decoder of chunked request bodies: a pure state machine, resumable at any byte.
 *
 * Extensions are checked and ignored, trailers are checked and dropped. Bare line feeds, signs,
 * white space and overlong sizes are refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Zero-initialise. */
struct chunk_dec {
	uint64_t left;     /* data bytes left in this chunk */
	uint32_t overhead; /* extension and trailer bytes so far */
	uint8_t state, digits;
};

enum chunk_result {
	CHUNK_MORE, /* input used up */
	CHUNK_DATA, /* *data is a piece of the body (points into the input) */
	CHUNK_END,  /* the body is complete; what was not used belongs to the next request */
	CHUNK_BAD,
};

/* Decode from `in`; *used gets the number of bytes taken. Call again after CHUNK_DATA. */
enum chunk_result chunk_feed(struct chunk_dec *d, struct str in, size_t *used, struct str *data);
