/*
 * cvss.h - scores and vectors of the Common Vulnerability Scoring System: which scores a vector allows.
 * In tenths, so that nothing is compared as a fraction. Versions 2.0, 3.0, 3.1 and 4.0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct cvss_range {
	uint8_t low, high; /* tenths, inclusive */
};

/*
 * The scores that a vector allows: its base score, down to the lowest score that its temporal (4.0:
 * threat) metrics give, where they are not said the lowest of all. 4.0: from its macro vector's score
 * down as far as interpolation may go. Environmental metrics are read and do not count: they are the
 * user's, not the publisher's. False: it cannot be read, or a base metric is missing.
 */
bool cvss_range(struct str vector, struct cvss_range *out);
/* A score such as "9.8" or "10"; false when it is none, or finer than a tenth. */
bool cvss_score(struct str s, uint8_t *tenths);
/* Does a text look as if it meant to be a vector ("CVSS:...", "AV:N/...")? */
bool cvss_is_vector(struct str s);
