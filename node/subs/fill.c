/*
 * fill.c - from changes of the store to contributions of a set: which events to look at, asked for as the
 * audience would ask, put into the set, recorded as sent, and committed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "egress/follow.h"
#include "feeds/export/indicators.h"
#include "lists/lists.h"
#include "metrics/metrics.h"
#include "subs/internal.h"

#define BATCH 64 /* events in one search */
#define STEP_EVENTS 2048 /* in one commit, while a set is being filled */
#define STEP_MS 300 /* a commit does not wait longer */
#define PULL (256u << 10)
#define CHUNK_MAX (256u << 20) /* what egress lets a chunk grow to */
#define TRIES 3 /* when an event changes while it is read */
#define EXPIRE_AT_ONCE 20000
#define DECAY_LOOK_S 3600 /* how often scores are asked again */
#define RECEIPTS (STEP_EVENTS / BATCH + 2)

struct todo {
	uint64_t id;
	struct uuid uuid; /* what a deletion said; then the name under which it leaves */
};

struct step {
	struct sub *s;
	const struct egress_env *env;
	const struct sub_conf *conf;
	struct audience aud;
	char policy[65], stamp[132]; /* of what decides besides: times of the policy, warning lists */
	struct set_write *w;
	struct receipt *receipt[RECEIPTS];
	size_t n_receipts;
	struct buf chunk, kinds;
	uint64_t seq; /* the change log up to here is in the set */
	int64_t now;
	bool put; /* anything at all */
};

/* ---- what the set says of itself ---- */

/* "<seq> <policy> <stamp> <conf>" */
static enum err cursor_put(struct step *st, struct fail *f)
{
	char text[400];
	int n = snprintf(text, sizeof(text), "%llu %s %s %s", (unsigned long long)st->seq, st->policy,
			 st->stamp, st->conf->digest);
	return set_note(st->w, "cursor", (struct str){text, (size_t)n}, f);
}

struct cursor {
	bool there;
	uint64_t seq;
	bool same_policy, same_stamp, same_conf;
};

static enum err cursor_get(const struct step *st, struct cursor *out, struct fail *f)
{
	OWN(set_read) struct set_read *r = NULL;
	struct str seq, policy, stamp;
	*out = (struct cursor){.there = false};
	TRY(set_read_open(st->s->set, &r, f));
	struct str v = set_read_note(r, "cursor");
	v = str_split(v, ' ', &seq);
	v = str_split(v, ' ', &policy);
	v = str_split(v, ' ', &stamp);
	out->there = str_u64(seq, &out->seq);
	out->same_policy = str_is(policy, st->policy);
	out->same_stamp = str_is(stamp, st->stamp);
	out->same_conf = str_is(v, st->conf->digest);
	return ERR_OK;
}

/* ---- one search ---- */

static struct str param(void *user, const char *name)
{
	struct step *st = user;
	if (strcmp(name, "kinds") == 0)
		return buf_str(&st->kinds);
	if (strcmp(name, "context") == 0)
		return st->conf->rules.format->flags & SENSOR_CONTEXT ? STR("1") : STR("0");
	return STR_NONE;
}

/* Records out of their frame; what is not whole yet stays. */
static enum err frames_put(struct step *st, bool *end, struct fail *f)
{
	struct str rest = buf_str(&st->chunk);
	size_t used = 0;
	while (rest.n - used >= 4 && !*end) {
		uint32_t n;
		memcpy(&n, rest.p + used, 4);
		if (!n) {
			*end = true;
			break;
		}
		if (rest.n - used - 4 < n)
			break;
		TRY(set_put(st->w, str_sub(rest, used + 4, n), st->now, f));
		used += 4 + (size_t)n;
		st->put = true;
	}
	buf_consume(&st->chunk, used);
	return ERR_OK;
}

static enum err search_once(struct step *st, const uint64_t *ids, size_t n, struct receipt **receipt,
			    struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(16u << 20);
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct query q = {.scope = SCOPE_ATTRIBUTES};
	struct search_how how = {.rows = true};
	json_t *params = NULL;
	bool end = false, last = false;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = sub_query(st->conf, ids, n, st->now, a, &q, &params, f);
	bool scored = q.exclude_decayed;
	struct egress_query eq = {.query = &q,
				  .exporter = &export_indicators,
				  .allowed_list = true,
				  .opts = {.scope = EXPORT_ATTRIBUTES,
					   .base_url = st->env->base_url,
					   .host_org_name = st->env->host_org_name,
					   .node_uuid = store_node_uuid(st->env->store),
					   .now = st->now,
					   .include_event_tags = true,
					   .include_scores = scored,
					   .param = param,
					   .param_user = st}};
	if (e == ERR_OK)
		e = view_open_as(st->env, &st->aud, &v, f);
	if (e == ERR_OK)
		e = egress_search(&v, &eq, &how, NULL, &s, f);
	if (e == ERR_OK)
		sealed_hold(s);
	buf_clear(&st->chunk);
	while (e == ERR_OK && !end) {
		e = sealed_pull(s, &st->chunk, PULL, &end, f);
		if (e == ERR_OK)
			e = frames_put(st, &last, f);
	}
	if (e == ERR_OK && !last)
		e = fail(f, ERR_BUG, "records without an end");
	if (e == ERR_OK)
		*receipt = sealed_receipt(s);
	json_decref(params);
	return e;
}

/* A batch of distinct events: what they contribute now. */
static enum err batch_put(struct step *st, struct todo *v, size_t n, struct fail *f)
{
	OWN(receipt) struct receipt *receipt = NULL;
	uint64_t ids[BATCH], touched;
	size_t n_ids = 0;
	enum err e = ERR_AGAIN;
	for (size_t i = 0; i < n; i++)
		if (v[i].id)
			ids[n_ids++] = v[i].id;
	touched = set_touched(st->w);
	for (int k = 0; k < TRIES && e == ERR_AGAIN; k++) {
		receipt_end(MOVE(receipt), SENT_NOTHING);
		set_batch(st->w);
		for (size_t i = 0; i < n; i++)
			TRY(set_event_begin(st->w, v[i].uuid, f));
		e = n_ids ? search_once(st, ids, n_ids, &receipt, f) : ERR_OK;
	}
	TRY(e);
	for (size_t i = 0; i < n; i++)
		TRY(set_event_end(st->w, v[i].uuid, f));
	if (st->conf->decay_model)
		for (size_t i = 0; i < n_ids; i++)
			TRY(set_again(st->w, ids[i], st->now + DECAY_LOOK_S, f));
	/* what the set has already has been recorded then */
	if (receipt && set_touched(st->w) != touched)
		st->receipt[st->n_receipts++] = MOVE(receipt);
	return ERR_OK;
}

/* The names of events, and which of them are there; those without a trace fall out. */
static enum err names_find(struct step *st, struct todo *v, size_t *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	size_t kept = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(st->env->store, &t, f));
	for (size_t i = 0; i < *n; i++) {
		bool there;
		arena_reset(a);
		enum err e = follow_name(st->env, &st->aud, t, v[i].id, v[i].uuid, a, &there,
					 &v[i].uuid);
		if (e == ERR_NOENT)
			continue;
		if (e != ERR_OK)
			return fail(f, e, "reading an event");
		v[kept] = v[i];
		if (!there)
			v[kept].id = 0;
		kept++;
	}
	*n = kept;
	return ERR_OK;
}

/* ---- the change log ---- */

static int by_id(const void *a, const void *b)
{
	const struct todo *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void unique(struct todo *v, size_t *n)
{
	size_t kept = 0;
	if (*n)
		qsort(v, *n, sizeof(*v), by_id);
	for (size_t i = 0; i < *n; i++) {
		if (kept && v[kept - 1].id == v[i].id) {
			if (!uuid_is_nil(v[i].uuid))
				v[kept - 1].uuid = v[i].uuid;
			continue;
		}
		v[kept++] = v[i];
	}
	*n = kept;
}

/* Rows that decide about what this subscription finds in events. */
static bool decides(const struct sub_conf *c, const struct change *ch)
{
	return follow_touches_all(ch) || ch->kind == CHANGE_TABLE(T_ALLOWED) ||
	       (c->decay_model && ch->kind == CHANGE_TABLE(T_DECAY));
}

/* Distinct events of the log behind `seq`, up to BATCH; *all: everything is to be looked at. */
static enum err log_read(struct step *st, struct todo *v, size_t *n, bool *all, bool *more,
			 struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct change c;
	uint64_t seq = st->seq, found = MAX(index_seq(st->env->index), seq);
	enum err e = ERR_OK;
	*n = 0;
	*more = false;
	TRY(store_read(st->env->store, &t, f));
	while (seq < found && (e = store_change_next(t, &seq, &c)) == ERR_OK) {
		struct todo x;
		if (decides(st->conf, &c)) {
			*all = true;
			continue;
		}
		if (!follow_event(&c, &x.id, &x.uuid))
			continue;
		bool again = *n && v[*n - 1].id == x.id;
		if (!again && *n == BATCH) {
			*more = true;
			break;
		}
		if (again && uuid_is_nil(x.uuid))
			continue;
		v[again ? *n - 1 : (*n)++] = x;
	}
	if (e != ERR_NOENT && e != ERR_OK)
		return fail(f, e, "reading the change log");
	st->seq = *more ? seq - 1 : found;
	unique(v, n);
	return ERR_OK;
}

/* Events whose decay is to be asked again. */
static enum err due_read(struct step *st, struct todo *v, size_t *n, struct fail *f)
{
	enum err e = ERR_OK;
	while (*n < BATCH && (e = set_due(st->w, st->now, &v[*n].id, f)) == ERR_OK)
		v[(*n)++].uuid = UUID_NIL;
	unique(v, n);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* ---- filling ---- */

static enum err fill_begin(struct step *st, bool hide, bool clear, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct misp_event ev;
	uint64_t last = UINT64_MAX, found = index_seq(st->env->index);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(st->env->store, &t, f));
	/* what comes after this is followed by the log, and what no search finds yet */
	enum err e = store_prev(t, T_EVENT, &last, a, &ev);
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "reading events");
	st->seq = MIN(found, store_seq(t));
	st->s->fill_next = 1;
	st->s->fill_end = e == ERR_OK ? last : 0;
	pthread_mutex_lock(&st->s->lock);
	st->s->status.done = 0;
	st->s->status.total = store_count(t, T_EVENT);
	pthread_mutex_unlock(&st->s->lock);
	if (clear)
		TRY(set_clear(st->w, f));
	return set_refill(st->w, hide, f);
}

/* The next events by number. n 0: no more. */
static enum err fill_next(struct step *st, struct todo *v, size_t *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct misp_event ev;
	uint64_t id = st->s->fill_next - 1;
	enum err e = ERR_OK;
	*n = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(st->env->store, &t, f));
	while (*n < BATCH) {
		arena_reset(a);
		e = store_next(t, T_EVENT, &id, a, &ev);
		if (e != ERR_OK || id > st->s->fill_end)
			break;
		v[(*n)++] = (struct todo){id, egress_uuid(st->env, &st->aud, ev.uuid)};
		st->s->fill_next = id + 1;
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "reading events");
	return ERR_OK;
}

static bool is_filling(const struct sub *s)
{
	return s->fill_next != 0;
}

static enum err fill_slice(struct step *st, bool *done, const atomic_bool *stop, struct fail *f)
{
	struct todo v[BATCH];
	int64_t begun = clock_boot_ms();
	size_t n = 0;
	*done = false;
	for (size_t all = 0; all < STEP_EVENTS - BATCH && !atomic_load(stop); all += n) {
		TRY(fill_next(st, v, &n, f));
		if (!n) {
			*done = true;
			TRY(set_sweep(st->w, f));
			return ERR_OK;
		}
		TRY(batch_put(st, v, n, f));
		pthread_mutex_lock(&st->s->lock);
		st->s->status.done += n;
		pthread_mutex_unlock(&st->s->lock);
		if (clock_boot_ms() - begun > STEP_MS)
			return ERR_OK;
	}
	return ERR_OK;
}

/* ---- a step ---- */

/* What is going into the set is recorded before it is there. */
static enum err step_commit(struct step *st, bool show, struct fail *f)
{
	enum err e = cursor_put(st, f);
	if (e == ERR_OK)
		e = receipts_intend(st->receipt, st->n_receipts, f);
	uint64_t touched = set_touched(st->w);
	if (e == ERR_OK)
		e = set_commit(&st->w, show, st->now, f);
	if (e == ERR_OK) {
		metric_add(M_EXPORT_STEPS, e, 0, 1);
		metric_add(M_EXPORT_INDICATORS, 0, 0, touched);
	}
	for (size_t i = 0; i < st->n_receipts; i++)
		receipt_end(MOVE(st->receipt[i]), e == ERR_OK ? SENT_WHOLE : SENT_NOTHING);
	st->n_receipts = 0;
	return e;
}

/* What the log says, and what time does. */
struct news {
	struct todo v[BATCH];
	size_t n;
	bool all; /* everything is to be looked at */
	bool more; /* the log goes on */
};

static enum err news_read(struct step *st, struct news *nw, struct fail *f)
{
	TRY(log_read(st, nw->v, &nw->n, &nw->all, &nw->more, f));
	return names_find(st, nw->v, &nw->n, f);
}

static enum err news_put(struct step *st, struct news *nw, struct fail *f)
{
	bool old_left;
	if (!nw->n && st->conf->decay_model) {
		TRY(due_read(st, nw->v, &nw->n, f));
		TRY(names_find(st, nw->v, &nw->n, f));
	}
	if (nw->n)
		TRY(batch_put(st, nw->v, nw->n, f));
	TRY(set_expire(st->w, st->now, EXPIRE_AT_ONCE, &old_left, f));
	nw->more |= old_left;
	return nw->all ? fill_begin(st, false, false, f) : ERR_OK;
}

/* Has the set to be asked for anew, and may it be seen meanwhile? */
struct anew {
	bool again, hide, clear;
};

static enum err anew_find(struct step *st, const struct cursor *c, struct anew *out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct set_info info = set_info(st->s->set);
	TRY(store_read(st->env->store, &t, f));
	out->clear = !c->there || !c->same_conf;
	/* a log that ends before the cursor is that of another store */
	out->hide = out->clear || !c->same_policy || c->seq > store_seq(t);
	out->again = out->hide || !c->same_stamp || (info.refilling && !is_filling(st->s));
	return ERR_OK;
}

static void filled(struct step *st)
{
	struct set_info info = set_info(st->s->set);
	st->s->fill_next = 0;
	log_info("subs", "export=%s filled=%llu shown=%llu", st->conf->name,
		 (unsigned long long)st->s->status.done, (unsigned long long)info.shown);
}

static enum err step_run(struct step *st, const atomic_bool *stop, bool *more, struct fail *f)
{
	struct sub *s = st->s;
	struct cursor c;
	struct anew anew;
	struct news nw = {.n = 0};
	bool done = false;
	TRY(cursor_get(st, &c, f));
	TRY(anew_find(st, &c, &anew, f));
	if (!anew.again) {
		/* that the log has moved on by changes of no event need not be written down */
		st->seq = MAX(c.seq, s->looked);
		TRY(news_read(st, &nw, f));
		if (!nw.n && !nw.all && !is_filling(s) && set_next_expiry(s->set) > st->now) {
			s->looked = st->seq;
			*more = nw.more;
			return ERR_OK;
		}
	}
	TRY(set_begin(s->set, &st->w, f));
	if (anew.again)
		TRY(fill_begin(st, anew.hide, anew.clear, f));
	else
		TRY(news_put(st, &nw, f));
	/* what has changed goes first */
	if (is_filling(s) && !nw.more && !nw.all && !anew.again)
		TRY(fill_slice(st, &done, stop, f));
	bool hidden = anew.hide || (is_filling(s) && !set_info(s->set).ready);
	TRY(step_commit(st, done || !hidden, f));
	s->looked = st->seq;
	if (done)
		filled(st);
	*more = nw.more || is_filling(s);
	return ERR_OK;
}

/* They are compiled some time after their rows have changed. */
static void lists_stamp(struct step *st)
{
	OWN(warnlists) struct warnlists *w = st->env->lists ? lists_warnings(st->env->lists) : NULL;
	size_t n = strlen(st->stamp);
	snprintf(st->stamp + n, sizeof(st->stamp) - n, ".%.64s", w ? warnlist_digest(w) : "");
}

static enum err step_open(struct step *st, struct fail *f)
{
	struct policy *p = st->env->policy(st->env->user);
	bool trusted;
	enum err e = policy_audience_named(p, str_c(st->conf->audience), &st->aud);
	snprintf(st->policy, sizeof(st->policy), "%s", policy_version(p));
	policy_stamp(p, st->env->now(st->env->user, &trusted), st->stamp);
	policy_unref(p);
	if (e != ERR_OK || st->aud.kind != AUD_EXPORT)
		return fail(f, ERR_NOENT, "the policy names no export %s", st->conf->audience);
	if (st->conf->decay_model && st->aud.profile != PROFILE_FULL)
		return fail(f, ERR_INVAL, "what has decayed is known for an export of profile full only");
	if (st->conf->warninglists)
		lists_stamp(st);
	st->now = clock_now();
	buf_printf(&st->kinds, "%llu", (unsigned long long)st->conf->rules.format->kinds);
	return buf_err(&st->kinds);
}

enum err sub_step(struct sub *s, const struct egress_env *env, const atomic_bool *stop, bool *more,
		  struct fail *f)
{
	OWN(sub_conf) struct sub_conf *conf = sub_conf(s);
	struct step st = {.s = s, .env = env, .conf = conf, .chunk = BUF(CHUNK_MAX), .kinds = BUF(32)};
	*more = false;
	enum err e = step_open(&st, f);
	if (e == ERR_OK)
		e = step_run(&st, stop, more, f);
	set_abort(st.w);
	if (e != ERR_OK)
		s->fill_next = s->looked = 0; /* begun anew: what was put may not have been committed */
	for (size_t i = 0; i < st.n_receipts; i++)
		receipt_end(MOVE(st.receipt[i]), SENT_NOTHING);
	buf_free(&st.chunk);
	buf_free(&st.kinds);
	return e;
}
