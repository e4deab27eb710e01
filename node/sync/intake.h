/*
 * intake.h - what feeds and peers share: a list of wanted events, a few threads that each fetch,
 * parse and merge one at a time, and the account of what came of it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "ingest/ingest.h"
#include "pgp/spool.h"
#include "sync/client_curl.h"

#define INTAKE_PARALLEL_MAX 16
#define INTAKE_EVENT_MAX (UINT64_C(1) << 30)
#define INTAKE_PROBLEMS_MAX 100

struct intake_progress {
	const char *step; /* what a pull is at; NULL: the way has no names for it */
	uint64_t listed; /* events in the other's list so far */
	uint64_t total; /* events to fetch; grows until the list is read */
	uint64_t done, failed; /* of those */
	uint64_t bytes;
};

/* An event that did not come in. */
struct intake_problem {
	struct uuid uuid;
	enum err err;
	char text[256];
};

struct intake_result {
	uint64_t listed; /* events in the other's list */
	uint64_t current; /* here already, or refused before and not changed since */
	uint64_t added, updated, unchanged, refused, failed;
	uint64_t attributes, bytes;
	struct intake_problem problems[INTAKE_PROBLEMS_MAX]; /* the first ones */
	unsigned n_problems;
};

/* Told from any of the working threads, one at a time. */
typedef void (*intake_progress_fn)(void *user, const struct intake_progress *p);
typedef void (*intake_problem_fn)(void *user, const struct intake_problem *p);
typedef enum err (*intake_data_fn)(void *user, const void *p, size_t n, struct fail *f);

struct intake_want {
	struct uuid uuid;
	int64_t timestamp; /* of the list; 0: unknown */
	bool again; /* it failed before, which is noted */
	bool done; /* what came of it is accounted for */
};

/* What came with a document: its signature, and the bytes that it signs (protected events). */
struct intake_signed {
	struct buf text; /* header x-pgp-signature; empty: none */
	struct pgp_spool *bytes;
	enum err err; /* of spooling */
	struct fail why;
};

/* What differs between a feed and a peer. `run` is theirs; called from any of the threads. */
struct intake_source {
	const char *document; /* what holds an event, for texts: "file" */
	bool may_go; /* what is not there any more is no failure: the list was older */
	bool streams; /* an event need not be stored before the next is fetched */
	unsigned gone_after; /* network failures in a row after which the rest is not tried; 0: never */
	/* Fetch an event's document into `data`. The client is the thread's own, NULL without one. */
	enum err (*get)(void *run, struct client *c, const struct intake_want *w,
			intake_data_fn data, void *user, struct fail *f);
	/*
	 * Fetch several in one answer of MISP's restSearch form, in any order; what the source does
	 * not give is left for get(). NULL: it cannot.
	 */
	enum err (*get_many)(void *run, struct client *c, const struct intake_want *w, size_t n,
			     intake_data_fn data, void *user, struct fail *f);
	/* The event is the wanted one: set what the facts lack, change the event, or refuse it. */
	enum err (*prepare)(void *run, struct raw_event *raw, struct intake_signed *sig,
			    struct admit_facts *facts, struct fail *f);
	/* What came of it, for the next time. */
	void (*note)(void *run, const struct intake_want *w, enum err e,
		     const struct ingest_result *result, const struct fail *why);
};

/* One run. The first part is set by its owner, texts and pointers are borrowed. */
struct intake {
	const struct intake_source *source;
	void *run; /* handed to the source */
	const struct ingest_env *in;
	const struct client_opts *client; /* NULL: nothing comes over the network */
	struct origin origin; /* time is set at each event */
	uint64_t user_id; /* who takes it in, may be 0 */
	unsigned parallel; /* events at a time, at most INTAKE_PARALLEL_MAX */
	const atomic_bool *cancelled; /* NULL: never */
	intake_progress_fn progress_fn; /* may be NULL */
	intake_problem_fn problem_fn; /* may be NULL */
	void *user; /* handed to these two */
	struct intake_result *res;
	struct intake_progress progress;

	struct intake_want *wanted;
	size_t n_wanted, cap;
	/* shared by the threads */
	pthread_mutex_t lock;
	size_t next;
	enum err stop; /* store or source fail: no use in going on */
	char stop_text[256];
	unsigned in_a_row; /* network failures */
};

/* Header callback of get(), where documents may come signed; `user` as for its data. */
void intake_header(void *user, struct str name, struct str value);

void intake_init(struct intake *i);
void intake_done(struct intake *i);

static inline bool intake_cancelled(const struct intake *i)
{
	return i->cancelled && atomic_load(i->cancelled);
}
/* It is as it is until the event changes; asking again gives the same. */
static inline bool intake_is_refusal(enum err e)
{
	return e == ERR_STALE || e == ERR_BLOCKED || e == ERR_PERM || e == ERR_INVAL;
}
/* Not this event's fault. */
static inline bool intake_stops_all(enum err e)
{
	return e == ERR_STORE || e == ERR_FULL || e == ERR_CORRUPT || e == ERR_CANCELLED;
}

/* Put an event on the list of wanted ones. */
MUST_USE enum err intake_add(struct intake *i, struct intake_want w, struct fail *f);
/*
 * Fetch and merge what is wanted, blocking. An event that fails does not hold up the others.
 * ERR_CANCELLED, or why all had to stop.
 */
MUST_USE enum err intake_run(struct intake *i, struct fail *f);
/*
 * The same by get_many(), as far as that gets: many events in one answer, several on their way to the
 * disk at once. What did not come is left on the list for intake_run().
 */
MUST_USE enum err intake_run_many(struct intake *i, struct fail *f);
/* Account for one event; thread-safe. For intake_many.c. */
void intake_account(struct intake *i, const struct intake_want *w, uint64_t bytes, enum err e,
		    const struct ingest_result *result, const struct fail *why);
/* The facts under which an event is taken in, before the source has its say. */
struct admit_facts intake_facts(const struct intake *i);
/* One line to the log: "<what>=<id> result=.. listed=.." */
void intake_log(const struct intake *i, const char *what, uint64_t id, enum err e);

/* A snapshot for reading a long list over a slow line: renewed now and then, so as to hold none. */
struct intake_snapshot {
	struct store_rtxn *t;
	uint64_t since_open;
};
MUST_USE enum err intake_snapshot_next(const struct intake *i, struct intake_snapshot *s,
				       struct fail *f);
void intake_snapshot_end(struct intake_snapshot *s);
