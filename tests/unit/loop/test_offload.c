/* test_offload.c - the pool runs everything once, refuses when full, drains or drops. */
#include "loop/offload.h"

#include <semaphore.h>

#include "tests/tap/tap.h"

struct job {
	struct task task;
	struct offload *pool;
	unsigned again; /* post itself so many times more */
};

static atomic_uint ran, dropped_n;
static sem_t gate;

static void on_job(struct task *t, bool dropped)
{
	struct job *j = CONTAINER_OF(t, struct job, task);

	if (dropped) {
		atomic_fetch_add(&dropped_n, 1);
		return;
	}
	atomic_fetch_add(&ran, 1);
	if (j->again) {
		j->again--;
		offload_post(j->pool, t);
	}
}

static void on_blocker(struct task *t, bool dropped)
{
	(void)t;
	if (!dropped)
		sem_wait(&gate);
}

static struct offload *make(unsigned threads, size_t queue_max)
{
	struct offload_conf c = {.name = "t", .threads = threads, .queue_max = queue_max};
	struct offload *o = NULL;

	if (offload_new(&c, &o, NULL) != ERR_OK)
		bail_out("no pool");
	return o;
}

static void runs_all(void)
{
	enum { N = 5000 };
	static struct job jobs[N];
	OWN(offload) struct offload *o = make(8, 0);
	struct offload_stats s;

	atomic_store(&ran, 0);
	for (unsigned i = 0; i < N; i++) {
		jobs[i] = (struct job){{.run = on_job}, o, 2};
		offload_post(o, &jobs[i].task);
	}
	offload_stop(o, true);
	is_uint(atomic_load(&ran), 3 * N, "draining runs what tasks post, too");
	offload_stats(o, &s);
	is_uint(s.finished, 3 * N, "counted");
	is_uint(s.threads, 0, "no threads left");
	offload_post(o, &jobs[0].task);
	is_uint(atomic_load(&dropped_n), 1, "posting to a stopped pool drops");
	is_err(offload_try(o, &jobs[0].task), ERR_CANCELLED, "trying is refused");
}

static void full_and_dropped(void)
{
	struct job blockers[2], jobs[5];
	struct offload *o = make(2, 3);
	struct offload_stats s;

	atomic_store(&ran, 0);
	atomic_store(&dropped_n, 0);
	sem_init(&gate, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		blockers[i] = (struct job){{.run = on_blocker}, o, 0};
		offload_post(o, &blockers[i].task);
	}
	do
		offload_stats(o, &s);
	while (s.busy < 2);
	for (unsigned i = 0; i < 5; i++)
		jobs[i] = (struct job){{.run = on_job}, o, 0};
	for (unsigned i = 0; i < 3; i++)
		is_ok(offload_try(o, &jobs[i].task), "room for %u", i);
	ok(offload_is_full(o), "full");
	is_err(offload_try(o, &jobs[3].task), ERR_BUSY, "new work is refused");
	offload_post(o, &jobs[4].task);
	offload_stats(o, &s);
	is_uint(s.waiting, 4, "continuations are not");
	is_uint(s.refused, 1, "refusals are counted");
	sem_post(&gate);
	sem_post(&gate);
	offload_free(o);
	is_uint(atomic_load(&ran) + atomic_load(&dropped_n), 4, "each ran or was dropped");
	sem_destroy(&gate);
}

int main(void)
{
	runs_all();
	full_and_dropped();
	return done_testing();
}
