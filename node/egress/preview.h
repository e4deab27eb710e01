/*
 * preview.h - what leaves of an event and what stays here, told by the stream itself: whoever sends
 * makes the stream, with the preview's environment, and its bytes are counted instead of sent.
 */
#pragma once

#include <stdatomic.h>

#include "egress/egress.h"

struct preview_counts {
	uint64_t elements; /* looked at: attributes, objects, reports, proposals */
	uint64_t withheld, changed; /* of these: not in it; in it with fewer or other fields */
	uint64_t fields; /* dropped or rewritten, the event's own included */
	uint64_t by[RULE_COUNT]; /* withheld, by rule */
};

/* One difference between what the store has and what leaves. */
struct preview_line {
	const char *what; /* "event", "attribute", ... */
	struct uuid uuid; /* here */
	struct str label; /* type of an attribute, name of an object or report */
	enum gate_rule withheld; /* RULE_NONE: it leaves, and one of its fields differs */
	const char *field;
	struct str was, now; /* JSON values; `now` absent: dropped */
};

struct preview {
	struct preview_counts n;
	uint64_t bytes, attributes; /* of the document */
	uint8_t digest[32]; /* SHA-256 of it */
	/* Called with each difference, in the order of the document; NULL: only counted. */
	void (*line)(void *user, const struct preview_line *l);
	void *user;
	const atomic_bool *cancelled; /* NULL: never */
};

/* Make what would be sent of an event, with this environment and no other. */
typedef enum err (*preview_make_fn)(void *user, const struct egress_env *env, uint64_t event_id,
				    struct sealed **out, struct fail *f);
/*
 * Fill counts, bytes and digest of `p` (line, user and cancelled are the caller's). Bytes 0: nothing
 * would be sent. Bounded memory, whatever the event holds.
 */
MUST_USE enum err preview_event(const struct egress_env *env, preview_make_fn make, void *user,
				uint64_t event_id, struct preview *p, struct fail *f);
