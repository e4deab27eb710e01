/*
 * timer.h - timers of one loop, on monotonic time. Used on the loop's thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "loop/loop.h"

struct timer;
typedef void (*timer_fn)(void *arg);

/* Make an idle timer that will call fn(arg). */
MUST_USE enum err timer_new(struct loop *l, timer_fn fn, void *arg, struct timer **out,
			    struct fail *f);
/* Fire once in `ms` milliseconds; replaces what was set before. */
void timer_once(struct timer *t, uint64_t ms);
/* Fire every `ms` milliseconds (at least 1), first in `ms`. */
void timer_every(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
bool timer_is_set(const struct timer *t);
/* May be called from its own callback. NULL is fine. */
void timer_free(struct timer *t);

OWN_DEFINE(timer, struct timer *, timer_free(*p))
