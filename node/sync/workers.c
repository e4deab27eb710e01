/*
 * workers.c - the calling thread is one of them.
 */
#include "sync/workers.h"

#include <pthread.h>

struct shared {
	const struct workers *w;
	pthread_mutex_t lock;
	size_t next;
	enum err stop;
	struct fail why;
};

static bool take(struct shared *s, size_t *i)
{
	bool cancelled = s->w->cancelled && atomic_load(s->w->cancelled);
	pthread_mutex_lock(&s->lock);
	bool got = s->stop == ERR_OK && !cancelled && s->next < s->w->n;
	if (got)
		*i = s->next++;
	pthread_mutex_unlock(&s->lock);
	return got;
}

static void *work(void *arg)
{
	struct shared *s = arg;
	OWN(client) struct client *c = NULL;
	struct fail f = {0};
	size_t i;
	enum err e = client_new(s->w->client, &c, &f);
	while (e == ERR_OK && take(s, &i))
		e = s->w->one(s->w->user, c, i, &f);
	if (e == ERR_OK)
		return NULL;
	pthread_mutex_lock(&s->lock);
	if (s->stop == ERR_OK) {
		s->stop = e;
		s->why = f;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

enum err workers_run(const struct workers *w, struct fail *f)
{
	pthread_t threads[WORKERS_MAX];
	size_t many = MIN(MIN((size_t)w->parallel, (size_t)WORKERS_MAX), w->n), n = 0;
	struct shared s = {.w = w, .stop = ERR_OK};
	if (!w->n)
		return ERR_OK;
	pthread_mutex_init(&s.lock, NULL);
	while (n + 1 < many && pthread_create(&threads[n], NULL, work, &s) == 0)
		n++;
	work(&s);
	for (size_t k = 0; k < n; k++)
		pthread_join(threads[k], NULL);
	pthread_mutex_destroy(&s.lock);
	if (s.stop != ERR_OK) {
		*f = s.why;
		return s.stop;
	}
	return w->cancelled && atomic_load(w->cancelled) ? fail(f, ERR_CANCELLED, "cancelled") : ERR_OK;
}
