/*
 * queue.c - entries that nobody waits for: a table of bounded size, emptied twice a second by one job.
 *
 * The first of equal entries is written with the next job; those that follow within the window of their
 * action are counted and written as one record when the window ends. What finds no place is counted
 * by the room that was full, and recorded.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "audit/search.h"
#include "base/clock.h"
#include "base/log.h"

#define SLOTS 4096u /* a power of two */
#define SLOTS_USED (SLOTS / 2)
#define NOBODY_MAX 128u /* of them, for strangers: 128 records a minute at most */
#define BATCH 1024u
#define PERIOD_MS 500
#define TRIM_MS INT64_C(3600000)
#define TRIM_FIRST_MS 60000 /* after the start */
#define TRIM_STEPS 10u /* jobs at a time */

struct slot {
	bool used, fresh; /* fresh: not yet written for the first time */
	bool taken; /* in the batch that is being written */
	uint64_t count; /* since it was last written */
	int64_t until_ms; /* end of its window */
	uint64_t digest, order; /* of arrival */
	struct audit_entry e; /* its texts are the members below */
	char name[AUDIT_NAME_MAX], address[64], text[AUDIT_TEXT_MAX], second[AUDIT_NAME_MAX];
};

struct audit_queue {
	struct store *store;
	struct audit_queue_opts opts;
	int64_t trimmed_ms; /* when it was last asked for */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	struct slot *slots;
	unsigned used, nobody;
	uint64_t arrived;
	uint64_t lost, lost_nobody; /* entries without a place, not yet recorded */
	uint64_t rounds, wanted; /* flushes done and asked for */
	enum err last_err;
	bool stopping;
	/* of the thread alone */
	struct due {
		uint64_t order, count;
		uint32_t slot;
	} batch[BATCH];
	unsigned n_batch;
	uint64_t say_lost, say_lost_nobody;
};

/* ---- taking in ---- */

static uint64_t digest_of(const struct audit_entry *e)
{
	struct {
		uint64_t action, outcome, kind, id, key_id, object_id, status;
		struct uuid org, object;
		uint64_t name, address, text, second, what;
	} k = {.action = e->action,
	       .outcome = e->outcome,
	       .kind = e->who.kind,
	       .id = e->who.id,
	       .key_id = e->who.key_id,
	       .object_id = e->id,
	       .status = e->status,
	       .org = e->who.org,
	       .object = e->object,
	       .name = hash_64(e->who.name.p, e->who.name.n, 1),
	       .address = hash_64(e->who.address.p, e->who.address.n, 2),
	       .text = hash_64(e->text.p, e->text.n, 3),
	       .second = hash_64(e->second.p, e->second.n, 4),
	       .what = e->kind ? hash_64(e->kind, strlen(e->kind), 5) : 0};
	return hash_64(&k, sizeof(k), 6);
}

static struct str keep(char *to, size_t max, struct str s)
{
	size_t n = MIN(s.n, max);
	if (n)
		memcpy(to, s.p, n);
	return s.p ? (struct str){to, n} : STR_NONE;
}

static void slot_fill(struct slot *s, const struct audit_entry *e, uint64_t digest, uint64_t count)
{
	*s = (struct slot){.used = true, .fresh = true, .count = count, .digest = digest};
	s->until_ms = clock_boot_ms() + (int64_t)audit_action_window(e->action) * 1000;
	s->e = *e;
	s->e.who.name = keep(s->name, sizeof(s->name), e->who.name);
	s->e.who.address = keep(s->address, sizeof(s->address), e->who.address);
	s->e.text = keep(s->text, sizeof(s->text), e->text);
	s->e.second = keep(s->second, sizeof(s->second), e->second);
}

/* The slot of an equal entry, or the free one where it belongs. Half of them are free always. */
static struct slot *slot_of(struct audit_queue *q, uint64_t digest)
{
	uint32_t i = (uint32_t)digest & (SLOTS - 1);
	while (q->slots[i].used && q->slots[i].digest != digest)
		i = (i + 1) & (SLOTS - 1);
	return &q->slots[i];
}

void audit_later(struct audit_queue *q, const struct audit_entry *e)
{
	uint64_t count = MAX(e->count, 1), digest;
	bool nobody = e->who.kind == AUDIT_BY_NOBODY;
	if (!q)
		return;
	digest = digest_of(e);
	pthread_mutex_lock(&q->lock);
	struct slot *s = slot_of(q, digest);
	if (s->used) {
		s->count += count;
	} else if (q->used >= SLOTS_USED || (nobody && q->nobody >= NOBODY_MAX)) {
		*(nobody ? &q->lost_nobody : &q->lost) += count;
	} else {
		slot_fill(s, e, digest, count);
		s->order = ++q->arrived;
		q->used++;
		q->nobody += nobody;
	}
	pthread_mutex_unlock(&q->lock);
}

/* ---- writing ---- */

static bool is_due(const struct slot *s, int64_t now, bool all)
{
	return s->used && !s->taken && s->count && (s->fresh || all || now >= s->until_ms);
}

static int by_arrival(const void *a, const void *b)
{
	const struct due *x = a, *y = b;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Choose what is written now. Under the lock. */
static void choose(struct audit_queue *q, bool all)
{
	int64_t now = clock_boot_ms();
	q->n_batch = 0;
	for (uint32_t i = 0; q->used && i < SLOTS && q->n_batch < BATCH; i++) {
		struct slot *s = &q->slots[i];
		if (!is_due(s, now, all))
			continue;
		s->taken = true;
		q->batch[q->n_batch++] = (struct due){s->order, s->count, i};
	}
	qsort(q->batch, q->n_batch, sizeof(q->batch[0]), by_arrival);
	q->say_lost = q->lost;
	q->say_lost_nobody = q->lost_nobody;
}

static enum err say_lost(struct store_wtxn *w, uint64_t n, const char *of, struct fail *f)
{
	struct audit_entry e = {.action = AUDIT_overflow,
				.outcome = AUDIT_FAILED,
				.who = {.kind = AUDIT_BY_SYSTEM},
				.count = n,
				.text = str_c(of)};
	return n ? audit_add(w, &e, f) : ERR_OK;
}

/* Slots that are taken keep their entry until they are settled: only their counts may grow. */
static enum err run_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct audit_queue *q = arg;
	for (unsigned i = 0; i < q->n_batch; i++) {
		struct audit_entry e = q->slots[q->batch[i].slot].e;
		e.count = q->batch[i].count;
		TRY(audit_add(w, &e, f));
	}
	TRY(say_lost(w, q->say_lost, "entries of known callers, jobs and users", f));
	return say_lost(w, q->say_lost_nobody, "refusals of callers without a valid key", f);
}

/* Take a slot out; those behind it that probed past it move up. */
static void slot_remove(struct audit_queue *q, uint32_t i)
{
	uint32_t hole = i;
	q->used--;
	q->nobody -= q->slots[i].e.who.kind == AUDIT_BY_NOBODY;
	q->slots[i].used = false;
	for (uint32_t k = (i + 1) & (SLOTS - 1); q->slots[k].used; k = (k + 1) & (SLOTS - 1)) {
		uint32_t home = (uint32_t)q->slots[k].digest & (SLOTS - 1);
		if (((k - home) & (SLOTS - 1)) < ((k - hole) & (SLOTS - 1)))
			continue;
		slot_fill(&q->slots[hole], &q->slots[k].e, q->slots[k].digest, q->slots[k].count);
		q->slots[hole].fresh = q->slots[k].fresh;
		q->slots[hole].order = q->slots[k].order;
		q->slots[hole].until_ms = q->slots[k].until_ms;
		q->slots[k].used = false;
		hole = k;
	}
}

static void settle(struct audit_queue *q, enum err e)
{
	int64_t now = clock_boot_ms();
	for (unsigned i = 0; i < q->n_batch; i++) {
		struct slot *s = &q->slots[q->batch[i].slot];
		s->taken = false;
		if (e != ERR_OK)
			continue;
		s->count -= q->batch[i].count;
		if (!s->fresh)
			s->until_ms = now + (int64_t)audit_action_window(s->e.action) * 1000;
		s->fresh = false;
	}
	if (e != ERR_OK)
		return;
	q->lost -= q->say_lost;
	q->lost_nobody -= q->say_lost_nobody;
}

/* Forget those whose window is over without another. */
static void expire(struct audit_queue *q)
{
	int64_t now = clock_boot_ms();
	for (uint32_t i = 0; i < SLOTS && q->used;) {
		struct slot *s = &q->slots[i];
		if (s->used && !s->fresh && !s->count && now >= s->until_ms)
			slot_remove(q, i); /* another may have moved here */
		else
			i++;
	}
}

/* One round; true when there is more at once. Called and left with the lock held. */
static bool round_once(struct audit_queue *q, bool all)
{
	struct fail f = {0};
	enum err e = ERR_OK;
	choose(q, all);
	if (q->n_batch || q->say_lost || q->say_lost_nobody) {
		pthread_mutex_unlock(&q->lock);
		e = store_run(q->store, run_write, q, &f);
		pthread_mutex_lock(&q->lock);
		if (e != ERR_OK)
			log_error("audit", "records=%u not written: %s", q->n_batch,
				  log_val(str_c(f.text)));
	}
	settle(q, e);
	expire(q);
	q->last_err = e;
	return e == ERR_OK && q->n_batch == BATCH;
}

static void wait_a_period(struct audit_queue *q)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += PERIOD_MS * 1000000L;
	at.tv_sec += at.tv_nsec / 1000000000L;
	at.tv_nsec %= 1000000000L;
	while (!q->stopping && q->wanted <= q->rounds)
		if (pthread_cond_timedwait(&q->wake, &q->lock, &at) != 0)
			return;
}

/* Without the lock: what comes meanwhile waits in its slots. */
static void trim(struct audit_queue *q)
{
	int64_t boot = clock_boot_ms(), now;
	bool trusted = false, more = false;
	uint64_t removed;
	struct fail f = {0};
	if (!q->opts.days || !q->opts.now || boot - q->trimmed_ms < TRIM_MS)
		return;
	now = q->opts.now(q->opts.user, &trusted);
	enum err e = trusted ? audit_trim(q->store, now, q->opts.days, TRIM_STEPS, &removed, &more,
					  &f) : ERR_OK;
	if (e != ERR_OK)
		log_warn("audit", "trimming=%s detail=%s", err_name(e), log_val(str_c(f.text)));
	if (!more)
		q->trimmed_ms = boot;
}

static void *queue_main(void *arg)
{
	struct audit_queue *q = arg;
	pthread_setname_np(pthread_self(), "audit");
	pthread_mutex_lock(&q->lock);
	for (bool last = false; !last;) {
		wait_a_period(q);
		last = q->stopping;
		uint64_t asked = q->wanted;
		while (round_once(q, last))
			;
		q->rounds = MAX(q->rounds, asked);
		pthread_cond_broadcast(&q->idle);
		pthread_mutex_unlock(&q->lock);
		if (!last)
			trim(q);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

enum err audit_queue_start(const struct audit_queue_opts *o, struct audit_queue **out,
			   struct fail *f)
{
	struct audit_queue *q = calloc(1, sizeof(*q));
	struct slot *slots = calloc(SLOTS, sizeof(*slots));
	pthread_condattr_t attr;
	*out = NULL;
	if (!q || !slots) {
		free(q);
		free(slots);
		return fail(f, ERR_NOMEM, "no memory for the audit log");
	}
	q->store = o->store;
	q->opts = *o;
	q->trimmed_ms = clock_boot_ms() - TRIM_MS + TRIM_FIRST_MS;
	q->slots = slots;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&q->idle, NULL);
	int rc = pthread_create(&q->thread, NULL, queue_main, q);
	if (rc) {
		free(slots);
		free(q);
		return fail_errno(f, ERR_NOMEM, rc, "cannot start the audit log");
	}
	*out = q;
	return ERR_OK;
}

enum err audit_queue_flush(struct audit_queue *q, struct fail *f)
{
	if (!q)
		return ERR_OK;
	pthread_mutex_lock(&q->lock);
	uint64_t mine = ++q->wanted;
	pthread_cond_signal(&q->wake);
	while (q->rounds < mine && !q->stopping)
		pthread_cond_wait(&q->idle, &q->lock);
	enum err e = q->last_err;
	pthread_mutex_unlock(&q->lock);
	return e == ERR_OK ? ERR_OK : fail(f, e, "the audit log could not be written");
}

void audit_queue_stop(struct audit_queue *q)
{
	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->stopping = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->wake);
	pthread_cond_destroy(&q->idle);
	free(q->slots);
	free(q);
}
