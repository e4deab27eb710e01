/*
 * timer.c - timers on libevent's monotonic clock.
 */
#include "loop/timer.h"

#include <event2/event.h>
#include <stdlib.h>

struct timer {
	struct event *ev;
	timer_fn fn;
	void *arg;
	uint64_t every_ms;
};

static void set(struct timer *t, uint64_t ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
			     .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	evtimer_add(t->ev, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	(void)fd;
	(void)what;
	/* Set again first: the callback may stop, change or free it. */
	if (t->every_ms)
		set(t, t->every_ms);
	t->fn(t->arg);
}

enum err timer_new(struct loop *l, timer_fn fn, void *arg, struct timer **out, struct fail *f)
{
	struct timer *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return fail(f, ERR_NOMEM, "timer");
	t->fn = fn;
	t->arg = arg;
	t->ev = evtimer_new(loop_base(l), on_timer, t);
	if (!t->ev) {
		free(t);
		return fail(f, ERR_NOMEM, "timer");
	}
	*out = t;
	return ERR_OK;
}

void timer_once(struct timer *t, uint64_t ms)
{
	t->every_ms = 0;
	set(t, ms);
}

void timer_every(struct timer *t, uint64_t ms)
{
	t->every_ms = ms ? ms : 1;
	set(t, t->every_ms);
}

void timer_stop(struct timer *t)
{
	t->every_ms = 0;
	evtimer_del(t->ev);
}

bool timer_is_set(const struct timer *t)
{
	return evtimer_pending(t->ev, NULL);
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	event_free(t->ev);
	free(t);
}
