/*
 * serial.c - tasks of one request in order. A serial with work has exactly one turn waiting in the
 * pool; each turn runs one task and goes to the back of the queue, so that a request with a long
 * body does not keep a worker for itself.
 */
#include "loop/offload.h"

static void take_turn(struct task *turn, bool dropped);

void serial_init(struct serial *s, struct offload *pool)
{
	s->pool = pool;
	s->turn = (struct task){.run = take_turn};
	pthread_mutex_init(&s->lock, NULL);
	s->tasks = (struct task_list){0};
	s->last = NULL;
	s->active = false;
	atomic_init(&s->cancelled, false);
}

void serial_fini(struct serial *s)
{
	pthread_mutex_destroy(&s->lock);
}

/* Take the next task; *is_last: nothing comes after it. NULL: the turn is over. */
static struct task *next_task(struct serial *s, bool *is_last)
{
	struct task *t;

	pthread_mutex_lock(&s->lock);
	t = task_list_pop(&s->tasks);
	*is_last = t && t == s->last;
	if (!t)
		s->active = false;
	pthread_mutex_unlock(&s->lock);
	return t;
}

static bool has_more(struct serial *s)
{
	bool more;

	pthread_mutex_lock(&s->lock);
	more = s->active = s->tasks.head != NULL;
	pthread_mutex_unlock(&s->lock);
	return more;
}

static void take_turn(struct task *turn, bool dropped)
{
	struct serial *s = CONTAINER_OF(turn, struct serial, turn);
	bool is_last;

	/* A stopped pool gives no further turns, so all that waits is dropped in this one. */
	do {
		struct task *t = next_task(s, &is_last);

		if (!t)
			return;
		if (is_last)
			serial_fini(s);
		t->run(t, dropped || (!is_last && serial_cancelled(s)));
		if (is_last)
			return; /* the serial may be gone */
	} while (dropped);
	if (has_more(s))
		offload_post(s->pool, &s->turn);
}

static void add(struct serial *s, struct task *t, bool is_last)
{
	bool start;

	pthread_mutex_lock(&s->lock);
	task_list_add(&s->tasks, t);
	if (is_last)
		s->last = t;
	start = !s->active;
	s->active = true;
	pthread_mutex_unlock(&s->lock);
	if (start)
		offload_post(s->pool, &s->turn);
}

void serial_post(struct serial *s, struct task *t)
{
	add(s, t, false);
}

void serial_end(struct serial *s, struct task *t)
{
	add(s, t, true);
}

void serial_cancel(struct serial *s)
{
	atomic_store(&s->cancelled, true);
}

bool serial_cancelled(const struct serial *s)
{
	return atomic_load_explicit(&s->cancelled, memory_order_relaxed);
}

const atomic_bool *serial_cancel_flag(const struct serial *s)
{
	return &s->cancelled;
}
