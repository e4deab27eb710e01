/*
 * loop.c - a libevent base, the thread that runs it, and the queue of tasks from other threads.
 *
 * An eventfd wakes the loop when the queue was empty; the base itself is never touched by others,
 * which is why it needs no locks.
 */
#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

struct loop {
	struct event_base *base;
	struct event *wake;
	int wake_fd;
	pthread_mutex_t lock;
	struct task_list posted; /* under lock */
	pthread_t thread;
	bool has_thread;
	atomic_bool stopping, running;
	_Atomic(pthread_t) runner; /* meaningful while running */
	char name[16];
};

/* Run what was posted so far. What is posted meanwhile wakes the loop again: events get a turn. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct task_list list;
	struct task *t;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		log_error("loop", "loop=%s wake_errno=%d", l->name, errno);
	pthread_mutex_lock(&l->lock);
	list = l->posted;
	l->posted = (struct task_list){0};
	pthread_mutex_unlock(&l->lock);
	while ((t = task_list_pop(&list)))
		t->run(t, false);
	if (atomic_load(&l->stopping))
		event_base_loopbreak(l->base);
}

static struct event_base *make_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c && event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(c, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(c);
	if (c)
		event_config_free(c);
	return base;
}

enum err loop_new(const char *name, struct loop **out, struct fail *f)
{
	struct loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return fail(f, ERR_NOMEM, "event loop");
	snprintf(l->name, sizeof(l->name), "%s", name);
	pthread_mutex_init(&l->lock, NULL);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->base = make_base();
	if (l->base && l->wake_fd >= 0)
		l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
	if (!l->wake || event_add(l->wake, NULL) != 0) {
		int e = errno;

		loop_free(l);
		return fail_errno(f, ERR_IO, e, "event loop %s", name);
	}
	*out = l;
	return ERR_OK;
}

static void run(struct loop *l)
{
	atomic_store(&l->runner, pthread_self());
	atomic_store(&l->running, true);
	/* The wake event keeps the base from running empty, so this returns on a break only. */
	while (!atomic_load(&l->stopping))
		if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0) {
			log_error("loop", "loop=%s failed=1", l->name);
			break;
		}
	atomic_store(&l->running, false);
}

static void *thread_main(void *arg)
{
	struct loop *l = arg;

	pthread_setname_np(pthread_self(), l->name);
	run(l);
	return NULL;
}

enum err loop_start(struct loop *l, struct fail *f)
{
	sigset_t all, before;
	int e;

	if (BUG(l->has_thread))
		return ERR_BUG;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&l->thread, NULL, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e)
		return fail_errno(f, ERR_IO, e, "thread of loop %s", l->name);
	l->has_thread = true;
	return ERR_OK;
}

enum err loop_run(struct loop *l, struct fail *f)
{
	if (BUG(l->has_thread))
		return fail(f, ERR_BUG, "loop %s has a thread", l->name);
	run(l);
	return ERR_OK;
}

static void wake(struct loop *l)
{
	uint64_t one = 1;

	while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stopping, true);
	wake(l);
}

void loop_join(struct loop *l)
{
	if (!l->has_thread)
		return;
	pthread_join(l->thread, NULL);
	l->has_thread = false;
}

void loop_free(struct loop *l)
{
	struct task *t;

	if (!l)
		return;
	if (l->has_thread) {
		loop_stop(l);
		loop_join(l);
	}
	while ((t = task_list_pop(&l->posted)))
		t->run(t, true);
	if (l->wake)
		event_free(l->wake);
	if (l->base)
		event_base_free(l->base);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void loop_post(struct loop *l, struct task *t)
{
	bool first;

	pthread_mutex_lock(&l->lock);
	first = !l->posted.head;
	task_list_add(&l->posted, t);
	pthread_mutex_unlock(&l->lock);
	if (first)
		wake(l);
}

bool loop_is_here(const struct loop *l)
{
	return atomic_load(&l->running) && pthread_equal(atomic_load(&l->runner), pthread_self());
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}
