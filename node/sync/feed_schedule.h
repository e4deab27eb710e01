/*
 * feed_schedule.h - a thread that fetches each enabled feed, and pulls from or pushes to each TAXII
 * collection, when its time has come.
 */
#pragma once

#include "base/secretbox.h"
#include "sync/feed_fetch.h"

struct egress_env;

struct feed_schedule_opts {
	const struct ingest_env *in;
	uint64_t org_id, user_id; /* who takes it in */
	struct client_opts client; /* its texts are borrowed */
	uint64_t max_event_bytes;
	const char *cache_dir; /* as for feed_fetch_run() */
	uint64_t interval_s; /* of rows that have none of their own; 0: those are not fetched */
	const struct egress_env *out; /* for pushes to TAXII servers; NULL: none are made */
	const struct secret_key *key; /* of credentials for TAXII servers; NULL: those are not pulled */
	uint64_t taxii_batch; /* bytes, as taxii_pull_opts.batch_bytes */
	unsigned tick_ms; /* how often rows are looked at [15 000] */
};

struct feed_schedule;
/* A feed is due `interval` after its last try; one that was never tried, after the start. */
MUST_USE enum err feed_schedule_start(const struct feed_schedule_opts *o,
				      struct feed_schedule **out, struct fail *f);
/* Break off what is under way (it goes on where it was the next time), wait, free. NULL is fine. */
void feed_schedule_stop(struct feed_schedule *s);
OWN_DEFINE(feed_schedule, struct feed_schedule *, feed_schedule_stop(*p))
