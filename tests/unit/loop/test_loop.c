/* test_loop.c - posting from other threads, order, stopping, dropping. */
#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/tap/tap.h"

#define THREADS 4
#define EACH 2000

struct note {
	struct task task;
	struct loop *loop;
	unsigned thread, number;
};

static struct note notes[THREADS][EACH];
static unsigned next_of[THREADS], wrong_order, wrong_thread, dropped_n;
static atomic_uint ran;

static void on_note(struct task *t, bool dropped)
{
	struct note *n = CONTAINER_OF(t, struct note, task);

	if (dropped) {
		dropped_n++;
		return;
	}
	wrong_order += next_of[n->thread]++ != n->number;
	wrong_thread += !loop_is_here(n->loop);
	if (atomic_fetch_add(&ran, 1) + 1 == THREADS * EACH)
		loop_stop(n->loop);
}

static void *poster(void *arg)
{
	struct note *mine = arg;

	for (unsigned i = 0; i < EACH; i++)
		loop_post(mine[i].loop, &mine[i].task);
	return NULL;
}

static void many_posters(void)
{
	pthread_t threads[THREADS];
	OWN(loop) struct loop *l = NULL;

	is_ok(loop_new("test", &l, NULL), "a loop");
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < EACH; i++)
			notes[t][i] = (struct note){{.run = on_note}, l, t, i};
	ok(!loop_is_here(l), "not running yet");
	is_ok(loop_start(l, NULL), "in its thread");
	for (unsigned t = 0; t < THREADS; t++)
		pthread_create(&threads[t], NULL, poster, notes[t]);
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	loop_join(l);
	is_uint(atomic_load(&ran), THREADS * EACH, "each task ran once");
	is_uint(wrong_order, 0, "in the order of each poster");
	is_uint(wrong_thread, 0, "on the loop's thread");
}

static void left_over(void)
{
	struct loop *l = NULL;

	is_ok(loop_new("left", &l, NULL), "a loop that never runs");
	for (unsigned i = 0; i < 3; i++) {
		notes[0][i].loop = l;
		loop_post(l, &notes[0][i].task);
	}
	loop_free(l);
	is_uint(dropped_n, 3, "what did not run is dropped");
}

static void stopped_before(void)
{
	OWN(loop) struct loop *l = NULL;

	is_ok(loop_new("early", &l, NULL), "a loop");
	loop_stop(l);
	is_ok(loop_run(l, NULL), "stopped before it runs: returns");
}

int main(void)
{
	many_posters();
	left_over();
	stopped_before();
	return done_testing();
}
