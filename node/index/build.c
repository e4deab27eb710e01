/*
 * build.c - make the index anew from the store, on two threads.
 *
 * One reads records and appends rows; the other enters them into the tables, which costs about as
 * much (each entry is a cache line of its own). Batches pass between them under a lock, so what a
 * batch speaks of is complete; the rows' chains belong to the second thread.
 */
#include "index/internal.h"

#include <stdlib.h>

#include "base/own.h"

#define BATCH 8192
#define AHEAD 32

struct builder {
	struct index *ix;
	struct ix_view v; /* pointers only */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct ix_queued batch[2][BATCH];
	unsigned filling; /* the reader's; the other one is the thread's when `given` */
	size_t n, given_n;
	bool given, done;
	enum err err;
	struct fail fail;
};

static enum err enter_batch(struct builder *b, const struct ix_queued *q, size_t n)
{
	struct index *ix = b->ix;

	for (unsigned t = 0; t < TAB_COUNT; t++)
		TRY(table_room(&ix->table[t], &ix->guard, n, &b->fail));
	for (size_t i = 0; i < n + AHEAD; i++) {
		if (i < n)
			table_prefetch(&ix->table[q[i].table], q[i].hash);
		if (i >= AHEAD && i - AHEAD < n)
			index_settle(ix, &b->v, &q[i - AHEAD]);
	}
	return ERR_OK;
}

static void *run(void *arg)
{
	struct builder *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		while (!b->given && !b->done)
			pthread_cond_wait(&b->cond, &b->lock);
		if (!b->given)
			break;
		pthread_mutex_unlock(&b->lock);
		if (b->err == ERR_OK)
			b->err = enter_batch(b, b->batch[b->filling ^ 1], b->given_n);
		pthread_mutex_lock(&b->lock);
		b->given = false;
		pthread_cond_broadcast(&b->cond);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* Give what was gathered to the thread, when it has finished what it had. */
static void give(struct builder *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->given)
		pthread_cond_wait(&b->cond, &b->lock);
	b->filling ^= 1;
	b->given_n = b->n;
	b->given = b->n > 0;
	b->n = 0;
	pthread_cond_broadcast(&b->cond);
	pthread_mutex_unlock(&b->lock);
}

void builder_push(struct builder *b, const struct ix_queued *q)
{
	b->batch[b->filling][b->n++] = *q;
	if (b->n == BATCH)
		give(b);
}

static enum err builder_begin(struct index *ix, struct fail *f)
{
	struct builder *b = calloc(1, sizeof(*b));

	if (!b)
		return fail(f, ERR_NOMEM, "no memory to build the index");
	b->ix = ix;
	index_view_all(ix, &b->v);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->cond, NULL);
	if (pthread_create(&b->thread, NULL, run, b) != 0) {
		free(b);
		return fail(f, ERR_NOMEM, "no thread to build the index");
	}
	ix->builder = b;
	return ERR_OK;
}

static enum err builder_end(struct index *ix, struct fail *f)
{
	struct builder *b = ix->builder;
	enum err e;

	give(b);
	pthread_mutex_lock(&b->lock);
	b->done = true;
	pthread_cond_broadcast(&b->cond);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	e = b->err == ERR_OK ? ERR_OK : fail(f, b->err, "%s", b->fail.text);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->cond);
	free(b);
	ix->builder = NULL;
	return e;
}

static enum err read_events(struct index *ix, const struct store_rtxn *t,
			    store_progress_fn progress, void *user, uint64_t total, struct fail *f)
{
	uint64_t id = 0, told = 0;
	struct misp_event e;
	uint32_t place;
	enum err err;

	for (;;) {
		arena_reset(ix->arena);
		err = store_next(t, T_EVENT, &id, ix->arena, &e);
		if (err != ERR_OK)
			break;
		TRY(index_event_put(ix, &e, &place, f));
		TRY(index_body_sync(ix, t, &e, place, f));
		if (progress && ix->n_rows >= told + 100000) {
			told = ix->n_rows;
			progress(user, "index", told, MAX(total, told));
		}
	}
	return err == ERR_NOENT ? ERR_OK : fail(f, err, "cannot read events for the index");
}

enum err index_build(struct index *ix, const struct store_rtxn *t, store_progress_fn progress,
		     void *user, struct fail *f)
{
	struct store_stats st;
	enum err e, e2;

	store_stats(ix->store, &st);
	TRY(builder_begin(ix, f));
	ix->bulk = true;
	e = read_events(ix, t, progress, user, st.elements[EL_ATTR], f);
	ix->bulk = false;
	e2 = builder_end(ix, e == ERR_OK ? f : NULL);
	if (e != ERR_OK || e2 != ERR_OK)
		return e != ERR_OK ? e : e2;
	bloom_make(ix);
	atomic_store(&ix->seq, store_seq(t));
	if (progress)
		progress(user, "index", ix->n_rows, MAX(st.elements[EL_ATTR], (uint64_t)ix->n_rows));
	return ERR_OK;
}
