/*
 * value_event.h - a text full of values becomes an event, or brings one up to date: feeds of values and
 * imports of lists. One edit, whole or not at all, by the same gate as any other document.
 */
#pragma once

#include <stdatomic.h>

#include "feeds/cache/cache.h"
#include "feeds/in/values.h"
#include "ingest/ingest.h"

/* A value that is new to the event. */
struct value_new {
	enum attr_type type;
	struct str value;
	struct str port; /* cut off; absent: none */
	bool to_ids;
};
typedef enum err (*value_new_fn)(void *user, const struct value_new *v, struct fail *f);

/* A line of a table or list (0: of free text) whose text is no value; `text` may be of any bytes. */
typedef void (*value_fault_fn)(void *user, uint64_t line, struct str text, struct str why);

struct value_event_opts {
	const struct ingest_env *in;
	int fd; /* the text; read from its beginning, several times at need */
	struct values_opts read;
	struct origin origin;
	struct admit_facts facts; /* of who brings it; whether it is an edit is found out here */
	/*
	 * The event: `event_id` is filled, or ERR_NOENT; 0: that with the UUID of the head, which is made when
	 * there is none. Of the head an edit takes tags and `published`.
	 */
	uint64_t event_id;
	struct misp_event head;
	enum { IDS_BY_TYPE, IDS_NONE, IDS_ALL } ids;
	bool note_ports; /* a port that was cut off becomes the comment (MISP: of imports, not of feeds) */
	/*
	 * `delta`: values that were in `before` and are not in the text any more are deleted softly, and come
	 * back when they do. Others, and what people have deleted, stay as they are. NULL: unknown, nothing is
	 * deleted.
	 */
	bool delta;
	const struct value_cache *before;
	struct value_cache_writer *taken, *cache; /* get the digests of all values; NULL: not wanted */
	const struct warnlists *warnings; /* values on a list are marked not to_ids; NULL: none */
	bool dry; /* only look */
	value_new_fn found; /* told of each new value; may be NULL */
	value_fault_fn fault; /* told of what gives no value, and why; may be NULL */
	/* Told now and then, with the bytes read; may be NULL. An error ends it. */
	enum err (*progress)(void *user, uint64_t bytes, struct fail *f);
	void *user;
};

struct value_event_result {
	struct values_counts read;
	uint64_t values; /* different ones in the text that are fit to be stored */
	uint64_t unfit; /* that are not, as their type wants it */
	uint64_t listed; /* on a warning list */
	uint64_t added, current, removed, restored;
	uint64_t left_deleted; /* that were deleted here by somebody */
	uint64_t refused; /* by the gate */
	uint64_t event_id; /* 0: none */
	struct uuid event_uuid;
	bool made, changed;
};

/* A file without a name below `dir`, for a text; -1: it cannot be made. */
int value_event_spool(const char *dir);

/*
 * Blocking. ERR_INVAL: the text holds no values (nothing is done then), or an option; ERR_NOENT: the event is
 * gone; ERR_LIMIT; ERR_BLOCKED: it waits in quarantine, or may not come in.
 */
MUST_USE enum err value_event_take(const struct value_event_opts *o, struct value_event_result *out,
				   struct fail *f);
