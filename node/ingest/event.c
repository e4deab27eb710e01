/*
 * event.c - whole events: added, edited, merged.
 *
 * A document of ordinary size is one job: all or nothing. Big ones are staged (staged.c).
 */
#include "base/clock.h"
#include "base/log.h"
#include "ingest/ctx.h"
#include "ingest/quarantine.h"
#include "metrics/metrics.h"
#include "model/pack.h"

#define AHEAD_MAX_S 60

/* ---- adding ---- */

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

int64_t ingest_newer(const struct misp_event *e)
{
	int64_t now = clock_now(), next = e->timestamp + e->published;
	/* ahead by some edits of one second; a time that somebody made up does not stay, as in MISP */
	return next > now && next <= now + AHEAD_MAX_S ? next : now;
}

enum err ingest_blocked(const struct store_rtxn *t, uint8_t kind, struct uuid u, bool *blocked)
{
	char key[17] = {(char)kind};
	uint64_t id;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*blocked = e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

static bool has_blocked_tag(const struct ingest_env *env, const struct misp_event *h)
{
	LIST_EACH(t, h->tags, struct misp_tagref)
		for (size_t i = 0; i < env->n_block_tags; i++)
			if (str_eq_nocase(t->name, str_c(env->block_tags[i])))
				return true;
	return false;
}

/* Facts that gate_admit wants about block lists. */
static enum err look_up_blocks(const struct ingest_env *env, struct raw_event *raw,
			       const struct origin *o, struct admit_facts *facts, struct fail *f)
{
	const struct misp_event *h = raw_head(raw);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(env->store, &t, f));
	TRY(ingest_blocked(t, BLOCK_EVENT, h->uuid, &facts->event_blocked));
	if (!facts->event_blocked && !facts->is_edit)
		TRY(ingest_is_buried(t, facts, h->uuid, h->timestamp, &facts->event_blocked, f));
	facts->remembered =
		ingest_quarantine_remembers(t, h->uuid, h->timestamp, o, facts->user_id);
	facts->tag_blocked = has_blocked_tag(env, h);
	facts->own_derived = env->own_derived && env->own_derived(env->user, t, h->uuid);
	if (h->orgc.n)
		TRY(ingest_blocked(t, BLOCK_ORG, LIST_AT(h->orgc, struct misp_org, 0)->uuid,
				   &facts->org_blocked));
	return ERR_OK;
}

/* Name of the peer or feed, or e-mail of the user, for the policy's rules about what comes in. */
static struct str sender_name(const struct ingest_env *env, const struct origin *o,
			      const struct admit_facts *facts, struct arena *a)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer peer;
	struct misp_feed feed;
	struct misp_user user;
	struct fail f = {0};
	if (store_read(env->store, &t, &f) != ERR_OK)
		return STR_NONE;
	if (o->kind == ORIGIN_FEED && store_get(t, T_FEED, o->id, NULL, &feed) == ERR_OK)
		return arena_str(a, feed.name);
	if (o->kind == ORIGIN_PEER && o->id && store_get(t, T_PEER, o->id, NULL, &peer) == ERR_OK)
		return arena_str(a, peer.name);
	if (facts->user_id && store_get(t, T_USER, facts->user_id, NULL, &user) == ERR_OK)
		return arena_str(a, user.email);
	return STR_NONE;
}

enum err ingest_admit(const struct ingest_env *env, struct raw_event **raw, const struct origin *o,
		      struct admit_facts *facts, struct admitted **adm, struct fail *f)
{
	struct policy *p = env->policy(env->user);
	facts->base_url = env->base_url;
	facts->dead_stay_dead = !policy_is_misp_compat(p) &&
				(facts->kind == AUD_PEER || facts->kind == AUD_FEED);
	facts->newer_revives = policy_newer_revives(p);
	struct admit_decision why = {.rule = ADMIT_RULES};
	facts->decision = policy_has_quarantine(p) ? &why : NULL;
	const struct str given = facts->sender; /* what is looked up lives as long as the document */
	if (policy_has_admission(p) && !given.p)
		facts->sender = sender_name(env, o, facts, raw_arena(*raw));
	enum err e = look_up_blocks(env, *raw, o, facts, f);
	if (e == ERR_OK)
		e = ingest_facts_groups(env, *raw, facts, f);
	if (e == ERR_OK)
		e = gate_admit(p, raw, o, facts, adm, f);
	facts->decision = NULL;
	policy_unref(p);
	if (e != ERR_OK && why.waits)
		e = ingest_quarantine_put(env, *raw, o, facts, &why, f);
	facts->sender = given;
	return e;
}

/* The organisations, group and tags that the head names. */
static enum err head_capture(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			     struct fail *f)
{
	struct misp_event *e = &c->event;
	bool refused;
	e->org_id = c->facts->org_id;
	e->orgc_id = c->facts->org_id;
	if (e->orgc.n)
		TRY(ingest_org_capture(w, LIST_AT(e->orgc, struct misp_org, 0), false, &e->orgc_id, f));
	TRY(ingest_capture_sg_of(c, w, &e->sharing_group, true, &e->distribution,
				 &e->sharing_group_id, &refused, f));
	return ingest_capture_tags(c, w, a, &e->tags, f);
}

enum err ingest_head_begin(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			   struct fail *f)
{
	uint64_t id;
	enum err e = store_find(store_view(w), IX_EVENT_UUID, uuid_key(&c->event.uuid), &id);
	if (e == ERR_OK) {
		c->out->event_id = id;
		return fail(f, ERR_EXISTS, "event exists");
	}
	if (e != ERR_NOENT)
		return fail(f, e, "looking up the event");
	TRY(head_capture(c, w, a, f));
	c->event.id = store_new_row_id(w, T_EVENT);
	TRY(ingest_guard_new(c, w, a, 0, c->event.uuid, &c->event.tags, f));
	cryptokeys_number(&c->event);
	c->event.user_id = c->facts->user_id;
	c->event.received = clock_now();
	return ERR_OK;
}

enum err ingest_head_end(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f)
{
	if (c->event.published)
		c->event.publish_timestamp = clock_now();
	c->event.timestamp = c->event.timestamp ? c->event.timestamp : clock_now();
	if (c->origin->kind == ORIGIN_PEER)
		c->event.origin_peer = c->origin->id;
	TRY(store_event_put(w, c->adm, &c->event, f));
	TRY(ingest_unbury(w, c->event.uuid, f));
	c->out->outcome = INGEST_ADDED;
	c->out->event_id = c->event.id;
	c->out->event_uuid = c->event.uuid;
	return ingest_put_event_change(c, w, CHANGE_ADD, true, f);
}

/* An ordinary document: everything in one job. */
static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ingest_job *j = arg;
	struct ingest_ctx *c = j->c;
	ingest_snap_back(c, &j->before);
	TRY(ingest_head_begin(c, w, j->arena, f));
	c->event.body = store_new_body(w);
	for (size_t i = 0; i < INGEST_PASSES; i++)
		TRY(ingest_pass_put(c, w, ingest_passes[i], f));
	return ingest_head_end(c, w, f);
}

/* ---- editing ---- */

static void head_merge(struct misp_event *to, const struct misp_event *from)
{
#define TAKE(member)                                                                               \
	do {                                                                                       \
		if (ENTITY_HAS(from, EVENT_F_##member))                                            \
			to->member = from->member;                                                 \
	} while (0)
	TAKE(date);
	TAKE(threat_level_id);
	TAKE(analysis);
	TAKE(info);
	TAKE(distribution);
	TAKE(sharing_group_id);
	TAKE(disable_correlation);
	TAKE(extends_uuid);
#undef TAKE
	to->published = ENTITY_HAS(from, EVENT_F_published) && from->published;
	to->timestamp = ENTITY_HAS(from, EVENT_F_timestamp) ? from->timestamp : clock_now();
}

static bool is_from_here(const struct ingest_ctx *c)
{
	return (c->facts->kind == AUD_OPERATOR || c->facts->kind == AUD_MEMBER) && !c->facts->pull &&
	       !c->facts->push && c->origin && c->origin->kind == ORIGIN_LOCAL;
}

enum err ingest_guard_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			   uint64_t attr_id, struct uuid attr_uuid, const struct entity_list *before,
			   struct entity_list *after, struct fail *f)
{
	struct tag_change x = {&c->event, attr_id, attr_uuid, before, after, a};
	struct two_keys k = {0};
	bool here = is_from_here(c);
	TRY(two_keys_check(c->env, w, &x, !here, &k, f));
	if (!k.n)
		return ERR_OK;
	c->wants = k;
	return fail(f, ERR_PERM, "This needs two persons.");
}

enum err ingest_guard_end(struct ingest_ctx *c, enum err e, struct fail *f)
{
	return e == ERR_PERM && c->wants.n ? two_keys_ask(c->env, c->origin, &c->wants, f) : e;
}

/* It comes without what needs a second person; a user here has asked for it by that. */
static enum err guard_new(struct ingest_ctx *c, struct store_wtxn *w, const struct tag_change *x,
			  struct fail *f)
{
	uint64_t ids[WANTS_MAX];
	struct two_keys k = {0};
	if (is_from_here(c))
		TRY(two_keys_check(c->env, w, x, false, &k, f));
	TRY(two_keys_check(c->env, w, x, true, &k, f));
	return k.n ? two_keys_put(w, c->origin->id, &k, ids, f) : ERR_OK;
}

enum err ingest_guard_new(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			  uint64_t attr_id, struct uuid u, struct entity_list *tags, struct fail *f)
{
	struct entity_list had;
	if (c->embargoes == EMBARGOES_ONCE)
		c->embargoes = ingest_embargoes_any(w) ? EMBARGOES_EACH : EMBARGOES_NONE;
	if (c->embargoes == EMBARGOES_NONE)
		had = (struct entity_list){NULL, 0};
	else
		TRY(ingest_embargo_kept(w, u, a, &had, f));
	if (attr_id && !had.n)
		return ERR_OK;
	struct tag_change x = {&c->event, attr_id, attr_id ? u : UUID_NIL, &had, tags, a};
	return guard_new(c, w, &x, f);
}

/* Tags of the document join those of the event. */
static enum err head_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			  struct entity_list in, struct fail *f)
{
	struct entity_list had = c->event.tags;
	if (!in.n || !c->facts->perm_tagger)
		return ERR_OK;
	TRY(ingest_capture_tags(c, w, a, &in, f));
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, in.n + had.n);
	uint32_t n = 0;
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for tags");
	LIST_EACH(t, had, struct misp_tagref)
		v[n++] = *t;
	LIST_EACH(t, in, struct misp_tagref) {
		uint32_t i = 0;
		while (i < n && v[i].tag_id != t->tag_id)
			i++;
		if (t->deleted && i < n)
			v[i] = v[--n];
		else if (!t->deleted) {
			v[i] = *t;
			n = MAX(n, i + 1);
		}
	}
	struct entity_list now = {v, n};
	TRY(ingest_guard_tags(c, w, a, 0, UUID_NIL, &had, &now, f));
	c->event.tags = now;
	return ERR_OK;
}

/*
 * Keys of the document: whoever has signed it says which keys there are from now on, somebody who
 * edits here adds to them, and others cannot change them (sync-protocol.md 4.5.2, 11; 12.2, 16).
 */
static enum err head_keys(struct ingest_ctx *c, struct arena *a, const struct entity_list *in,
			  struct fail *f)
{
	const struct entity_list had = c->event.crypto_keys;
	bool replace = c->event.is_protected && c->facts->has_signature;
	struct entity_list out = {NULL, 0};
	if (!in->n || (c->facts->wants_signature && !replace))
		return ERR_OK;
	struct misp_cryptokey *v = ARENA_ARRAY(a, struct misp_cryptokey, in->n + had.n);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for keys");
	out.v = v;
	if (!replace)
		for (; out.n < had.n; out.n++)
			v[out.n] = *LIST_AT(had, struct misp_cryptokey, out.n);
	LIST_EACH(k, *in, struct misp_cryptokey) {
		const struct misp_cryptokey *known = cryptokeys_find(&had, k->fingerprint);
		if (known && !replace)
			continue;
		struct misp_cryptokey now = *k;
		now.id = known ? known->id : 0;
		now.uuid = known ? known->uuid : UUID_NIL;
		now.timestamp = known ? known->timestamp : 0;
		if (known)
			now.revoked |= known->revoked; /* nobody takes that back */
		v[out.n++] = now;
	}
	if (!cryptokeys_regular(&out, a))
		return fail(f, ERR_LIMIT, "no memory for keys");
	c->event.crypto_keys = out;
	cryptokeys_number(&c->event);
	return ERR_OK;
}

/*
 * Fetched in the moment between an edit and its publication there: it came unpublished, and publishing
 * does not make it newer.
 */
static bool is_publication(const struct ingest_ctx *c, const struct misp_event *h)
{
	const struct misp_event *e = &c->event;
	return c->facts->pull && h->published && e->locked && !e->published &&
	       !e->publish_timestamp && h->timestamp == e->timestamp;
}

enum err ingest_edit_head(struct ingest_ctx *c, struct store_wtxn *w, uint64_t id,
			  struct arena *a, struct fail *f)
{
	const struct misp_event *h = admitted_head(c->adm);
	bool refused;
	TRY(store_get(store_view(w), T_EVENT, id, a, &c->event));
	/* what a job reads is lent until its next write */
	TRY(entity_copy(a, &desc_misp_event, &c->event, &c->event));
	if (c->event.is_protected)
		TRY(gate_admit_protected(c->facts, &c->event.crypto_keys, f));
	/* a cut copy of ours that comes back is not newer */
	bool ours = ENTITY_HAS(h, EVENT_F_timestamp) && c->env->own_copy &&
		    c->env->own_copy(c->env->user, id, h->timestamp);
	if (ENTITY_HAS(h, EVENT_F_timestamp) && (h->timestamp <= c->event.timestamp || ours) &&
	    !is_publication(c, h))
		return fail(f, ERR_STALE,
			    "Event could not be saved: Event in the request not newer than the local "
			    "copy.");
	head_merge(&c->event, h);
	if (ENTITY_HAS(h, EVENT_F_distribution)) {
		TRY(ingest_capture_sg_of(c, w, &h->sharing_group, true, &c->event.distribution,
					 &c->event.sharing_group_id, &refused, f));
		if (refused)
			return fail(f, ERR_INVAL,
				    "Event could not be saved: User not authorised to create the "
				    "associated sharing group.");
	}
	TRY(head_keys(c, a, &h->crypto_keys, f));
	return head_tags(c, w, a, h->tags, f);
}

enum err ingest_edit_end(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f)
{
	if (c->event.published)
		c->event.publish_timestamp = clock_now();
	TRY(store_event_put(w, c->adm, &c->event, f));
	c->out->outcome = INGEST_UPDATED;
	c->out->event_id = c->event.id;
	c->out->event_uuid = c->event.uuid;
	return ingest_put_event_change(c, w, c->event.published ? CHANGE_PUBLISH : CHANGE_EDIT,
				       c->staged, f);
}

static enum err run_edit(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ingest_job *j = arg;
	struct ingest_ctx *c = j->c;
	uint64_t id = j->before.event.id;
	ingest_snap_back(c, &j->before);
	TRY(ingest_edit_head(c, w, id, j->arena, f));
	for (size_t i = 0; i < INGEST_PASSES; i++)
		TRY(ingest_pass_put(c, w, ingest_passes[i], f));
	return ingest_edit_end(c, w, f);
}

/* ---- whole documents ---- */

static bool is_ordinary(const struct ingest_ctx *c)
{
	struct raw_event *raw = admitted_raw(c->adm);
	return raw_in_memory(raw) && ingest_elements_of(raw) <= INGEST_ONE_JOB_MAX;
}

enum err ingest_whole_prepare(struct ingest_ctx *c, uint64_t event_id, store_run_fn *run,
			      struct fail *f)
{
	struct raw_event *raw = admitted_raw(c->adm);
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(raw);
	bool end;
	if (!cur)
		return fail(f, ERR_NOMEM, "no memory");
	c->adding = !event_id;
	if (event_id)
		c->event.id = event_id;
	else
		c->event = *admitted_head(c->adm);
	*run = event_id ? run_edit : run_add;
	return ingest_ctx_prepare(c, cur, KINDS_ALL, (uint32_t)ingest_elements_of(raw) + 1, &end,
				  f);
}

static enum err whole_document(struct ingest_ctx *c, uint64_t event_id, struct arena *a,
			       struct fail *f)
{
	struct ingest_job j = {.arena = a};
	store_run_fn run;
	TRY(ingest_whole_prepare(c, event_id, &run, f));
	return ingest_step(c, &j, run, f);
}

static enum err add_admitted(struct ingest_ctx *c, struct arena *a, struct fail *f)
{
	if (is_ordinary(c))
		return whole_document(c, 0, a, f);
	c->event = *admitted_head(c->adm);
	c->adding = true;
	return ingest_add_staged(c, a, f);
}

enum err ingest_counted(const struct origin *o, const struct ingest_result *r, enum err e)
{
	if (e == ERR_OK)
		metric_add(M_INGEST_EVENTS, o->kind, r->outcome, 1);
	else
		metric_add(M_INGEST_ERRORS, o->kind, e, 1);
	metric_add(M_INGEST_ELEMENTS, o->kind, 0, (int64_t)(r->added + r->updated));
	return e;
}

enum err ingest_event_add(const struct ingest_env *env, struct raw_event **raw,
			  const struct origin *o, struct admit_facts *facts, struct arena *a,
			  struct ingest_result *out, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	struct ingest_ctx c;
	*out = (struct ingest_result){0};
	enum err e = ingest_admit(env, raw, o, facts, &adm, f);
	if (e != ERR_OK)
		return ingest_counted(o, out, e);
	ingest_ctx_init(&c, env, adm, facts, a, out);
	c.no_ids = true;
	e = add_admitted(&c, a, f);
	ingest_ctx_free(&c);
	return ingest_counted(o, out, e);
}

static enum err edit_admitted(struct ingest_ctx *c, uint64_t event_id, struct arena *a,
			      struct fail *f)
{
	if (is_ordinary(c))
		return whole_document(c, event_id, a, f);
	c->event.id = event_id;
	return ingest_edit_staged(c, a, f);
}

enum err ingest_event_edit(const struct ingest_env *env, uint64_t event_id, struct raw_event **raw,
			   const struct origin *o, struct admit_facts *facts, struct arena *a,
			   struct ingest_result *out, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	struct ingest_ctx c;
	*out = (struct ingest_result){0};
	facts->is_edit = true;
	enum err e = ingest_admit(env, raw, o, facts, &adm, f);
	if (e != ERR_OK)
		return ingest_counted(o, out, e);
	ingest_ctx_init(&c, env, adm, facts, a, out);
	c.no_ids = true;
	e = ingest_guard_end(&c, edit_admitted(&c, event_id, a, f), f);
	ingest_ctx_free(&c);
	return ingest_counted(o, out, e);
}

enum err ingest_merge_target(const struct ingest_env *env, struct raw_event *raw,
			     struct admit_facts *facts, uint64_t *id, struct fail *f)
{
	struct uuid uuid = raw_head(raw)->uuid;
	struct misp_event known;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	*id = 0;
	if (uuid_is_nil(uuid))
		return ERR_OK;
	TRY(store_read(env->store, &t, f));
	enum err e = store_find(t, IX_EVENT_UUID, uuid_key(&uuid), id);
	if (e == ERR_OK)
		e = store_get(t, T_EVENT, *id, NULL, &known);
	if (e == ERR_NOENT) {
		*id = 0;
		return ERR_OK;
	}
	TRY(e);
	facts->is_edit = true;
	facts->existing_local = !known.locked;
	if (facts->kind == AUD_PEER && facts->pull && facts->existing_local &&
	    !facts->internal_link)
		return fail(f, ERR_BLOCKED, "Blocked an edit to an event that was created locally.");
	return ERR_OK;
}

enum err ingest_merged(uint64_t id, struct uuid uuid, struct ingest_result *out, enum err e)
{
	if (!id || e != ERR_STALE)
		return e;
	out->outcome = INGEST_UNCHANGED;
	out->event_id = id;
	out->event_uuid = uuid;
	return ERR_OK;
}

enum err ingest_event_merge(const struct ingest_env *env, struct raw_event **raw,
			    const struct origin *o, struct admit_facts *facts, struct arena *a,
			    struct ingest_result *out, struct fail *f)
{
	struct uuid uuid = raw_head(*raw)->uuid;
	uint64_t id;
	*out = (struct ingest_result){0};
	TRY(ingest_merge_target(env, *raw, facts, &id, f));
	enum err e = id ? ingest_event_edit(env, id, raw, o, facts, a, out, f)
			: ingest_event_add(env, raw, o, facts, a, out, f);
	return ingest_merged(id, uuid, out, e);
}
