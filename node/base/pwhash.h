/*
 * pwhash.h - digests of passwords: Argon2id in PHC form, "$argon2id$v=19$m=..,t=..,p=..$salt$hash".
 *
 * libargon2's home. The secret of the node goes in as the key, so that a copy of the store alone is
 * no good for guessing. Digests of older kinds are still known, and told to be stale.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct pwhash_cost {
	uint32_t memory_kib, passes, lanes;
};

/* Append the digest. ERR_NOMEM when the memory is not to be had. Takes a tenth of a second or so. */
MUST_USE enum err pwhash_make(struct str password, struct str secret,
			      const struct pwhash_cost *cost, struct buf *out, struct fail *f);
/* Is it the password? ERR_OK; ERR_AUTH: no, or `stored` is no digest; ERR_NOMEM. What is stored can
   cost no more than 1 GiB and 100 passes, whoever wrote it. */
MUST_USE enum err pwhash_check(struct str password, struct str secret, struct str stored,
			       struct fail *f);
/* Should it be made anew, because it was made with other costs or is of another kind? */
bool pwhash_is_stale(struct str stored, const struct pwhash_cost *cost);
