/*
 * set.h - the indicators of one subscription, kept on disk: which event contributes what, what a
 * consumer is shown of it, and what has changed since which serial. Knows nothing of the store of
 * events, of searches or of policies. One thread writes, any number reads; readers keep what they
 * opened.
 *
 * Costs: a change of one indicator is some look-ups in trees, besides one per event that contributes
 * it (up to SET_MERGE_MAX) and, for formats whose entries must not overlap, one per entry within it.
 */
#pragma once

#include "base/own.h"
#include "feeds/sensor/sensor.h"

#define SET_MERGE_MAX 1000 /* contributions to one indicator that are looked at */
#define SET_LOG_MAX 200000u /* changes that are kept, about */

enum set_priority {
	SET_NEWEST, /* by the time of the attribute */
	SET_SEVEREST, /* by threat level, then newest */
	SET_SEEN_LAST, /* by last_seen (else as newest) */
	SET_PRIORITIES
};
const char *set_priority_name(enum set_priority p);

/* What decides about the set besides its contributions; all live as long as the set. */
struct set_rules {
	const struct sensor_format *format;
	struct sensor_opts opts; /* param, name, source, base_url */
	uint64_t max_entries; /* 0: all */
	enum set_priority priority;
	int64_t max_age; /* seconds since it was last seen, or else changed; 0: for ever */
};

struct ind_set;
struct set_info {
	uint64_t serial; /* of what is shown */
	int64_t changed; /* when it became that, seconds */
	uint64_t shown, eligible, events;
	uint64_t oldest; /* changes are known from this serial on */
	bool ready; /* may be shown */
	bool refilling; /* set_refill() without its set_sweep() */
};

/* Open or make the set in a folder. ERR_CORRUPT: what is there is no set of ours. */
MUST_USE enum err set_open(const char *dir, const struct set_rules *r, struct ind_set **out,
			   struct fail *f);
void set_close(struct ind_set *s);
OWN_DEFINE(ind_set, struct ind_set *, set_close(*p))
/* Other rules, while nobody writes: then everything has to be put again (set_refill). */
void set_rule(struct ind_set *s, const struct set_rules *r);
struct set_info set_info(struct ind_set *s);
/* Of the last commit: any commit has another one. */
uint64_t set_version(const struct ind_set *s);

/* ---- writing: begin, then events and expiry, then commit or abort ---- */

struct set_write;
MUST_USE enum err set_begin(struct ind_set *s, struct set_write **out, struct fail *f);
/*
 * Events as they are now, in a batch in which each is once: begin each, put their indicators in any order
 * (`event` of the record says whose), end each. What one contributed before and is not put again goes.
 */
void set_batch(struct set_write *w);
MUST_USE enum err set_event_begin(struct set_write *w, struct uuid event, struct fail *f);
MUST_USE enum err set_put(struct set_write *w, struct str record, int64_t now, struct fail *f);
MUST_USE enum err set_event_end(struct set_write *w, struct uuid event, struct fail *f);
/* Everything is put again from here on; what has not been until set_sweep() goes then. `hide`: the set
   is not ready meanwhile. May be begun anew. */
MUST_USE enum err set_refill(struct set_write *w, bool hide, struct fail *f);
MUST_USE enum err set_sweep(struct set_write *w, struct fail *f);
/* Let go what is too old at `now`; up to `max` of them. *more: that was not all. */
MUST_USE enum err set_expire(struct set_write *w, int64_t now, uint64_t max, bool *more,
			     struct fail *f);
/* When the next one will be too old; INT64_MAX: none. */
int64_t set_next_expiry(struct ind_set *s);
/* A number (of an event in the store) that comes out of set_due() at this time, and is taken off the list
   then; ERR_NOENT: none is due. */
MUST_USE enum err set_again(struct set_write *w, uint64_t id, int64_t at, struct fail *f);
MUST_USE enum err set_due(struct set_write *w, int64_t now, uint64_t *id, struct fail *f);
/* Everything goes, under other rules: nobody's serial leads here, and the set is not ready. */
MUST_USE enum err set_clear(struct set_write *w, struct fail *f);
/* How many indicators have been touched by what was put; grows. */
uint64_t set_touched(const struct set_write *w);
/* Words that the caller keeps beside: a cursor, what it was filled by. */
MUST_USE enum err set_note(struct set_write *w, const char *name, struct str value, struct fail *f);
/* `show`: what is written is the next serial, if anything a consumer sees has changed. */
MUST_USE enum err set_commit(struct set_write **w, bool show, int64_t now, struct fail *f);
void set_abort(struct set_write *w);
OWN_DEFINE(set_write, struct set_write *, set_abort(*p))

/* ---- reading ---- */

struct set_read;
MUST_USE enum err set_read_open(struct ind_set *s, struct set_read **out, struct fail *f);
void set_read_close(struct set_read *r);
OWN_DEFINE(set_read, struct set_read *, set_read_close(*p))
struct set_info set_read_info(const struct set_read *r);
uint64_t set_read_version(const struct set_read *r);
/* A note, as it lives in the snapshot; absent: none. */
struct str set_read_note(const struct set_read *r, const char *name);
/* The next indicator in the order of keys, from the first; ERR_NOENT behind the last. Its texts live
   in the snapshot. */
MUST_USE enum err set_read_next(struct set_read *r, struct indicator *out);
void set_read_rewind(struct set_read *r);

/* What is different since a serial; of each indicator the state then and now. */
struct set_change {
	struct str was, is; /* records; absent: it was not or is not there */
};
struct set_changes {
	struct set_change *v;
	size_t n;
};
/* ERR_STALE: not known any more, or more than `max`, or a serial of the future. Views into the snapshot;
   the list is in `a`. */
MUST_USE enum err set_read_changes(struct set_read *r, uint64_t from, size_t max, struct arena *a,
				   struct set_changes *out);
