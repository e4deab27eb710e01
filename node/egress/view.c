/*
 * view.c - opening a look at the store for a caller: audience, facts, caches.
 */
#include "egress/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "egress/decay.h"
#include "egress/derived.h"
#include "egress/openings.h"
#include "egress/records.h"
#include "lists/lists.h"
#include "model/pack.h"
#include "warnlist/warnlist.h"

#define ARENA_MAX (32u << 20)
#define ARENA_RENEW (24u << 20)
#define RULES_ARENA (1u << 20)

/* ---- caches ---- */

static unsigned slot_of(uint64_t id)
{
	return (unsigned)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static const void *cached(struct view *v, struct row_cache *c, enum store_table tab,
			  const struct entity_desc *d, uint64_t id)
{
	struct row_slot *s = &c->slots[slot_of(id)];
	if (id == 0 || !v->txn)
		return NULL;
	if (s->id == id)
		return s->row;
	char row[1024];
	if (BUG(d->size > sizeof(row)))
		return NULL;
	struct arena_mark m = arena_mark(v->scratch);
	enum err e = store_get(v->txn, tab, id, v->scratch, row);
	void *copy = e == ERR_OK ? arena_alloc(v->arena, d->size) : NULL;
	if (copy && entity_copy(v->arena, d, row, copy) != ERR_OK)
		copy = NULL;
	arena_rewind(v->scratch, m);
	/* a failure other than "no such row" is not remembered, and withholds */
	if (copy || e == ERR_NOENT)
		*s = (struct row_slot){id, copy};
	return copy;
}

/* Was the row looked for and not there (and not merely unreadable)? */
static bool is_gone(const struct row_cache *c, uint64_t id)
{
	const struct row_slot *s = &c->slots[slot_of(id)];
	return id == 0 || (s->id == id && !s->row);
}

const struct misp_org *view_org(struct view *v, uint64_t id)
{
	return cached(v, &v->orgs, T_ORG, &desc_misp_org, id);
}

const struct misp_tag *view_tag(struct view *v, uint64_t id)
{
	return cached(v, &v->tags, T_TAG, &desc_misp_tag, id);
}

/* What a group's numbers stand for, for those who read it elsewhere. */
static void sg_names(struct view *v, struct misp_sg *g)
{
	const struct misp_org *owner = view_org(v, g->org_id);
	struct misp_org *copy = owner ? ARENA_NEW(v->arena, struct misp_org) : NULL;
	if (copy) {
		*copy = *owner;
		g->organisation = (struct entity_list){copy, 1};
	}
	LIST_EACH(o, g->orgs, struct misp_sgorg) {
		const struct misp_org *org = view_org(v, o->org_id);
		if (!org)
			continue;
		o->uuid = org->uuid;
		o->name = org->name;
	}
	LIST_EACH(s, g->servers, struct misp_sgserver) {
		struct misp_peer p;
		s->url = s->name = s->server_id ? STR("") : v->env->base_url;
		if (s->server_id && store_get(v->txn, T_PEER, s->server_id, NULL, &p) == ERR_OK) {
			s->url = arena_str(v->arena, p.url);
			s->name = arena_str(v->arena, p.name);
		}
	}
}

const struct misp_sg *view_sg(struct view *v, uint64_t id)
{
	const struct misp_sg *g = cached(v, &v->groups, T_SG, &desc_misp_sg, id);
	/* fresh from the store: only then is the owner's row not there */
	if (g && !g->organisation.n)
		sg_names(v, (struct misp_sg *)(uintptr_t)g);
	return g;
}

const struct misp_user *view_user(struct view *v, uint64_t id)
{
	return cached(v, &v->users, T_USER, &desc_misp_user, id);
}

/* ---- facts ---- */

static bool group_readable(const struct audience *aud, const struct misp_sg *g)
{
	if (aud->site_admin)
		return true;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id == 0 && s->all_orgs)
			return true;
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		if (o->org_id == aud->org_id && aud->org_id)
			return true;
	return false;
}

/* May what is for this group be sent to the link? all_orgs does not stand in for its organisation. (6.5) */
static bool group_sendable(const struct view *v, const struct misp_sg *g)
{
	bool member = false, listed = false;
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		member |= o->org_id && o->org_id == v->audience.org_id;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		listed |= s->server_id && s->server_id == v->facts.link_id;
	return member && (g->roaming || !g->servers.n || listed || v->audience.internal);
}

/* Sharing groups that the audience's organisation may read (sync-protocol.md 6.4), or that may be
   sent to it. */
static enum err groups_find(struct view *v, struct fail *f)
{
	uint64_t n = store_count(v->txn, T_SG), id = 0;
	struct misp_sg g;
	enum err e;
	free(v->sg_ids);
	v->sg_ids = calloc(n + 1, sizeof(*v->sg_ids));
	free(v->sg_all);
	v->sg_all = calloc(n + 1, sizeof(*v->sg_all));
	v->facts.n_groups = v->facts.n_all_groups = 0;
	v->facts.groups = v->sg_ids;
	v->facts.all_groups = v->sg_all;
	if (!v->sg_ids || !v->sg_all)
		return fail(f, ERR_NOMEM, "no memory for %llu sharing groups",
			    (unsigned long long)n);
	struct arena_mark m = arena_mark(v->scratch);
	while ((e = store_next(v->txn, T_SG, &id, v->scratch, &g)) == ERR_OK) {
		bool ours = v->audience.push ? group_sendable(v, &g) :
					       group_readable(&v->audience, &g);
		if (ours && v->facts.n_groups < n)
			v->sg_ids[v->facts.n_groups++] = id;
		if (v->facts.n_all_groups < n)
			v->sg_all[v->facts.n_all_groups++] = (struct gate_group){id, g.uuid};
		arena_rewind(v->scratch, m);
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading sharing groups");
}

/* Events whose owners ask the user's organisation to take them over (MISP's delegation, a setting). */
static enum err offered_find(struct view *v, struct fail *f)
{
	uint64_t n = store_count(v->txn, T_DELEGATION), id = 0, at;
	struct misp_delegation d;
	struct misp_setting on;
	enum err e = ERR_NOENT;
	if (!n || v->audience.kind != AUD_MEMBER || !v->audience.org_id ||
	    store_find(v->txn, IX_SETTING_NAME, STR("node/MISP.delegation"), &id) != ERR_OK ||
	    store_get(v->txn, T_SETTING, id, NULL, &on) != ERR_OK || !str_is(on.value, "true"))
		return ERR_OK;
	v->offered = calloc(n + 1, sizeof(*v->offered));
	if (!v->offered)
		return fail(f, ERR_NOMEM, "no memory for what is offered");
	v->facts.offered = v->offered;
	id = 0;
	while (v->facts.n_offered < n &&
	       (e = store_next(v->txn, T_DELEGATION, &id, NULL, &d)) == ERR_OK) {
		if (d.org_id != v->audience.org_id)
			continue;
		for (at = v->facts.n_offered++; at > 0 && v->offered[at - 1] > d.event_id; at--)
			v->offered[at] = v->offered[at - 1];
		v->offered[at] = d.event_id;
	}
	return e == ERR_NOENT || e == ERR_OK ? ERR_OK : fail(f, e, "reading delegations");
}

static enum err view_new(const struct egress_env *env, struct view **out, struct fail *f)
{
	struct view *v = calloc(1, sizeof(*v));
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	*out = v;
	v->env = env;
	v->arena = arena_new(ARENA_MAX);
	v->scratch = arena_new(ARENA_MAX);
	v->policy = env->policy(env->user);
	if (!v->arena || !v->scratch)
		return fail(f, ERR_NOMEM, "no memory");
	v->facts.now = env->now(env->user, &v->facts.clock_trusted);
	v->facts.host_org_id = env->host_org_id;
	v->facts.host_org = env->host_org;
	v->host = (struct misp_org){.id = env->host_org_id, .uuid = env->host_org,
				    .name = env->host_org_name};
	v->facts.host = &v->host;
	v->facts.unpublished_private = env->unpublished_private;
	v->facts.sightings_policy = env->sightings_policy;
	v->facts.sightings_anonymise = env->sightings_anonymise;
	v->gate = (struct gate_ctx){.policy = v->policy, .audience = &v->audience, .facts = &v->facts};
	return store_read(env->store, &v->txn, f);
}

static enum err view_finish(struct view **v, enum err e, struct view **out, struct fail *f)
{
	if (e == ERR_OK)
		e = groups_find(*v, f);
	if (e == ERR_OK)
		e = offered_find(*v, f);
	if (e != ERR_OK)
		view_close(MOVE(*v));
	*out = *v;
	return e;
}

/* The push rules of a link hold for a push over it, and for who reads with an account that is bound to
   it. A link that is gone has none. */
static enum err rules_find(struct view *v, uint64_t link_id, struct fail *f)
{
	struct misp_peer p;
	if (!link_id)
		return ERR_OK;
	v->rules_arena = arena_new(RULES_ARENA);
	if (!v->rules_arena)
		return fail(f, ERR_NOMEM, "no memory for the rules of a link");
	enum err e = store_get(v->txn, T_PEER, link_id, v->rules_arena, &p);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "reading a link");
	TRY(link_rules_parse(p.push_rules, v->rules_arena, &v->rules, f));
	v->facts.link_rules = &v->rules;
	return ERR_OK;
}

enum err view_open(const struct egress_env *env, const struct caller *c, struct view **out,
		   struct fail *f)
{
	struct view *v = NULL;
	enum err e = view_new(env, &v, f);
	if (e == ERR_OK) {
		policy_audience(v->policy, c, &v->audience);
		v->facts.link_id = c->peer_id;
		e = rules_find(v, c->push ? c->peer_id : c->site_admin ? 0 : c->bound_id, f);
	}
	return view_finish(&v, e, out, f);
}

enum err view_open_as(const struct egress_env *env, const struct audience *aud, struct view **out,
		      struct fail *f)
{
	struct view *v = NULL;
	enum err e = view_new(env, &v, f);
	if (e == ERR_OK)
		v->audience = *aud;
	return view_finish(&v, e, out, f);
}

void view_close(struct view *v)
{
	if (!v)
		return;
	view_pause(v);
	if (v->policy)
		policy_unref(v->policy);
	arena_free(v->arena);
	arena_free(v->scratch);
	arena_free(v->rules_arena);
	warnlist_unref(v->warnlists);
	free(v->sg_ids);
	free(v->sg_all);
	free(v->offered);
	free(v);
}

void view_pause(struct view *v)
{
	if (v->txn)
		store_read_end(MOVE(v->txn));
}

enum err view_reopen(struct view *v, struct fail *f)
{
	if (arena_used(v->arena) > ARENA_RENEW) {
		memset(&v->orgs, 0, sizeof(v->orgs));
		memset(&v->tags, 0, sizeof(v->tags));
		memset(&v->groups, 0, sizeof(v->groups));
		memset(&v->users, 0, sizeof(v->users));
		memset(&v->peers, 0, sizeof(v->peers));
		arena_reset(v->arena);
	}
	v->facts.now = v->env->now(v->env->user, &v->facts.clock_trusted);
	if (!v->txn)
		memset(v->judged, 0, sizeof(v->judged));
	return v->txn ? ERR_OK : store_read(v->env->store, &v->txn, f);
}

const struct audience *view_audience(const struct view *v)
{
	return &v->audience;
}

const struct store_rtxn *view_txn(const struct view *v)
{
	return v->txn;
}

/* ---- subjects ---- */

enum err view_resolve_tags(struct view *v, struct arena *a, struct entity_list *tags)
{
	if (!tags->n)
		return ERR_OK;
	struct misp_tagref *out = ARENA_ARRAY(a, struct misp_tagref, tags->n);
	uint32_t n = 0;
	if (!out)
		return ERR_LIMIT;
	LIST_EACH(t, *tags, struct misp_tagref) {
		const struct misp_tag *row = view_tag(v, t->tag_id);
		if (!row && is_gone(&v->tags, t->tag_id))
			continue; /* deleted meanwhile */
		struct misp_tagref *r = &out[n++];
		*r = *t;
		if (!row) { /* not readable: without a name it counts as the strictest marking */
			r->name = r->relationship_type = STR_NONE;
			continue;
		}
		r->name = row->name;
		r->colour = row->colour;
		r->exportable = row->exportable;
		r->hide_tag = row->hide_tag;
		r->is_galaxy = row->is_galaxy;
		r->is_custom_galaxy = row->is_custom_galaxy;
		r->local_only = row->local_only;
		r->numerical_value = row->numerical_value;
		r->user_id = row->user_id;
		r->relationship_type = arena_str(a, t->relationship_type);
	}
	*tags = (struct entity_list){out, n};
	return ERR_OK;
}

/* From which compartment it came: that of the peer's row now. A peer that is gone has none. */
static void subject_origin(struct view *v, const struct misp_event *e, struct gate_subject *s)
{
	struct audience from;
	if (!e->origin_peer || !policy_asks_origin(v->policy))
		return;
	const struct misp_peer *p = cached(v, &v->peers, T_PEER, &desc_misp_peer, e->origin_peer);
	s->from_peer = true;
	if (!p)
		return;
	const struct misp_org *org = view_org(v, p->remote_org_id);
	struct caller c = {.kind = AUD_PEER,
			   .org = org ? org->uuid : UUID_NIL,
			   .name = p->name,
			   .url = p->url,
			   .peer_id = p->id};
	policy_audience(v->policy, &c, &from);
	s->from_compartment = from.compartment;
}

/*
 * An attribute whose own embargo has ended makes the event newer for those who may have it: a MISP looks
 * at nothing else (openings.h). Others see the event as it was.
 */
static enum err subject_news(struct view *v, struct subject *out)
{
	struct news_slot *slot = &v->news[out->event.id % CONDEMNED_SLOTS];
	uint64_t seq = store_seq(v->txn);
	if (!v->env->openings || view_is_whole(v) || v->audience.release_class >= GATE_CLASSES)
		return ERR_OK;
	int64_t within = openings_within(v->env->openings, out->event.id, v->audience.release_class);
	if (within <= out->event.timestamp)
		return ERR_OK;
	if (slot->id != out->event.id || slot->seq != seq || slot->within != within) {
		int64_t at;
		if (gate_judge(&v->gate, &out->s).outcome != GATE_RELEASE)
			return ERR_OK;
		TRY(view_opened_within(v, out, within, &at));
		*slot = (struct news_slot){out->event.id, seq, within, at};
	}
	out->event.timestamp = MAX(out->event.timestamp, slot->at);
	return ERR_OK;
}

/* What the ids of out->event stand for. */
static enum err subject_fill(struct view *v, struct arena *a, struct subject *out)
{
	const struct misp_event *e = &out->event;
	out->stored_timestamp = e->timestamp;
	TRY(view_resolve_tags(v, a, &out->event.tags));
	const struct misp_user *creator = view_user(v, e->user_id);
	out->s = (struct gate_subject){
		.event = &out->event,
		.org = view_org(v, e->org_id),
		.orgc = view_org(v, e->orgc_id),
		.sharing_group =
			e->distribution == DIST_GROUP ? view_sg(v, e->sharing_group_id) : NULL,
		.creator_email = creator ? creator->email : STR_NONE,
	};
	subject_origin(v, e, &out->s);
	TRY(view_vuln(v, &out->event, a, &out->s.vuln));
	TRY(view_relaxed(v, out));
	TRY(view_condemned(v, out));
	return subject_news(v, out);
}

enum err view_subject_of(struct view *v, const struct misp_event *e, struct arena *a,
			 struct subject *out)
{
	TRY(entity_copy(a, &desc_misp_event, e, &out->event));
	return subject_fill(v, a, out);
}

enum err view_subject_lent(struct view *v, uint64_t id, struct arena *a, struct subject *out)
{
	TRY(store_get(v->txn, T_EVENT, id, a, &out->event));
	return subject_fill(v, a, out);
}

enum err view_subject(struct view *v, uint64_t id, struct arena *a, struct subject *out)
{
	struct misp_event e;
	TRY(store_get(v->txn, T_EVENT, id, a, &e));
	return view_subject_of(v, &e, a, out);
}

struct uuid egress_uuid(const struct egress_env *env, const struct audience *aud, struct uuid u)
{
	struct gate_facts facts = {.host_org = env->host_org};
	struct policy *p = env->policy(env->user);
	if (gate_rewrites(p, aud))
		u = gate_uuid(p, &facts, aud->profile, u);
	policy_unref(p);
	return u;
}

/* ---- single elements, for permission checks ---- */

/* Upper-case UUIDs are not found, as in MISP (rest-api.md, corrections 4). */
static bool parse_id(struct str s, uint64_t *id, struct uuid *u)
{
	*id = 0;
	*u = UUID_NIL;
	if (str_u64(s, id))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return uuid_parse(s, u);
}

static enum err verdict_of(struct view *v, uint64_t event_id, bool as_published, struct arena *a,
			   struct misp_event *e, struct verdict *out, struct fail *f)
{
	struct subject s;
	enum err err = view_subject(v, event_id, a, &s);
	if (err != ERR_OK)
		return fail(f, err, "event %llu", (unsigned long long)event_id);
	s.event.published |= as_published;
	*out = gate_judge(&v->gate, &s.s);
	*e = s.event;
	return ERR_OK;
}

enum err view_verdict(struct view *v, uint64_t event_id, struct arena *a, struct misp_event *e,
		      struct verdict *out, struct fail *f)
{
	return verdict_of(v, event_id, false, a, e, out, f);
}

enum err view_verdict_published(struct view *v, uint64_t event_id, struct arena *a,
				struct misp_event *e, struct verdict *out, struct fail *f)
{
	return verdict_of(v, event_id, true, a, e, out, f);
}

void view_policy_stamp(const struct view *v, char out[65])
{
	policy_stamp(v->policy, v->facts.now, out);
}

const char *view_policy_version(const struct view *v)
{
	return policy_version(v->policy);
}

void view_why(const struct verdict *v, char *text, size_t n)
{
	int k = snprintf(text, n, "%s", v->rule == RULE_NONE ? "released" : gate_rule_text(v->rule));
	if (v->outcome == GATE_HOLD && v->until < INT64_MAX && k > 0 && (size_t)k < n) {
		struct clock_civil t = clock_to_civil(v->until);
		snprintf(text + k, n - (size_t)k, "; until %04d-%02d-%02d %02d:%02d:%02d UTC",
			 t.year, t.month, t.day, t.hour, t.minute, t.second);
	}
}

static bool event_is_there(struct view *v, uint64_t id)
{
	uint64_t at = id - 1;
	return id && store_next(v->txn, T_EVENT, &at, NULL, NULL) == ERR_OK && at == id;
}

/* By the UUID that this audience knows the event by. */
static enum err event_by_uuid(struct view *v, struct uuid u, uint64_t *id)
{
	if (!gate_rewrites(v->policy, &v->audience))
		return store_find(v->txn, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, id);
	if (!v->env->derived)
		return ERR_NOENT;
	return derived_find(v->env->derived, v->policy, v->txn, v->env->host_org, u, v->audience.profile,
			    false, id);
}

/* One event looked at, whoever may see it: another stands in for one that is not there. */
struct look {
	struct misp_event event;
	bool there, shown;
};

static enum err look_at(struct view *v, enum err found, uint64_t id, uint64_t by, struct arena *a, struct look *l)
{
	struct subject s;
	*l = (struct look){0};
	if (found != ERR_OK && found != ERR_NOENT)
		return found;
	/* each step is taken whatever comes of it, so that all take as long */
	uint64_t other = view_stand_in(v, by);
	l->there = event_is_there(v, found == ERR_OK ? id : other) && found == ERR_OK;
	enum err e = view_subject(v, l->there ? id : other, a, &s);
	if (e != ERR_OK)
		return e == ERR_NOENT || !l->there ? ERR_OK : e;
	l->shown = gate_judge(&v->gate, &s.s).outcome == GATE_RELEASE && l->there;
	l->event = s.event;
	return ERR_OK;
}

static uint64_t seed_of(struct str id_or_uuid)
{
	return view_seed(id_or_uuid.p, id_or_uuid.n);
}

enum err view_event(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		    struct fail *f)
{
	uint64_t id;
	struct uuid u;
	struct look l = {0};
	enum err err = ERR_NOENT;
	if (parse_id(id_or_uuid, &id, &u)) {
		err = id ? ERR_OK : event_by_uuid(v, u, &id);
		err = look_at(v, err, id, seed_of(id_or_uuid), a, &l);
		if (err == ERR_OK && !l.shown)
			err = ERR_NOENT;
	}
	if (err != ERR_OK)
		return fail(f, err, "Invalid event");
	*e = l.event;
	return ERR_OK;
}

static enum err locate(struct view *v, struct str id_or_uuid, enum element_kind k,
		       struct index_uuid *at)
{
	uint64_t id;
	struct uuid u;
	if (!parse_id(id_or_uuid, &id, &u))
		return ERR_NOENT;
	if (!id && gate_rewrites(v->policy, &v->audience))
		return ERR_NOENT; /* it knows other UUIDs than we do */
	if (!id) {
		TRY(index_uuid_find(v->env->index, u, at));
		return at->kind == CHANGE_EL(k) ? ERR_OK : ERR_NOENT;
	}
	*at = (struct index_uuid){.kind = CHANGE_EL(k), .id = id};
	if (k == EL_ATTR)
		return index_attr_find(v->env->index, id, &at->event_id, &at->parent);
	return index_object_find(v->env->index, id, &at->event_id);
}

static enum err load_object(struct view *v, const struct misp_event *e, uint64_t id,
			    struct arena *a, struct misp_object *o)
{
	struct misp_object row;
	TRY(store_el_get(v->txn, EL_OBJECT, (struct el_key){e->body, 0, id}, a, &row));
	return entity_copy(a, &desc_misp_object, &row, o);
}

static enum err first_of(struct view *v, enum element_kind k, uint64_t body, struct arena *a, struct el_key *key,
			 void *row)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	TRY(store_el_iter_new(v->txn, k, (struct el_key){.body = body}, false, &it));
	return store_el_iter_next(it, a, key, row);
}

static enum err judged_attr(struct view *v, const struct misp_event *e, const struct index_uuid *at, struct arena *a,
			    struct misp_attr *attr)
{
	struct el_key key = {e->body, at->parent, at->id};
	struct misp_attr row;
	struct misp_object object;
	struct subject s;
	TRY(at->id ? store_el_get(v->txn, EL_ATTR, key, a, &row) : first_of(v, EL_ATTR, e->body, a, &key, &row));
	TRY(entity_copy(a, &desc_misp_attr, &row, attr));
	TRY(view_resolve_tags(v, a, &attr->tags));
	if (key.parent)
		TRY(load_object(v, e, key.parent, a, &object));
	TRY(view_subject_of(v, e, a, &s));
	return gate_judge_attr(&v->gate, &s.s, key.parent ? &object : NULL, attr) ? ERR_OK : ERR_NOENT;
}

static enum err judged_object(struct view *v, const struct misp_event *e, const struct index_uuid *at,
			      struct arena *a, struct misp_object *o)
{
	struct el_key key = {e->body, 0, at->id};
	struct misp_object row;
	struct subject s;
	if (!at->id)
		TRY(first_of(v, EL_OBJECT, e->body, a, &key, &row));
	TRY(load_object(v, e, key.id, a, o));
	TRY(view_subject_of(v, e, a, &s));
	return gate_judge_object(&v->gate, &s.s, o) ? ERR_OK : ERR_NOENT;
}

/* An element with its event. What is hidden, or in what is hidden, or nowhere takes the same steps. */
static enum err view_element(struct view *v, struct str id_or_uuid, enum element_kind k, struct arena *a,
			     struct misp_event *e, void *row)
{
	struct index_uuid at = {0};
	struct look l;
	enum err found = locate(v, id_or_uuid, k, &at), err;
	TRY(look_at(v, found, at.event_id, seed_of(id_or_uuid), a, &l));
	if (!l.there)
		at = (struct index_uuid){0};
	err = k == EL_ATTR ? judged_attr(v, &l.event, &at, a, row) : judged_object(v, &l.event, &at, a, row);
	if (!l.shown)
		return ERR_NOENT;
	*e = l.event;
	return err;
}

enum err view_attr(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		   struct misp_attr *attr, struct fail *f)
{
	enum err err = view_element(v, id_or_uuid, EL_ATTR, a, e, attr);
	return err == ERR_OK ? err : fail(f, err, "Invalid attribute");
}

enum err view_object(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		     struct misp_object *o, struct fail *f)
{
	enum err err = view_element(v, id_or_uuid, EL_OBJECT, a, e, o);
	return err == ERR_OK ? err : fail(f, err, "Invalid object");
}

enum err view_explain(struct view *v, uint64_t event_id, struct arena *a, struct gate_step **steps,
		      size_t *n, struct verdict *decided, struct fail *f)
{
	struct subject s;
	enum err e = view_subject(v, event_id, a, &s);
	if (e != ERR_OK)
		return fail(f, e, "Invalid event");
	*n = gate_explain(&v->gate, &s.s, a, steps, decided);
	return ERR_OK;
}

/* ---- what search asks ---- */

static struct judged_slot *judged_slot(struct view *v, uint64_t id)
{
	return &v->judged[slot_of(id) % JUDGED_SLOTS];
}

static int event_known(void *user, uint64_t id)
{
	const struct judged_slot *j = judged_slot(user, id);
	return id && j->id == id ? j->yes : -1;
}

static bool event_visible(void *user, const struct misp_event *e)
{
	struct view *v = user;
	struct judged_slot *j = judged_slot(v, e->id);
	struct subject s;
	if (v->shows_protected && e->is_protected &&
	    !v->shows_protected(v->shows_user, &e->crypto_keys))
		return false;
	if (j->id == e->id && e->id)
		return j->yes;
	struct arena_mark m = arena_mark(v->scratch);
	s.event = *e; /* lent for the question */
	bool yes = (v->passes_events && e->distribution < DIST_INHERIT) ||
		   (subject_fill(v, v->scratch, &s) == ERR_OK &&
		    gate_judge(&v->gate, &s.s).outcome == GATE_RELEASE &&
		    !(v->asks_more && s.s.relaxed));
	arena_rewind(v->scratch, m);
	*j = (struct judged_slot){e->id, yes && (!v->filled_only || view_is_filled(v, e))};
	return j->yes;
}

bool view_would_show_attr(struct view *v, const struct misp_event *e, const struct misp_object *o,
			  const struct misp_attr *attr)
{
	struct subject s;
	struct misp_attr copy = *attr;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   view_resolve_tags(v, v->scratch, &copy.tags) == ERR_OK &&
		   gate_judge_attr(&v->gate, &s.s, o, &copy);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_would_show_object(struct view *v, const struct misp_event *e, const struct misp_object *o)
{
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_object(&v->gate, &s.s, o);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_would_show_report(struct view *v, const struct misp_event *e,
			    const struct misp_report *rep)
{
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_report(&v->gate, &s.s, rep);
	arena_rewind(v->scratch, m);
	return yes;
}

static bool attr_visible(void *user, const struct misp_event *e, const struct misp_object *o,
			 const struct misp_attr *attr)
{
	return view_would_show_attr(user, e, o, attr);
}

static bool object_visible(void *user, const struct misp_event *e, const struct misp_object *o)
{
	return view_would_show_object(user, e, o);
}

static bool proposal_visible(void *user, const struct misp_event *e, const struct misp_proposal *pr)
{
	struct view *v = user;
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_proposal(&v->gate, &s.s, pr);
	arena_rewind(v->scratch, m);
	return yes;
}

/* Resolved from the tag table; that the event itself leaves is asked apart. */
bool view_shows_tag(struct view *v, const struct misp_event *e, const struct misp_tagref *t)
{
	const struct misp_tag *row = view_tag(v, t->tag_id);
	struct misp_tagref r = *t;
	struct gate_subject s = {.event = e, .org = view_org(v, e->org_id)};
	struct misp_event resolved;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes;
	if (!row)
		return false;
	if (gate_may_relax(&v->gate, &s)) { /* what the event is marked with says whether it is a shell */
		resolved = *e;
		if (view_resolve_tags(v, v->scratch, &resolved.tags) != ERR_OK)
			return false;
		s.event = &resolved;
		bool own = false;
		LIST_EACH(x, resolved.tags, struct misp_tagref)
			own |= x->tag_id == t->tag_id;
		if (own && gate_may_relax(&v->gate, &s)) {
			arena_rewind(v->scratch, m);
			return false;
		}
	}
	r.name = row->name;
	r.exportable = row->exportable;
	r.is_galaxy = row->is_galaxy;
	r.is_custom_galaxy = row->is_custom_galaxy;
	yes = gate_shows_tag(&v->gate, &s, &r);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_is_whole(const struct view *v)
{
	return v->audience.kind == AUD_OPERATOR || v->audience.misp_rules_only;
}

bool view_lists_tag(struct view *v, const struct misp_tag *tag, bool *used_only)
{
	struct misp_event nothing = {0};
	struct misp_tagref t = {.name = tag->name,
				.tag_id = tag->id,
				.exportable = tag->exportable,
				.is_galaxy = tag->is_galaxy,
				.is_custom_galaxy = tag->is_custom_galaxy};
	struct gate_subject s = {.event = &nothing};
	/* what documents brought along is known by what carries it */
	*used_only = !view_is_whole(v) && !(tag->by_hand && v->audience.kind == AUD_MEMBER);
	return view_is_whole(v) || gate_shows_tag(&v->gate, &s, &t);
}

bool view_attr_tagged(struct view *v, const struct misp_event *e, uint64_t object_id,
		      uint64_t attr_id, uint64_t tag_id, struct arena *a)
{
	struct misp_attr attr;
	struct misp_object object;
	bool carries = false;
	if (store_el_get(v->txn, EL_ATTR, (struct el_key){e->body, object_id, attr_id}, a, &attr) !=
	    ERR_OK)
		return false;
	if (object_id && store_el_get(v->txn, EL_OBJECT, (struct el_key){e->body, 0, object_id}, a,
				      &object) != ERR_OK)
		return false;
	LIST_EACH(t, attr.tags, struct misp_tagref)
		carries |= t->tag_id == tag_id && view_shows_tag(v, e, t);
	return carries && attr_visible(v, e, object_id ? &object : NULL, &attr);
}

static bool tag_visible(void *user, const struct misp_event *e, const struct misp_tagref *t)
{
	return view_shows_tag(user, e, t);
}

const struct warnlists *view_warnlists(struct view *v)
{
	if (!v->warnlists_asked && v->env->lists)
		v->warnlists = lists_warnings(v->env->lists);
	v->warnlists_asked = true;
	return v->warnlists;
}

static bool value_listed(void *user, uint16_t type, struct str value)
{
	const struct warnlists *w = view_warnlists(user);
	struct warnlist_hit hit;
	return w && warnlist_hits(w, type, value, &hit, 1) > 0;
}

static int64_t event_opened(void *user, uint64_t event_id)
{
	struct view *v = user;
	/* who gets MISP's own rules, or everything, waits for nothing */
	if (view_is_whole(v) || v->audience.release_class >= GATE_CLASSES)
		return 0;
	int64_t at = openings_of(v->env->openings, event_id, v->audience.release_class);
	int64_t within = openings_within(v->env->openings, event_id, v->audience.release_class);
	if (within > at) { /* only what is seen in it counts */
		struct arena_mark m = arena_mark(v->scratch);
		struct subject s;
		if (view_subject(v, event_id, v->scratch, &s) == ERR_OK &&
		    s.event.timestamp > s.stored_timestamp)
			at = MAX(at, s.event.timestamp);
		arena_rewind(v->scratch, m);
	}
	return at;
}

struct search_visible view_visible(struct view *v)
{
	v->passes_events = gate_passes_events(&v->gate) && !v->asks_more;
	return (struct search_visible){.user = v,
				       .event = event_visible,
				       .all_events = v->passes_events,
				       .attr = gate_passes_attrs(&v->gate) ? NULL : attr_visible,
				       .object = gate_passes_attrs(&v->gate) ? NULL : object_visible,
				       .proposal = proposal_visible,
				       .tag = tag_visible,
				       .listed = value_listed,
				       .decayed = v->decay ? view_decayed : NULL,
				       .opened = v->env->openings ? event_opened : NULL,
				       .known = v->shows_protected ? NULL : event_known,
				       .instead = v->audience.kind == AUD_OPERATOR ? NULL : view_instead};
}
