/*
 * openioc.h - OpenIOC 1.0 and 1.1 to a MISP event: each item an attribute, two items of one AND a pair where MISP
 * has one. Terms are in openioc_terms.inc; what stands in none of them, or is negated, is kept as text. The document
 * itself is kept beside them as an attachment, since its logic of AND and OR is nowhere else.
 */
#pragma once

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "base/uuid.h"
#include "feeds/in/stix.h"

struct openioc_in_opts {
	struct str info; /* title, where the document has none */
	bool into; /* the event `event_uuid` is there: its head stays as it is */
	struct uuid event_uuid; /* nil: that of the document */
	bool has_distribution;
	uint8_t distribution;
	uint64_t sharing_group_id;
	bool publish;
	int64_t now; /* time of an event that is there */
};

struct openioc_in;
struct openioc_in *openioc_in_new(const struct openioc_in_opts *o);
/* More bytes. ERR_LIMIT beyond 32 MiB. */
MUST_USE enum err openioc_in_feed(struct openioc_in *s, const void *p, size_t n, struct fail *f);
/* The event as `[{"Event":{..}}]`. ERR_PARSE: no OpenIOC document. */
MUST_USE enum err openioc_in_end(struct openioc_in *s, stix_in_fn fn, void *user, struct fail *f);
/* objects: items; the members for attributes, as_text and left_out. */
struct stix_in_counts openioc_in_counts(const struct openioc_in *s);
void openioc_in_free(struct openioc_in *s);
OWN_DEFINE(openioc_in, struct openioc_in *, openioc_in_free(*p))
