/*
 * push_candidates.c - a push costs what changed: the change log since the cursor names the events, and
 * only those are judged. All are judged when there is no cursor, or when the policy is another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/push.h"

#define SNAPSHOT_EVENTS 5000
#define JUDGE_ARENA (64u << 20)

struct caller push_caller_of(const struct link *l)
{
	return (struct caller){.kind = AUD_PEER,
			       .org_id = l->row.remote_org_id,
			       .org = l->remote_org,
			       .name = l->row.name,
			       .url = l->row.url,
			       .perm_sync = true,
			       .internal = l->internal_push,
			       .push = true,
			       .peer_id = l->row.id};
}

struct caller push_caller(const struct pass *p)
{
	return push_caller_of(&p->link);
}

/* ---- one event ---- */

static void held(struct push *x, const struct misp_event *e, const char *why)
{
	struct pass_item item = {
		.kind = PASS_EVENT, .uuid = e->uuid, .what = PASS_ITEM_HELD, .text = why};
	pass_tell(x->p, &item);
}

/* What is remembered: is it to rest? */
static enum err noted(struct push *x, const struct store_rtxn *t, const struct misp_event *e,
		      struct push_candidate *c, bool *rests)
{
	struct pass *p = x->p;
	struct note n;
	*rests = false;
	if (note_get(t, p->o->peer_id, NOTE_hold, e->uuid, &n) == ERR_OK) {
		held(x, e, n.text[0] ? n.text : "held back by the operator");
		*rests = true;
		return ERR_OK;
	}
	enum err err = note_get(t, p->o->peer_id, NOTE_push_refused, e->uuid, &n);
	c->noted = err == ERR_OK;
	if (err == ERR_OK && n.timestamp == e->timestamp && !p->o->all &&
	    p->o->technique != PASS_ONE) {
		p->res->n[PASS_EVENT].current++;
		*rests = true;
	} else if (err == ERR_NOENT) {
		err = note_get(t, p->o->peer_id, NOTE_push_again, e->uuid, &n);
		c->noted = err == ERR_OK;
		if (err == ERR_OK && !p->o->all && !note_due(&n, clock_now())) {
			p->state.backlog++;
			*rests = true;
		}
	}
	return err == ERR_NOENT ? ERR_OK : err;
}

static enum err add(struct push *x, const struct push_candidate *c, struct fail *f)
{
	if (x->n == PUSH_MAX) {
		x->p->more = true;
		x->p->state.backlog++;
		return ERR_OK;
	}
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 64;
		struct push_candidate *v = reallocarray(x->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n++] = *c;
	return ERR_OK;
}

static enum err consider(struct push *x, struct view *v, uint64_t id, struct arena *a,
			 struct fail *f)
{
	struct pass *p = x->p;
	struct misp_event e;
	struct verdict verdict;
	const char *why;
	char text[NOTE_TEXT_MAX];
	bool rests;
	enum err err = view_verdict(v, id, a, &e, &verdict, f);
	if (err != ERR_OK)
		return err == ERR_NOENT ? ERR_OK : err; /* deleted meanwhile */
	p->take.progress.listed = ++p->res->n[PASS_EVENT].listed;
	/* the gate asks these rules too, but does not say which of them it was */
	if (!link_rules_event(&x->rules, &e, &why)) {
		held(x, &e, why);
		return ERR_OK;
	}
	if (verdict.outcome != GATE_RELEASE) {
		view_why(&verdict, text, sizeof(text));
		held(x, &e, text);
		return ERR_OK;
	}
	struct push_candidate c = {.event_id = id,
				   .own = e.uuid,
				   .uuid = egress_uuid(p->o->out, view_audience(v), e.uuid),
				   .timestamp = e.timestamp,
				   .is_protected = e.is_protected,
				   .has_reports = e.report_count != 0};
	TRY(noted(x, view_txn(v), &e, &c, &rests));
	return rests ? ERR_OK : add(x, &c, f);
}

/* ---- which events ---- */

struct ids {
	uint64_t *v;
	size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void ids_unique(struct ids *s)
{
	size_t n = 0;
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_number);
	for (size_t i = 0; i < s->n; i++)
		if (!i || s->v[i] != s->v[n - 1])
			s->v[n++] = s->v[i];
	s->n = n;
}

static enum err ids_add(struct ids *s, uint64_t id, struct fail *f)
{
	if (s->n && s->v[s->n - 1] == id)
		return ERR_OK;
	if (s->n == s->cap)
		ids_unique(s); /* changes of one event come again and again */
	if (s->n * 2 > s->cap || !s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *v = reallocarray(s->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = id;
	return ERR_OK;
}

/* A change of what an event says; sightings and proposals have steps of their own. */
static bool tells(const struct push *x, const struct change *c)
{
	if (!c->event_id || (c->kind == CHANGE_TABLE(T_EVENT) && c->op == CHANGE_DELETE) ||
	    c->kind == CHANGE_EL(EL_SIGHTING) || c->kind == CHANGE_EL(EL_PROPOSAL))
		return false;
	/* what came from there goes back only when somebody else has changed it */
	return c->origin.kind != ORIGIN_PEER || c->origin.id != x->p->o->peer_id;
}

static enum err changed_since(struct push *x, const struct store_rtxn *t, struct ids *s,
			      struct fail *f)
{
	uint64_t seq = x->p->state.covered;
	struct change c;
	enum err e;
	while ((e = store_change_next(t, &seq, &c)) == ERR_OK)
		if (tells(x, &c))
			TRY(ids_add(s, c.event_id, f));
	if (e != ERR_NOENT)
		return fail(f, e, "reading the change log");
	struct uuid u = UUID_NIL;
	struct note n;
	uint64_t id;
	while (note_next(t, x->p->o->peer_id, NOTE_push_again, &u, &n) == ERR_OK)
		if (store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id) ==
		    ERR_OK)
			TRY(ids_add(s, id, f));
	ids_unique(s);
	return ERR_OK;
}

static enum err all_events(const struct store_rtxn *t, struct ids *s, struct fail *f)
{
	uint64_t id = 0;
	enum err e;
	while ((e = store_next(t, T_EVENT, &id, NULL, NULL)) == ERR_OK)
		TRY(ids_add(s, id, f));
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading events");
}

static enum err one_event(const struct push *x, const struct store_rtxn *t, struct ids *s,
			  struct fail *f)
{
	uint64_t id;
	struct str key = {(const char *)x->p->o->only.b, sizeof(x->p->o->only.b)};
	enum err e = store_find(t, IX_EVENT_UUID, key, &id);
	if (e != ERR_OK)
		return fail(f, e, "there is no such event");
	return ids_add(s, id, f);
}

static enum err choose(struct push *x, struct view *v, struct ids *s, struct fail *f)
{
	struct pass *p = x->p;
	const struct store_rtxn *t = view_txn(v);
	x->seq = store_seq(t);
	snprintf(x->policy, sizeof(x->policy), "%s", view_policy_version(v));
	x->whole = p->o->all || p->o->technique == PASS_FULL || !p->state.covered ||
		   !str_eq(p->state.policy, str_c(x->policy));
	if (p->o->technique == PASS_ONE)
		return one_event(x, t, s, f);
	p->state.backlog = 0;
	p->res->whole = x->whole;
	return x->whole ? all_events(t, s, f) : changed_since(x, t, s, f);
}

static enum err judge_all(struct push *x, struct view **v, const struct ids *s, struct arena *a,
			  struct fail *f)
{
	const struct caller caller = push_caller(x->p);
	for (size_t i = 0; i < s->n; i++) {
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		if (i && i % SNAPSHOT_EVENTS == 0) {
			view_close(MOVE(*v));
			TRY(view_open(x->p->o->out, &caller, v, f));
		}
		arena_reset(a);
		TRY(consider(x, *v, s->v[i], a, f));
	}
	return ERR_OK;
}

enum err push_candidates(struct push *x, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(JUDGE_ARENA);
	const struct caller caller = push_caller(x->p);
	struct ids s = {0};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(link_rules_parse(x->p->link.row.push_rules, x->p->a, &x->rules, f));
	TRY(view_open(x->p->o->out, &caller, &v, f));
	enum err e = choose(x, v, &s, f);
	if (e == ERR_OK)
		e = judge_all(x, &v, &s, a, f);
	free(s.v);
	return e;
}
