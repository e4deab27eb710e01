/*
 * subs.c - the thread that keeps all subscriptions, and the list of them: what is in the table and
 * enabled is there, in turns of one commit each, so that a long filling holds up nobody else.
 */
#include "subs/subs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "subs/internal.h"

#define TICK_MS 150 /* a change is to be at a sensor within a second */
#define RETRY_MS 5000 /* after a failure */
#define REST_TIMES 4 /* as much rest as the writing of a file took */
#define SUBS_MAX 1000
#define WAITERS_MAX 1024

struct subs {
	struct subs_opts o;
	char dir[4000], files_dir[4000];
	pthread_t thread;
	pthread_mutex_t lock; /* of the list and what follows */
	pthread_cond_t wake;
	struct sub *v[SUBS_MAX];
	size_t n;
	struct sub_waiter *waiter[WAITERS_MAX];
	size_t n_waiters;
	bool look, tidy;
	atomic_bool stop;
	atomic_uint_fast64_t rounds;
};

static const char *const state_names[] = {"filling", "ready", "failed"};

const char *sub_state_name(enum sub_state s)
{
	return state_names[s];
}

/* ---- one subscription ---- */

struct sub *sub_ref(struct sub *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void sub_unref(struct sub *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	set_close(s->set);
	if (s->doomed)
		folder_remove(s->dir);
	sub_conf_unref(s->conf);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->making);
	free(s);
}

struct sub_conf *sub_conf(struct sub *s)
{
	pthread_mutex_lock(&s->lock);
	struct sub_conf *c = sub_conf_ref(s->conf);
	pthread_mutex_unlock(&s->lock);
	return c;
}

/* Was the set filled by the policy that is in force, and by this row? Else nothing of it is shown. */
static bool is_current(struct sub *s, const struct set_read *r, const struct sub_conf *c)
{
	struct str v = set_read_note(r, "cursor"), seq, policy, stamp;
	struct policy *p = s->env->policy(s->env->user);
	struct audience aud;
	v = str_split(v, ' ', &seq);
	v = str_split(v, ' ', &policy);
	v = str_split(v, ' ', &stamp);
	bool same = str_is(policy, policy_version(p)) && str_is(v, c->digest) &&
		    policy_audience_named(p, str_c(c->audience), &aud) == ERR_OK &&
		    aud.kind == AUD_EXPORT;
	policy_unref(p);
	return same;
}

enum err sub_read(struct sub *s, struct set_read **out, struct sub_conf **conf, struct fail *f)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(sub_conf) struct sub_conf *c = sub_conf(s);
	*out = NULL;
	*conf = NULL;
	TRY(set_read_open(s->set, &r, f));
	if (!set_read_info(r).ready || !is_current(s, r, c))
		return fail(f, ERR_AGAIN, "the export %s is being filled", c->name);
	*out = MOVE(r);
	*conf = MOVE(c);
	return ERR_OK;
}

void sub_note_taken(struct sub *s, uint64_t version)
{
	atomic_store(&s->taken, version);
}

bool sub_was_taken(const struct sub *s, uint64_t version)
{
	return version && atomic_load(&s->taken) == version;
}

void sub_status(struct sub *s, struct sub_status *out)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(sub_conf) struct sub_conf *c = NULL;
	struct set_info i = set_info(s->set);
	pthread_mutex_lock(&s->lock);
	*out = s->status;
	pthread_mutex_unlock(&s->lock);
	out->set = i;
	if (out->state != SUB_FAILED)
		out->state = i.ready && sub_read(s, &r, &c, NULL) == ERR_OK ? SUB_READY : SUB_FILLING;
}

bool sub_may_show(struct sub *s, const struct set_read *r)
{
	OWN(sub_conf) struct sub_conf *c = sub_conf(s);
	return is_current(s, r, c);
}

static enum err sub_open(struct subs *p, struct sub_conf *c, struct sub **out, struct fail *f)
{
	struct sub *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	s->id = c->id;
	s->env = p->o.env;
	snprintf(s->dir, sizeof(s->dir), "%s/%llu", p->dir, (unsigned long long)c->id);
	enum err e = set_open(s->dir, &c->rules, &s->set, f);
	if (e == ERR_CORRUPT) {
		log_warn("subs", "export=%s err=%s detail=%s: made anew", c->name, err_name(e),
			 f ? log_val(str_c(f->text)) : "-");
		folder_remove(s->dir);
		e = set_open(s->dir, &c->rules, &s->set, f);
	}
	if (e != ERR_OK) {
		free(s);
		return e;
	}
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->making, NULL);
	s->conf = sub_conf_ref(c);
	published_read(s->dir, s->published);
	*out = s;
	return ERR_OK;
}

/* ---- rows ---- */

static struct sub *find_id(struct subs *p, uint64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i]->id == id)
			return p->v[i];
	return NULL;
}

/* Another row: what is in the set by the old one is not current any more from here on (is_current). */
static void row_change(struct sub *s, struct sub_conf *c)
{
	struct sub_conf *old = s->conf;
	pthread_mutex_lock(&s->lock);
	s->conf = sub_conf_ref(c);
	pthread_mutex_unlock(&s->lock);
	set_rule(s->set, &c->rules);
	s->retry_ms = 0;
	s->written = 0;
	sub_conf_unref(old);
}

static void row_take(struct subs *p, struct sub_conf *c, bool *changed)
{
	struct sub *s = find_id(p, c->id);
	struct fail f = {0};
	if (s) {
		s->seen = true;
		if (strcmp(s->conf->digest, c->digest) != 0 || strcmp(s->conf->name, c->name) != 0 ||
		    strcmp(s->conf->path, c->path) != 0) {
			row_change(s, c);
			*changed = true;
		}
		return;
	}
	if (p->n == SUBS_MAX) {
		log_warn("subs", "export=%s detail=\"there are too many\"", c->name);
		return;
	}
	enum err e = sub_open(p, c, &s, &f);
	if (e != ERR_OK) {
		log_warn("subs", "export=%s err=%s detail=%s", c->name, err_name(e),
			 log_val(str_c(f.text)));
		return;
	}
	s->seen = true;
	pthread_mutex_lock(&p->lock);
	p->v[p->n++] = s;
	pthread_mutex_unlock(&p->lock);
	*changed = true;
}

static bool row_is_there(struct subs *p, const struct store_rtxn *t, uint64_t id)
{
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct misp_subscr row;
	(void)p;
	return !a || store_get(t, T_SUBSCR, id, a, &row) != ERR_NOENT;
}

static void rows_drop(struct subs *p, const struct store_rtxn *t, bool *changed)
{
	for (size_t i = 0; i < p->n;) {
		struct sub *s = p->v[i];
		if (s->seen) {
			i++;
			continue;
		}
		s->doomed = !row_is_there(p, t, s->id);
		sub_withdraw(s, p->files_dir);
		pthread_mutex_lock(&p->lock);
		p->v[i] = p->v[--p->n];
		pthread_mutex_unlock(&p->lock);
		sub_unref(s);
		*changed = true;
	}
}

static void rows_read(struct subs *p)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct misp_subscr row;
	struct fail f = {0};
	uint64_t id = 0;
	enum err e;
	bool changed = false;
	if (!a || store_read(p->o.env->store, &t, &f) != ERR_OK)
		return;
	if (!p->tidy)
		folders_tidy(p->dir, p->files_dir, t);
	p->tidy = true;
	for (size_t i = 0; i < p->n; i++)
		p->v[i]->seen = false;
	while ((e = store_next(t, T_SUBSCR, &id, a, &row)) == ERR_OK) {
		OWN(sub_conf) struct sub_conf *c = NULL;
		if (row.enabled && sub_conf_read(&row, p->o.env->base_url, p->o.env->host_org_name, &c,
						 NULL, &f) != ERR_OK)
			log_warn("subs", "subscription=%llu detail=%s", (unsigned long long)id,
				 log_val(str_c(f.text)));
		if (c)
			row_take(p, c, &changed);
		arena_reset(a);
	}
	if (e == ERR_NOENT)
		rows_drop(p, t, &changed);
	if (changed && p->o.changed)
		p->o.changed(p->o.user);
}

/* ---- work ---- */

static void failed(struct sub *s, enum err e, const struct fail *f)
{
	pthread_mutex_lock(&s->lock);
	bool new = strcmp(s->status.error, f->text) != 0;
	s->status.state = SUB_FAILED;
	snprintf(s->status.error, sizeof(s->status.error), "%s", f->text);
	pthread_mutex_unlock(&s->lock);
	s->retry_ms = clock_boot_ms() + RETRY_MS;
	metric_add(M_EXPORT_STEPS, e, 0, 1);
	if (new)
		log_warn("subs", "export=%s err=%s detail=%s", s->conf->name, err_name(e),
			 log_val(str_c(f->text)));
}

static void went_well(struct sub *s)
{
	pthread_mutex_lock(&s->lock);
	s->status.state = SUB_FILLING; /* or ready: sub_status() looks */
	s->status.error[0] = 0;
	pthread_mutex_unlock(&s->lock);
	s->retry_ms = 0;
}

/* What may not be read is not in the folder of exports either, nor what is to have another name. */
static void withhold(struct subs *p, struct sub *s)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(sub_conf) struct sub_conf *c = NULL;
	if (s->published[0] && (strcmp(s->published, s->conf->path) != 0 || sub_read(s, &r, &c, NULL) != ERR_OK))
		sub_withdraw(s, p->files_dir);
}

static void publish(struct subs *p, struct sub *s)
{
	struct fail f = {0};
	int64_t begun = clock_boot_ms();
	if (!s->conf->path[0] || !p->files_dir[0] || s->written == set_info(s->set).serial ||
	    begun < s->rest_until_ms)
		return;
	enum err e = sub_publish(s, p->files_dir, &f);
	s->rest_until_ms = clock_boot_ms() + REST_TIMES * (clock_boot_ms() - begun);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		s->rest_until_ms += RETRY_MS;
		log_warn("subs", "export=%s file=%s err=%s detail=%s", s->conf->name, s->conf->path,
			 err_name(e), log_val(str_c(f.text)));
	}
}

/* One commit of each. True: there is more to do at once. */
static bool turn(struct subs *p)
{
	bool more = false, changed = false;
	for (size_t i = 0; i < p->n && !atomic_load(&p->stop); i++) {
		struct sub *s = p->v[i];
		struct fail f = {0};
		bool again = false;
		withhold(p, s);
		if (clock_boot_ms() < s->retry_ms)
			continue;
		enum err e = sub_step(s, p->o.env, &p->stop, &again, &f);
		if (e != ERR_OK)
			failed(s, e, &f);
		else
			went_well(s);
		more |= e == ERR_OK && again;
		struct set_info info = set_info(s->set);
		if (info.serial != s->told || info.ready != s->told_ready) {
			s->told = info.serial;
			s->told_ready = info.ready;
			changed = true;
		}
		if (info.ready)
			publish(p, s);
	}
	if (changed && p->o.changed)
		p->o.changed(p->o.user);
	return more;
}

/* ---- those who wait for a change ---- */

enum err subs_wait(struct subs *p, struct sub_waiter *w)
{
	enum err e = ERR_OK;
	pthread_mutex_lock(&p->lock);
	if (p->n_waiters == WAITERS_MAX || atomic_load(&p->stop))
		e = ERR_BUSY;
	else
		p->waiter[p->n_waiters++] = w;
	pthread_mutex_unlock(&p->lock);
	return e;
}

size_t subs_waiting(struct subs *p)
{
	pthread_mutex_lock(&p->lock);
	size_t n = p->n_waiters;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static bool is_due(const struct sub_waiter *w, int64_t now_ms)
{
	struct set_info i = set_info(w->sub->set);
	return now_ms >= w->until_ms || i.serial != w->since || !i.ready;
}

static void waiters_tell(struct subs *p, bool all)
{
	struct sub_waiter *due[WAITERS_MAX];
	size_t n = 0;
	int64_t now = clock_boot_ms();
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n_waiters;)
		if (all || is_due(p->waiter[i], now)) {
			due[n++] = p->waiter[i];
			p->waiter[i] = p->waiter[--p->n_waiters];
		} else {
			i++;
		}
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < n; i++)
		due[i]->fn(due[i]);
}

static void doze(struct subs *p)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += (long)TICK_MS * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	if (!p->look && !atomic_load(&p->stop))
		pthread_cond_timedwait(&p->wake, &p->lock, &t);
}

static void *run(void *arg)
{
	struct subs *p = arg;
	pthread_setname_np(pthread_self(), "subs");
	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stop)) {
		bool look = p->look;
		p->look = false;
		pthread_mutex_unlock(&p->lock);
		if (look)
			rows_read(p);
		bool more = turn(p);
		waiters_tell(p, false);
		atomic_fetch_add(&p->rounds, !more);
		pthread_mutex_lock(&p->lock);
		if (!more)
			doze(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- from outside ---- */

static enum err folder_make(const char *dir, mode_t mode, struct fail *f)
{
	if (mkdir(dir, mode) < 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", dir);
	return ERR_OK;
}

enum err subs_start(const struct subs_opts *o, struct subs **out, struct fail *f)
{
	struct subs *p = calloc(1, sizeof(*p));
	*out = NULL;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	p->o = *o;
	snprintf(p->dir, sizeof(p->dir), "%s", o->dir);
	snprintf(p->files_dir, sizeof(p->files_dir), "%s", o->files_dir ? o->files_dir : "");
	p->look = true;
	enum err e = folder_make(p->dir, 0700, f);
	if (e == ERR_OK && o->files_dir)
		e = folder_make(o->files_dir, 0755, f);
	if (e != ERR_OK) {
		free(p);
		return e;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		pthread_mutex_destroy(&p->lock);
		pthread_cond_destroy(&p->wake);
		free(p);
		return fail(f, ERR_NOMEM, "cannot start a thread");
	}
	*out = p;
	return ERR_OK;
}

void subs_look(struct subs *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->look = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

uint64_t subs_rounds(const struct subs *p)
{
	return atomic_load(&p->rounds);
}

void subs_quit(struct subs *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	waiters_tell(p, true);
}

void subs_free(struct subs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		sub_unref(p->v[i]);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}

struct sub *subs_get(struct subs *p, struct str name)
{
	struct sub *s = NULL;
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n && !s; i++) {
		pthread_mutex_lock(&p->v[i]->lock);
		if (str_is(name, p->v[i]->conf->name))
			s = sub_ref(p->v[i]);
		pthread_mutex_unlock(&p->v[i]->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return s;
}
