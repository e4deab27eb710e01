/*
 * spool.h - bytes on their way to be signed or verified: an unlinked file that fills as they come.
 *
 * What MISP signs is a body without its white space, also inside strings (sync-protocol.md 3.9).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

/*
 * Copy without ASCII white space (what PCRE's \s is in bytes); returns how many are left. `to` has
 * room for n and may be `from`. Bytes do not depend on each other: cut the input anywhere.
 */
size_t pgp_strip(char *to, const char *from, size_t n);

struct pgp_spool;

/* In folder `dir`, for at most `max` bytes. `strip`: without white space. */
MUST_USE enum err pgp_spool_new(const char *dir, uint64_t max, bool strip, struct pgp_spool **out,
				struct fail *f);
/* ERR_LIMIT beyond the maximum, ERR_FULL, ERR_IO; errors stick. */
MUST_USE enum err pgp_spool_add(struct pgp_spool *s, struct str bytes, struct fail *f);
/* All written: a file to read from its begin, which stays the spool's; -1 and an error otherwise. */
MUST_USE enum err pgp_spool_end(struct pgp_spool *s, int *fd, uint64_t *n, struct fail *f);
void pgp_spool_free(struct pgp_spool *s);
OWN_DEFINE(pgp_spool, struct pgp_spool *, pgp_spool_free(*p))
