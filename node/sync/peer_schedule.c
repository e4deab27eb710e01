/*
 * peer_schedule.c - one thread that looks each second, and one thread for each run. Rows and states
 * are read anew each time, so changes of them count at once. Holds no state that a restart would miss.
 */
#include "sync/peer_schedule.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

#define BACK_OFF_MAX 21600u
/* A new peer is left alone that long, so that somebody can look at a preview first. */
#define FIRST_S 60
/* So long publications wait for company, if nothing was pushed just now. */
#define FIRST_WAIT_MS 100
#define GLANCE_MS 50 /* how often the change log is looked at where publications start pushes */
#define PARALLEL_MAX 16
/* After a failure; the state says when it is really due again. */
#define PAUSE_MS 30000
#define ROW_ARENA (1u << 20)

/* ---- when ---- */

uint64_t peer_back_off_s(uint64_t failures)
{
	uint64_t wait = 60;
	while (failures-- > 1 && wait < BACK_OFF_MAX)
		wait *= 2;
	return MIN(wait, (uint64_t)BACK_OFF_MAX);
}

/* `wait`, up to a tenth more or less. */
static int64_t jittered(uint64_t wait, uint64_t peer_id, enum pass_direction d, int64_t last)
{
	struct {
		uint64_t id, d;
		int64_t last;
	} seed = {peer_id, d, last};
	uint64_t tenth = wait / 10, h = hash_64(&seed, sizeof(seed), 0);
	return (int64_t)(wait - tenth + (tenth ? h % (2 * tenth + 1) : 0));
}

struct peer_due peer_due(const struct misp_peer *row, const struct misp_peerstate *s,
			 enum pass_direction d, uint64_t interval_s, int64_t since, int64_t now)
{
	uint64_t every = row->interval_s ? row->interval_s : interval_s;
	/* a clock that was ahead must not hold up the peer for as long as it was */
	int64_t last = MIN(s->last_try, now);
	struct peer_due due = {INT64_MAX, PEER_DUE_OFF};
	if (!(d == PASS_PULL ? row->pull : row->push))
		return due;
	if (s->failures && (every || d == PASS_PUSH)) {
		due.why = PEER_DUE_RETRY;
		due.at = last + jittered(peer_back_off_s(s->failures), row->id, d, s->last_try);
	} else if (!every) {
		due.why = PEER_DUE_ASKED;
	} else if (!s->last_try) {
		due.why = PEER_DUE_FIRST;
		due.at = since + jittered(MIN(every, (uint64_t)FIRST_S), row->id, d, 0);
	} else {
		due.why = PEER_DUE_INTERVAL;
		due.at = last + jittered(every, row->id, d, s->last_try);
	}
	if (row->suspended_until > now) {
		due.why = PEER_DUE_SUSPENDED;
		due.at = due.at == INT64_MAX ? due.at : MAX(due.at, row->suspended_until);
	}
	return due;
}

bool peer_push_idle(const struct misp_peerstate *s, uint64_t seq, const char *stamp, int64_t now)
{
	return s->covered && (!stamp || str_eq(s->policy, str_c(stamp))) &&
	       s->covered >= seq && !s->failures && !s->failed && !s->backlog &&
	       now < s->last_success + 86400;
}

/* ---- peers that are known, and runs ---- */

struct known {
	uint64_t id;
	int64_t since;
	uint64_t pushed_seq; /* publications up to here have had their push */
	int64_t not_before_ms; /* a run could not even begin */
	bool runs, seen;
};

struct peer_schedule {
	struct peer_schedule_opts o;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct known *known;
	size_t n_known, room;
	unsigned running;
	bool ended; /* a run has: what waited for it may be due */
	atomic_bool stop;
	/* of the schedule's thread alone */
	uint64_t scanned, published; /* change log: looked at; last publication */
	int64_t first_ms; /* of the publications that wait for their push; 0: none */
	int64_t due_ms; /* when publications were due for it last */
	uint64_t push_seq; /* publications up to here are to be pushed now */
};

struct run {
	struct peer_schedule *s;
	uint64_t peer_id;
	enum pass_direction direction;
};

/* Call with the lock held; the answer is good until it is given up. NULL: no memory. */
static struct known *known_of(struct peer_schedule *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_known; i++)
		if (s->known[i].id == id)
			return &s->known[i];
	if (s->n_known == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		struct known *v = reallocarray(s->known, room, sizeof(*v));
		if (!v)
			return NULL;
		s->known = v;
		s->room = room;
	}
	s->known[s->n_known] = (struct known){.id = id, .since = clock_now()};
	return &s->known[s->n_known++];
}

static void *run_thread(void *arg)
{
	struct run *r = arg;
	struct peer_schedule *s = r->s;
	pthread_setname_np(pthread_self(), "peer-run");
	enum err e = s->o.run(s->o.user, r->peer_id, r->direction, &s->stop);
	if (e != ERR_OK && e != ERR_CANCELLED && e != ERR_BUSY)
		log_debug("sync", "peer=%llu scheduled run: %s", (unsigned long long)r->peer_id,
			  err_name(e));
	pthread_mutex_lock(&s->lock);
	struct known *k = known_of(s, r->peer_id);
	if (k)
		k->runs = false;
	if (k && e != ERR_OK) { /* whose failure may not be in the state */
		k->pushed_seq = 0;
		k->not_before_ms = clock_boot_ms() + (e == ERR_BUSY ? s->o.tick_ms * 5 : PAUSE_MS);
	}
	s->running--;
	s->ended = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	free(r);
	return NULL;
}

/* Call with the lock held. */
static void start(struct peer_schedule *s, struct known *k, enum pass_direction d)
{
	struct run *r = malloc(sizeof(*r));
	pthread_attr_t attr;
	pthread_t t;
	if (!r)
		return;
	*r = (struct run){s, k->id, d};
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	k->runs = true;
	s->running++;
	if (pthread_create(&t, &attr, run_thread, r) != 0) {
		k->runs = false;
		s->running--;
		free(r);
	}
	pthread_attr_destroy(&attr);
}

/* ---- publications ---- */

/* An event that came published is one as well; changed by its elements it is published no more. */
static bool is_publication(const struct store_rtxn *t, const struct change *c)
{
	struct misp_event e;
	if (c->kind == CHANGE_TABLE(T_CLUSTER))
		return c->op == CHANGE_PUBLISH;
	if (c->kind != CHANGE_TABLE(T_EVENT) || c->op == CHANGE_DELETE)
		return false;
	return c->op == CHANGE_OPEN ||
	       (store_get(t, T_EVENT, c->id, NULL, &e) == ERR_OK && e.published);
}

/*
 * Read the new part of the change log. Publications start at most one push in each delay; the first ones after
 * a quiet time hardly wait: a chain of nodes would add up what each waits. True: a push is due.
 */
static bool look_for_publications(struct peer_schedule *s, const struct store_rtxn *t)
{
	struct change c;
	int64_t now = clock_boot_ms(), delay = (int64_t)s->o.push_delay_ms;
	bool news = false;
	while (s->scanned < store_seq(t) && store_change_next(t, &s->scanned, &c) == ERR_OK)
		if (is_publication(t, &c)) {
			s->published = c.seq;
			news = true;
		}
	if (!delay)
		return false;
	if (news && !s->first_ms)
		s->first_ms = now;
	if (!s->first_ms || now < s->first_ms + MIN(delay, FIRST_WAIT_MS) ||
	    (s->due_ms && now < s->due_ms + delay))
		return false;
	s->push_seq = s->published;
	s->first_ms = 0;
	s->due_ms = now;
	return true;
}

/* ---- what is due ---- */

struct candidate {
	uint64_t id;
	enum pass_direction d;
	int64_t at;
};

static bool direction_due(const struct peer_schedule *s, const struct store_rtxn *t,
			  const struct known *k, const struct misp_peer *row,
			  enum pass_direction d, struct arena *a, int64_t *at)
{
	struct misp_peerstate st;
	int64_t now = clock_now();
	if (peer_state_read(t, row->id, d, a, &st) != ERR_OK)
		return false;
	struct peer_due due = peer_due(row, &st, d, s->o.interval_s, k->since, now);
	*at = due.at;
	if (due.why == PEER_DUE_OFF || due.why == PEER_DUE_SUSPENDED)
		return false;
	bool waits = due.why == PEER_DUE_RETRY || (due.why == PEER_DUE_FIRST && due.at > now);
	if (d == PASS_PUSH && !waits && s->push_seq > st.covered && s->push_seq > k->pushed_seq) {
		*at = now;
		return true;
	}
	if (due.at > now)
		return false;
	char stamp[65] = "";
	if (s->o.stamp)
		s->o.stamp(s->o.user, stamp);
	return d == PASS_PULL || !peer_push_idle(&st, store_seq(t), s->o.stamp ? stamp : NULL, now);
}

/* The one that waits longest; false when none is due. Call with the lock held. */
static bool next_due(struct peer_schedule *s, const struct store_rtxn *t, struct candidate *best)
{
	OWN(arena) struct arena *a = arena_new(ROW_ARENA);
	struct misp_peer row;
	uint64_t id = 0;
	bool any = false;
	for (size_t i = 0; i < s->n_known; i++)
		s->known[i].seen = s->known[i].runs;
	while (a && store_next(t, T_PEER, &id, a, &row) == ERR_OK) {
		struct known *k = known_of(s, id);
		if (!k)
			return any;
		k->seen = true;
		bool rests = k->runs || clock_boot_ms() < k->not_before_ms;
		for (unsigned d = 0; d < 2 && !rests; d++) {
			int64_t at;
			if (direction_due(s, t, k, &row, (enum pass_direction)d, a, &at) &&
			    (!any || at < best->at)) {
				*best = (struct candidate){id, (enum pass_direction)d, at};
				any = true;
			}
		}
		arena_reset(a);
	}
	size_t n = 0; /* removed peers are forgotten */
	for (size_t i = 0; i < s->n_known; i++)
		if (s->known[i].seen)
			s->known[n++] = s->known[i];
	s->n_known = n;
	return any;
}

/* `all`: time for what is due by the clock; else only if publications or the end of a run make it worth while. */
static void look(struct peer_schedule *s, bool all)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct candidate c;
	if (store_read(s->o.store, &t, &f) != ERR_OK)
		return;
	all |= look_for_publications(s, t);
	pthread_mutex_lock(&s->lock);
	all |= s->ended;
	s->ended = false;
	unsigned free_runs = s->running < s->o.parallel ? s->o.parallel - s->running : 0;
	while (all && free_runs-- && !atomic_load(&s->stop) && next_due(s, t, &c)) {
		struct known *k = known_of(s, c.id);
		if (c.d == PASS_PUSH)
			k->pushed_seq = s->push_seq;
		start(s, k, c.d);
	}
	pthread_mutex_unlock(&s->lock);
}

static void *schedule_thread(void *arg)
{
	struct peer_schedule *s = arg;
	pthread_setname_np(pthread_self(), "peers");
	unsigned glance = s->o.push_delay_ms ? MIN(s->o.tick_ms, GLANCE_MS) : s->o.tick_ms;
	int64_t tick = 0;
	while (!atomic_load(&s->stop)) {
		struct timespec until;
		int64_t now = clock_boot_ms();
		look(s, now >= tick);
		if (now >= tick)
			tick = now + s->o.tick_ms;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += (long)(glance % 1000) * 1000000;
		until.tv_sec += glance / 1000 + until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_mutex_lock(&s->lock);
		if (!atomic_load(&s->stop))
			pthread_cond_timedwait(&s->wake, &s->lock, &until);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- start and stop ---- */

static void schedule_free(struct peer_schedule *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s->known);
	free(s);
}

/* What was published before the start counts as well: pushes that never were are made up for. */
static enum err begin(struct peer_schedule *s, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(s->o.store, &t, f));
	s->scanned = s->published = store_seq(t);
	return ERR_OK;
}

enum err peer_schedule_start(const struct peer_schedule_opts *o, struct peer_schedule **out,
			     struct fail *f)
{
	struct peer_schedule *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	s->o = *o;
	s->o.parallel = MIN(o->parallel ? o->parallel : 4, (unsigned)PARALLEL_MAX);
	s->o.tick_ms = o->tick_ms ? o->tick_ms : 1000;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	enum err e = begin(s, f);
	if (e == ERR_OK && pthread_create(&s->thread, NULL, schedule_thread, s) != 0)
		e = fail(f, ERR_NOMEM, "cannot start a thread");
	if (e != ERR_OK) {
		schedule_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void peer_schedule_stop(struct peer_schedule *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	while (s->running)
		pthread_cond_wait(&s->wake, &s->lock);
	pthread_mutex_unlock(&s->lock);
	schedule_free(s);
}
