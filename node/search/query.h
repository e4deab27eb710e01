/*
 * query.h - what a restSearch or event index asks, parsed from JSON, path or command line.
 *
 * One table of parameters (params.inc) knows every name, its scopes, its value grammar and where
 * it goes in `struct query`. Unknown names are ignored, as MISP does. Rules: rest-api.md section 3
 * and its corrections 51-57.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/misp.h"

enum search_scope { SCOPE_EVENTS, SCOPE_ATTRIBUTES, SCOPE_OBJECTS, SCOPE_SIGHTINGS };

/* A list of values in one group of the generic filter. */
struct query_terms {
	struct str *v;
	uint32_t n;
};
/* The generic filter: each group that is not empty must hold. */
struct query_filter {
	struct query_terms any, all, none;
	bool set;
};
/* Seconds (or microseconds for *_seen); `set` false: no condition. */
struct query_range {
	bool set, never; /* never: an unreadable time matches nothing */
	int64_t from, to; /* inclusive; INT64_MIN / INT64_MAX: open */
};
/* 0/1 conditions: bit 0: value 0 wanted, bit 1: value 1 wanted; 0: no condition. */
typedef uint8_t query_flag;

struct query {
	enum search_scope scope;
	struct str return_format; /* default "json" */
	struct query_filter value, value1, value2, type, category, object_relation, comment, uuid,
		eventid, tags, event_tags, org, sharinggroup, eventinfo, object_name,
		object_template_uuid, threat_level_id, distribution, analysis, attribute_id;
	struct query_range timestamp, attribute_timestamp, event_timestamp, publish_timestamp, date,
		first_seen, last_seen;
	query_flag published, to_ids, deleted;
	bool deleted_given, to_ids_given, published_given;
	struct str searchall; /* absent: none */
	struct str order;
	uint64_t limit, page; /* 0: not given */
	/* output options */
	bool metadata, with_attachments, include_event_uuid, include_event_tags, include_context,
		include_sightings, include_correlations, include_decay_score, include_proposals,
		include_all_tags, exclude_local_tags, exclude_galaxy, sg_reference_only, headerless,
		enforce_warninglist, include_warninglist_hits, no_event_reports,
		no_shadow_attributes, no_sightings, extended, include_analyst_data;
	struct query_terms requested_attributes, ignore;
	/* exporter parameters by name ("policy", "ns", ...), as given */
	const json_t *raw; /* borrowed, may be NULL */
};

/* Parse a JSON object of parameters (borrowed: it must outlive the query). `now` is seconds. */
MUST_USE enum err query_parse(struct query *q, enum search_scope scope, const json_t *params,
			      struct arena *a, int64_t now, struct fail *f);
/* MISP's time grammar (rest-api.md 3.3); false: not readable. */
bool query_time(struct str s, int64_t now, int64_t *out);
