/*
 * peer_cache.h - fills the cache of a peer's values (feeds/cache/cache.h): the digests of what it lets our user
 * see, without taking anything in.
 */
#pragma once

#include "feeds/cache/cache.h"
#include "sync/link.h"

/* Ask page by page, and put it in the place of what is there, below the folder `dir`; `n` (may be NULL):
   values. A run that fails, or brings nothing, leaves that as it is. */
MUST_USE enum err peer_cache_make(const struct link_env *env, uint64_t peer_id, const char *dir, uint64_t *n,
				  struct fail *f);
