/*
 * guarded_clock.h - the clock by which embargoes open: reads the kernel's clocks, asks
 * gate/clock_guard.h what may be believed, and keeps the last trusted moment in the store.
 */
#pragma once

#include "store/store.h"

struct guarded_clock;

/* max_step_s: see clock_guard(). */
MUST_USE enum err guarded_clock_new(struct store *s, int64_t max_step_s, struct guarded_clock **out,
				    struct fail *f);
/* Seconds, never later than what is trusted. Cheap; any thread. */
int64_t guarded_clock_now(struct guarded_clock *c, bool *trusted);
/* Why the clock is not trusted ("fine" when it is). */
const char *guarded_clock_alarm(struct guarded_clock *c);
/* The operator vouches for the wall clock ("tocsin clock accept"). */
void guarded_clock_accept(struct guarded_clock *c);
/* Write the last trusted moment if it has grown old; from a thread that may block. */
void guarded_clock_persist(struct guarded_clock *c);
void guarded_clock_free(struct guarded_clock *c);
