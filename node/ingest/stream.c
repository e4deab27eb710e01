/*
 * stream.c - many events of one sender: each is its own job, but the next is prepared while the
 * jobs of those before wait for the disk.
 */
#include <pthread.h>
#include <stdlib.h>

#include "ingest/ctx.h"

#define FLIGHTS INGEST_STREAM_MAX
#define WEIGHT_MAX (1u << 20) /* bytes under way, about */
#define WEIGHT_ALONE (512u << 10) /* a document of this or more goes by itself */
#define WEIGHT_FIXED (16u << 10) /* of any document: arenas, maps */
#define RESULT_ARENA (16u << 20)

/* One event under way. */
struct flight {
	struct ingest_stream *s;
	struct ingest_ctx c;
	struct ingest_job job;
	struct admitted *adm;
	struct origin origin;
	struct admit_facts facts;
	struct ingest_result res;
	struct arena *arena; /* of results and the head; kept for the next */
	struct uuid uuid; /* as the document says, may be nil */
	uint64_t event_id; /* of an edit, else 0 */
	size_t weight;
	bool begun; /* `c` is in use */
	bool landed; /* err and why are final (under the lock) */
	enum err err;
	struct fail why;
};

struct ingest_stream {
	const struct ingest_env *env;
	ingest_stream_fn done;
	void *user;
	struct flight *v[FLIGHTS]; /* a ring; made when first used, then kept */
	unsigned first, n;
	size_t weight;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under the lock */
	unsigned pending; /* jobs that the writer has */
	unsigned wake_at; /* the caller waits until so few are left */
	bool orphan; /* nobody waits any more: the last job frees all */
};

struct ingest_stream *ingest_stream_new(const struct ingest_env *env, ingest_stream_fn done,
					void *user)
{
	struct ingest_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->env = env;
	s->done = done;
	s->user = user;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	return s;
}

static void flight_clear(struct flight *fl)
{
	if (fl->begun)
		ingest_ctx_free(&fl->c);
	fl->begun = false;
	admitted_free(fl->adm);
	fl->adm = NULL;
}

static void destroy(struct ingest_stream *s)
{
	for (unsigned i = 0; i < FLIGHTS && s->v[i]; i++) {
		flight_clear(s->v[i]);
		arena_free(s->v[i]->arena);
		free(s->v[i]);
	}
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s);
}

void ingest_stream_free(struct ingest_stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	bool last = s->pending == 0;
	s->orphan = true;
	pthread_mutex_unlock(&s->lock);
	if (last)
		destroy(s);
}

/* On the writer thread. */
static void job_done(void *arg, enum err e, const struct fail *why)
{
	struct flight *fl = ((struct ingest_job *)arg)->user;
	struct ingest_stream *s = fl->s;
	pthread_mutex_lock(&s->lock);
	fl->err = e;
	fl->why = *why;
	fl->landed = true;
	s->pending--;
	bool last = s->orphan && s->pending == 0;
	if (s->pending == s->wake_at)
		pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (last)
		destroy(s);
}

/* Tell of those that have landed, oldest first; called with the lock. */
static void tell_landed(struct ingest_stream *s)
{
	while (s->n && s->v[s->first]->landed) {
		struct flight *fl = s->v[s->first];
		pthread_mutex_unlock(&s->lock);
		if (fl->begun)
			fl->err = ingest_guard_end(&fl->c, fl->err, &fl->why);
		enum err e = ingest_counted(&fl->origin, &fl->res, fl->err);
		s->done(s->user, ingest_merged(fl->event_id, fl->uuid, &fl->res, e), &fl->res,
			&fl->why);
		flight_clear(fl);
		s->weight -= fl->weight;
		s->first = (s->first + 1) % FLIGHTS;
		s->n--;
		pthread_mutex_lock(&s->lock);
	}
}

/* Wait for all jobs or for half of them, then tell. */
static void settle(struct ingest_stream *s, bool all)
{
	pthread_mutex_lock(&s->lock);
	s->wake_at = all ? 0 : s->pending / 2;
	while (s->pending > s->wake_at)
		pthread_cond_wait(&s->wake, &s->lock);
	tell_landed(s);
	pthread_mutex_unlock(&s->lock);
}

void ingest_stream_poll(struct ingest_stream *s)
{
	pthread_mutex_lock(&s->lock);
	tell_landed(s);
	pthread_mutex_unlock(&s->lock);
}

void ingest_stream_end(struct ingest_stream *s)
{
	settle(s, true);
}

static enum err start(struct flight *fl, struct raw_event **raw, struct fail *f)
{
	struct ingest_stream *s = fl->s;
	store_run_fn run;
	TRY(ingest_merge_target(s->env, *raw, &fl->facts, &fl->event_id, f));
	TRY(ingest_admit(s->env, raw, &fl->origin, &fl->facts, &fl->adm, f));
	ingest_ctx_init(&fl->c, s->env, fl->adm, &fl->facts, fl->arena, &fl->res);
	fl->begun = true;
	fl->c.no_ids = true;
	TRY(ingest_whole_prepare(&fl->c, fl->event_id, &run, f));
	fl->job = (struct ingest_job){.arena = fl->arena, .user = fl};
	ingest_job_begin(&fl->c, &fl->job);
	pthread_mutex_lock(&s->lock);
	s->pending++;
	pthread_mutex_unlock(&s->lock);
	enum err e = store_submit(s->env->store, run, job_done, &fl->job);
	if (e == ERR_OK)
		return ERR_OK;
	pthread_mutex_lock(&s->lock);
	s->pending--;
	pthread_mutex_unlock(&s->lock);
	return fail(f, e, "the store takes no jobs");
}

/* A big document has the stream for itself. */
static void add_alone(struct ingest_stream *s, struct raw_event **raw, const struct origin *o,
		      const struct admit_facts *facts)
{
	OWN(arena) struct arena *a = arena_new(RESULT_ARENA);
	struct admit_facts own = *facts;
	struct ingest_result res = {0};
	struct fail why = {0};
	settle(s, true);
	enum err e = a ? ingest_event_merge(s->env, raw, o, &own, a, &res, &why)
		       : fail(&why, ERR_NOMEM, "no memory");
	s->done(s->user, e, &res, &why);
}

static bool under_way(const struct ingest_stream *s, struct uuid u)
{
	for (unsigned i = 0; i < s->n; i++)
		if (uuid_eq(s->v[(s->first + i) % FLIGHTS]->uuid, u))
			return !uuid_is_nil(u);
	return false;
}

/* The next place in the ring, cleared but for its arena; NULL: no memory. */
static struct flight *flight_next(struct ingest_stream *s)
{
	struct flight **at = &s->v[(s->first + s->n) % FLIGHTS];
	if (!*at)
		*at = calloc(1, sizeof(**at));
	if (!*at)
		return NULL;
	struct arena *a = (*at)->arena ? (*at)->arena : arena_new(RESULT_ARENA);
	if (!a)
		return NULL;
	arena_reset(a);
	**at = (struct flight){.s = s, .arena = a};
	s->n++;
	return *at;
}

void ingest_stream_add(struct ingest_stream *s, struct raw_event *r, const struct origin *o,
		       const struct admit_facts *facts)
{
	OWN(raw) struct raw_event *raw = r;
	struct uuid uuid = raw_head(raw)->uuid;
	/* spooled, unpacked and packed again; arenas have slack */
	size_t weight = WEIGHT_FIXED + 2 * raw_spool_size(raw) +
			2 * ingest_elements_of(raw) * sizeof(struct element);
	if (!raw_in_memory(raw) || weight >= WEIGHT_ALONE) {
		add_alone(s, &raw, o, facts);
		return;
	}
	if (under_way(s, uuid))
		settle(s, true); /* a later version finds the earlier one stored */
	while (s->n == FLIGHTS || (s->n && s->weight + weight > WEIGHT_MAX))
		settle(s, false);
	struct flight *fl = flight_next(s);
	struct fail why = {0};
	if (!fl) {
		fail(&why, ERR_NOMEM, "no memory");
		settle(s, true);
		s->done(s->user, ERR_NOMEM, &(struct ingest_result){0}, &why);
		return;
	}
	fl->origin = *o;
	fl->facts = *facts;
	fl->uuid = uuid;
	s->weight += fl->weight = weight;
	enum err e = start(fl, &raw, &why);
	if (e != ERR_OK) {
		pthread_mutex_lock(&s->lock);
		fl->err = e;
		fl->why = why;
		fl->landed = true;
		pthread_mutex_unlock(&s->lock);
	}
}
