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

struct egress_push push_what(const struct link *l, const struct link_rules *rules, uint64_t event_id)
{
	return (struct egress_push){.caller = push_caller_of(l),
				    .event_id = event_id,
				    .rules = rules,
				    .local_tags = l->internal_push,
				    .unpublished = l->row.unpublish_event};
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

static enum err all_events(const struct store_rtxn *t, struct id_list *s, struct fail *f)
{
	uint64_t id = 0;
	enum err e;
	while ((e = store_next(t, T_EVENT, &id, NULL, NULL)) == ERR_OK)
		TRY(id_list_add(s, id, f));
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading events");
}

static enum err choose(struct push *x, struct view *v, struct id_list *s, struct fail *f)
{
	struct pass *p = x->p;
	TRY(push_log_of(p, &x->log, f));
	if (p->o->technique != PASS_ONE) {
		p->state.backlog = 0;
		p->res->whole = x->log->whole;
		if (x->log->whole)
			return all_events(view_txn(v), s, f);
	}
	TRY(push_log_events(x->log, PUSH_EVENT, s, f));
	return s->n || p->o->technique != PASS_ONE ? ERR_OK :
						     fail(f, ERR_NOENT, "there is no such event");
}

static enum err judge_all(struct push *x, struct view **v, const struct id_list *s, struct arena *a,
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
	struct id_list s = {0};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(link_rules_parse(x->p->link.row.push_rules, x->p->a, &x->rules, f));
	TRY(view_open(x->p->o->out, &caller, &v, f));
	enum err e = choose(x, v, &s, f);
	if (e == ERR_OK)
		e = judge_all(x, &v, &s, a, f);
	id_list_free(&s);
	return e;
}
