/*
 * openings.c - a heap of (time, event) fed from the change log, emptied into the change log.
 */
#include "egress/openings.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "egress/view.h"

#define TICK_MS 200
#define BATCH 1000
#define AUDIENCES_MAX 256
#define KV_DONE "egress/openings/done"

struct opening {
	int64_t at;
	uint64_t event_id;
};

struct openings {
	const struct egress_env *env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop, rescan;
	uint64_t seq; /* change log followed up to here */
	int64_t done; /* openings up to this time are written */
	struct opening *heap;
	size_t n, cap;
};

/* ---- heap, the soonest first ---- */

static void heap_up(struct opening *h, size_t i)
{
	while (i && h[(i - 1) / 2].at > h[i].at) {
		struct opening t = h[i];
		h[i] = h[(i - 1) / 2];
		h[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

static void heap_down(struct opening *h, size_t n, size_t i)
{
	for (;;) {
		size_t least = i, l = 2 * i + 1;
		if (l < n && h[l].at < h[least].at)
			least = l;
		if (l + 1 < n && h[l + 1].at < h[least].at)
			least = l + 1;
		if (least == i)
			return;
		struct opening t = h[i];
		h[i] = h[least];
		h[least] = t;
		i = least;
	}
}

static enum err heap_add(struct openings *o, int64_t at, uint64_t event_id)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 256;
		struct opening *h = realloc(o->heap, cap * sizeof(*h));
		if (!h)
			return ERR_NOMEM;
		o->heap = h;
		o->cap = cap;
	}
	o->heap[o->n] = (struct opening){at, event_id};
	heap_up(o->heap, o->n++);
	return ERR_OK;
}

static struct opening heap_pop(struct openings *o)
{
	struct opening first = o->heap[0];
	o->heap[0] = o->heap[--o->n];
	heap_down(o->heap, o->n, 0);
	return first;
}

/* ---- which times an event opens at ---- */

/* The policy's audiences, and one peer of each class for those without a row. */
static unsigned audiences(const struct policy *p, struct audience *out)
{
	static const enum audience_kind kinds[] = {AUD_PEER, AUD_FEED, AUD_EXPORT, AUD_STREAM};
	unsigned n = 0;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
		for (unsigned i = 0; n < AUDIENCES_MAX; i++, n++)
			if (policy_audience_nth(p, kinds[k], i, &out[n]) != ERR_OK)
				break;
	struct caller stranger = {.kind = AUD_PEER, .perm_sync = true};
	if (n < AUDIENCES_MAX)
		policy_audience(p, &stranger, &out[n++]);
	return n;
}

/* Times after `after` at which the event opens for one of the audiences. The view is used as each
   of them in turn. */
static enum err judge(struct openings *o, struct view *v, uint64_t event_id,
		      const struct audience *auds, unsigned n, int64_t after)
{
	struct subject s;
	int64_t last = 0;
	arena_reset(v->scratch);
	enum err e = view_subject(v, event_id, v->scratch, &s);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	int64_t now = v->facts.now;
	v->facts.now = after; /* as things stood then: what has opened since is due */
	for (unsigned i = 0; i < n && e == ERR_OK; i++) {
		v->audience = auds[i];
		struct verdict d = gate_judge(&v->gate, &s.s);
		if (d.outcome == GATE_HOLD && d.until != INT64_MAX && d.until != last)
			e = heap_add(o, last = d.until, event_id);
	}
	v->facts.now = now;
	return e;
}

struct pass {
	struct view *view;
	struct policy *policy;
	struct audience auds[AUDIENCES_MAX];
	unsigned n;
};

static enum err pass_begin(struct openings *o, struct pass *p, struct fail *f)
{
	struct audience any = {.kind = AUD_PEER};
	*p = (struct pass){.policy = o->env->policy(o->env->user)};
	p->n = audiences(p->policy, p->auds);
	return view_open_as(o->env, &any, &p->view, f);
}

static void pass_end(struct pass *p)
{
	view_close(p->view);
	policy_unref(p->policy);
}

/* Everything, at the start and after a change of policy. */
static enum err scan_all(struct openings *o, struct fail *f)
{
	struct pass *p = calloc(1, sizeof(*p));
	uint64_t id = 0;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = pass_begin(o, p, f);
	if (e == ERR_OK) {
		o->n = 0;
		o->seq = store_seq(p->view->txn);
		while (e == ERR_OK && !policy_is_misp_compat(p->policy) &&
		       (e = store_next(p->view->txn, T_EVENT, &id, NULL, NULL)) == ERR_OK)
			e = judge(o, p->view, id, p->auds, p->n, o->done);
		e = e == ERR_NOENT ? ERR_OK : e;
	}
	pass_end(p);
	free(p);
	return e;
}

/* Is there anything new in the change log? */
static enum err log_grew(struct openings *o, bool *grew, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(o->env->store, &t, f));
	*grew = store_seq(t) != o->seq;
	return ERR_OK;
}

/* What has changed since. */
static enum err follow(struct openings *o, struct fail *f)
{
	bool grew;
	TRY(log_grew(o, &grew, f));
	if (!grew)
		return ERR_OK;
	struct pass *p = calloc(1, sizeof(*p));
	struct change c;
	uint64_t last = 0;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = pass_begin(o, p, f);
	bool compat = policy_is_misp_compat(p->policy);
	while (e == ERR_OK && (e = store_change_next(p->view->txn, &o->seq, &c)) == ERR_OK)
		if (!compat && c.kind == CHANGE_TABLE(T_EVENT) && c.op != CHANGE_DELETE &&
		    c.op != CHANGE_OPEN && c.id != last)
			e = judge(o, p->view, last = c.id, p->auds, p->n, o->done);
	pass_end(p);
	free(p);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* ---- writing what has opened ---- */

struct due {
	uint64_t ids[BATCH];
	unsigned n;
	int64_t upto;
};

static enum err run_open(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct due *d = arg;
	for (unsigned i = 0; i < d->n; i++) {
		struct misp_event e;
		enum err err = store_get(store_view(w), T_EVENT, d->ids[i], NULL, &e);
		if (err == ERR_NOENT)
			continue;
		TRY(err);
		struct change c = {.op = CHANGE_OPEN,
				   .kind = CHANGE_TABLE(T_EVENT),
				   .id = e.id,
				   .event_id = e.id,
				   .uuid = e.uuid,
				   .time = clock_now(),
				   .origin = {.kind = ORIGIN_SYSTEM}};
		TRY(store_change(w, &c, f));
	}
	return store_kv_put(w, STR(KV_DONE),
			    (struct str){(const char *)&d->upto, sizeof(d->upto)}, f);
}

static enum err open_due(struct openings *o, struct fail *f)
{
	struct due d = {0};
	bool trusted;
	int64_t now = o->env->now(o->env->user, &trusted);
	if (!trusted || !o->n || o->heap[0].at > now)
		return ERR_OK;
	while (o->n && o->heap[0].at <= now && d.n < BATCH) {
		struct opening first = heap_pop(o);
		d.upto = first.at;
		if (!d.n || d.ids[d.n - 1] != first.event_id)
			d.ids[d.n++] = first.event_id;
	}
	TRY(store_run(o->env->store, run_open, &d, f));
	o->done = MAX(o->done, d.upto);
	log_info("embargo", "opened=%u until=%lld", d.n, (long long)d.upto);
	return ERR_OK;
}

/* ---- the thread ---- */

static void sleep_tick(struct openings *o)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += TICK_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	pthread_cond_timedwait(&o->wake, &o->lock, &t);
}

static void *run(void *arg)
{
	struct openings *o = arg;
	pthread_setname_np(pthread_self(), "openings");
	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		struct fail f = {0};
		bool all = o->rescan;
		o->rescan = false;
		pthread_mutex_unlock(&o->lock);
		enum err e = all ? scan_all(o, &f) : follow(o, &f);
		if (e == ERR_OK)
			e = open_due(o, &f);
		if (e != ERR_OK)
			log_warn("embargo", "err=%s detail=%s", err_name(e), log_val(str_c(f.text)));
		pthread_mutex_lock(&o->lock);
		o->rescan |= all && e != ERR_OK;
		if (!o->stop)
			sleep_tick(o);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* What was written last before the restart; a new store begins now. */
static enum err load_done(struct openings *o, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str v;
	bool trusted;
	TRY(store_read(o->env->store, &t, f));
	o->done = o->env->now(o->env->user, &trusted);
	if (store_kv_get(t, STR(KV_DONE), &v) == ERR_OK && v.n == sizeof(o->done))
		memcpy(&o->done, v.p, v.n);
	return ERR_OK;
}

enum err openings_start(const struct egress_env *env, struct openings **out, struct fail *f)
{
	struct openings *o = calloc(1, sizeof(*o));
	*out = NULL;
	if (!o)
		return fail(f, ERR_NOMEM, "no memory");
	o->env = env;
	o->rescan = true;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->wake, NULL);
	enum err e = load_done(o, f);
	if (e == ERR_OK && pthread_create(&o->thread, NULL, run, o) != 0)
		e = fail_errno(f, ERR_NOMEM, errno, "cannot start a thread");
	if (e != ERR_OK) {
		pthread_mutex_destroy(&o->lock);
		pthread_cond_destroy(&o->wake);
		free(o);
		return e;
	}
	*out = o;
	return ERR_OK;
}

void openings_rescan(struct openings *o)
{
	pthread_mutex_lock(&o->lock);
	o->rescan = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
}

uint64_t openings_pending(struct openings *o)
{
	return o->n;
}

void openings_stop(struct openings *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->wake);
	free(o->heap);
	free(o);
}
