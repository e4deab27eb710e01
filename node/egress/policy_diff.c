/*
 * policy_diff.c - what another policy would change: every event asked under both, for each audience,
 * by the same views that a run has.
 */
#include <stdlib.h>

#include "base/own.h"
#include "egress/view.h"
#include "gate/profile.h"
#include "model/pack.h"

#define AUDIENCES_MAX 128u
#define SLICE_EVENTS 2000u
#define EVENT_ARENA (64u << 20)

/* One audience under one of the policies. */
struct side {
	struct view *view; /* NULL: there is no such audience */
	struct egress_env env; /* with that policy */
	const struct egress_env *real;
	struct policy *policy;
};

struct pair {
	struct side was, will;
	struct policy_sum sum;
};

struct comparing {
	const struct policy_diff *d;
	struct pair *pairs;
	size_t n;
	struct arena *event, *row;
};

static struct policy *side_policy(void *user)
{
	return policy_ref(((struct side *)user)->policy);
}

static int64_t side_now(void *user, bool *trusted)
{
	const struct side *s = user;

	return s->real->now(s->real->user, trusted);
}

/* ---- audiences ------------------------------------------------------------------------------ */

static bool is_published(enum audience_kind k)
{
	return k == AUD_FEED || k == AUD_EXPORT || k == AUD_STREAM;
}

static enum err org_id_of(const struct egress_env *env, struct uuid org, uint64_t *id)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	enum err e;

	*id = 0;
	if (uuid_is_nil(org))
		return ERR_OK;
	TRY(store_read(env->store, &t, NULL));
	e = store_find(t, IX_ORG_UUID, (struct str){(const char *)org.b, 16}, id);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* The row of that name, or what the caller gets without one. */
static enum err side_open(struct side *s, const struct egress_env *env, struct policy *p,
			  const struct caller *c, struct str name, struct fail *f)
{
	struct audience aud;

	*s = (struct side){.env = *env, .real = env, .policy = p};
	s->env.policy = side_policy;
	s->env.now = side_now;
	s->env.user = s;
	if (!name.n || policy_audience_named(p, name, &aud) != ERR_OK) {
		if (is_published(c->kind))
			return ERR_OK;
		policy_audience(p, c, &aud);
	}
	if (uuid_is_nil(aud.org))
		aud.org = c->org;
	TRY(org_id_of(env, aud.org, &aud.org_id));
	return view_open_as(&s->env, &aud, &s->view, f);
}

static enum err pair_add(struct comparing *x, const struct egress_env *env, struct policy *now,
			 const struct caller *c, struct str name, const char *shown, struct fail *f)
{
	struct pair *p = &x->pairs[x->n];

	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->pairs[i].sum.audience, shown) == 0)
			return ERR_OK;
	if (x->n == AUDIENCES_MAX)
		return fail(f, ERR_LIMIT, "more than %u audiences", AUDIENCES_MAX);
	x->n++;
	snprintf(p->sum.audience, sizeof(p->sum.audience), "%s", shown);
	p->sum.kind = c->kind;
	TRY(side_open(&p->was, env, now, c, name, f));
	TRY(side_open(&p->will, env, x->d->next, c, name, f));
	p->sum.was_there = p->was.view != NULL;
	p->sum.will_be_there = p->will.view != NULL;
	return ERR_OK;
}

static enum err pairs_of(struct comparing *x, const struct egress_env *env, struct policy *now,
			 struct policy *rows, struct fail *f)
{
	struct caller c;
	struct str name;

	for (unsigned i = 0; policy_caller_nth(rows, i, &c, &name) == ERR_OK; i++) {
		char shown[64];

		snprintf(shown, sizeof(shown), "%.*s", STR_ARG(name));
		TRY(pair_add(x, env, now, &c, name, shown, f));
	}
	return ERR_OK;
}

static enum err pairs_make(struct comparing *x, const struct egress_env *env, struct policy *now,
			   struct fail *f)
{
	const struct caller peer = {.kind = AUD_PEER, .perm_sync = true},
			    member = {.kind = AUD_MEMBER};

	TRY(pairs_of(x, env, now, now, f));
	TRY(pairs_of(x, env, now, x->d->next, f));
	TRY(pair_add(x, env, now, &peer, STR_NONE, "(other peers)", f));
	return pair_add(x, env, now, &member, STR_NONE, "(other users)", f);
}

/* ---- events --------------------------------------------------------------------------------- */

/* Attributes that would leave of an event that does. */
static enum err count_attrs(struct comparing *x, struct view *v, const struct subject *s, uint64_t *n)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_object object = {0};
	struct misp_attr attr;
	struct el_key key;
	enum err e;

	*n = 0;
	TRY(store_el_iter_new(v->txn, EL_ATTR, (struct el_key){.body = s->event.body}, false, &it));
	for (;;) {
		arena_reset(x->row);
		e = store_el_iter_next(it, x->row, &key, &attr);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		if (key.parent && key.parent != object.id)
			TRY(store_el_get(v->txn, EL_OBJECT, (struct el_key){key.body, 0, key.parent}, NULL,
					 &object));
		TRY(view_resolve_tags(v, x->row, &attr.tags));
		*n += gate_judge_attr(&v->gate, &s->s, key.parent ? &object : NULL, &attr);
	}
}

static enum err ask(struct comparing *x, const struct side *side, uint64_t id, struct policy_side *out,
		    struct uuid *uuid)
{
	struct view *v = side->view;
	struct subject s;
	struct str profile;

	*out = (struct policy_side){.there = v != NULL};
	if (!v)
		return ERR_OK;
	arena_reset(x->event);
	TRY(view_subject(v, id, x->event, &s));
	out->verdict = gate_judge(&v->gate, &s.s);
	*uuid = s.event.uuid;
	profile = profile_of(v->policy, v->audience.profile)->name;
	snprintf(out->profile, sizeof(out->profile), "%.*s", STR_ARG(profile));
	if (!x->d->elements || out->verdict.outcome != GATE_RELEASE)
		return ERR_OK;
	out->counted = true;
	return count_attrs(x, v, &s, &out->attributes);
}

static bool differs(const struct policy_side *a, const struct policy_side *b)
{
	const struct verdict *v = &a->verdict, *w = &b->verdict;

	if (v->outcome != w->outcome)
		return true;
	if (v->outcome == GATE_RELEASE)
		return strcmp(a->profile, b->profile) != 0 || a->attributes != b->attributes;
	return a->there != b->there || v->rule != w->rule ||
	       (v->outcome == GATE_HOLD && v->until != w->until);
}

static enum err compare(struct comparing *x, struct pair *p, uint64_t id)
{
	struct policy_change c = {.audience = p->sum.audience, .kind = p->sum.kind, .event_id = id};

	TRY(ask(x, &p->was, id, &c.was, &c.uuid));
	TRY(ask(x, &p->will, id, &c.will, &c.uuid));
	p->sum.was[c.was.verdict.outcome]++;
	p->sum.will[c.will.verdict.outcome]++;
	if (!differs(&c.was, &c.will))
		return ERR_OK;
	p->sum.changed++;
	x->d->change(x->d->user, &c);
	return ERR_OK;
}

/* A new look at the store, so that a long comparison holds up nobody. */
static enum err look_again(struct comparing *x, struct fail *f)
{
	for (size_t i = 0; i < x->n; i++) {
		struct view *const both[] = {x->pairs[i].was.view, x->pairs[i].will.view};

		for (size_t k = 0; k < ARRAY_LEN(both); k++) {
			if (!both[k])
				continue;
			view_pause(both[k]);
			TRY(view_reopen(both[k], f));
		}
	}
	return ERR_OK;
}

static enum err every_event(struct comparing *x, const struct egress_env *env, uint64_t *events,
			    struct fail *f)
{
	uint64_t id = 0, total = 0;

	for (;;) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		unsigned n = 0;

		TRY(store_read(env->store, &t, f));
		total = store_count(t, T_EVENT);
		for (; n < SLICE_EVENTS; n++) {
			struct misp_event e;
			enum err err;

			arena_reset(x->event);
			err = store_next(t, T_EVENT, &id, x->event, &e);
			if (err == ERR_NOENT)
				return ERR_OK;
			if (err != ERR_OK)
				return fail(f, err, "reading events");
			if (atomic_load(x->d->cancelled))
				return fail(f, ERR_CANCELLED, "cancelled");
			for (size_t i = 0; i < x->n; i++) {
				err = compare(x, &x->pairs[i], id);
				if (err != ERR_OK && err != ERR_NOENT)
					return fail(f, err, "event %llu", (unsigned long long)id);
			}
			x->d->progress(x->d->user, ++*events, total);
		}
		TRY(look_again(x, f));
	}
}

enum err egress_policy_diff(const struct egress_env *env, const struct policy_diff *d,
			    struct policy_sum **sums, size_t *n, uint64_t *events, struct fail *f)
{
	struct comparing x = {.d = d,
			      .pairs = calloc(AUDIENCES_MAX, sizeof(struct pair)),
			      .event = arena_new(EVENT_ARENA),
			      .row = arena_new(EVENT_ARENA)};
	struct policy *now = env->policy(env->user);
	enum err e = x.pairs && x.event && x.row ? pairs_make(&x, env, now, f) :
						   fail(f, ERR_NOMEM, "no memory");

	*events = *n = 0;
	*sums = NULL;
	if (e == ERR_OK)
		e = every_event(&x, env, events, f);
	if (e == ERR_OK && !(*sums = calloc(x.n, sizeof(**sums))))
		e = fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < x.n; i++) {
		if (e == ERR_OK)
			(*sums)[(*n)++] = x.pairs[i].sum;
		view_close(x.pairs[i].was.view);
		view_close(x.pairs[i].will.view);
	}
	policy_unref(now);
	free(x.pairs);
	arena_free(x.event);
	arena_free(x.row);
	return e;
}
