/*
 * long_job.h - work of minutes that a request asked for: one at a time for each thing, stoppable,
 * and told line by line (NDJSON) while it goes on if the client wants that (?progress=1).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "http/reply.h"

struct long_job;
/* All of a node; part of struct api. */
struct long_jobs {
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	struct long_job *first;
	bool stopping;
};
void long_jobs_init(struct long_jobs *all);
/* Tell all to end and wait for it; later ones are refused (ERR_BUSY). */
void long_jobs_stop(struct long_jobs *all);

/* The work. Its results go into `arg`, or out as lines. */
typedef void (*long_job_fn)(struct long_job *j, void *arg);

/* `kind` (a literal) and `id` say what is worked on: ERR_BUSY when that is being done already. */
/* In this thread; returns when it is done. */
MUST_USE enum err long_job_here(struct long_jobs *all, const char *kind, uint64_t id,
				long_job_fn fn, void *arg, struct fail *f);
/* In a thread of its own; the request is answered with the lines. `free_arg` is called at the end,
   also when this fails. When the client leaves, the job is told to stop. */
MUST_USE enum err long_job_stream(struct long_jobs *all, struct http_req *r, const char *kind,
				  uint64_t id, long_job_fn fn, void *arg,
				  void (*free_arg)(void *arg), struct fail *f);

/* Is that being done? */
bool long_job_running(struct long_jobs *all, const char *kind, uint64_t id);

/* Add a line; waits for a reader who is much slower. Progress lines (`minor`) are left out when the
   last one is younger than 0.2 s or the reader is slow. Does nothing for long_job_here(). */
void long_job_line(struct long_job *j, struct str json, bool minor);
/* {"problem":{"uuid":..,"error":..,"text":..}}: one event; {"error":..,"text":..}: all of it. */
void long_job_problem(struct long_job *j, struct uuid u, enum err e, const char *text);
void long_job_error(struct long_job *j, enum err e, const char *text);
/* Is a minor line worth making now? */
bool long_job_due(struct long_job *j);
const atomic_bool *long_job_cancelled(const struct long_job *j);
