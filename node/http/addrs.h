/* addrs.h - how many connections each client address has. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct addrs;
/* NULL when out of memory. */
struct addrs *addrs_new(void);
void addrs_free(struct addrs *a);
/* Count one more connection of `ip` (IPv6 or mapped IPv4; IPv6 counts by /64). False, and not
 * counted, if there are `max` already. */
bool addrs_enter(struct addrs *a, const uint8_t ip[16], unsigned max);
void addrs_leave(struct addrs *a, const uint8_t ip[16]);
