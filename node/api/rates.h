/*
 * rates.h - how many searches an account has made in its window (MISP's rate limits of roles).
 *
 * A window of 15 minutes begins with the first search. Memory: one small entry for each account that
 * has searched in the last window. Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATES_WINDOW_S 900

struct rates;
/* NULL when out of memory. */
struct rates *rates_new(void);
void rates_free(struct rates *r);
/*
 * Count one search of the account. False: more than `limit` in the window (or no memory to count it).
 * *left: how many are left, *reset_s: seconds until the window ends.
 */
bool rates_take(struct rates *r, uint64_t user_id, uint64_t limit, int64_t now_s, uint64_t *left,
		int64_t *reset_s);
