/*
 * proposals.c - proposals of other nodes taken in, and what the owner of an event does with one.
 * Proposals neither unpublish an event nor change its timestamp; accepting one does, for then the
 * event changes (sync-protocol.md 3.7, 4.11, section 7).
 */
#include "base/clock.h"
#include "base/hash.h"
#include "ingest/ctx.h"
#include "model/pack.h"
#include "model/types.h"

#define ARENA_MAX (64u << 20)

/* ---- those of other nodes ---- */

/* A stored proposal of the event at hand, by what makes two of them equal. */
struct equal {
	uint64_t digest;
	struct el_key key;
	int64_t timestamp;
};

struct take {
	struct ingest_ctx *c;
	struct ingest_taken out;
	struct arena *arena; /* of the event at hand */
	uint64_t event_id; /* 0: none */
	bool touched;
	struct equal *known;
	size_t n_known, max_known;
};

/* The same UUID, value, type, category, detection and comment (3.7). */
static uint64_t digest_of(const struct take *t, const struct misp_proposal *p)
{
	uint64_t h = store_hash_seed(t->c->env->store) ^ p->type ^ (uint64_t)p->category << 16 ^
		     (uint64_t)p->to_ids << 24;
	h = hash_64(p->uuid.b, sizeof(p->uuid.b), h);
	h = hash_64(p->value.p, p->value.n, h);
	return hash_64(p->comment.p, p->comment.n, h);
}

static enum err leave(struct take *t, struct store_wtxn *w, struct fail *f)
{
	bool touched = t->touched;
	t->touched = false;
	if (!t->event_id || !touched)
		return ERR_OK;
	t->event_id = 0;
	TRY(store_event_put(w, t->c->adm, &t->c->event, f));
	return ingest_put_event_change(t->c, w, CHANGE_EDIT, false, f);
}

/* Read the proposals that the event has, once for all that are for it. */
static enum err know(struct take *t, struct store_wtxn *w)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {.body = t->c->event.body}, key;
	struct misp_proposal p;
	t->n_known = 0;
	t->max_known = t->c->event.proposal_count + t->c->n;
	t->known = ARENA_ARRAY(t->arena, struct equal, t->max_known + 1);
	if (!t->known)
		return ERR_LIMIT;
	TRY(store_el_iter_new(store_view(w), EL_PROPOSAL, from, false, &it));
	for (;;) {
		struct arena_mark m = arena_mark(t->arena);
		enum err e = store_el_iter_next(it, t->arena, &key, &p);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		if (t->n_known < t->max_known)
			t->known[t->n_known++] =
				(struct equal){digest_of(t, &p), key, p.timestamp};
		arena_rewind(t->arena, m);
	}
}

static enum err enter(struct take *t, struct store_wtxn *w, uint64_t id, struct fail *f)
{
	struct misp_event row;
	if (t->event_id == id)
		return ERR_OK;
	TRY(leave(t, w, f));
	arena_reset(t->arena);
	TRY(store_get(store_view(w), T_EVENT, id, t->arena, &row));
	TRY(entity_copy(t->arena, &desc_misp_event, &row, &t->c->event));
	t->event_id = id;
	return know(t, w);
}

/* The attribute that it is about: the one with its UUID, if that stands in this event. */
static enum err about(struct take *t, const struct misp_proposal *p, uint64_t *attr_id)
{
	struct index_uuid at;
	*attr_id = 0;
	if (uuid_is_nil(p->old_uuid))
		return ERR_OK;
	enum err e = index_uuid_find(t->c->env->index, p->uuid, &at);
	if (e == ERR_OK && at.kind == CHANGE_EL(EL_ATTR) && at.event_id == t->event_id)
		*attr_id = at.id;
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err replace(struct take *t, struct store_wtxn *w, struct equal *was, struct uuid uuid,
			struct fail *f)
{
	TRY(store_el_del(w, EL_PROPOSAL, was->key, f));
	t->c->event.proposal_count--;
	return ingest_put_change(t->c, w, CHANGE_DELETE, EL_PROPOSAL, was->key.id, was->key.parent,
				 uuid, f);
}

static enum err take_one(struct take *t, struct store_wtxn *w, struct misp_proposal p,
			 struct fail *f)
{
	struct ingest_ctx *c = t->c;
	struct equal *was = NULL;
	uint64_t event_id, attr_id;
	enum err e = store_find(store_view(w), IX_EVENT_UUID,
				(struct str){(const char *)p.event_uuid.b, 16}, &event_id);
	if (e == ERR_NOENT) {
		t->out.unknown++;
		return ERR_OK;
	}
	TRY(e);
	TRY(enter(t, w, event_id, f));
	uint64_t digest = digest_of(t, &p);
	for (size_t i = 0; i < t->n_known && !was; i++)
		was = t->known[i].digest == digest ? &t->known[i] : NULL;
	if (was && was->timestamp >= p.timestamp) {
		t->out.known++;
		return ERR_OK;
	}
	TRY(about(t, &p, &attr_id));
	if (was)
		TRY(replace(t, w, was, p.uuid, f));
	p.org_id = c->facts->org_id;
	if (p.org.n)
		TRY(ingest_org_capture(w, LIST_AT(p.org, struct misp_org, 0), false, &p.org_id, f));
	struct el_key key = {c->event.body, attr_id, store_new_el_id(w, EL_PROPOSAL)};
	p.id = key.id;
	p.old_id = attr_id;
	p.event_id = event_id;
	p.event_org_id = c->event.org_id;
	p.email = STR_NONE; /* of a user who is not here */
	TRY(store_el_put(w, c->adm, EL_PROPOSAL, key, &p, f));
	c->event.proposal_count++;
	c->event.proposal_email_lock |= !p.deleted;
	t->touched = true;
	t->out.added++;
	if (!was && t->n_known < t->max_known)
		was = &t->known[t->n_known++];
	if (was)
		*was = (struct equal){digest, key, p.timestamp};
	return ingest_put_change(c, w, CHANGE_ADD, EL_PROPOSAL, p.id, attr_id, p.uuid, f);
}

static enum err run_take(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct take *t = arg;
	t->out = (struct ingest_taken){.refused = t->c->out->n_problems};
	t->event_id = 0;
	t->touched = false;
	t->c->changes = 0;
	for (uint32_t i = 0; i < t->c->n; i++)
		if (t->c->els[i].kind == EL_PROPOSAL)
			TRY(take_one(t, w, t->c->els[i].proposal, f));
	return leave(t, w, f);
}

enum err ingest_proposals_take(const struct ingest_env *env, struct raw_event **raw,
			       const struct origin *o, struct admit_facts *facts,
			       struct ingest_taken *out, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	OWN(arena) struct arena *a = arena_new(ARENA_MAX), *room = arena_new(ARENA_MAX);
	struct ingest_ctx c;
	struct ingest_result res;
	bool end;
	*out = (struct ingest_taken){0};
	if (!a || !room)
		return fail(f, ERR_NOMEM, "no memory");
	struct policy *p = env->policy(env->user);
	facts->is_edit = true; /* no document of an event */
	enum err e = gate_admit(p, raw, o, facts, &adm, f);
	policy_unref(p);
	OWN(raw_cursor) struct raw_cursor *cur =
		e == ERR_OK ? raw_cursor_new(admitted_raw(adm)) : NULL;
	ingest_ctx_init(&c, env, adm, facts, a, &res);
	uint64_t n = e == ERR_OK ? raw_count(admitted_raw(adm), EL_PROPOSAL) : 0;
	if (e == ERR_OK)
		e = cur ? ingest_ctx_prepare(&c, cur, KIND(EL_PROPOSAL),
					     (uint32_t)MIN(n + 1, UINT32_MAX), &end, f)
			: ERR_NOMEM;
	if (e == ERR_OK) {
		struct take t = {.c = &c, .arena = room};
		e = store_run(env->store, run_take, &t, f);
		*out = t.out;
	}
	ingest_ctx_free(&c);
	return e;
}

static bool is_equal(const struct misp_proposal *a, const struct misp_proposal *b)
{
	return uuid_eq(a->uuid, b->uuid) && a->type == b->type && a->category == b->category &&
	       a->to_ids == b->to_ids && str_eq(a->value, b->value) &&
	       str_eq(a->comment.p ? a->comment : STR(""), b->comment.p ? b->comment : STR(""));
}

bool ingest_proposal_known(const struct ingest_env *env, const struct misp_proposal *p)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_proposal row;
	struct misp_event e;
	struct el_key key;
	struct fail why = {0};
	uint64_t id;
	if (store_read(env->store, &t, &why) != ERR_OK ||
	    store_find(t, IX_EVENT_UUID, (struct str){(const char *)p->event_uuid.b, 16}, &id) !=
		    ERR_OK ||
	    store_get(t, T_EVENT, id, NULL, &e) != ERR_OK || !e.proposal_count ||
	    store_el_iter_new(t, EL_PROPOSAL, (struct el_key){.body = e.body}, false, &it) != ERR_OK)
		return false;
	while (store_el_iter_next(it, NULL, &key, &row) == ERR_OK)
		if (row.timestamp >= p->timestamp && is_equal(&row, p))
			return true;
	return false;
}

/* ---- the owner's answer ---- */

struct answer {
	struct ingest_ctx *c;
	struct arena *arena;
	uint64_t event_id, parent, id;
	bool accept, of_attr;
};

/* A proposal becomes an attribute; its UUID goes with it unless somebody has it. */
static enum err make_attr(struct answer *x, struct store_wtxn *w, const struct misp_proposal *p,
			  struct fail *f)
{
	struct element el = {.kind = EL_ATTR};
	struct index_uuid at;
	misp_attr_init(&el.attr);
	el.attr.uuid = index_uuid_find(x->c->env->index, p->uuid, &at) == ERR_OK ? uuid_random()
										  : p->uuid;
	el.attr.distribution = DIST_INHERIT;
	el.attr.type = p->type;
	el.attr.category = p->category;
	el.attr.value = p->value;
	el.attr.comment = p->comment.p ? p->comment : STR("");
	el.attr.to_ids = p->to_ids;
	el.attr.disable_correlation = p->disable_correlation;
	el.attr.first_seen = p->first_seen;
	el.attr.last_seen = p->last_seen;
	el.attr.blob = p->blob;
	el.attr.blob_size = p->blob_size;
	el.attr.timestamp = clock_now();
	return ingest_put_element(x->c, w, &el, 0, f);
}

/* It changes or deletes the attribute that it is about. */
static enum err change_attr(struct answer *x, struct store_wtxn *w, const struct misp_proposal *p,
			    struct fail *f)
{
	struct ingest_ctx *c = x->c;
	struct element el = {.kind = EL_ATTR};
	struct misp_attr *a = &el.attr, row;
	uint64_t event_id, object_id;
	TRY(index_attr_find(c->env->index, x->parent, &event_id, &object_id));
	struct el_key key = {c->event.body, object_id, x->parent};
	TRY(store_el_get(store_view(w), EL_ATTR, key, c->arena, &row));
	misp_attr_init(a);
	a->uuid = row.uuid;
	a->object_id = object_id;
	a->timestamp = MAX(clock_now(), row.timestamp + 1);
	if (p->proposal_to_delete) {
		a->deleted = true;
		ENTITY_SET_HAS(a, ATTR_F_deleted);
	} else {
		a->type = p->type;
		a->category = p->category;
		a->value = p->value;
		a->comment = p->comment;
		a->to_ids = p->to_ids;
		a->blob = p->blob;
		a->blob_size = p->blob_size;
		ENTITY_SET_HAS(a, ATTR_F_type);
		ENTITY_SET_HAS(a, ATTR_F_category);
		ENTITY_SET_HAS(a, ATTR_F_value);
		ENTITY_SET_HAS(a, ATTR_F_to_ids);
		if (p->comment.p)
			ENTITY_SET_HAS(a, ATTR_F_comment);
		if (p->first_seen != MICRO_NONE) {
			a->first_seen = p->first_seen;
			ENTITY_SET_HAS(a, ATTR_F_first_seen);
		}
		if (p->last_seen != MICRO_NONE) {
			a->last_seen = p->last_seen;
			ENTITY_SET_HAS(a, ATTR_F_last_seen);
		}
	}
	TRY(ingest_put_element(c, w, &el, 0, f));
	return ingest_touch_object(c, w, object_id, f);
}

static enum err run_answer(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct answer *x = arg;
	struct ingest_ctx *c = x->c;
	struct misp_event row;
	struct misp_proposal p;
	*c->out = (struct ingest_result){0};
	c->changes = 0;
	c->touched = c->content_changed = false;
	arena_reset(x->arena);
	c->arena = x->arena;
	TRY(store_get(store_view(w), T_EVENT, x->event_id, x->arena, &row));
	TRY(entity_copy(x->arena, &desc_misp_event, &row, &c->event));
	struct el_key key = {c->event.body, x->parent, x->id};
	TRY(store_el_get(store_view(w), EL_PROPOSAL, key, x->arena, &p));
	if (p.deleted)
		return fail(f, ERR_NOENT, "no open proposal");
	TRY(entity_copy(x->arena, &desc_misp_proposal, &p, &p));
	x->of_attr = x->parent != 0;
	if (x->accept)
		TRY(x->of_attr ? change_attr(x, w, &p, f) : make_attr(x, w, &p, f));
	if (c->out->n_problems)
		return fail(f, ERR_INVAL, "%.*s", STR_ARG(c->out->problems[0].errors));
	p.deleted = true;
	p.timestamp = MAX(clock_now(), p.timestamp + 1);
	TRY(store_el_put(w, c->adm, EL_PROPOSAL, key, &p, f));
	TRY(ingest_put_change(c, w, CHANGE_EDIT, EL_PROPOSAL, x->id, x->parent, p.uuid, f));
	c->event.proposal_email_lock = false;
	return ingest_touch_event(c, w, f);
}

static enum err answer(const struct ingest_env *env, struct answer *x, const struct origin *o,
		       struct admit_facts *facts, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct ingest_ctx c;
	struct ingest_result res;
	enum err e = index_el_find(env->index, EL_PROPOSAL, x->id, &x->event_id, &x->parent);
	if (e != ERR_OK)
		return fail(f, e, "no such proposal");
	TRY(ingest_proof(env, o, &adm, f));
	x->arena = arena_new(ARENA_MAX);
	if (!a || !x->arena)
		e = ERR_NOMEM;
	ingest_ctx_init(&c, env, adm, facts, a, &res);
	c.break_on_duplicate = true;
	x->c = &c;
	if (e == ERR_OK)
		e = store_run(env->store, run_answer, x, f);
	c.arena = NULL; /* x->arena was lent */
	ingest_ctx_free(&c);
	arena_free(x->arena);
	return e;
}

enum err ingest_proposal_accept(const struct ingest_env *env, uint64_t id, const struct origin *o,
				struct admit_facts *facts, bool *of_attr, struct fail *f)
{
	struct answer x = {.id = id, .accept = true};
	enum err e = answer(env, &x, o, facts, f);
	*of_attr = x.of_attr;
	return e;
}

enum err ingest_proposal_discard(const struct ingest_env *env, uint64_t id, const struct origin *o,
				 struct fail *f)
{
	struct admit_facts facts = {.kind = AUD_OPERATOR, .now = clock_now()};
	struct answer x = {.id = id};
	return answer(env, &x, o, &facts, f);
}
