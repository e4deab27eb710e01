/*
 * taxii_post.h - envelopes to a TAXII 2.1 server: whether it takes any and how long they may be, and what its status
 * says became of the objects.
 */
#pragma once

#include "sync/document.h"
#include "sync/taxii_http.h"

#define TAXII_POST_MAX ((uint64_t)256 << 20) /* of an envelope, whatever the server says */

struct taxii_poster {
	const struct taxii_to *to;
	struct client *client;
	unsigned wait_ms; /* for a status to be complete; 0: a minute */
	uint64_t content_max; /* 0: not asked yet */
	/* what came of it so far: objects as the statuses say, bytes as they went */
	uint64_t success, failure, pending, bytes;
};
/* Asks once how much it takes at once. ERR_PERM: the collection is not written to. */
MUST_USE enum err taxii_post_ready(struct taxii_poster *p, struct fail *f);

/* A sealed document, of which the first `head` bytes go, and what is appended to that. */
struct taxii_envelope_out {
	struct document *d; /* NULL: the tail is all of it */
	struct buf *tail;
	uint64_t head;
	uint64_t at; /* bytes that went */
	struct buf answer; /* its own */
};
struct taxii_outcome {
	bool refused; /* some of it, or all */
	char why[256];
};
/* ERR_OK also when the server refuses this envelope or objects of it: *out says so. */
MUST_USE enum err taxii_post(struct taxii_poster *p, struct taxii_envelope_out *e,
			     struct taxii_outcome *out, struct fail *f);
