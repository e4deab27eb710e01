/*
 * feed_fetch.h - takes in a feed from a web server or this machine. MISP feeds: the manifest is compared with
 * the store, and only events that are new or newer are fetched and merged. Feeds of values (CSV, free text):
 * an event is made of them, or brought up to date.
 */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "sync/intake.h"
#include "sync/value_event.h"

struct feed_fetch_opts {
	const struct ingest_env *in;
	uint64_t feed_id; /* row of T_FEED */
	uint64_t org_id, user_id; /* who takes it in (user_id may be 0) */
	struct client_opts client; /* TLS, proxy, time limits */
	unsigned parallel; /* events at a time [6 from a server, 16 from a folder], at most 16 */
	bool again; /* also events that were refused the last time as they are now */
	bool disabled_too; /* somebody asked for it by hand */
	struct uuid only; /* this event alone, also when it was refused before; nil: all */
	uint64_t max_event_bytes; /* of one file [1 GiB; of a text 512 MiB, which is the most] */
	const char *cache_dir; /* where digests of values are kept (feeds/cache); NULL: nowhere */
	const atomic_bool *cancelled; /* NULL: never */
	/* Told from any of the working threads, one at a time; may be NULL. */
	intake_progress_fn progress;
	intake_problem_fn problem;
	void *user;
};

struct feed_fetch_result {
	bool not_modified; /* the server said that the manifest is the one we know */
	uint64_t filtered; /* of the manifest, left out by the rules of the row */
	struct intake_result n; /* of values: `listed` are values, `added` and `updated` the event */
	bool is_values; /* a feed of values; then: */
	struct value_event_result values;
};

/*
 * Fetch once, blocking. What is stored is not fetched again, so an interrupted run goes on where it
 * was. An event that fails does not hold up the others; it is counted, told, and tried again the
 * next time. One that is refused (blocked, not newer, made here) is asked for again only when the
 * manifest gives another timestamp. The row's last_try, last_success, last_error and manifest_etag
 * are kept.
 * ERR_OK also when single events failed. ERR_NOENT: no such row; ERR_UNSUPPORTED: format of the row
 * other than misp; ERR_CANCELLED; else why the manifest could not be read.
 */
MUST_USE enum err feed_fetch_run(const struct feed_fetch_opts *o, struct feed_fetch_result *out,
				 struct fail *f);

/* One file of the feed, unpacked, as it comes; at most `max` bytes. Name NULL: the text of a feed of values. */
MUST_USE enum err feed_fetch_data(const struct feed_fetch_opts *o, const char *name, uint64_t max,
				  intake_data_fn data, void *user, struct fail *f);
/* One file of the feed as it stands there, appended; at most what `out` may hold. ERR_NOENT: no such row or
   file. */
MUST_USE enum err feed_fetch_file(const struct feed_fetch_opts *o, const char *name, struct buf *out,
				  struct fail *f);

/*
 * The values of a feed of values, each once, as they stand there; nothing is stored. ERR_UNSUPPORTED: of a MISP
 * feed.
 */
MUST_USE enum err feed_fetch_values(const struct feed_fetch_opts *o, values_fn fn, void *user,
				    struct values_counts *n, struct fail *f);

/* In a thread of its own. done() is called from it at the end. */
struct feed_fetch;
typedef void (*feed_done_fn)(void *user, enum err e, const struct feed_fetch_result *res,
			     const struct fail *f);
/* Options are copied, texts and environment are borrowed until done(). */
MUST_USE enum err feed_fetch_start(const struct feed_fetch_opts *o, feed_done_fn done,
				   struct feed_fetch **out, struct fail *f);
/* Ask it to stop soon. */
void feed_fetch_cancel(struct feed_fetch *ff);
/* Wait for the thread and free. */
void feed_fetch_join(struct feed_fetch *ff);
OWN_DEFINE(feed_fetch, struct feed_fetch *, feed_fetch_join(*p))
