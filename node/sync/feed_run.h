/*
 * feed_run.h - inside the room: what a run over a feed needs whatever its format: the row, its files from a
 * server or this machine, packed or not, and what is remembered for the next time.
 */
#pragma once

#include "feeds/in/rules.h"
#include "sync/feed_fetch.h"

/* What the server said of the feed's first file, and what that was. Kept in the row as three lines. */
struct feed_seen {
	char etag[256], modified[64];
	char digest[65]; /* of what was taken in; "": unknown */
};

struct feed_run {
	const struct feed_fetch_opts *o;
	struct feed_fetch_result *res;
	struct arena *a; /* of the row */
	struct misp_feed row;
	struct entity_list tags; /* struct misp_tagref, put on every event */
	struct feed_rules *rules;
	struct client_opts opts;
	struct client *client; /* NULL: it is on this machine */
	bool local, is_values; /* a table or text, not a MISP feed */
	char base[2000]; /* URL or path, of a folder without slash at the end */
	int dirfd; /* the folder of a MISP feed on this machine */
	struct feed_seen was, now;
	const char *header[36]; /* lines of the row, and room for one more */
	size_t n_headers;
	bool all_in; /* nothing has to be asked for again before it changes */
	bool waits; /* what it brought waits for a decision */
	uint64_t event_id; /* of a fixed event that the row does not name yet */
	int64_t began_ms;
	struct intake take;
};

/* Read the row and get ready. What is there is closed by feed_run_close(), also after an error. */
MUST_USE enum err feed_run_open(struct feed_run *r, struct fail *f);
void feed_run_close(struct feed_run *r);

struct feed_file {
	const char *name; /* below the base; NULL: the base itself */
	uint64_t max; /* bytes, as they come and unpacked */
	bool conditional; /* only if it has changed, as far as that is known: then res->not_modified */
	bool html; /* a page of HTML is no error */
	intake_data_fn data;
	void *user;
};
/* One file, unpacked. ERR_NOENT: there is none. */
MUST_USE enum err feed_run_get(struct feed_run *r, struct client *c, const struct feed_file *file,
			       struct fail *f);
/* A file of a folder has been taken in: gone, if the row says so. */
void feed_run_file_done(struct feed_run *r, const struct intake_want *w);
/* Write down how it went. */
void feed_run_note(struct feed_run *r, enum err e, const struct fail *why);

/* feed_values.c: a run over a feed of values. */
MUST_USE enum err feed_values_run(struct feed_run *r, struct fail *f);
