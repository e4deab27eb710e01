/*
 * element.c - may an element of a released event leave?
 *
 * The same order for every kind: deletion, distribution, markings, policy rules, strip profile.
 * What cannot be answered (an attribute of an object that is not given) is withheld.
 */
#include "gate/judge.h"

static enum gate_rule marking_rule(const struct stance *st, const struct entity_list *tags)
{
	struct marks m;

	if (tags->n == 0)
		return RULE_NONE;
	m = marks_of(st, tags);
	if (!tlp_permits_element(st, &m))
		return RULE_element_marking;
	if (m.has_pap && !pap_permits(st, m.pap))
		return RULE_element_marking;
	return embargo_answer(st, &m).outcome == GATE_RELEASE ? RULE_NONE : RULE_element_marking;
}

/* In a shell: it says itself, and of all that its event keeps from the audience, that it may be held. */
static bool relaxes(const struct stance *st, const struct misp_attr *a)
{
	struct marks m;

	if (a->deleted)
		return false;
	m = marks_of(st, &a->tags);
	if (st->lacks_tlp && !(m.has_tlp && tlp_permits(st, m.tlp, false)))
		return false;
	return !st->lacks_pap || (m.has_pap && pap_permits(st, m.pap));
}

bool gate_may_relax(const struct gate_ctx *c, const struct gate_subject *s)
{
	return c->policy && c->audience && c->facts && s->event && stance_of(c, s).shell;
}

static enum gate_rule policy_rule(const struct stance *st, const struct rule_subject *rs)
{
	return st->policy->n_by_level[rs->level] == 0 || policy_answer(st, rs, NULL).outcome == GATE_RELEASE ?
		       RULE_NONE :
		       RULE_element_policy;
}

enum gate_rule judge_container(const struct stance *st, const struct misp_object *o)
{
	const struct rule_subject rs = {.level = LEVEL_OBJECT, .object = o};
	enum gate_rule r;

	if (!level_reaches(st, o->distribution, o->sharing_group_id, false))
		return RULE_element_distribution;
	if (o->deleted && !sees_deleted(st))
		return RULE_element_deleted;
	if (st->facts->link_rules && !link_rules_object(st->facts->link_rules, o))
		return RULE_element_link;
	if (st->misp)
		return RULE_NONE;
	r = vuln_element(st, o, NULL);
	if (r == RULE_NONE)
		r = policy_rule(st, &rs);
	if (r != RULE_NONE)
		return r;
	return profile_keeps_object(st->profile, o->name) ? RULE_NONE : RULE_strip;
}

enum gate_rule judge_object(const struct stance *st, const struct misp_object *o)
{
	enum gate_rule r = judge_container(st, o);

	/* values without context: the object goes, its attributes may stay */
	if (r == RULE_NONE && !st->profile->leaves[CUT_OBJECT])
		return RULE_strip;
	return r;
}

static bool strip_keeps_attr(const struct stance *st, const struct misp_attr *a, bool in_object)
{
	/* never more than the audience's own profile gives */
	if (st->shell && !profile_keeps_type(profile_of(st->policy, st->aud->profile), a->type, a->category,
					     in_object))
		return false;
	if (!st->profile->leaves[CUT_ATTR] ||
	    (st->profile->to_ids_only && (!a->to_ids || a->deleted)))
		return false;
	return profile_keeps_type(st->profile, a->type, a->category, in_object);
}

enum gate_rule judge_attr(const struct stance *st, const struct misp_object *object,
			  const struct misp_attr *a)
{
	const struct rule_subject rs = {.level = LEVEL_ATTRIBUTE, .attr = a, .object = object};
	enum gate_rule r;

	if (a->object_id && !object)
		return RULE_element_distribution;
	if (object) {
		r = judge_container(st, object);
		if (r != RULE_NONE)
			return r;
	}
	if (!level_reaches(st, a->distribution, a->sharing_group_id, false))
		return RULE_element_distribution;
	if (a->deleted && !sees_deleted(st))
		return RULE_element_deleted;
	if (st->facts->link_rules && !link_rules_attr(st->facts->link_rules, a))
		return RULE_element_link;
	if (st->misp)
		return RULE_NONE;
	r = st->shell && !relaxes(st, a) ? RULE_element_marking : marking_rule(st, &a->tags);
	if (r == RULE_NONE)
		r = vuln_element(st, NULL, a);
	if (r == RULE_NONE)
		r = policy_rule(st, &rs);
	if (r == RULE_NONE && !strip_keeps_attr(st, a, object != NULL) &&
	    (st->shell || !vuln_keeps(st, object, a)))
		r = RULE_strip;
	return r;
}

enum gate_rule judge_report(const struct stance *st, const struct misp_report *p)
{
	const struct rule_subject rs = {.level = LEVEL_REPORT, .report = p};
	enum gate_rule r;

	if (!level_reaches(st, p->distribution, p->sharing_group_id, false))
		return RULE_element_distribution;
	if (p->deleted && !sees_deleted(st))
		return RULE_element_deleted;
	if (st->misp)
		return RULE_NONE;
	r = vuln_element(st, NULL, NULL);
	if (r == RULE_NONE)
		r = policy_rule(st, &rs);
	if (r != RULE_NONE)
		return r;
	if (!st->profile->leaves[CUT_REPORT])
		return RULE_strip;
	return st->profile->hide_internal &&
			       (is_internal(st, p->name) || is_internal(st, p->content)) ?
		       RULE_strip :
		       RULE_NONE;
}

/* A proposal has no level of its own: it is judged as the attribute that it would make. */
enum gate_rule judge_proposal(const struct stance *st, const struct misp_proposal *p)
{
	const struct misp_attr as = {.type = p->type,
				     .category = p->category,
				     .value = p->value,
				     .to_ids = p->to_ids,
				     .distribution = DIST_INHERIT};
	const struct rule_subject rs = {.level = LEVEL_ATTRIBUTE, .attr = &as, .is_proposal = true};
	enum gate_rule r;

	if (p->deleted && !sees_deleted(st))
		return RULE_element_deleted;
	if (st->misp)
		return RULE_NONE;
	r = vuln_element(st, NULL, &as);
	if (r == RULE_NONE)
		r = policy_rule(st, &rs);
	if (r != RULE_NONE)
		return r;
	if (!st->profile->leaves[CUT_PROPOSAL])
		return RULE_strip;
	return strip_keeps_attr(st, &as, false) ? RULE_NONE : RULE_strip;
}

/* MISP's Sightings_policy (6.7). */
bool sees_sighting(const struct stance *st, const struct misp_sighting *s)
{
	const struct rule_subject rs = {.level = LEVEL_SIGHTING, .sighting = s};
	bool own = st->aud->org_id && s->org_id == st->aud->org_id;

	if (!st->profile->leaves[CUT_SIGHTING])
		return false;
	if (!st->misp && policy_rule(st, &rs) != RULE_NONE)
		return false;
	if (st->sees_all || st->owner)
		return true;
	switch (st->facts->sightings_policy) {
	case 1:
		return own || st->s->own_sighting;
	case 2:
		return true;
	case 3:
		return own || (st->facts->host_org_id && s->org_id == st->facts->host_org_id);
	default:
		return own;
	}
}

/* MISP's Sightings_anonymise: who saw it is known to himself and to site administrators. */
bool hides_sighter(const struct stance *st, const struct misp_sighting *s)
{
	bool own = st->aud->org_id && s->org_id == st->aud->org_id;

	return st->facts->sightings_anonymise && !own && !st->sees_all;
}

bool sees_reference(const struct stance *st, const struct misp_ref *ref,
		    const struct rel_ref *t)
{
	if (!st->profile->leaves[CUT_REF] || !t || !t->known || (ref->deleted && !sees_deleted(st)))
		return false;
	if (!level_reaches(st, t->distribution, t->sharing_group_id, false))
		return false;
	if (st->misp)
		return true;
	if (t->is_object)
		return profile_keeps_object(st->profile, t->name);
	return profile_keeps_type(st->profile, t->type, t->category, true);
}

bool gate_judge_attr(const struct gate_ctx *c, const struct gate_subject *s,
		     const struct misp_object *object, const struct misp_attr *attr)
{
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || !s->event || !attr)
		return false;
	st = stance_of(c, s);
	return judge_attr(&st, object, attr) == RULE_NONE;
}

/* judge_attr() asks MISP's rules about deletion and distribution, which do not bind him who sees all. */
bool gate_passes_attrs(const struct gate_ctx *c)
{
	const struct misp_event any = {0};
	const struct gate_subject s = {.event = &any};
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || c->audience->kind == AUD_NOBODY)
		return false;
	st = stance_of(c, &s);
	return st.misp && st.sees_all;
}

bool gate_judge_object(const struct gate_ctx *c, const struct gate_subject *s,
		       const struct misp_object *object)
{
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || !s->event || !object)
		return false;
	st = stance_of(c, s);
	return judge_object(&st, object) == RULE_NONE;
}

bool gate_asks_elements(const struct gate_ctx *c, const struct gate_subject *s)
{
	struct stance st = stance_of(c, s);

	return policy_condemning(&st);
}

/* Would it leave, but for the rules by which it withholds its event? */
static bool would_leave(const struct stance *st, const struct rel_element *el)
{
	if (el->attr)
		return judge_attr(st, el->in_object, el->attr) == RULE_NONE;
	if (el->object)
		return judge_object(st, el->object) == RULE_NONE;
	if (el->report)
		return judge_report(st, el->report) == RULE_NONE;
	return el->proposal && judge_proposal(st, el->proposal) == RULE_NONE;
}

struct str gate_condemns(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct rel_element *el)
{
	struct stance st = stance_of(c, s);
	struct rule_subject rs = {.level = LEVEL_ATTRIBUTE, .attr = el->attr, .object = el->in_object};
	struct misp_attr as;

	if (el->proposal) {
		as = (struct misp_attr){.type = el->proposal->type,
					.category = el->proposal->category,
					.value = el->proposal->value,
					.to_ids = el->proposal->to_ids,
					.distribution = DIST_INHERIT};
		rs.attr = &as;
		rs.is_proposal = true;
	} else if (el->object) {
		rs = (struct rule_subject){.level = LEVEL_OBJECT, .object = el->object};
	} else if (el->report) {
		rs = (struct rule_subject){.level = LEVEL_REPORT, .report = el->report};
	} else if (!el->attr) {
		return STR_NONE;
	}
	st.weighing = true;
	return would_leave(&st, el) ? policy_condemns(&st, &rs) : STR_NONE;
}

bool gate_judge_report(const struct gate_ctx *c, const struct gate_subject *s,
		       const struct misp_report *report)
{
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || !s->event || !report)
		return false;
	st = stance_of(c, s);
	return judge_report(&st, report) == RULE_NONE;
}

bool gate_judge_sighting(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct misp_sighting *sighting)
{
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || !s->event || !sighting)
		return false;
	st = stance_of(c, s);
	return sees_sighting(&st, sighting);
}

bool gate_judge_proposal(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct misp_proposal *proposal)
{
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || !s->event || !proposal)
		return false;
	st = stance_of(c, s);
	return judge_proposal(&st, proposal) == RULE_NONE;
}
