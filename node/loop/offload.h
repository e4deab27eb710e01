/*
 * offload.h - the worker pool: threads that may block, for all that takes longer than a
 * millisecond; and serials, which run the tasks of one request one after another.
 *
 * A task never touches a loop's events; it hands its result back by loop_post().
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "loop/task.h"

/* Zero means the default, given in brackets. */
struct offload_conf {
	const char *name;   /* of the threads, with a number behind ["work"] */
	unsigned threads;   /* [32]; they may block, so more than there are cores */
	size_t stack_bytes; /* [256 KiB; more under a sanitizer] */
	size_t queue_max;   /* waiting tasks that offload_try() admits [1024] */
};

struct offload_stats {
	unsigned threads, busy;
	size_t waiting;
	uint64_t finished, refused;
};

struct offload;

/* Make the pool and start its threads (all signals blocked). */
MUST_USE enum err offload_new(const struct offload_conf *conf, struct offload **out,
			      struct fail *f);
/*
 * Run the task on a worker. Never fails; for the continuation of work that was admitted. Once the
 * pool has stopped, the task is dropped at once, in the caller's thread.
 */
void offload_post(struct offload *o, struct task *t);
/* For new work: ERR_BUSY when queue_max tasks wait, ERR_CANCELLED when stopping; not run then. */
MUST_USE enum err offload_try(struct offload *o, struct task *t);
/* Would offload_try() say ERR_BUSY? A hint for admission. */
bool offload_is_full(struct offload *o);
/*
 * Stop and join the threads. With `drain`, waiting tasks (and what they post) run first; without,
 * they are dropped. Running tasks are always waited for. Not from a worker. May be repeated.
 */
void offload_stop(struct offload *o, bool drain);
/* offload_stop(o, false) if need be, and free. NULL is fine. */
void offload_free(struct offload *o);
void offload_stats(struct offload *o, struct offload_stats *out);

OWN_DEFINE(offload, struct offload *, offload_free(*p))

/*
 * Tasks of one request: in order, never two at once, on any worker. Embed it in the request. A
 * serial must end with serial_end(); only that last task may free the memory it lives in.
 */
struct serial {
	struct offload *pool;
	struct task turn; /* waits in the pool while tasks wait here */
	pthread_mutex_t lock;
	struct task_list tasks;
	struct task *last;
	bool active;
	atomic_bool cancelled;
};

void serial_init(struct serial *s, struct offload *pool);
/* Add a task. Any thread, never fails; not after serial_end(). */
void serial_post(struct serial *s, struct task *t);
/*
 * Drop tasks that have not begun (their run() is called with dropped = true, in turn, on a
 * worker), and raise the flag that a running one polls. Any thread; later tasks are dropped too.
 */
void serial_cancel(struct serial *s);
bool serial_cancelled(const struct serial *s);
/* The flag itself, for code that knows no serial. */
const atomic_bool *serial_cancel_flag(const struct serial *s);
/*
 * Add the last task (often a release). The serial is not touched after it; nothing may be posted
 * any more. A serial to which nothing was ever posted may be dropped without it (serial_fini).
 */
void serial_end(struct serial *s, struct task *t);
/* Free an idle serial that serial_end() was not called on. */
void serial_fini(struct serial *s);
