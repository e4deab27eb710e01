/*
 * feedout.h - a MISP feed folder for one audience: manifest.json, hashes.csv, <uuid>.json, each
 * with its .gz beside it. Everything in it has come sealed for that audience.
 */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "egress/egress.h"
#include "gate/audience.h"

struct feedout_progress {
	uint64_t done, total; /* events looked at */
	uint64_t written, removed;
};

enum feedout_rest { FEEDOUT_GO, FEEDOUT_LOOK, FEEDOUT_NAP };

struct feedout_opts {
	const struct egress_env *env;
	const struct audience *audience;
	const char *dir; /* made when missing (its parent must be there) */
	const char *policy_version; /* a change of it means that all is looked at again */
	bool full; /* look at every event, not only at what has changed */
	bool urgent_only; /* add nothing: see feedout_update() */
	size_t slice; /* look at about so many events, then end and say `more`; 0: at all */
	/* How far the log has been looked through for what is urgent, kept by the caller for each
	   folder and audience; 0 at first. Needed for `urgent_only` and rest(). */
	uint64_t *watched;
	const atomic_bool *cancelled; /* NULL: never */
	/*
	 * Called between events, and as `inside` between the pieces of one; should not take long.
	 * FEEDOUT_LOOK: do what has become urgent meanwhile, then ask again. FEEDOUT_NAP: call nap(),
	 * which may sleep and during which nothing is worked, then ask again. NULL: work on.
	 */
	enum feedout_rest (*rest)(void *user, bool inside);
	void (*nap)(void *user);
	bool two_lanes; /* write with two threads (not what is urgent, nor a few events) */
	void (*progress)(void *user, const struct feedout_progress *p); /* NULL: not told */
	/*
	 * Detached signature, armored, of what an open file holds; and is this event to be signed, being
	 * protected under a key of ours? NULL, ERR_UNSUPPORTED or ERR_NOENT: nobody signs.
	 */
	enum err (*sign)(void *user, int fd, uint64_t bytes, struct buf *armored, struct fail *f);
	bool (*is_signed)(void *user, uint64_t event_id);
	void *user;
};

struct feedout_result {
	bool full; /* was every event looked at? Of an urgent run: a full one is due */
	bool more; /* the slice ended before the log did */
	uint64_t looked_at, written, unchanged, removed;
	uint64_t events; /* in the feed now */
	uint64_t seq; /* the change log up to here is in the folder */
};

/*
 * Bring the folder up to date: what has changed since the last time (a cursor for each audience
 * and folder is kept in the store), or everything. Event files are renamed into place one by one,
 * then hashes.csv, and manifest.json last, each after fsync, with their signatures (.asc) behind
 * them; events that the audience may not see any more lose their file at once. Unchanged files are
 * not touched. Call from a worker; it may take long. ERR_BUSY: another one works in this folder.
 * ERR_CANCELLED.
 *
 * An urgent run follows only the changes since *watched that cannot wait: those of events that the
 * folder has, which may be withdrawals, and openings of embargoes. It leaves the cursor where it
 * is; the run that moves it looks at these events again. Such runs also take place within long
 * ones, whenever rest() asks for it.
 */
MUST_USE enum err feedout_update(const struct feedout_opts *o, struct feedout_result *out,
				 struct fail *f);
