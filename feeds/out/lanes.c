/*
 * lanes.c - a run over a feed folder by two threads: the tasks of a batch are shared out, and the helper
 * stands still whenever the run's own thread rests or does what is urgent.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "feeds/out/job.h"

#define WAIT_NS 20000000 /* between looks at what is urgent, while the helper has a long file */

struct helper {
	struct lane *lane;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop, busy, parked;
	atomic_bool hold;
	/* what there is to do */
	lane_fn task;
	void *user;
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
	enum err e;
	struct fail f;
};

static enum err tasks_run(struct helper *h, struct lane *l, struct fail *f)
{
	enum err e = ERR_OK;
	size_t i;
	while (e == ERR_OK && !atomic_load(&h->failed) && (i = atomic_fetch_add(&h->next, 1)) < h->n) {
		lanes_pause(l);
		e = h->task(l, h->user, i, f);
	}
	if (e != ERR_OK)
		atomic_store(&h->failed, true);
	return e;
}

static void *helper_run(void *arg)
{
	struct helper *h = arg;
	pthread_setname_np(pthread_self(), "publisher-2");
	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		if (!h->busy) {
			pthread_cond_wait(&h->wake, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		h->e = tasks_run(h, h->lane, &h->f);
		pthread_mutex_lock(&h->lock);
		h->busy = false;
		pthread_cond_broadcast(&h->wake);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

void lanes_open(struct job *j)
{
	struct lane *l = &j->lane[1];
	struct helper *h = calloc(1, sizeof(*h));
	l->packer = packer_new();
	if (!h || !l->packer)
		goto none;
	h->lane = l;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	if (pthread_create(&h->thread, NULL, helper_run, h) == 0) {
		j->helper = h;
		return;
	}
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
none:
	packer_free(MOVE(l->packer));
	free(h);
}

void lanes_close(struct job *j)
{
	struct helper *h = j->helper;
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
	free(h);
	j->helper = NULL;
}

/* Wait for the helper, for a while. */
static bool helper_busy(struct helper *h)
{
	struct timespec t;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += WAIT_NS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_mutex_lock(&h->lock);
	while (h->busy && !rc)
		rc = pthread_cond_timedwait(&h->wake, &h->lock, &t);
	bool busy = h->busy;
	pthread_mutex_unlock(&h->lock);
	return busy;
}

enum err lanes_each(struct job *j, size_t n, lane_fn task, void *user, struct fail *f)
{
	struct helper *h = j->helper;
	enum err e = ERR_OK;
	if (!h || n < 2) {
		for (size_t i = 0; i < n && e == ERR_OK; i++)
			e = task(&j->lane[0], user, i, f);
		return e;
	}
	pthread_mutex_lock(&h->lock);
	h->task = task;
	h->user = user;
	h->n = n;
	atomic_store(&h->next, 0);
	atomic_store(&h->failed, false);
	h->e = ERR_OK;
	h->busy = true;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
	e = tasks_run(h, &j->lane[0], f);
	while (helper_busy(h))
		if (e == ERR_OK && (e = job_rest(j, true, f)) != ERR_OK)
			atomic_store(&h->failed, true);
	if (e == ERR_OK && h->e != ERR_OK) {
		*f = h->f;
		e = h->e;
	}
	return e;
}

void lanes_hold(struct job *j)
{
	struct helper *h = j->helper;
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	atomic_store(&h->hold, true);
	while (h->busy && !h->parked)
		pthread_cond_wait(&h->wake, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void lanes_release(struct job *j)
{
	struct helper *h = j->helper;
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	atomic_store(&h->hold, false);
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

void lanes_pause(struct lane *l)
{
	struct helper *h = l->job->helper;
	if (!l->is_helper || !atomic_load(&h->hold))
		return;
	pthread_mutex_lock(&h->lock);
	h->parked = true;
	pthread_cond_broadcast(&h->wake);
	while (atomic_load(&h->hold))
		pthread_cond_wait(&h->wake, &h->lock);
	h->parked = false;
	pthread_mutex_unlock(&h->lock);
}
