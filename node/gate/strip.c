/*
 * strip.c - which tags leave: the gate's own, local and hidden ones, those of the policy's rules and of
 * the strip profile (profile.c).
 */
#include "base/own.h"
#include "gate/judge.h"

/* Do the rules of the policy file let it go? A tag that names a cluster goes no further than that. */
static bool rules_keep_tag(const struct stance *st, const struct misp_tagref *t)
{
	const struct rule_subject tag = {.level = LEVEL_TAG, .tag = t},
				  galaxy = {.level = LEVEL_GALAXY,
					    .tag = t,
					    .is_public_cluster = !t->is_custom_galaxy};

	if (st->policy->n_by_level[LEVEL_TAG] &&
	    policy_answer(st, &tag, NULL).outcome != GATE_RELEASE)
		return false;
	return !st->policy->n_by_level[LEVEL_GALAXY] || !taxo_in(t->name, "misp-galaxy") ||
	       policy_answer(st, &galaxy, NULL).outcome == GATE_RELEASE;
}

bool tag_leaves(const struct stance *st, bool all_tags, bool no_local,
		const struct misp_tagref *t)
{
	if (!t->name.n)
		return false;
	if (!t->exportable && !(all_tags && st->local))
		return false;
	if (t->local && (no_local || !(st->local || (st->aud->kind == AUD_PEER && st->aud->internal))))
		return false;
	if (tag_is_gates(t->name) && !(st->local && st->cls == CLASS_OWN))
		return false;
	if (!st->misp && !rules_keep_tag(st, t))
		return false;
	/* of what the event is marked with, nothing */
	if (st->shell && !(taxo_in(t->name, "tlp") && tlp_permits(st, taxo_tlp(t->name), false)))
		return false;
	/* no tag names what was removed */
	if (vuln_hides_tag(st, t->name) || !st->profile->leaves[CUT_TAGREF] ||
	    (t->is_custom_galaxy && !st->profile->custom_clusters))
		return false;
	return profile_keeps_tag(st->profile, t->name);
}

bool is_internal(const struct stance *st, struct str text)
{
	return st->policy->internal_marker.n &&
	       str_find_nocase(text, st->policy->internal_marker) >= 0;
}
