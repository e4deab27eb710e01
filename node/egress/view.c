/*
 * view.c - opening a look at the store for a caller: audience, facts, caches.
 */
#include "egress/view.h"

#include <stdlib.h>

#include "base/clock.h"
#include "egress/openings.h"
#include "egress/records.h"
#include "model/pack.h"
#include "warnlist/warnlist.h"

#define ARENA_MAX (32u << 20)
#define ARENA_RENEW (24u << 20)
#define RULES_ARENA (1u << 20)

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
		if (!row && view_tag_gone(v, t->tag_id))
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
	const struct misp_peer *p = view_peer(v, e->origin_peer);
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

enum err view_subject_fill(struct view *v, struct arena *a, struct subject *out)
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
	return view_subject_fill(v, a, out);
}

enum err view_subject_lent(struct view *v, uint64_t id, struct arena *a, struct subject *out)
{
	TRY(store_get(v->txn, T_EVENT, id, a, &out->event));
	return view_subject_fill(v, a, out);
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
