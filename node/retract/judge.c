/*
 * judge.c - asks the gate again for those who were given what has changed.
 *
 * A slice: the next changes name the things, the ledger names who was given them, each recipient's view
 * judges them as they are now. What an element was before comes from BOOK_BEFORE; a row says that its
 * recipient had it only if the ledger and the change log bear that out.
 */
#include "retract/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/pack.h"

#define SLICE_CHANGES 2000
#define ARENA (64u << 20)
#define STATE_KEY STR("retract/state")

/* Rules that withhold an event without taking it back: what was given out before stays good. */
static const char *const lasting[] = {"suspended", "unpublished", "link", "vuln_event_freeze"};

bool retract_takes_back(const struct verdict *v)
{
	for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
		if (strcmp(gate_rule_name(v->rule), lasting[i]) == 0)
			return false;
	return v->outcome != GATE_RELEASE;
}

/* ---- where the last run came to ---- */

static void state_read(const struct store_rtxn *t, uint64_t *seq, char policy[65])
{
	struct str v;
	*seq = 0;
	policy[0] = '\0';
	if (store_kv_get(t, STATE_KEY, &v) != ERR_OK || v.n != 84)
		return;
	if (!str_u64(str_sub(v, 0, 20), seq))
		*seq = 0;
	memcpy(policy, v.p + 20, 64);
	policy[64] = '\0';
}

static enum err state_write(struct store_wtxn *w, uint64_t seq, const char *policy, struct fail *f)
{
	char text[85];
	snprintf(text, sizeof(text), "%020llu%-64.64s", (unsigned long long)seq, policy);
	return store_kv_put(w, STATE_KEY, (struct str){text, 84}, f);
}

/* ---- things that changed ---- */

enum err slice_thing(struct slice *s, enum retract_what what, struct uuid u, uint64_t id,
			  uint64_t seq, bool whole, struct fail *f)
{
	for (size_t i = s->n_things; i-- > 0 && i + 16 > s->n_things;)
		if (s->things[i].id == id && s->things[i].what == what) {
			s->things[i].seq = seq;
			s->things[i].whole |= whole;
			if (!uuid_is_nil(u))
				s->things[i].uuid = u;
			return ERR_OK;
		}
	if (s->n_things == s->cap_things) {
		size_t cap = s->cap_things ? s->cap_things * 2 : 256;
		struct thing *v = reallocarray(s->things, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		s->things = v;
		s->cap_things = cap;
	}
	s->things[s->n_things++] = (struct thing){what, whole, u, id, seq};
	return ERR_OK;
}

static struct uuid event_uuid(const struct store_rtxn *t, uint64_t id)
{
	struct misp_event e;
	return store_get(t, T_EVENT, id, NULL, &e) == ERR_OK ? e.uuid : UUID_NIL;
}

static enum err take_change(struct slice *s, const struct change *c, struct fail *f)
{
	switch (c->kind) {
	case CHANGE_TABLE(T_SG):
	case CHANGE_TABLE(T_BLOCK):
	case CHANGE_TABLE(T_ORG):
		s->all |= c->op != CHANGE_ADD || c->kind == CHANGE_TABLE(T_BLOCK);
		return ERR_OK;
	case CHANGE_TABLE(T_CLUSTER):
		return c->op == CHANGE_ADD ? ERR_OK :
					     slice_thing(s, RETRACT_CLUSTER, c->uuid, c->id, c->seq,
						       true, f);
	case CHANGE_TABLE(T_ANALYST):
		return c->op == CHANGE_ADD ? ERR_OK :
					     slice_thing(s, RETRACT_ANALYST, c->uuid, c->id, c->seq,
						       true, f);
	case CHANGE_EL(EL_SIGHTING):
	case CHANGE_EL(EL_PROPOSAL):
		return ERR_OK;
	default:
		break;
	}
	if (!c->event_id || (c->op == CHANGE_ADD && c->kind == CHANGE_TABLE(T_EVENT)))
		return ERR_OK;
	if (c->kind == CHANGE_TABLE(T_EVENT))
		return slice_thing(s, RETRACT_EVENT, c->uuid, c->event_id, c->seq, c->whole, f);
	return slice_thing(s, RETRACT_EVENT, event_uuid(s->t, c->event_id), c->event_id, c->seq, false,
			 f);
}

static enum err take_changes(struct slice *s, struct retract_result *res, struct fail *f)
{
	struct change c;
	enum err e = ERR_OK;
	unsigned n = 0;
	while (n++ < SLICE_CHANGES && (e = store_change_next(s->t, &s->to, &c)) == ERR_OK) {
		res->changes++;
		TRY(take_change(s, &c, f));
	}
	res->more = e == ERR_OK;
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : fail(f, e, "reading the change log");
}

/* ---- who was given them ---- */

static enum err pair_add(struct slice *s, uint32_t audience, size_t thing,
			 const struct ledger_given *g, struct fail *f)
{
	if (s->n_pairs == s->cap_pairs) {
		size_t cap = s->cap_pairs ? s->cap_pairs * 2 : 256;
		struct pair *v = reallocarray(s->pairs, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu recipients", cap);
		s->pairs = v;
		s->cap_pairs = cap;
	}
	s->pairs[s->n_pairs++] = (struct pair){audience, thing, g->sent.seq, g->sent.id};
	return ERR_OK;
}

static const enum ledger_thing things_of[RETRACT_WHAT_COUNT] = {
	[RETRACT_EVENT] = LEDGER_THING_EVENT,
	[RETRACT_CLUSTER] = LEDGER_THING_CLUSTER,
	[RETRACT_ANALYST] = LEDGER_THING_ANALYST,
};

struct giving {
	struct slice *s;
	size_t thing;
	struct fail *f;
};

static enum err on_given(void *user, const struct ledger_known *who, const struct ledger_given *g)
{
	struct giving *x = user;
	return pair_add(x->s, who->number, x->thing, g, x->f);
}

static enum err pairs_of_changes(struct slice *s, struct fail *f)
{
	for (size_t i = 0; i < s->n_things; i++) {
		struct giving x = {s, i, f};
		const struct thing *th = &s->things[i];
		enum err e = ledger_audiences_of(s->t, things_of[th->what], th->uuid, on_given, &x);
		if (e != ERR_OK && e != ERR_NOENT)
			return fail(f, e, "asking the ledger");
	}
	return ERR_OK;
}

/* Everything that anybody was ever given. */
static enum err pairs_of_all(struct slice *s, struct fail *f)
{
	struct ledger_known who;
	uint32_t number = UINT32_MAX;
	enum err e;
	while ((e = ledger_audience_next(s->t, &number, &who)) == ERR_OK)
		for (unsigned what = 0; what < RETRACT_WHAT_COUNT; what++) {
			struct ledger_given g = {0};
			if (what != RETRACT_EVENT && !things_of[what])
				continue;
			g.sent.thing = g.listed.thing = (uint8_t)things_of[what];
			while ((e = ledger_given_next(s->t, number, &g)) == ERR_OK) {
				const struct ledger_item *it = g.sent.seq ? &g.sent : &g.listed;
				TRY(slice_thing(s, (enum retract_what)what, it->uuid, it->id, s->to,
					      false, f));
				TRY(pair_add(s, number, s->n_things - 1, &g, f));
			}
			if (e != ERR_NOENT)
				return fail(f, e, "asking the ledger");
		}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "asking the ledger");
}

static int by_audience(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	if (x->audience != y->audience)
		return x->audience < y->audience ? -1 : 1;
	return x->thing < y->thing ? -1 : x->thing > y->thing;
}

/* ---- the rows ---- */

enum err slice_row(struct slice *s, const struct retraction *r, struct fail *f)
{
	if (s->n_rows == s->cap_rows) {
		size_t cap = s->cap_rows ? s->cap_rows * 2 : 64;
		struct row *v = reallocarray(s->rows, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu retractions", cap);
		s->rows = v;
		s->cap_rows = cap;
	}
	struct row *row = &s->rows[s->n_rows++];
	*row = (struct row){.r = *r};
	row->r.why = arena_str(s->keep, r->why);
	row->r.note = arena_str(s->keep, r->note);
	row->r.before = arena_str(s->keep, r->before);
	return arena_overflowed(s->keep) ? fail(f, ERR_LIMIT, "too many retractions at once") :
					   ERR_OK;
}

/* How a row begins depends on how its recipient can be reached. */
void row_begin(const struct slice *s, const struct recipient *to, struct retraction *r)
{
	static const char *const impossible[] = {
		[RETRACT_BY_NONE] = "this recipient is no longer known here",
		[RETRACT_BY_PULL] = "it pulls with a MISP, which keeps what it has pulled",
	};
	r->at = r->state_at = s->now;
	r->state = RETRACT_PENDING;
	if (to->route == RETRACT_BY_NONE || (to->route == RETRACT_BY_PULL && !to->native)) {
		r->state = RETRACT_IMPOSSIBLE;
		r->note = str_c(impossible[to->route]);
	} else if (to->route == RETRACT_BY_QUERY) {
		r->state = RETRACT_DELIVERED;
		r->note = STR("its next answer lacks it");
	}
}

static enum err event_row(struct slice *s, const struct recipient *to, const struct pair *p,
			  const char *why, struct fail *f)
{
	const struct thing *th = &s->things[p->thing];
	struct retraction r = {.audience = p->audience,
			       .what = (uint8_t)th->what,
			       .uuid = th->uuid,
			       .id = th->id,
			       .seq = th->seq,
			       .why = str_c(why)},
			  had;
	if (retraction_get(s->t, p->audience, th->what, th->uuid, &had) == ERR_OK &&
	    had.seq >= p->sent_seq)
		return ERR_OK; /* taken back, and not given again since */
	row_begin(s, to, &r);
	return slice_row(s, &r, f);
}

/* It may have it again. */
static enum err event_back(struct slice *s, const struct pair *p, struct fail *f)
{
	const struct thing *th = &s->things[p->thing];
	struct retraction had;
	if (retraction_get(s->t, p->audience, th->what, th->uuid, &had) != ERR_OK ||
	    had.state != RETRACT_PENDING)
		return ERR_OK;
	TRY(slice_row(s, &had, f));
	s->rows[s->n_rows - 1].drop = true;
	return ERR_OK;
}

/* ---- judging ---- */

static enum err judge_event(struct slice *s, const struct recipient *to, struct view *v,
			    const struct pair *p, struct fail *f)
{
	const struct thing *th = &s->things[p->thing];
	struct misp_event e;
	struct verdict verdict;
	char why[RETRACT_TEXT_MAX];
	enum err err = view_verdict_published(v, th->id, s->a, &e, &verdict, f);
	if (err == ERR_NOENT)
		return event_row(s, to, p, "it was deleted here", f);
	TRY(err);
	if (retract_takes_back(&verdict)) {
		view_why(&verdict, why, sizeof(why));
		return event_row(s, to, p, why, f);
	}
	if (verdict.outcome == GATE_RELEASE)
		TRY(event_back(s, p, f));
	/* given when it stood here under another number: these elements were not */
	return p->sent_seq && p->sent_id == e.id ? judge_elements(s, to, v, &e, p, f) : ERR_OK;
}

static enum err judge_other(struct slice *s, const struct recipient *to, struct view *v,
			    const struct pair *p, struct fail *f)
{
	const struct thing *th = &s->things[p->thing];
	struct misp_cluster c;
	struct misp_analyst n;
	struct fail none = {0};
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)th->id);
	enum err e = th->what == RETRACT_CLUSTER ?
			     view_cluster(v, str_c(text), s->a, &c, &none) :
			     view_analyst(v, ANALYST_KINDS, str_c(text), s->a, &n, &none);
	if (e == ERR_NOENT)
		return event_row(s, to, p, "it was deleted here, or may no longer leave", f);
	return e == ERR_OK ? event_back(s, p, f) : fail(f, e, "%s", none.text);
}

static enum err view_for(struct slice *s, const struct recipient *to, struct view **v,
			 struct fail *f)
{
	if (to->route == RETRACT_BY_PUSH || to->route == RETRACT_BY_PULL)
		return view_open(s->env->out, &to->caller, v, f);
	/* nobody: the strictest */
	return view_open_as(s->env->out, &to->aud, v, f);
}

static enum err judge_audience(struct slice *s, size_t from, size_t end, struct retract_result *res,
			       struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct recipient to;
	struct ledger_known who;
	enum err e = ledger_audience_get(s->t, s->pairs[from].audience, &who);
	if (e != ERR_OK)
		return fail(f, e, "an audience of the ledger");
	TRY(recipient_find(s->env->out, s->t, &who.a, s->keep, &to, f));
	TRY(view_for(s, &to, &v, f));
	for (size_t i = from; i < end; i++) {
		const struct pair *p = &s->pairs[i];
		struct fail why = {0};
		arena_reset(s->a);
		res->judged++;
		e = s->things[p->thing].what == RETRACT_EVENT ? judge_event(s, &to, v, p, &why) :
								judge_other(s, &to, v, p, &why);
		if (e == ERR_NOENT) /* changed under our eyes: the next slice sees it */
			continue;
		if (e != ERR_OK)
			return fail(f, e, "%s", why.text);
	}
	return ERR_OK;
}

static enum err judge_pairs(struct slice *s, const atomic_bool *stop, struct retract_result *res,
			    struct fail *f)
{
	if (s->n_pairs)
		qsort(s->pairs, s->n_pairs, sizeof(*s->pairs), by_audience);
	for (size_t i = 0, end; i < s->n_pairs; i = end) {
		for (end = i; end < s->n_pairs && s->pairs[end].audience == s->pairs[i].audience;)
			end++;
		if (stop && atomic_load(stop))
			return fail(f, ERR_CANCELLED, "stopping");
		TRY(judge_audience(s, i, end, res, f));
	}
	return ERR_OK;
}

/* ---- what is open already ---- */

/* Folders hold what their writer says; a soft-deleted or changed element went with its event. */
static enum err settle(struct slice *s, struct fail *f)
{
	OWN(buf) struct buf key = BUF(64);
	uint64_t published = s->env->published ? s->env->published(s->env->user) : 0;
	struct retraction r;
	enum err e;
	while ((e = retraction_next(s->t, false, UINT32_MAX, &key, &r)) == ERR_OK) {
		struct ledger_known who;
		struct ledger_given g;
		if (ledger_audience_get(s->t, r.audience, &who) != ERR_OK)
			continue;
		bool folder = who.a.kind == AUD_FEED && published >= r.seq;
		bool edited = retraction_goes_along(&r) &&
			      ledger_last(s->t, r.audience, LEDGER_THING_EVENT, r.event_id, &g) ==
				      ERR_OK &&
			      g.sent.seq >= r.seq;
		if (!folder && !edited)
			continue;
		r.state = RETRACT_DELIVERED;
		r.state_at = s->now;
		r.note = folder ? STR("gone from the folder") :
				  STR("the event was given again without it");
		TRY(slice_row(s, &r, f));
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading retractions");
}

/* ---- a slice ---- */

static enum err run_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct slice *s = arg;
	for (size_t i = 0; i < s->n_rows; i++)
		TRY(s->rows[i].drop ? retraction_del(w, &s->rows[i].r, f) :
				      retraction_put(w, &s->rows[i].r, f));
	TRY(before_forget(s, w, f));
	return state_write(w, s->to, s->policy, f);
}

static void slice_free(struct slice *s)
{
	store_read_end(s->t);
	arena_free(s->a);
	arena_free(s->keep);
	free(s->things);
	free(s->pairs);
	free(s->rows);
	free(s->before);
}

static enum err slice_read(struct slice *s, struct retract_result *res, struct fail *f)
{
	char was[65];
	struct policy *p = s->env->out->policy(s->env->out->user);
	snprintf(s->policy, sizeof(s->policy), "%s", policy_version(p));
	policy_unref(p);
	TRY(store_read(s->env->out->store, &s->t, f));
	state_read(s->t, &s->from, was);
	s->to = s->from;
	if (s->from > store_seq(s->t)) /* of another store: a backup was restored */
		s->to = 0;
	s->all = was[0] && strcmp(was, s->policy) != 0;
	TRY(take_changes(s, res, f));
	TRY(before_read(s, &res->more, f));
	if (!s->all)
		return pairs_of_changes(s, f);
	s->to = store_seq(s->t);
	return pairs_of_all(s, f);
}

enum err retract_run(const struct retract_env *env, const atomic_bool *stop,
		     struct retract_result *out, struct fail *f)
{
	struct slice s = {.env = env, .now = clock_now()};
	*out = (struct retract_result){0};
	s.a = arena_new(ARENA);
	s.keep = arena_new(ARENA);
	enum err e = s.a && s.keep ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = slice_read(&s, out, f);
	if (e == ERR_OK)
		e = judge_pairs(&s, stop, out, f);
	if (e == ERR_OK)
		e = settle(&s, f);
	if (e == ERR_OK && (s.to != s.from || s.n_rows || s.n_before || s.all))
		e = store_run(env->out->store, run_write, &s, f);
	for (size_t i = 0; i < s.n_rows; i++)
		*(s.rows[i].drop ? &out->dropped : &out->added) += 1;
	slice_free(&s);
	return e;
}
