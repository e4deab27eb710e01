/*
 * cluster.c - galaxy clusters and galaxies on their way out (sync-protocol.md 5.2, 6.1).
 *
 * Clusters of the public libraries go with their tag. Custom ones have a level and an owner of their
 * own, and are no technical feature that a stricter profile would share: those get none of them.
 * They have no tags: the rules for events are asked of them as of an event without a marking.
 */
#include "gate/release.h"

/* The cluster as the thing that rules are asked about. `as` must live as long as the subject. */
static struct gate_subject subject_of(const struct misp_cluster *c, const struct misp_org *orgc,
				      const struct misp_sg *sg, struct misp_event *as)
{
	*as = (struct misp_event){.uuid = c->uuid,
				  .org_id = c->org_id,
				  .distribution = c->distribution,
				  .sharing_group_id = c->sharing_group_id,
				  .published = c->published || c->default_};
	return (struct gate_subject){.event = as, .orgc = orgc, .sharing_group = sg};
}

static bool can_answer(const struct gate_ctx *c, const struct misp_cluster *cluster)
{
	return c->policy && c->audience && c->facts && cluster &&
	       c->audience->kind != AUD_NOBODY;
}

/* Do custom clusters, relations and galaxies of this node leave under the profile? */
static bool profile_keeps(const struct stance *st)
{
	return st->profile->custom_clusters;
}

static struct verdict judge(struct stance *st, const struct misp_cluster *c)
{
	const struct rule_subject rs = {
		.level = LEVEL_GALAXY, .cluster = c, .is_public_cluster = c->default_};
	struct verdict v = {GATE_RELEASE, RULE_NONE, 0};
	struct answer a;
	struct marks m;

	if (c->default_ && ask_rule(st, RULE_suspended, NULL).outcome != GATE_RELEASE)
		return (struct verdict){GATE_DENY, RULE_suspended, 0};
	a = st->misp ? ANSWER_PASS : policy_answer(st, &rs, NULL);
	if (a.outcome != GATE_RELEASE)
		return (struct verdict){a.outcome, RULE_element_policy, a.until};
	if (!st->profile->leaves[CUT_CLUSTER] || !st->profile->leaves[CUT_GALAXY])
		return (struct verdict){GATE_DENY, RULE_strip, 0};
	if (c->default_)
		return v;
	if (!profile_keeps(st))
		return (struct verdict){GATE_DENY, RULE_strip, 0};
	if (!st->misp) {
		m = marks_of(st, &st->s->event->tags);
		st->marks = &m;
	}
	st->cluster = c;
	v = judge_event(st);
	st->marks = NULL;
	return v;
}

struct verdict gate_cluster_verdict(const struct gate_ctx *c, const struct misp_cluster *cluster,
				    const struct misp_org *orgc, const struct misp_sg *sg)
{
	struct misp_event as;
	struct gate_subject s;
	struct stance st;

	if (!can_answer(c, cluster) || cluster->deleted)
		return (struct verdict){GATE_DENY, RULE_NONE, 0};
	s = subject_of(cluster, orgc, sg, &as);
	st = stance_of(c, &s);
	return judge(&st, cluster);
}

bool gate_judge_cluster(const struct gate_ctx *c, const struct misp_cluster *cluster,
			const struct misp_org *orgc, const struct misp_sg *sg)
{
	return gate_cluster_verdict(c, cluster, orgc, sg).outcome == GATE_RELEASE;
}

bool gate_judge_deleted_cluster(const struct gate_ctx *c, const struct misp_cluster *cluster,
				const struct misp_org *orgc, const struct misp_sg *sg)
{
	struct misp_event as;
	struct gate_subject s;
	struct stance st;

	if (!can_answer(c, cluster))
		return false;
	s = subject_of(cluster, orgc, sg, &as);
	st = stance_of(c, &s);
	return (st.sees_all || (st.owner && st.local)) &&
	       judge(&st, cluster).outcome == GATE_RELEASE;
}

/* ---- relations --------------------------------------------------------------------------- */

/* A relation names its target: where that is hidden, it is hidden too. */
static bool relation_leaves(const struct stance *st, const struct rel_relation *r)
{
	if (r->hidden || !r->rel || r->rel->distribution > DIST_GROUP || !profile_keeps(st))
		return false;
	/* as an element, but a push takes 0 and 1 nowhere but over an internal link */
	return level_reaches(st, r->rel->distribution, r->rel->sharing_group_id, false);
}

static bool cut_relation(struct released *r, const struct rel_relation *in,
			 struct rel_relation *out, struct arena *a)
{
	const struct misp_clusterrel *cut = cut_entity(&r->plan, CUT_CLUSTERREL, in->rel, a);
	struct misp_clusterrel *w = cut_writable(CUT_CLUSTERREL, cut, in->rel, a);
	const void *sg = NULL;

	if (!w || !release_tags(r, &in->rel->tags, &w->tags, a))
		return false;
	if (in->rel->distribution == DIST_GROUP &&
	    !release_optional(r, CUT_SG, in->sharing_group, &sg, a))
		return false;
	w->distribution = release_reach(r, release_level(&r->st, in->rel->distribution));
	*out = (struct rel_relation){.rel = w, .sharing_group = sg};
	if (r->out.ids)
		out->target_id = in->target_id;
	return true;
}

static bool cut_relations(struct released *r, const struct rel_cluster *in,
			  struct rel_cluster *out, struct arena *a)
{
	struct rel_relation *v;
	uint32_t n = 0;

	out->relations = NULL;
	out->n_relations = 0;
	if (in->n_relations == 0)
		return true;
	v = ARENA_ARRAY(a, struct rel_relation, in->n_relations);
	if (!v)
		return false;
	for (uint32_t i = 0; i < in->n_relations; i++) {
		if (!relation_leaves(&r->st, &in->relations[i]))
			continue;
		if (!cut_relation(r, &in->relations[i], &v[n], a))
			return false;
		n++;
	}
	out->relations = n ? v : NULL;
	out->n_relations = n;
	return true;
}

/* ---- clusters ---------------------------------------------------------------------------- */

/* Organisations of the public libraries' clusters are nobody's: 0. */
static bool cut_cluster(struct released *r, const struct rel_cluster *in, struct rel_cluster *out,
			struct arena *a)
{
	const struct misp_cluster *cut = cut_entity(&r->plan, CUT_CLUSTER, in->cluster, a);
	struct misp_cluster *w = cut_writable(CUT_CLUSTER, cut, in->cluster, a);
	const void *org, *orgc, *sg = NULL, *galaxy;

	if (!w || !in->galaxy || !release_optional(r, CUT_GALAXY, in->galaxy, &galaxy, a) ||
	    !release_optional(r, CUT_ORG, in->org, &org, a) ||
	    !release_optional(r, CUT_ORG, in->orgc, &orgc, a))
		return false;
	if (in->cluster->distribution == DIST_GROUP &&
	    !release_optional(r, CUT_SG, in->sharing_group, &sg, a))
		return false;
	w->distribution =
		release_reach(r, release_level(&r->st, in->cluster->distribution));
	out->cluster = w;
	out->galaxy = galaxy;
	out->org = org;
	out->orgc = orgc;
	out->sharing_group = sg;
	out->ids = r->out.ids;
	if (!out->ids)
		out->tag_id = 0;
	return cut_relations(r, in, out, a);
}

const struct rel_cluster *gate_release_cluster(const struct gate_ctx *c,
					       const struct rel_cluster *in, struct arena *a)
{
	struct rel_cluster *out;
	struct misp_event as;
	struct released r = {.ctx = *c};

	if (!(in->cluster && in->cluster->deleted ?
		      gate_judge_deleted_cluster(c, in->cluster, in->orgc, in->sharing_group) :
		      gate_judge_cluster(c, in->cluster, in->orgc, in->sharing_group)))
		return NULL;
	r.subject = subject_of(in->cluster, in->orgc, in->sharing_group, &as);
	r.st = stance_of(&r.ctx, &r.subject);
	release_plan(&r);
	out = ARENA_NEW(a, struct rel_cluster);
	if (!out)
		return NULL;
	*out = *in;
	return cut_cluster(&r, in, out, a) ? out : NULL;
}

/* Galaxies are vocabulary, but one made here may tell what it is about: the stricter profiles see
   it only beside a cluster that leaves. */
bool gate_release_galaxy(const struct gate_ctx *c, const struct misp_galaxy *g, struct arena *a,
			 struct rel_galaxy *out)
{
	struct misp_event as = {.published = true, .distribution = DIST_ALL};
	struct released r = {.ctx = *c, .subject = {.event = &as}};
	const void *cut;

	if (!c->policy || !c->audience || !c->facts || !g || c->audience->kind == AUD_NOBODY)
		return false;
	r.st = stance_of(&r.ctx, &r.subject);
	if (!r.st.profile->leaves[CUT_GALAXY] || (!profile_keeps(&r.st) && !r.st.local))
		return false;
	if (ask_rule(&r.st, RULE_suspended, NULL).outcome != GATE_RELEASE)
		return false;
	release_plan(&r);
	if (!release_optional(&r, CUT_GALAXY, g, &cut, a))
		return false;
	*out = (struct rel_galaxy){.galaxy = cut, .ids = r.out.ids};
	return true;
}
