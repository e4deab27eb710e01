/* test_timer.c - timers fire in order, repeat, stop, and may be freed from their callback. */
#include "loop/timer.h"

#include <string.h>

#include "base/clock.h"
#include "tests/tap/tap.h"

static struct loop *loop;
static struct timer *often, *never, *final;
static char order[32];
static unsigned ticks;

static void say(void *arg)
{
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
}

static void tick(void *arg)
{
	(void)arg;
	if (++ticks == 3) {
		timer_free(often);
		timer_stop(never);
		timer_once(final, 30);
	}
}

static void end(void *arg)
{
	say(arg);
	loop_stop(loop);
}

static void complain(void *arg)
{
	(void)arg;
	ok(false, "a stopped timer fired");
}

int main(void)
{
	struct timer *a, *b;
	int64_t began = clock_boot_ms();

	is_ok(loop_new("timer", &loop, NULL), "a loop");
	is_ok(timer_new(loop, say, (char[]){"a"}, &a, NULL), "timer a");
	is_ok(timer_new(loop, say, (char[]){"b"}, &b, NULL), "timer b");
	is_ok(timer_new(loop, tick, NULL, &often, NULL), "a repeating one");
	is_ok(timer_new(loop, complain, NULL, &never, NULL), "one to be stopped");
	is_ok(timer_new(loop, end, (char[]){"e"}, &final, NULL), "the last one");
	ok(!timer_is_set(a), "idle at first");
	timer_once(b, 20);
	timer_once(a, 1000);
	timer_once(a, 5); /* replaces */
	timer_every(often, 10);
	timer_once(never, 1000);
	ok(timer_is_set(a), "set");
	is_ok(loop_run(loop, NULL), "run");
	is_str(order, "abe", "in the order of their times");
	is_uint(ticks, 3, "repeated until freed");
	ok(clock_boot_ms() - began >= 60, "not before its time");
	timer_free(a);
	timer_free(b);
	timer_free(never);
	timer_free(final);
	loop_free(loop);
	return done_testing();
}
