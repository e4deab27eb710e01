/*
 * push_log.c - one walk over the change log for all steps of a push.
 */
#include "sync/push_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/push.h"

#define LEAVE_ONCE 1000u

/* ---- marks ---- */

static int by_event(const void *a, const void *b)
{
	const struct push_mark *x = a, *y = b;
	return x->event_id < y->event_id ? -1 : x->event_id > y->event_id;
}

static void settle(struct push_log *l)
{
	size_t n = 0;
	if (l->settled)
		return;
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_event);
	for (size_t i = 0; i < l->n; i++)
		if (n && l->v[n - 1].event_id == l->v[i].event_id)
			l->v[n - 1].bits |= l->v[i].bits;
		else
			l->v[n++] = l->v[i];
	l->n = n;
	l->settled = true;
}

enum err push_log_mark(struct push_log *l, uint64_t event_id, unsigned bits, struct fail *f)
{
	if (l->n && l->v[l->n - 1].event_id == event_id) {
		l->v[l->n - 1].bits |= bits;
		return ERR_OK;
	}
	bool full = l->n == l->cap;
	if (full)
		settle(l); /* changes of one event come again and again */
	if (full && l->n >= l->cap / 2) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct push_mark *v = reallocarray(l->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct push_mark){event_id, bits};
	l->settled = false;
	return ERR_OK;
}

static struct push_mark *find(struct push_log *l, uint64_t event_id)
{
	const struct push_mark key = {.event_id = event_id};
	settle(l);
	return l->n ? bsearch(&key, l->v, l->n, sizeof(key), by_event) : NULL;
}

void push_log_add(struct push_log *l, uint64_t event_id, unsigned bits)
{
	struct push_mark *m = find(l, event_id);
	if (m)
		m->bits |= bits;
}

unsigned push_log_bits(struct push_log *l, uint64_t event_id)
{
	const struct push_mark *m = find(l, event_id);
	return m ? m->bits : 0;
}

enum err push_log_events(struct push_log *l, unsigned bits, struct id_list *out, struct fail *f)
{
	settle(l);
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].bits & bits)
			TRY(id_list_add(out, l->v[i].event_id, f));
	return ERR_OK;
}

/* ---- proposals ---- */

static enum err add_proposal(struct push_log *l, const struct change *c, struct fail *f)
{
	if (l->n_proposals == l->cap_proposals) {
		size_t cap = l->cap_proposals ? l->cap_proposals * 2 : 64;
		struct search_hit *v = reallocarray(l->proposals, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu proposals", cap);
		l->proposals = v;
		l->cap_proposals = cap;
	}
	l->proposals[l->n_proposals++] =
		(struct search_hit){.event_id = c->event_id, .attr_id = c->parent, .id = c->id};
	return ERR_OK;
}

static int by_hit(const void *a, const void *b)
{
	const struct search_hit *x = a, *y = b;
	if (x->event_id != y->event_id)
		return x->event_id < y->event_id ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void settle_proposals(struct push_log *l)
{
	size_t n = 0;
	if (l->n_proposals)
		qsort(l->proposals, l->n_proposals, sizeof(*l->proposals), by_hit);
	for (size_t i = 0; i < l->n_proposals; i++)
		if (!n || by_hit(&l->proposals[i], &l->proposals[n - 1]) != 0)
			l->proposals[n++] = l->proposals[i];
	l->n_proposals = n;
}

/* The first that does not belong to an event below this one. */
static size_t first_of(const struct push_log *l, uint64_t event_id)
{
	size_t from = 0, to = l->n_proposals;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (l->proposals[mid].event_id < event_id)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

const struct search_hit *push_log_proposals(const struct push_log *l, uint64_t event_id, size_t *n)
{
	size_t from = first_of(l, event_id);
	*n = 0;
	while (from + *n < l->n_proposals && l->proposals[from + *n].event_id == event_id)
		++*n;
	return *n ? &l->proposals[from] : NULL;
}

void push_log_free(struct push_log *l)
{
	if (!l)
		return;
	free(l->v);
	free(l->proposals);
	id_list_free(&l->clusters);
	id_list_free(&l->analyst);
	free(l);
}

/* ---- the walk ---- */

struct walk {
	struct push_log *l;
	const struct push_cursors *from;
	uint64_t peer_id, seq;
};

/* Is the change behind the cursor of a step that needs the log? */
static bool since(const struct walk *w, uint64_t cursor)
{
	return cursor && w->seq > cursor;
}

/* What came from there does not go back, unless somebody else has changed it. */
static bool came_from_there(const struct walk *w, const struct change *c)
{
	return c->origin.kind == ORIGIN_PEER && c->origin.id == w->peer_id;
}

/* Sightings and proposals do not change what an event says. */
static unsigned bits_of(const struct walk *w, const struct change *c)
{
	bool proposal = c->kind == CHANGE_EL(EL_PROPOSAL), head = c->kind == CHANGE_TABLE(T_EVENT);
	bool sighting = c->kind == CHANGE_EL(EL_SIGHTING), there = came_from_there(w, c);
	bool gone = head && c->op == CHANGE_DELETE;
	unsigned bits = 0;
	if (!c->event_id || gone)
		return 0;
	if (!there && !sighting && !proposal && since(w, w->from->events))
		bits |= PUSH_EVENT | (head ? PUSH_HEAD : 0);
	if (!there && proposal && c->op != CHANGE_DELETE && since(w, w->from->proposals))
		bits |= PUSH_PROPOSAL;
	if (!there && (sighting || head) && since(w, w->from->sightings))
		bits |= PUSH_SIGHTING;
	if (c->op != CHANGE_DELETE && since(w, w->from->analyst))
		bits |= PUSH_ABOUT;
	return bits;
}

static enum err note_change(const struct walk *w, const struct change *c, struct fail *f)
{
	unsigned bits = bits_of(w, c);
	bool new = !came_from_there(w, c) && c->op != CHANGE_DELETE;
	/* others may be members now: events that did not change */
	if (c->kind == CHANGE_TABLE(T_SG) && c->op != CHANGE_ADD && since(w, w->from->events))
		w->l->groups = true;
	if (new && c->kind == CHANGE_TABLE(T_CLUSTER) && since(w, w->from->events))
		TRY(id_list_add(&w->l->clusters, c->id, f));
	if (new && c->kind == CHANGE_TABLE(T_ANALYST) && since(w, w->from->analyst))
		TRY(id_list_add(&w->l->analyst, c->id, f));
	if (bits & PUSH_PROPOSAL)
		TRY(add_proposal(w->l, c, f));
	return bits ? push_log_mark(w->l, c->event_id, bits, f) : ERR_OK;
}

enum err push_log_read(struct push_log *l, const struct store_rtxn *t, uint64_t peer_id,
		       const struct push_cursors *from, struct fail *f)
{
	const uint64_t cursors[] = {from->events, from->proposals, from->sightings, from->analyst};
	struct walk w = {.l = l, .from = from, .peer_id = peer_id, .seq = UINT64_MAX};
	struct change c;
	enum err e;
	for (size_t i = 0; i < ARRAY_LEN(cursors); i++)
		if (cursors[i])
			w.seq = MIN(w.seq, cursors[i]);
	if (w.seq == UINT64_MAX)
		return ERR_OK;
	while ((e = store_change_next(t, &w.seq, &c)) == ERR_OK)
		TRY(note_change(&w, &c, f));
	if (e != ERR_NOENT)
		return fail(f, e, "reading the change log");
	settle(l);
	settle_proposals(l);
	id_list_sort(&l->clusters);
	id_list_sort(&l->analyst);
	return ERR_OK;
}

/* ---- of a pass ---- */

/* The one that is asked for, with all that belongs to it, whether it changed or not. */
static enum err only_one(struct push_log *l, const struct pass *p, const struct store_rtxn *t,
			 struct fail *f)
{
	struct str key = {(const char *)p->o->only.b, sizeof(p->o->only.b)};
	uint64_t id;
	enum err e = store_find(t, IX_EVENT_UUID, key, &id);
	if (e == ERR_NOENT)
		return ERR_OK;
	return e == ERR_OK ? push_log_mark(l, id, PUSH_ALL & ~PUSH_NEW, f)
			   : fail(f, e, "looking up the event");
}

/* What could not be sent is due again, whether it changed or not. */
static enum err due_again(struct push_log *l, const struct pass *p, const struct store_rtxn *t,
			  struct fail *f)
{
	struct uuid u = UUID_NIL;
	struct note n;
	uint64_t id;
	while (note_next(t, p->o->peer_id, NOTE_push_again, &u, &n) == ERR_OK)
		if (store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id) ==
		    ERR_OK)
			TRY(push_log_mark(l, id, PUSH_EVENT, f));
	u = UUID_NIL;
	while (note_next(t, p->o->peer_id, NOTE_push_parts, &u, &n) == ERR_OK)
		if (store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id) ==
		    ERR_OK)
			TRY(push_log_mark(l, id, PUSH_BRINGS | PUSH_NEW | PUSH_NOTED, f));
	u = UUID_NIL;
	while (note_next(t, p->o->peer_id, NOTE_push_cluster_again, &u, &n) == ERR_OK)
		if (store_find(t, IX_CLUSTER_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id) ==
		    ERR_OK)
			TRY(id_list_add(&l->clusters, id, f));
	settle(l);
	id_list_sort(&l->clusters);
	return ERR_OK;
}

static enum err read_for(struct push_log *l, const struct pass *p, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct caller caller = push_caller(p);
	const struct misp_peerstate *s = &p->state;
	TRY(view_open(p->o->out, &caller, &v, f));
	const struct store_rtxn *t = view_txn(v);
	l->seq = store_seq(t);
	view_policy_stamp(v, l->policy);
	if (p->o->technique == PASS_ONE)
		return only_one(l, p, t, f);
	bool anew = p->o->all || !str_eq(s->policy, str_c(l->policy));
	l->whole = anew || p->o->technique == PASS_FULL || !s->covered;
	l->all_proposals = anew || !s->proposals_covered;
	l->all_sightings = anew || !s->sightings_covered;
	/* the events that changed are marked in a full push too: they bring what belongs to them, also when
	   the peer has them from a push that broke off */
	const struct push_cursors from = {.events = anew ? 0 : s->covered,
					  .proposals = l->all_proposals ? 0 : s->proposals_covered,
					  .sightings = l->all_sightings ? 0 : s->sightings_covered,
					  .analyst = l->whole ? 0 : s->analyst_covered};
	TRY(push_log_read(l, t, p->o->peer_id, &from, f));
	l->whole |= l->groups;
	l->all_proposals |= l->groups;
	l->all_sightings |= l->groups;
	return due_again(l, p, t, f);
}

enum err push_log_of(struct pass *p, struct push_log **out, struct fail *f)
{
	if (!p->log) {
		OWN(push_log) struct push_log *l = calloc(1, sizeof(*l));
		if (!l)
			return fail(f, ERR_NOMEM, "no memory");
		TRY(read_for(l, p, f));
		p->log = MOVE(l);
	}
	*out = p->log;
	return ERR_OK;
}

/* ---- what is left ---- */

struct leave {
	const struct pass *p;
	const struct push_mark *v;
	size_t n;
};

static bool is_done(const struct pass *p, const struct push_mark *m)
{
	return ((m->bits | p->parts_done) & PUSH_DONE) == PUSH_DONE;
}

static enum err leave_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct leave *x = arg;
	const struct note due = {.time = clock_now(), .tries = 1};
	for (size_t i = 0; i < x->n; i++) {
		const struct push_mark *m = &x->v[i];
		struct misp_event e;
		bool done = is_done(x->p, m);
		if (!(m->bits & PUSH_BRINGS) || done == !(m->bits & PUSH_NOTED) ||
		    store_get(store_view(w), T_EVENT, m->event_id, NULL, &e) != ERR_OK)
			continue;
		TRY(note_put(w, x->p->o->peer_id, NOTE_push_parts, e.uuid, done ? NULL : &due, f));
	}
	return ERR_OK;
}

/* In pieces that a transaction holds; when it fails it is only said: the pass is over. */
void push_log_leave(const struct pass *p)
{
	struct push_log *l = p->log;
	bool any = false;
	struct fail f = {0};
	if (!l || p->o->preview || p->o->technique == PASS_ONE)
		return;
	settle(l);
	for (size_t i = 0; i < l->n; i++)
		any |= (l->v[i].bits & PUSH_BRINGS) &&
		       is_done(p, &l->v[i]) != !(l->v[i].bits & PUSH_NOTED);
	for (size_t i = 0; any && i < l->n; i += LEAVE_ONCE) {
		struct leave x = {p, l->v + i, MIN(l->n - i, (size_t)LEAVE_ONCE)};
		if (store_run(p->o->in->store, leave_run, &x, &f) != ERR_OK)
			log_warn("sync", "peer=%llu not noted what is due again: %s",
				 (unsigned long long)p->o->peer_id, f.text);
	}
}
