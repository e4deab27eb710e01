/*
 * map.h - a file mapped shared that grows in place: its address never moves under readers.
 *
 * Address space is reserved at open; growing extends the file with posix_fallocate() first, so a
 * full disk is ERR_FULL and never a SIGBUS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ix_map {
	char *p;
	size_t len; /* bytes mapped, all zero where never written */
	size_t reserve;
	int fd; /* -1: not open */
};

#define IX_MAP_NONE ((struct ix_map){.fd = -1})

/*
 * Open `name` in `dirfd` with room for `reserve` bytes of addresses (less if there is less). With
 * `keep` the contents are mapped (ERR_NOENT when there is no file), otherwise the file begins
 * empty.
 */
MUST_USE enum err map_open(struct ix_map *m, int dirfd, const char *name, size_t reserve, bool keep,
			   struct fail *f);
/* At least `bytes` are mapped afterwards; takes some more to grow seldom. */
MUST_USE enum err map_grow(struct ix_map *m, size_t bytes, struct fail *f);
/* Give back what is mapped beyond `bytes` (nobody may read there). */
void map_trim(struct ix_map *m, size_t bytes);
MUST_USE enum err map_sync(struct ix_map *m, struct fail *f);
void map_close(struct ix_map *m);
/*
 * Checksum of the first `bytes`: whole when the file is small, samples of it when it is large, so
 * that opening stays fast.
 */
uint64_t map_sum(const struct ix_map *m, size_t bytes);
