/*
 * feed_schedule.c - one thread, one feed at a time: a run has threads of its own, and feeds are not
 * in a hurry. Rows are read anew each time, so changes of them count at once.
 */
#include "sync/feed_schedule.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/taxii_pull.h"
#include "sync/taxii_push.h"

struct feed_schedule {
	struct feed_schedule_opts o;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	int64_t started;
};

/* The feed that has waited longest among those that are due; 0: none. */
static uint64_t due_now(const struct feed_schedule *s)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct fail f = {0};
	struct misp_feed row;
	uint64_t id = 0, best = 0;
	int64_t now = clock_now(), best_due = INT64_MAX;
	if (!a || store_read(s->o.in->store, &t, &f) != ERR_OK)
		return 0;
	while (store_next(t, T_FEED, &id, a, &row) == ERR_OK) {
		uint64_t every = row.interval_s ? row.interval_s : s->o.interval_s;
		int64_t due = (row.last_try ? row.last_try : s->started) + (int64_t)every;
		if (row.enabled && every && due <= now && due < best_due) {
			best = id;
			best_due = due;
		}
		arena_reset(a);
	}
	return best;
}

static enum err fetch(struct feed_schedule *s, uint64_t id)
{
	struct feed_fetch_opts o = {.in = s->o.in,
				    .feed_id = id,
				    .org_id = s->o.org_id,
				    .user_id = s->o.user_id,
				    .client = s->o.client,
				    .max_event_bytes = s->o.max_event_bytes,
				    .cache_dir = s->o.cache_dir,
				    .cancelled = &s->stop};
	struct feed_fetch_result *res = calloc(1, sizeof(*res));
	struct fail f = {0};
	enum err e = res ? feed_fetch_run(&o, res, &f) : ERR_NOMEM;
	if (e != ERR_OK && e != ERR_CANCELLED)
		log_warn("sync", "feed=%llu err=%s detail=%s", (unsigned long long)id, err_name(e),
			 log_val(str_c(f.text)));
	free(res);
	return e;
}

/* The collection that has waited longest among those that are due; 0: none. */
static uint64_t taxii_due(const struct feed_schedule *s)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct fail f = {0};
	struct misp_taxii row;
	uint64_t id = 0, best = 0;
	int64_t now = clock_now(), best_due = INT64_MAX;
	if (!a || !s->o.key || !s->o.interval_s || store_read(s->o.in->store, &t, &f) != ERR_OK)
		return 0;
	while (store_next(t, T_TAXII, &id, a, &row) == ERR_OK) {
		struct taxii_state st;
		taxii_state_read(row.state, &st);
		int64_t due = (st.last_try ? st.last_try : s->started) + (int64_t)s->o.interval_s;
		if (row.enabled && row.pull && due <= now && due < best_due) {
			best = id;
			best_due = due;
		}
		arena_reset(a);
	}
	return best;
}

static enum err pull(struct feed_schedule *s, uint64_t id)
{
	struct taxii_pull_opts o = {.in = s->o.in,
				    .server_id = id,
				    .org_id = s->o.org_id,
				    .user_id = s->o.user_id,
				    .client = s->o.client,
				    .key = s->o.key,
				    .batch_bytes = s->o.taxii_batch,
				    .cancelled = &s->stop};
	struct taxii_pull_result *res = calloc(1, sizeof(*res));
	struct fail f = {0};
	enum err e = res ? taxii_pull(&o, res, &f) : ERR_NOMEM;
	if (e != ERR_OK && e != ERR_CANCELLED)
		log_warn("sync", "taxii=%llu err=%s detail=%s", (unsigned long long)id, err_name(e),
			 log_val(str_c(f.text)));
	free(res);
	return e;
}

/* Likewise of those that are written to. */
static uint64_t push_due(const struct feed_schedule *s)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct fail f = {0};
	struct misp_taxii row;
	uint64_t id = 0, best = 0;
	int64_t now = clock_now(), best_due = INT64_MAX;
	if (!a || !s->o.key || !s->o.out || !s->o.interval_s || store_read(s->o.in->store, &t, &f) != ERR_OK)
		return 0;
	while (store_next(t, T_TAXII, &id, a, &row) == ERR_OK) {
		struct taxii_push_state st;
		taxii_push_state(t, id, &st);
		int64_t due = (st.last_try ? st.last_try : s->started) + (int64_t)s->o.interval_s;
		if (row.enabled && row.push && due <= now && due < best_due) {
			best = id;
			best_due = due;
		}
		arena_reset(a);
	}
	return best;
}

static enum err push(struct feed_schedule *s, uint64_t id)
{
	struct taxii_push_opts o = {.in = s->o.in,
				    .out = s->o.out,
				    .server_id = id,
				    .client = s->o.client,
				    .key = s->o.key,
				    .cancelled = &s->stop};
	struct taxii_push_result *res = calloc(1, sizeof(*res));
	struct fail f = {0};
	enum err e = res ? taxii_push(&o, res, &f) : ERR_NOMEM;
	if (e != ERR_OK && e != ERR_CANCELLED)
		log_warn("sync", "taxii=%llu push err=%s detail=%s", (unsigned long long)id, err_name(e),
			 log_val(str_c(f.text)));
	free(res);
	return e;
}

static void *run(void *arg)
{
	struct feed_schedule *s = arg;
	unsigned tick = s->o.tick_ms ? s->o.tick_ms : 15000;
	pthread_setname_np(pthread_self(), "feeds");
	while (!atomic_load(&s->stop)) {
		uint64_t id = due_now(s);
		/* after a failure a pause, lest one that cannot even be noted be tried at once again */
		if (id && fetch(s, id) == ERR_OK)
			continue;
		id = taxii_due(s);
		if (id && pull(s, id) == ERR_OK)
			continue;
		id = push_due(s);
		if (id && push(s, id) == ERR_OK)
			continue;
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += (long)(tick % 1000) * 1000000;
		t.tv_sec += tick / 1000 + t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		pthread_mutex_lock(&s->lock);
		if (!atomic_load(&s->stop))
			pthread_cond_timedwait(&s->wake, &s->lock, &t);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

enum err feed_schedule_start(const struct feed_schedule_opts *o, struct feed_schedule **out,
			     struct fail *f)
{
	struct feed_schedule *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	s->o = *o;
	s->started = clock_now();
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	if (pthread_create(&s->thread, NULL, run, s) != 0) {
		pthread_mutex_destroy(&s->lock);
		pthread_cond_destroy(&s->wake);
		free(s);
		return fail(f, ERR_NOMEM, "cannot start a thread");
	}
	*out = s;
	return ERR_OK;
}

void feed_schedule_stop(struct feed_schedule *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s);
}
