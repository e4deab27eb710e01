/*
 * long_job.c - a job is held by its thread and by the answer that streams its lines; the last one
 * frees it.
 */
#include "api/long_job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/jsonw.h"

#define LINES_MAX (8u << 20)
#define SLOW_READER (64u << 10)
/* So much may wait for the reader before a job waits for it. */
#define WAIT_ABOVE (1u << 20)
#define MINOR_EVERY_MS 200

struct long_job {
	struct reply_source source; /* first */
	struct long_jobs *all;
	struct long_job *next;
	const char *kind;
	uint64_t id;
	long_job_fn fn;
	void *arg;
	void (*free_arg)(void *arg);
	atomic_bool cancelled;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t drained;
	struct buf lines;
	int64_t last_minor_ms;
	bool streams, done, gone; /* gone: nobody listens any more */
	bool ended; /* its work is done; under the lock of all */
	unsigned holders;
};

void long_jobs_init(struct long_jobs *all)
{
	*all = (struct long_jobs){.first = NULL};
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->fewer, NULL);
}

void long_jobs_stop(struct long_jobs *all)
{
	pthread_mutex_lock(&all->lock);
	all->stopping = true;
	for (struct long_job *j = all->first; j; j = j->next)
		atomic_store(&j->cancelled, true);
	while (all->first)
		pthread_cond_wait(&all->fewer, &all->lock);
	pthread_mutex_unlock(&all->lock);
}

/* ---- the list ---- */

static enum err enter(struct long_jobs *all, struct long_job *j, struct fail *f)
{
	enum err e = ERR_OK;
	pthread_mutex_lock(&all->lock);
	if (all->stopping)
		e = fail(f, ERR_BUSY, "the node is stopping");
	for (const struct long_job *o = all->first; o && e == ERR_OK; o = o->next)
		if (!o->ended && o->id == j->id && strcmp(o->kind, j->kind) == 0)
			e = fail(f, ERR_BUSY, "this is being done already");
	if (e == ERR_OK) {
		j->all = all;
		j->next = all->first;
		all->first = j;
	}
	pthread_mutex_unlock(&all->lock);
	return e;
}

static void leave(struct long_job *j)
{
	struct long_jobs *all = j->all;
	pthread_mutex_lock(&all->lock);
	struct long_job **at = &all->first;
	while (*at && *at != j)
		at = &(*at)->next;
	if (*at)
		*at = j->next;
	pthread_cond_broadcast(&all->fewer);
	pthread_mutex_unlock(&all->lock);
}

bool long_job_running(struct long_jobs *all, const char *kind, uint64_t id)
{
	bool yes = false;
	pthread_mutex_lock(&all->lock);
	for (const struct long_job *j = all->first; j && !yes; j = j->next)
		yes = !j->ended && j->id == id && strcmp(j->kind, kind) == 0;
	pthread_mutex_unlock(&all->lock);
	return yes;
}

/* ---- lines ---- */

const atomic_bool *long_job_cancelled(const struct long_job *j)
{
	return &j->cancelled;
}

bool long_job_due(struct long_job *j)
{
	pthread_mutex_lock(&j->lock);
	bool due = j->streams && j->lines.n < SLOW_READER &&
		   clock_boot_ms() - j->last_minor_ms >= MINOR_EVERY_MS;
	pthread_mutex_unlock(&j->lock);
	return due;
}

void long_job_line(struct long_job *j, struct str json, bool minor)
{
	if (!j->streams || (minor && !long_job_due(j)))
		return;
	pthread_mutex_lock(&j->lock);
	while (j->lines.n > WAIT_ABOVE && !j->gone && !atomic_load(&j->cancelled)) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&j->drained, &j->lock, &until);
	}
	if (minor)
		j->last_minor_ms = clock_boot_ms();
	buf_str_add(&j->lines, json);
	buf_putc(&j->lines, '\n');
	if (!j->gone)
		reply_source_wake(&j->source);
	pthread_mutex_unlock(&j->lock);
}

void long_job_problem(struct long_job *j, struct uuid u, enum err e, const char *text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "problem");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uuid, "uuid", u);
	JSONW_KV(&w, jsonw_c, "error", err_name(e));
	JSONW_KV(&w, jsonw_c, "text", text);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), false);
}

void long_job_error(struct long_job *j, enum err e, const char *text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "error", err_name(e));
	JSONW_KV(&w, jsonw_c, "text", text[0] ? text : err_text(e));
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), false);
}

/* ---- the answer ---- */

static void release(struct long_job *j)
{
	pthread_mutex_lock(&j->lock);
	bool last = --j->holders == 0;
	pthread_mutex_unlock(&j->lock);
	if (!last)
		return;
	buf_free(&j->lines);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->drained);
	free(j);
}

static enum produce produce(struct reply_source *s, char *to, size_t max, size_t *made)
{
	struct long_job *j = (struct long_job *)s;
	pthread_mutex_lock(&j->lock);
	*made = MIN(max, j->lines.n);
	memcpy(to, buf_str(&j->lines).p, *made);
	buf_consume(&j->lines, *made);
	pthread_cond_signal(&j->drained);
	enum produce p = j->lines.n	     ? PRODUCE_MORE
			 : buf_err(&j->lines) ? PRODUCE_ABORT
			 : j->done	     ? PRODUCE_END
			 : *made	     ? PRODUCE_MORE
					     : PRODUCE_AGAIN;
	pthread_mutex_unlock(&j->lock);
	return p;
}

static void cancel(struct reply_source *s)
{
	atomic_store(&((struct long_job *)s)->cancelled, true);
}

static void source_free(struct reply_source *s)
{
	struct long_job *j = (struct long_job *)s;
	atomic_store(&j->cancelled, true);
	pthread_mutex_lock(&j->lock);
	j->gone = true;
	pthread_cond_signal(&j->drained);
	pthread_mutex_unlock(&j->lock);
	release(j);
}

static const struct reply_source_ops ops = {produce, NULL, cancel, source_free};

/* ---- running ---- */

static void *thread_main(void *arg)
{
	struct long_job *j = arg;
	j->fn(j, j->arg);
	j->free_arg(j->arg);
	/* whoever has read the last line may begin the next one */
	pthread_mutex_lock(&j->all->lock);
	j->ended = true;
	pthread_mutex_unlock(&j->all->lock);
	pthread_mutex_lock(&j->lock);
	j->done = true;
	if (!j->gone)
		reply_source_wake(&j->source);
	pthread_mutex_unlock(&j->lock);
	leave(j);
	release(j);
	return NULL;
}

enum err long_job_here(struct long_jobs *all, const char *kind, uint64_t id, long_job_fn fn,
		       void *arg, struct fail *f)
{
	struct long_job j = {.kind = kind, .id = id};
	pthread_mutex_init(&j.lock, NULL);
	pthread_cond_init(&j.drained, NULL);
	enum err e = enter(all, &j, f);
	if (e == ERR_OK) {
		fn(&j, arg);
		leave(&j);
	}
	pthread_mutex_destroy(&j.lock);
	pthread_cond_destroy(&j.drained);
	return e;
}

enum err long_job_stream(struct long_jobs *all, struct http_req *r, const char *kind, uint64_t id,
			 long_job_fn fn, void *arg, void (*free_arg)(void *arg), struct fail *f)
{
	struct long_job *j = calloc(1, sizeof(*j));
	pthread_t thread;
	if (!j) {
		free_arg(arg);
		return fail(f, ERR_NOMEM, "no memory");
	}
	*j = (struct long_job){.kind = kind,
			       .id = id,
			       .fn = fn,
			       .arg = arg,
			       .free_arg = free_arg,
			       .lines = BUF(LINES_MAX),
			       .streams = true,
			       .holders = 2};
	j->source.ops = &ops;
	j->source.length = -1;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->drained, NULL);
	enum err e = enter(all, j, f);
	if (e != ERR_OK) {
		free_arg(arg);
		j->holders = 1;
		release(j);
		return e;
	}
	reply_stream(r, 200, "application/x-ndjson; charset=UTF-8", &j->source);
	/* after the answer has begun, so that the thread finds the way to wake it */
	if (pthread_create(&thread, NULL, thread_main, j) == 0) {
		pthread_detach(thread);
		return ERR_OK;
	}
	atomic_store(&j->cancelled, true);
	thread_main(j); /* told to stop before it begins, it says so in a line */
	return ERR_OK;
}
