/*
 * derived.h - which event leaves under which derived UUID (strip profiles that rewrite, gate.md
 * section 7): for those who ask by the UUID they were given, and to refuse our own cut copies when
 * they come back.
 *
 * A table in memory, made when it is first asked for and kept up from the store. Thread-safe.
 */
#pragma once

#include "gate/facts.h"
#include "gate/policy.h"
#include "store/store.h"

struct derived;

struct derived *derived_new(void); /* NULL: no memory */
void derived_free(struct derived *d);
/*
 * Id of the event that leaves as `u` in `profile`; with any_profile in any. ERR_NOENT. Event ids
 * are only what this snapshot holds.
 */
MUST_USE enum err derived_find(struct derived *d, const struct policy *p, const struct store_rtxn *t,
			       struct uuid host_org, struct uuid u, uint8_t profile,
			       bool any_profile, uint64_t *id);
