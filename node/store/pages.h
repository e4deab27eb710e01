/* pages.h - structure of data.mdb, verified without LMDB (of this room only). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Walk every tree of the snapshot that transaction `txn_id` sees: bounds, order of keys, totals, no
 * page used twice or used and free. The snapshot must be held by a reader. Problems (at most 100)
 * go to `tell`; ERR_CORRUPT when there were any. ERR_AGAIN: two commits have passed since, the
 * head of the snapshot is gone; take a new one.
 */
MUST_USE enum err pages_check(int fd, size_t page_size, uint64_t txn_id,
			      void (*tell)(void *user, const char *problem), void *user);
