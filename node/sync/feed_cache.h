/*
 * feed_cache.h - fills the cache of a feed's values (feeds/cache/cache.h): from hashes.csv of a MISP feed, or
 * where it has none from its events, or the values of a table or text, without taking anything in.
 */
#pragma once

#include "feeds/cache/cache.h"
#include "sync/feed_fetch.h"

/* Fetch, and put it in the place of what is there, below the folder `dir`. A fetch that fails leaves that as
   it is. ERR_LIMIT: too many; ERR_BUSY: it is being made. */
MUST_USE enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f);
