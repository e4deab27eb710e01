/*
 * throttle.h - back-off against guessing: who failed how often lately, and how long he has to wait.
 *
 * Memory is bounded and allocated once; what is least in the way goes when it is full. Names are
 * kept as keyed digests only. Thread-safe; never blocks on more than a short lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * What is counted: X(NAME, free, base_s, cap_s, leak_s, what)
 *
 * So many failures are free; each further one doubles the wait, from base_s to cap_s. One failure is
 * forgotten every leak_s. A wait is not made longer by trying meanwhile.
 */
#define THROTTLES(X)                                                                               \
	X(LOGIN_ACCOUNT, 5, 2, 900, 1800, "log-ins to an account from places it is not known at")   \
	X(LOGIN_DEVICE, 5, 2, 900, 1800, "log-ins to an account from a browser that was in it")     \
	X(LOGIN_ADDRESS, 20, 1, 900, 60, "log-ins from an address, to whatever account")           \
	X(KEY_ADDRESS, 100, 1, 60, 2, "unknown API keys from an address")                           \
	X(KEY_PREFIX, 100, 1, 60, 10, "unknown API keys that begin alike")                         \
	X(MAIL_USER, 10, 30, 3600, 300, "messages to people by an account")                         \
	X(REGISTER_ADDRESS, 3, 60, 3600, 1800, "registrations from an address")                    \
	X(REGISTER_ALL, 100, 10, 600, 60, "registrations from anywhere")

enum throttle_kind {
#define X(name, free, base, cap, leak, what) THROTTLE_##name,
	THROTTLES(X)
#undef X
	THROTTLE_KINDS
};

struct throttle;
/* NULL when out of memory. */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);
/*
 * May `id` try now? 0: yes, and the try is counted as a failure until throttle_success() or
 * throttle_undo() says otherwise, so that tries at the same time are counted each. Otherwise the
 * seconds to wait; nothing is counted. `now_ms` never goes back (clock_boot_ms()).
 */
unsigned throttle_take(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms);
/* Seconds to wait, without counting. */
unsigned throttle_wait(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms);
/* The last try was none: take it back. */
void throttle_undo(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms);
/* All is forgotten. */
void throttle_success(struct throttle *t, enum throttle_kind k, struct str id);
/* How many have to wait now. */
uint64_t throttle_waiting(struct throttle *t, int64_t now_ms);
/* What counts as one address: IPv4 alone, IPv6 by /64; a view of the first bytes. */
struct str throttle_address(const uint8_t ip[16]);
