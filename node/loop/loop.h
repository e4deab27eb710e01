/*
 * loop.h - an event loop and its thread. libevent's home.
 *
 * All that belongs to a loop (events, timers, connections) is touched on its thread only, or while
 * the loop does not run. The one door from outside is loop_post().
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/own.h"
#include "loop/task.h"

struct loop;
struct event_base;

/* Make a loop; `name` (at most 15 bytes are used) becomes the name of its thread. */
MUST_USE enum err loop_new(const char *name, struct loop **out, struct fail *f);
/* Run it in a thread of its own, all signals blocked. Default stack size. */
MUST_USE enum err loop_start(struct loop *l, struct fail *f);
/* Run it in this thread until loop_stop(). */
MUST_USE enum err loop_run(struct loop *l, struct fail *f);
/* Ask it to end (any thread, also before it runs and more than once). Does not wait. */
void loop_stop(struct loop *l);
/* Wait for the thread of loop_start(); nothing if there is none. Not from the loop itself. */
void loop_join(struct loop *l);
/* Stop, join, drop tasks that were not run (run(t, true), in this thread), free. NULL is fine. */
void loop_free(struct loop *l);
/* Run the task on the loop's thread, in the order of posting. Any thread, never fails. */
void loop_post(struct loop *l, struct task *t);
/* Is this the loop's thread? */
bool loop_is_here(const struct loop *l);
/* For making libevent events; see the rule on top. The base has no locks. */
struct event_base *loop_base(struct loop *l);

OWN_DEFINE(loop, struct loop *, loop_free(*p))
