/*
 * visible.c - MISP's own visibility: who owns what, and how far a distribution level reaches.
 *
 * Rules: sync-protocol.md sections 3.4, 4.4, 6.1 to 6.5. Levels that are not known reach nobody.
 */
#include "gate/judge.h"

bool is_published_kind(enum audience_kind k)
{
	return k == AUD_FEED || k == AUD_EXPORT || k == AUD_STREAM;
}

/* The owner is org_id of this node, never the creator (6.1). */
static bool owns(const struct audience *a, const struct gate_subject *s)
{
	if (a->org_id)
		return a->org_id == s->event->org_id;
	return s->org && !uuid_is_nil(a->org) && uuid_eq(a->org, s->org->uuid);
}

static bool holds_id(const uint64_t *v, uint32_t n, uint64_t id)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (v[mid] == id)
			return id != 0;
		if (v[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/*
 * What is published by name: folders, exports, streams. Copies at peers could not follow an event that
 * becomes a shell, and users here have MISP's rules. A folder keeps one UUID for an event, so its profile
 * must derive them; an own profile may drop what indicators shows.
 */
static bool may_get_shells(const struct stance *st)
{
	const struct audience *a = st->aud;

	if (!st->policy || !st->policy->elements_may_relax || st->misp || a->profile > PROFILE_FULL)
		return false;
	return a->kind == AUD_EXPORT || a->kind == AUD_STREAM || (a->kind == AUD_FEED && st->profile->rewrites);
}

static void find_shell(struct stance *st)
{
	struct marks m;

	if (!st->s->event->id || !may_get_shells(st))
		return;
	m = marks_of(st, &st->s->event->tags);
	st->lacks_tlp = !tlp_permits(st, m.has_tlp ? m.tlp : st->policy->default_tlp, m.named);
	st->lacks_pap = !pap_permits(st, m.has_pap ? m.pap : st->policy->default_pap);
	st->shell = st->lacks_tlp || st->lacks_pap;
	if (st->shell)
		st->profile = profile_shipped(PROFILE_INDICATORS);
}

struct stance stance_of(const struct gate_ctx *c, const struct gate_subject *s)
{
	const struct audience *a = c->audience;
	struct stance st = {.policy = c->policy, .aud = a, .facts = c->facts, .s = s};

	st.local = a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER;
	st.misp = a->misp_rules_only && (st.local || a->kind == AUD_PEER);
	st.sees_all = a->kind == AUD_OPERATOR ||
		      (a->site_admin && !a->push && (a->kind == AUD_MEMBER || st.misp));
	st.owner = owns(a, s);
	st.offered = a->kind == AUD_MEMBER &&
		     holds_id(c->facts->offered, c->facts->n_offered, s->event->id);
	st.profile = st.misp ? profile_shipped(PROFILE_FULL) : profile_of(c->policy, a->profile);
	st.cls = a->release_class < CLASS_COUNT ? a->release_class : (uint8_t)CLASS_PUBLIC;
	/* "own" is the organisation that owns the event, and the one that runs the node */
	if (a->kind == AUD_OPERATOR ||
	    (a->kind == AUD_MEMBER &&
	     (st.owner || (a->org_id && a->org_id == c->facts->host_org_id))))
		st.cls = CLASS_OWN;
	find_shell(&st);
	return st;
}

bool org_in_group(const struct gate_facts *f, uint64_t id)
{
	return holds_id(f->groups, f->n_groups, id);
}

/* The least level that a published thing of this class carries; a folder has no organisation, so
   only what was meant for everybody goes to the public. */
static uint8_t least_level(const struct stance *st)
{
	if (st->cls == CLASS_OWN)
		return st->facts->host_org_id && st->s->event->org_id == st->facts->host_org_id ?
			       DIST_ORG :
			       DIST_COMMUNITY;
	return st->cls >= CLASS_PARTNER ? DIST_CONNECTED : DIST_ALL;
}

/* Pushing: 0 and 1 stay, except elements towards an internal link (4.4). */
static bool level_pushes(const struct stance *st, uint8_t distribution, bool is_event)
{
	return distribution >= DIST_CONNECTED || (st->aud->internal && !is_event);
}

/* A whole event goes only where its group says so: a link that it names, or any when it roams (4.4). */
static bool group_pushes(const struct stance *st, uint64_t sharing_group_id, bool is_event)
{
	const struct misp_sg *g = st->s->sharing_group;

	if (!org_in_group(st->facts, sharing_group_id))
		return st->aud->internal && !is_event;
	if (!is_event || st->aud->internal)
		return true;
	if (!g)
		return false;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id && s->server_id == st->facts->link_id)
			return true;
	return g->roaming;
}

bool level_reaches(const struct stance *st, uint8_t distribution, uint64_t sharing_group_id,
		   bool is_event)
{
	if (st->aud->kind == AUD_NOBODY || distribution > DIST_INHERIT ||
	    (is_event && distribution == DIST_INHERIT))
		return false;
	if (st->sees_all)
		return true;
	if (st->aud->push) {
		if (distribution == DIST_GROUP)
			return group_pushes(st, sharing_group_id, is_event);
		return level_pushes(st, distribution, is_event);
	}
	if (st->owner || st->offered)
		return true;
	if (distribution == DIST_GROUP)
		return org_in_group(st->facts, sharing_group_id);
	if (distribution == DIST_INHERIT)
		return true;
	if (is_published_kind(st->aud->kind))
		return distribution >= least_level(st);
	return distribution != DIST_ORG;
}

/* Soft-deleted elements: administrators, the owner, and sync links, which carry deletions on
   (3.4, 6.3). What is published shows a deletion by leaving the element out. */
bool sees_deleted(const struct stance *st)
{
	if (st->sees_all)
		return true;
	if (st->aud->kind == AUD_MEMBER)
		return st->owner || st->aud->perm_sync;
	return st->aud->kind == AUD_PEER;
}
