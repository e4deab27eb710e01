/*
 * json_read.h - MISP JSON to raw documents: a resumable push parser driven by fields.inc.
 *
 * Bytes are fed as they arrive; no tree is built. Strict JSON (RFC 8259) with full UTF-8 and
 * escape checks; limits on depth, string length and element count. Unknown members are skipped.
 * Wrappers are taken off: {"Event":{..}}, bare {..}, {"response":[{"Event":..}]}, arrays of these.
 * Members of the wrong JSON type are cast as PHP would where MISP does so (numbers and numeric
 * strings, 0/1/"0"/"1" for booleans), otherwise treated as absent. A small number that is none
 * (distribution "x") becomes 255, a UUID that is none becomes nil with its `has` bit set.
 *
 * Elements come in the order in which their objects END, so children stand before their parents;
 * `ordinal` and `parent` give the order of opening. One document is handed over by json_read_end(),
 * when all of the body is known to be good; with `many`, each event when it ends.
 */
#pragma once

#include "base/err.h"
#include "model/raw.h"

/*
 * Called with each complete document of the stream (an event; or the whole body for RAW_ATTRS and
 * RAW_OBJECT). Takes ownership of `r`. An error stops the reader and is returned by json_read_feed.
 */
typedef enum err (*json_read_fn)(void *user, struct raw_event *r, struct fail *f);

struct json_read_opts {
	enum raw_root root;
	const struct raw_limits *limits; /* NULL: default */
	const char *spool_dir; /* NULL: /tmp is not used, memory only */
	bool keep_source; /* RAW_EVENT: each document keeps its bytes (raw_source()) */
	bool many; /* are several events allowed (feeds, restSearch answers)? else ERR_PARSE */
};

struct json_read;
struct json_read *json_read_new(const struct json_read_opts *o, json_read_fn fn, void *user);
/* Feed bytes. Errors carry line, column and byte offset; after one, the reader stays failed. */
MUST_USE enum err json_read_feed(struct json_read *j, const void *p, size_t n, struct fail *f);
/*
 * Where the event at hand stands in the input: from its "{" up to (not including) *to, which inside the
 * callback is its end, else how far the input has been read. False: between events.
 */
bool json_read_place(const struct json_read *j, uint64_t *from, uint64_t *to);
/* The input ends: ERR_PARSE when the document is not complete. */
MUST_USE enum err json_read_end(struct json_read *j, struct fail *f);
/* Abandon or finish; an incomplete document is dropped. */
void json_read_free(struct json_read *j);
OWN_DEFINE(json_read, struct json_read *, json_read_free(*p))

/*
 * One entity of any kind from a small JSON object (administration calls: organisations, users,
 * tags, sharing groups ...), wrapper taken off when there. Only FORM_BOTH and FORM_RAW members.
 * The caller initialises `entity` (members that the object lacks stay as they are); texts are copied
 * into `a`.
 */
MUST_USE enum err json_read_entity(struct str json, const struct entity_desc *d, struct arena *a,
				   void *entity, struct fail *f);
