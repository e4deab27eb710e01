/*
 * export.h - one row per outward format. An exporter turns released elements into bytes, element
 * by element, and keeps its place in `state`, so that an answer can stop and go on anywhere.
 * A new format is one file with one row, and one line in exporters.inc.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "gate/released.h"
#include "gate/seal_write.h"

enum export_scope {
	EXPORT_EVENTS = 1, /* whole events */
	EXPORT_ATTRIBUTES = 2, /* single attributes with their event's head */
	EXPORT_ONE_EVENT = 4, /* events/view: one event without list framing */
	EXPORT_OBJECTS = 8,
	EXPORT_CLUSTERS = 16, /* galaxies and their clusters, not of an event */
	EXPORT_PARTS = 32, /* what hangs below events, of one kind: row.part */
	EXPORT_ANALYST = 64, /* notes, opinions, relationships, each on its own: no events */
};

/* Which of the parts; judged by what has been cut, so that no filter tells what is hidden. */
struct part_org {
	struct uuid uuid;
	uint64_t id;
	struct str name;
};
struct part_filter {
	int64_t since, until; /* when proposed, when sighted; 0: no bound */
	uint8_t types; /* of sightings, a bit each; 0: all */
	bool live, deleted; /* proposals and reports: these two kinds */
	const struct part_org *orgs, *not_orgs; /* who proposed, who saw; none: everybody */
	uint32_t n_orgs, n_not_orgs;
	bool orgs_set;
	struct str source; /* of sightings; absent: any */
	struct str text; /* reports: in name, content or UUID; absent: all */
	const struct uuid *known; /* sightings that the receiver has, ascending */
	size_t n_known;
	uint64_t skip, limit; /* 0: all */
	bool attribute, event, uuid; /* what is told beside a sighting */
};

/* What the caller asked for, and what the node knows; all borrowed. */
struct export_opts {
	unsigned scope; /* one of enum export_scope */
	struct str base_url, host_org_name;
	const char *spool_dir; /* for what has to wait; NULL: memory, and little of it */
	struct uuid node_uuid;
	uint64_t nids_sid; /* of the user */
	int64_t now;
	struct str filename_id; /* event id or uuid of a single event, absent otherwise */
	bool headerless, include_context, include_event_uuid, include_event_tags, metadata,
		flatten, include_related_tags, include_proposals,
		include_correlations, /* RelatedEvent; of attributes RelatedAttribute */
		include_granular, /* RelatedAttribute of the attributes of an event */
		include_sightings, include_analyst, no_reports, no_proposals, no_related,
		sg_reference_only, full_tags,
		include_scores, full_models, /* what decaying models say (CSV: its columns) */
		related_inbound; /* what points to related events: events/view says so */
	const struct part_filter *parts; /* EXPORT_PARTS; NULL: all live ones */
	/* one event as MISP pushes it (sync-protocol.md 4.4): locked, without its owner here and
	   without galaxies; `push_unpublished` for links that want drafts */
	bool push, push_unpublished;
	const struct str *columns; /* requested_attributes */
	uint32_t n_columns;
	/* any further parameter by name; absent when not given */
	struct str (*param)(void *user, const char *name);
	void *param_user;
	/* each object of STIX in an envelope of TAXII, when it is written; NULL: nobody asks */
	void (*stix_told)(void *user, const char *type, struct uuid u, int64_t modified_us);
	void *stix_told_user;
	struct taxii_page *taxii; /* of the exporter ".taxii" (taxii.h); outlives the run */
	/* what the vocabularies say of a tag: appended what its namespace is about, and the tag itself
	   in words; false: no vocabulary has it. NULL: there are none */
	bool (*tag_words)(void *user, struct str tag, struct buf *about, struct buf *words);
	void *tag_words_user;
};

/* Where something stands in an event, in the order in which it is told: for who goes on there later. */
enum export_part { PART_HEAD, PART_ATTRS, PART_OBJECTS, PART_REPORTS, PART_END };
struct export_place {
	enum export_part part;
	uint64_t id; /* of the attribute, object (its attributes stand where it does) or report */
};

struct export_run {
	struct seal_writer *out;
	const struct export_opts *opts;
	void *state; /* row.state_size zeroed bytes */
	uint64_t n; /* events or attributes written so far */
	struct export_place place; /* of what is told now; not of proposals */
	bool again; /* event(): the one under way began inside, and is told once more for its end */
	bool enough; /* set by the exporter: nothing more is told but the end */
};

struct exporter {
	const char *name; /* returnFormat */
	const char *media; /* Content-Type without charset */
	const char *type_name; /* X-Response-Format, and extension in event scope file names */
	const char *event_type_name; /* in event scope, where that differs; else NULL */
	const char *doc;
	const char *drops; /* what it has no place for; NULL: no return format for callers */
	bool (*carries)(uint16_t type); /* does an attribute of this type come out? NULL: each does */
	unsigned scopes;
	enum element_kind part; /* EXPORT_PARTS: proposals, sightings or reports */
	bool related; /* prints correlations: they are not looked for otherwise */
	bool page; /* for people: no counts, no file name; called JSON by MISP to who takes JSON */
	bool sensor; /* of feeds/sensor */
	bool restrictive; /* defaults to to_ids=1 and published=1 */
	const char *const *types; /* attribute scope: searches only these by itself; NULL: all */
	size_t state_size;
	/* Each may be NULL. Errors break the transfer off. */
	enum err (*begin)(struct export_run *r);
	enum err (*event)(struct export_run *r, const struct rel_event *e);
	enum err (*element)(struct export_run *r, const struct rel_event *e,
			    const struct rel_element *el);
	enum err (*event_end)(struct export_run *r, const struct rel_event *e);
	/* behind event_end, again and again until *more is false: what is too long for one piece */
	enum err (*event_more)(struct export_run *r, bool *more);
	enum err (*galaxy)(struct export_run *r, const struct rel_galaxy *g);
	enum err (*cluster)(struct export_run *r, const struct rel_cluster *c);
	enum err (*end)(struct export_run *r);
	/* behind end, likewise */
	enum err (*end_more)(struct export_run *r, bool *more);
	void (*free_state)(void *state);
};

/* The rows themselves. */
#define EXPORTER(row) extern const struct exporter row;
#include "feeds/export/exporters.inc"
#undef EXPORTER

/* For a row's `carries`: the types in member `type` of a table's rows. */
#define EXPORT_CARRIES(fn, table)                                                                  \
	static bool fn(uint16_t type)                                                              \
	{                                                                                          \
		for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++)                    \
			if ((table)[i].type == type)                                               \
				return true;                                                       \
		return false;                                                                      \
	}

/* By returnFormat name; NULL when there is none. */
const struct exporter *export_find(struct str name);
/* All rows, NULL-terminated. */
extern const struct exporter *const export_rows[];
