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

enum search_scope {
	SCOPE_EVENTS,
	SCOPE_ATTRIBUTES,
	SCOPE_OBJECTS,
	SCOPE_SIGHTINGS,
	SCOPE_EVENT_INDEX, /* events/index: its own names, `|` lists and substrings */
	SCOPE_COUNT
};

/* A list of values in one group of the generic filter. */
struct query_terms {
	struct str *v;
	uint32_t n;
};
/*
 * The generic filter: each group that is not empty must hold. An item whose first or last
 * character is `%` is a LIKE pattern. In the event index the items are what the parameter's row
 * says (substrings for info, attribute and email).
 */
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
	bool eventid_list; /* given as a list, be it of one: answers are named after a single one */
	struct query_filter value, value1, value2, type, category, object_relation, comment, uuid,
		eventid, tags, event_tags, org, org_nationality, org_sector, org_local, sharinggroup,
		eventinfo, object_name, object_template_uuid, object_template_version,
		threat_level_id, distribution, analysis, attribute_id,
		id, source, sighting_type, /* sightings */
		attribute_text, email; /* event index: substrings */
	/* `timestamp` of a scope has gone to the one it means there */
	struct query_range attribute_timestamp, event_timestamp, publish_timestamp, date, first_seen,
		last_seen;
	struct query_range sighted; /* sightings: date_sighting, default the last 30 days */
	/* sightings: what `id` and `uuid` belong to; set by the caller from the path */
	enum { SIGHTINGS_ANY, SIGHTINGS_OF_ATTRIBUTE, SIGHTINGS_OF_EVENT } sighting_context;
	query_flag published, to_ids, deleted, has_proposal;
	query_flag to_ids_output; /* which attributes of a found event are shown (events) */
	bool deleted_given, to_ids_given, published_given;
	/* Events: "wildcard mode", a LIKE pattern over info, values, comments and tags; all other
	   filters are ignored. Absent: none. */
	struct str searchall;
	struct str index_all; /* event index `all`: a substring of nearly everything */
	struct str order; /* "field dir,field dir" */
	uint64_t limit, page; /* 0: not given */
	/* output options */
	bool metadata, with_attachments, include_event_uuid, include_event_tags, include_context,
		include_sightings, include_correlations, include_decay_score, include_proposals,
		include_all_tags, exclude_local_tags, exclude_galaxy, sg_reference_only, headerless,
		enforce_warninglist, include_warninglist_hits, no_event_reports,
		no_shadow_attributes, no_sightings, extended, include_analyst_data, include_galaxy,
		exclude_decayed, include_full_model, flatten, include_related_tags,
		include_granular_correlations, include_server_correlations,
		include_feed_correlations, include_scores_on_event, include_attribute,
		include_event, include_uuid, minimal;
	struct query_terms requested_attributes, ignore;
	/* decaying models by id or UUID; none: those that are enabled for the type */
	struct query_terms decaying_model;
	struct query_overrides {
		bool has_threshold, has_lifetime, has_speed;
		double threshold, lifetime, speed;
	} overrides; /* of what the models say (decay.h) */
	/* exporter parameters by name ("policy", "ns", ...), as given; taken out of "request" */
	const json_t *raw; /* borrowed, may be NULL */
};

/*
 * Parse a JSON object of parameters, possibly wrapped in "request" (borrowed: it must outlive the
 * query). NULL or an empty array are no parameters. `now` is seconds. What MISP 2.5.1 ignores or
 * gets wrong over REST is ignored here too.
 */
MUST_USE enum err query_parse(struct query *q, enum search_scope scope, const json_t *params,
			      struct arena *a, int64_t now, struct fail *f);
/* As query_parse() for our own callers (tool, console): parameters that MISP drops (comment,
   object_name, quickFilter ...) and exclusion by `value` work too. */
MUST_USE enum err query_parse_extra(struct query *q, enum search_scope scope, const json_t *params,
				    struct arena *a, int64_t now, struct fail *f);
/*
 * Make the JSON object of a GET request from the path behind restSearch: "name:value" parts, or
 * values in the scope's order ("json/203.0.113.200"). Parts are percent-decoded already. The
 * caller owns *out (json_decref).
 */
MUST_USE enum err query_from_path(enum search_scope scope, const struct str *part, size_t n,
				  json_t **out, struct fail *f);
/* Is this a parameter of the scope? */
bool query_knows(enum search_scope scope, struct str name);
/* MISP's time grammar (rest-api.md 3.3); false: not readable. */
bool query_time(struct str s, int64_t now, int64_t *out);
