/*
 * parts.h - what the calls about proposals, sightings and reports share: which events have any, and
 * sending them through the gate. The caller must see the event, or its parts are not there.
 */
#pragma once

#include "api/rest.h"

/* Events that the caller may see and that have parts of the kind; `own`: of his organisation only.
   Hits are allocated from `a`. */
MUST_USE enum err parts_events(struct http_req *r, enum element_kind k, bool own, struct arena *a,
			       struct search_hit **hits, uint64_t *n, struct fail *f);

struct parts_send {
	const char *exporter, *form;
	const struct search_hit *hits;
	uint64_t n;
	const struct part_filter *filter; /* lives as long as the request; NULL: live ones */
	bool files; /* with attachments */
};
/* A list, streamed. */
MUST_USE enum err parts_list(struct http_req *r, const struct parts_send *s, struct fail *f);
/* One by id, or the error when it does not leave. */
MUST_USE enum err parts_one(struct http_req *r, const char *exporter, const char *form,
			    uint64_t event_id, uint64_t parent, uint64_t id, int status,
			    const char *text, struct fail *f);
/* Does it leave? */
bool parts_shows(struct http_req *r, const char *exporter, uint64_t event_id, uint64_t parent,
		 uint64_t id);
