/*
 * search.h - find what a query wants and an audience may see.
 *
 * Visibility is asked through callbacks, so that search knows no policy and counts only what is
 * visible. Results are ids in MISP's order; the caller loads and releases them.
 */
#pragma once

#include "index/index.h"
#include "search/query.h"

struct search_visible {
	void *user;
	/* May the audience see this event at all (answers are cached per search by event id)? */
	bool (*event)(void *user, const struct misp_event *e);
	/* And this attribute (with the object it stands in, or NULL)? Called on candidates only. */
	bool (*attr)(void *user, const struct misp_event *e, const struct misp_object *o,
		     const struct misp_attr *a);
	/* And this object, by itself? NULL: all that have a visible attribute. */
	bool (*object)(void *user, const struct misp_event *e, const struct misp_object *o);
	/* And this proposal (that what it is about may be seen is asked apart)? NULL: all. */
	bool (*proposal)(void *user, const struct misp_event *e, const struct misp_proposal *pr);
	/* And this tag, of the event or of an attribute in it? NULL: all tags. */
	bool (*tag)(void *user, const struct misp_event *e, const struct misp_tagref *t);
	/* Is the value on a warning list? Asked where the query says so (enforceWarninglist). */
	bool (*listed)(void *user, uint16_t type, struct str value);
	/* Is the attribute decayed in all models that concern it? NULL: none is asked for (excludeDecayed). */
	bool (*decayed)(void *user, const struct misp_event *e, const struct misp_attr *a);
	/* When the event opened for the audience by time (0: never): for questions about what is new it
	   changed then. NULL: none ever did. */
	int64_t (*opened)(void *user, uint64_t event_id);
	/* What `event` answered before about this one: 1 yes, 0 no, -1 it was not asked. NULL: ask. */
	int (*known)(void *user, uint64_t event_id);
	/* Called when there was no event to ask about, with a number made from what was looked for: takes as long
	   as asking about one that may not be seen. NULL: whoever asks sees everything. */
	void (*instead)(void *user, uint64_t by);
	/* `event` says yes to every event at a level of events that is not protected and holds an attribute:
	   these need not be asked for, nor read. */
	bool all_events;
};

struct search_hit {
	uint64_t event_id, object_id, attr_id; /* event scope: only event_id */
	uint64_t id; /* of the object or sighting in those scopes, else 0 */
};

struct search_rows;
struct search_pages;
void search_rows_free(struct search_rows *r);

/* What a search may use, and how its results may come; NULL: without bounds, as hits. */
struct search_how {
	bool (*gone)(void *user); /* does nobody wait any more? NULL: somebody does */
	void *user;
	int64_t until_ms; /* of the boot-time clock; 0: no end */
	size_t memory; /* bytes for what is found; 0: no bound */
	bool rows; /* long results may come as rows (search/rows.h) */
	struct search_pages *pages; /* where pages ended; NULL: not remembered */
	uint8_t page_key[16]; /* of all that decides what is found, but for the page */
};

struct search_result {
	struct search_hit *hits; /* in the arena, in order; the page asked for */
	uint64_t n;
	struct search_rows *rows; /* instead of hits: all of them, the caller's to free; or NULL */
	/* What MISP counts: matches before paging for events, the index and sightings; for attributes
	   those of this page and one more when it is full; for objects those of this page. */
	uint64_t total;
	bool more; /* the page is full and there is at least one more (attributes) */
	uint64_t skipped; /* of the page, by `listed` and `decayed` (attributes) */
};

/* ERR_CANCELLED: nobody waits. ERR_TIMEOUT, ERR_LIMIT: it would use more than it may. */
MUST_USE enum err search_run(struct index *ix, const struct store_rtxn *t, const struct query *q,
			     const struct search_visible *vis, const struct search_how *how,
			     struct arena *a, struct search_result *out, struct fail *f);

/* Does a search for the tag `term` mean this one? A name is a pattern (case counts), a number an id. */
bool search_tag_meant(struct str term, uint64_t tag_id, struct str name);

/* Exact look-up of one value: live attributes of visible events that hold it (either part). */
MUST_USE enum err search_value(struct index *ix, const struct store_rtxn *t, struct str value,
			       const struct search_visible *vis, uint64_t limit, struct arena *a,
			       struct search_result *out, struct fail *f);
