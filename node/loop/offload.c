/*
 * offload.c - the worker pool: one queue, one lock, threads that may block.
 *
 * One queue is enough: a task is at least a good part of a millisecond long, so the lock is free
 * nearly always.
 */
#include "loop/offload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define THREADS_DEFAULT 32
#define QUEUE_DEFAULT 1024
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_DEFAULT (2u << 20)
#else
#define STACK_DEFAULT (256u << 10)
#endif

enum pool_state { POOL_RUNNING, POOL_DRAINING, POOL_STOPPED };

struct offload {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct task_list queue;
	enum pool_state state;
	unsigned n_threads, n_named, busy, idle;
	size_t queue_max;
	uint64_t finished, refused;
	char name[12];
	pthread_t threads[];
};

/* Take the next task, waiting for it. NULL: the worker is to end. Called with the lock held. */
static struct task *next_task(struct offload *o)
{
	for (;;) {
		struct task *t = o->state == POOL_STOPPED ? NULL : task_list_pop(&o->queue);

		if (t || o->state == POOL_STOPPED)
			return t;
		/* While draining a busy worker may still post. */
		if (o->state == POOL_DRAINING && !o->busy)
			return NULL;
		o->idle++;
		pthread_cond_wait(&o->work, &o->lock);
		o->idle--;
	}
}

static void *worker(void *arg)
{
	struct offload *o = arg;
	char name[16];
	struct task *t;

	pthread_mutex_lock(&o->lock);
	/* Each for itself: naming another thread writes to /proc, which a sandbox may forbid. */
	snprintf(name, sizeof(name), "%s%u", o->name, o->n_named++ % 1000);
	pthread_setname_np(pthread_self(), name);
	while ((t = next_task(o))) {
		o->busy++;
		pthread_mutex_unlock(&o->lock);
		t->run(t, false);
		pthread_mutex_lock(&o->lock);
		o->busy--;
		o->finished++;
	}
	/* Draining ends for all at the same moment. */
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static int start_thread(struct offload *o, pthread_attr_t *attr)
{
	int e = pthread_create(&o->threads[o->n_threads], attr, worker, o);

	o->n_threads += !e;
	return e;
}

static int start_threads(struct offload *o, unsigned n, size_t stack_bytes)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int e = pthread_attr_init(&attr);

	if (e)
		return e;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_attr_setstacksize(&attr, stack_bytes);
	while (!e && o->n_threads < n)
		e = start_thread(o, &attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return e;
}

enum err offload_new(const struct offload_conf *conf, struct offload **out, struct fail *f)
{
	unsigned n = conf->threads ? conf->threads : THREADS_DEFAULT;
	struct offload *o = calloc(1, sizeof(*o) + n * sizeof(o->threads[0]));
	int e;

	*out = NULL;
	if (!o)
		return fail(f, ERR_NOMEM, "worker pool");
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->work, NULL);
	o->queue_max = conf->queue_max ? conf->queue_max : QUEUE_DEFAULT;
	snprintf(o->name, sizeof(o->name), "%s", conf->name ? conf->name : "work");
	e = start_threads(o, n, conf->stack_bytes ? conf->stack_bytes : STACK_DEFAULT);
	if (e) {
		offload_free(o);
		return fail_errno(f, ERR_IO, e, "worker threads");
	}
	*out = o;
	return ERR_OK;
}

static enum err post(struct offload *o, struct task *t, bool is_new)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&o->lock);
	if (o->state == POOL_STOPPED || (is_new && o->state != POOL_RUNNING))
		e = ERR_CANCELLED;
	else if (is_new && o->queue.n >= o->queue_max)
		e = ERR_BUSY;
	else
		task_list_add(&o->queue, t);
	o->refused += is_new && e != ERR_OK;
	if (e == ERR_OK && o->idle)
		pthread_cond_signal(&o->work);
	pthread_mutex_unlock(&o->lock);
	return e;
}

void offload_post(struct offload *o, struct task *t)
{
	if (post(o, t, false) != ERR_OK)
		t->run(t, true);
}

enum err offload_try(struct offload *o, struct task *t)
{
	return post(o, t, true);
}

bool offload_is_full(struct offload *o)
{
	bool full;

	pthread_mutex_lock(&o->lock);
	full = o->state != POOL_RUNNING || o->queue.n >= o->queue_max;
	pthread_mutex_unlock(&o->lock);
	return full;
}

void offload_stop(struct offload *o, bool drain)
{
	struct task_list rest;
	struct task *t;

	pthread_mutex_lock(&o->lock);
	if (o->state != POOL_STOPPED)
		o->state = drain ? POOL_DRAINING : POOL_STOPPED;
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->lock);
	for (unsigned i = 0; i < o->n_threads; i++)
		pthread_join(o->threads[i], NULL);
	pthread_mutex_lock(&o->lock);
	o->n_threads = 0;
	o->state = POOL_STOPPED;
	rest = o->queue;
	o->queue = (struct task_list){0};
	pthread_mutex_unlock(&o->lock);
	while ((t = task_list_pop(&rest)))
		t->run(t, true);
}

void offload_free(struct offload *o)
{
	if (!o)
		return;
	offload_stop(o, false);
	pthread_cond_destroy(&o->work);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void offload_stats(struct offload *o, struct offload_stats *out)
{
	pthread_mutex_lock(&o->lock);
	*out = (struct offload_stats){
		.threads = o->n_threads,
		.busy = o->busy,
		.waiting = o->queue.n,
		.finished = o->finished,
		.refused = o->refused,
	};
	pthread_mutex_unlock(&o->lock);
}
