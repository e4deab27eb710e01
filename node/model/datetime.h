/*
 * datetime.h - dates and times in the many forms that MISP takes, and in the two that it writes.
 *
 * Lenient, for values from outside. Embargoes use the strict reader of taxonomies/taxo.h instead.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Read a date, a time of today, or both: ISO 8601 with and without separators, 31.12.2024,
 * 31-12-2024, 12/31/2024, "31 December 2024", "Dec 31, 2024", RFC 2822, now, today, midnight, noon,
 * yesterday, tomorrow; with Z, UTC, GMT or a numeric offset, otherwise UTC. A bare number of
 * seconds is refused, "@1700000000" is taken. *us: microseconds since 1970 UTC; *east_minutes: the
 * offset that was written.
 */
bool datetime_read(struct str s, int64_t *us, int *east_minutes);

/* "2025-03-01T08:00:00.123456+00:00", the form of first_seen and last_seen; NUL-terminated. */
#define DATETIME_SEEN_LEN 32
char *datetime_seen(int64_t us, char out[DATETIME_SEEN_LEN + 1]);
/* "2024-05-06T07:08:09.000000+0200", the form of attributes of type datetime. */
#define DATETIME_VALUE_LEN 31
char *datetime_value(int64_t us, int east_minutes, char out[DATETIME_VALUE_LEN + 1]);
/* Is it exactly in the form of datetime_value()? */
bool datetime_is_value(struct str s);
