/*
 * feed_cache.h - the values that a MISP feed knows, as digests, without taking its events in: hashes.csv of
 * the feed, kept as a sorted file "feed-<id>.cache" below the data folder. A look-up is a binary search.
 */
#pragma once

#include "sync/feed_fetch.h"

#define FEED_CACHE_MAX 4000000u /* digests of one feed */

struct feed_cache_entry {
	uint8_t md5[16]; /* of a value */
	struct uuid event; /* that has it */
};

/* A cache that is open for reading; it stays as it is while it is replaced. */
struct feed_cache {
	const struct feed_cache_entry *v; /* by md5, then event; NULL: none */
	size_t n;
	int64_t time; /* seconds: when it was made */
	void *map;
	size_t bytes;
};

/* Fetch hashes.csv and put it in the place of what is there. ERR_LIMIT: too many. */
MUST_USE enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f);
/* ERR_NOENT: the feed is not cached. */
MUST_USE enum err feed_cache_open(const char *dir, uint64_t feed_id, struct feed_cache *c);
void feed_cache_close(struct feed_cache *c);
OWN_DEFINE(feed_cache, struct feed_cache, feed_cache_close(p))
/* The feed is gone. */
void feed_cache_drop(const char *dir, uint64_t feed_id);
/* The entries of a digest: the first, and how many. */
size_t feed_cache_find(const struct feed_cache *c, const uint8_t md5[16],
		       const struct feed_cache_entry **first);
/* Different digests; and those among them that `other` has, too. */
size_t feed_cache_values(const struct feed_cache *c);
size_t feed_cache_common(const struct feed_cache *c, const struct feed_cache *other);
/* Those that any of the others has. */
size_t feed_cache_covered(const struct feed_cache *c, const struct feed_cache *others, size_t n);
