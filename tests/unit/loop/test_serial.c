/* test_serial.c - tasks of a serial: in order, never two at once, the last one may free it. */
#include <semaphore.h>
#include <stdlib.h>

#include "loop/offload.h"
#include "tests/tap/tap.h"

#define STEPS 50
#define REQUESTS 200

struct request;
struct step {
	struct task task;
	struct request *r;
	unsigned number;
};

struct request {
	struct serial serial;
	struct step steps[STEPS], last;
	unsigned next; /* not atomic: the serial is what protects it */
	unsigned dropped;
};

static atomic_uint released, steps_run, steps_dropped, wrong_order;
static sem_t hold;

static void on_step(struct task *t, bool dropped)
{
	struct step *s = CONTAINER_OF(t, struct step, task);

	if (s->r->next++ != s->number)
		atomic_fetch_add(&wrong_order, 1);
	s->r->dropped += dropped;
	atomic_fetch_add(dropped ? &steps_dropped : &steps_run, 1);
}

static void on_last(struct task *t, bool dropped)
{
	struct step *s = CONTAINER_OF(t, struct step, task);

	(void)dropped;
	if (s->r->next != STEPS)
		atomic_fetch_add(&wrong_order, 1);
	free(s->r);
	atomic_fetch_add(&released, 1);
}

static void on_hold(struct task *t, bool dropped)
{
	on_step(t, dropped);
	sem_wait(&hold);
}

static struct request *request_new(struct offload *o)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		bail_out("no memory");
	serial_init(&r->serial, o);
	for (unsigned i = 0; i < STEPS; i++)
		r->steps[i] = (struct step){{.run = on_step}, r, i};
	r->last = (struct step){{.run = on_last}, r, STEPS};
	return r;
}

static void post_all(struct request *r)
{
	for (unsigned i = 0; i < STEPS; i++)
		serial_post(&r->serial, &r->steps[i].task);
	serial_end(&r->serial, &r->last.task);
}

static struct offload *make(unsigned threads)
{
	struct offload_conf c = {.threads = threads};
	struct offload *o = NULL;

	if (offload_new(&c, &o, NULL) != ERR_OK)
		bail_out("no pool");
	return o;
}

static void reset(void)
{
	atomic_store(&released, 0);
	atomic_store(&steps_run, 0);
	atomic_store(&steps_dropped, 0);
}

static void in_order(void)
{
	struct offload *o = make(8);

	for (unsigned i = 0; i < REQUESTS; i++)
		post_all(request_new(o));
	offload_stop(o, true);
	is_uint(atomic_load(&steps_run), STEPS * REQUESTS, "all steps ran");
	is_uint(atomic_load(&released), REQUESTS, "all requests were released");
	is_uint(atomic_load(&wrong_order), 0, "in order");
	offload_free(o);
}

static void cancelled(void)
{
	struct offload *o = make(4);
	struct request *r = request_new(o);

	reset();
	sem_init(&hold, 0, 0);
	r->steps[0].task.run = on_hold;
	serial_post(&r->serial, &r->steps[0].task);
	while (!atomic_load(&steps_run))
		;
	ok(!serial_cancelled(&r->serial), "not cancelled");
	serial_cancel(&r->serial);
	ok(atomic_load(serial_cancel_flag(&r->serial)), "the running step can see it");
	for (unsigned i = 1; i < STEPS; i++)
		serial_post(&r->serial, &r->steps[i].task);
	serial_end(&r->serial, &r->last.task);
	sem_post(&hold);
	offload_stop(o, true);
	is_uint(atomic_load(&steps_dropped), STEPS - 1, "the others were dropped, in order");
	is_uint(atomic_load(&released), 1, "and the last one ran");
	is_uint(atomic_load(&wrong_order), 0, "in order");
	offload_free(o);
	sem_destroy(&hold);
}

static void stopped_pool(void)
{
	struct offload *o = make(2);
	struct request *r = request_new(o);

	reset();
	offload_stop(o, false);
	post_all(r);
	is_uint(atomic_load(&steps_dropped), STEPS, "a stopped pool drops every step");
	is_uint(atomic_load(&released), 1, "and lets go of the request");
	offload_free(o);
}

int main(void)
{
	in_order();
	cancelled();
	stopped_pool();
	return done_testing();
}
