/*
 * release.c - gate_release() and gate_release_element(): judge, then cut.
 *
 * What needs no cut is passed on by pointer. Whatever fails on the way (memory, a part that is
 * missing) withholds the element; nothing is ever passed on half cut.
 */
#include "gate/release.h"

/* ---- parts that several elements have ---------------------------------------------------- */

/* Level that a push carries: 2 becomes 1 (sync-protocol.md 4.4). */
uint8_t release_level(const struct stance *st, uint8_t distribution)
{
	return st->aud->push && !st->aud->internal && distribution == DIST_CONNECTED ?
		       (uint8_t)DIST_COMMUNITY :
		       distribution;
}

bool gate_shows_tag(const struct gate_ctx *c, const struct gate_subject *s,
		    const struct misp_tagref *t)
{
	struct stance st = stance_of(c, s);

	return tag_leaves(&st, true, false, t);
}

static bool tag_ok(const struct released *r, const struct misp_tagref *t)
{
	return tag_leaves(&r->st, r->ctx.all_tags, r->ctx.no_local_tags, t);
}

/* The tags that leave, cut; `*out` is `in` when all leave as they are. False: memory. */
bool release_tags(struct released *r, const struct entity_list *in, struct entity_list *out,
		  struct arena *a)
{
	struct misp_tagref *copy = NULL;
	const struct misp_tagref *v = in->v;
	uint32_t n = 0;

	*out = *in;
	for (uint32_t i = 0; i < in->n; i++) {
		const struct misp_tagref *cut;
		bool keep = tag_ok(r, &v[i]);

		cut = keep ? cut_entity(&r->plan, CUT_TAGREF, &v[i], a) : NULL;
		if (keep && !cut)
			return false;
		if (!copy && keep && cut == &v[i])
			continue;
		if (!copy) { /* the first difference: what came before it was kept */
			copy = ARENA_ARRAY(a, struct misp_tagref, in->n);
			if (!copy)
				return false;
			memcpy(copy, v, i * sizeof(*copy));
			n = i;
		}
		if (keep)
			copy[n++] = *cut;
	}
	if (copy)
		*out = (struct entity_list){n ? copy : NULL, n};
	return true;
}

/* The keys of a protected event, cut one by one. False: memory. */
static bool cut_keys(struct released *r, struct entity_list *keys, struct arena *a)
{
	struct misp_cryptokey *copy;

	if (!keys->n)
		return true;
	copy = ARENA_ARRAY(a, struct misp_cryptokey, keys->n);
	if (!copy)
		return false;
	for (uint32_t i = 0; i < keys->n; i++) {
		const struct misp_cryptokey *cut = cut_entity(
			&r->plan, CUT_CRYPTOKEY, LIST_AT(*keys, struct misp_cryptokey, i), a);

		if (!cut)
			return false;
		copy[i] = *cut;
	}
	keys->v = copy;
	return true;
}

/* A comment that bears the internal marker goes; `*s` is changed only then. */
static bool hides_comment(const struct released *r, struct str comment)
{
	return r->profile->hide_internal && comment.n && is_internal(&r->st, comment);
}

/* ---- heads --------------------------------------------------------------------------------- */

/* Where the group itself does not leave, the level of a group says too much. */
uint8_t release_reach(const struct released *r, uint8_t level)
{
	return level == DIST_GROUP && !r->profile->leaves[CUT_SG] ? (uint8_t)DIST_ORG : level;
}

void release_plan(struct released *r)
{
	const struct audience *aud = r->st.aud;
	bool local = r->st.local || r->st.misp;
	/* those who ask may name things by our numbers; in what we send they would only tell */
	bool ids = r->st.local || (aud->kind == AUD_PEER && !aud->push);

	r->profile = r->st.profile;
	r->plan = r->profile->plans[ids][local];
	r->out.ids = ids;
	r->rewrites = r->profile->rewrites;
	if (r->rewrites) {
		const struct profile *p = profile_of(r->st.policy, aud->profile);

		r->space = rewrite_space(r->st.facts, r->st.shell && p->rewrites ? p : r->profile);
	}
}

static void count_for(struct released *r, const struct gate_subject *s)
{
	/* an owner may get a cut copy: as a peer, or where the policy drops something for everybody */
	bool whole = r->st.owner && r->st.local && r->profile->all;

	if (r->st.misp || r->st.sees_all || whole)
		return;
	r->head.attribute_count = s->has_count ? s->visible_attributes : 0;
	r->out.count_open = !s->has_count;
}

static void creator_for(struct released *r, const struct gate_subject *s)
{
	bool show = r->st.sees_all ||
		    ((r->st.local || r->st.misp) && r->st.aud->perm_audit && r->st.aud->org_id &&
		     r->st.aud->org_id == s->event->orgc_id);

	show &= r->profile->all && s->creator_email.n > 0;
	r->out.show_creator_email = show;
	r->head.creator_email = show ? s->creator_email : STR_NONE;
}

/* False: memory. A part that was there and could not be cut must not be missed silently. */
bool release_optional(const struct released *r, enum cut_entity e, const void *in,
		      const void **out, struct arena *a)
{
	*out = in ? cut_entity(&r->plan, e, in, a) : NULL;
	return !in || *out;
}

static bool cut_head(struct released *r, const struct gate_subject *s, struct arena *a)
{
	const struct misp_event *cut = cut_entity(&r->plan, CUT_EVENT, s->event, a);
	const void *org, *orgc, *sg;

	if (!cut)
		return false;
	r->head = *cut;
	if (r->st.shell)
		r->head.tags = (struct entity_list){NULL, 0};
	else if (!release_tags(r, &s->event->tags, &r->head.tags, a))
		return false;
	if (!cut_keys(r, &r->head.crypto_keys, a))
		return false;
	if (r->st.shell)
		r->subject.n_types = 0;
	r->head.distribution = release_reach(r, release_level(&r->st, r->head.distribution));
	count_for(r, s);
	creator_for(r, s);
	r->out.org = s->org;
	r->out.orgc = s->orgc;
	if (r->rewrites && !rewrite_head(r, a))
		return false;
	if (!release_optional(r, CUT_ORG, r->out.org, &org, a) ||
	    !release_optional(r, CUT_ORG, r->out.orgc, &orgc, a))
		return false;
	sg = NULL;
	if (r->head.distribution == DIST_GROUP &&
	    !release_optional(r, CUT_SG, s->sharing_group, &sg, a))
		return false;
	r->out.org = org;
	r->out.orgc = orgc;
	r->out.sharing_group = sg;
	r->out.e = &r->head;
	return true;
}

struct released *gate_release(const struct gate_ctx *c, const struct gate_subject *s,
			      struct arena *a, struct verdict *v)
{
	struct released *r;

	*v = gate_judge(c, s);
	if (v->outcome != GATE_RELEASE)
		return NULL;
	r = ARENA_NEW(a, struct released);
	if (r) {
		r->ctx = *c;
		r->subject = *s;
		r->st = stance_of(&r->ctx, &r->subject);
		release_plan(r);
	}
	if (!r || !cut_head(r, &r->subject, a)) {
		*v = (struct verdict){GATE_DENY, RULE_NONE, 0};
		return NULL;
	}
	return r;
}

const struct rel_event *released_event(const struct released *r)
{
	return &r->out;
}

enum gate_rule gate_withheld_by(const struct released *r)
{
	return r->withheld;
}

/* ---- children ------------------------------------------------------------------------------ */

static const struct misp_proposal *cut_proposal(struct released *r, const struct misp_proposal *p,
						struct arena *a)
{
	const struct misp_proposal *cut = cut_entity(&r->plan, CUT_PROPOSAL, p, a);
	struct misp_proposal *w;

	if (!cut || (!hides_comment(r, cut->comment) && !r->rewrites))
		return cut;
	w = cut_writable(CUT_PROPOSAL, cut, p, a);
	if (w && hides_comment(r, w->comment))
		w->comment = STR_NONE;
	return w && (!r->rewrites || rewrite_entity(r, CUT_PROPOSAL, w, a)) ? w : NULL;
}

/* The organisation that proposed; not for profiles that hide who made what. */
static bool cut_proposer(const struct released *r, const struct rel_element *el, uint32_t i,
			 const void **org, struct arena *a)
{
	return r->rewrites || !el->proposal_orgs ||
	       release_optional(r, CUT_ORG, el->proposal_orgs[i], org, a);
}

/* Proposals of an attribute. */
static bool cut_proposals(struct released *r, struct rel_element *el, struct arena *a)
{
	struct misp_proposal *out;
	const struct misp_org **orgs;
	uint32_t n = 0;

	if (el->n_proposals == 0)
		return true;
	out = ARENA_ARRAY(a, struct misp_proposal, el->n_proposals);
	orgs = ARENA_ARRAY(a, const struct misp_org *, el->n_proposals);
	if (!out || !orgs)
		return false;
	for (uint32_t i = 0; i < el->n_proposals; i++) {
		const struct misp_proposal *cut;
		const void *org = NULL;

		if (judge_proposal(&r->st, &el->proposals[i]) != RULE_NONE)
			continue;
		cut = cut_proposal(r, &el->proposals[i], a);
		if (!cut || !cut_proposer(r, el, i, &org, a))
			return false;
		orgs[n] = org;
		out[n++] = *cut;
	}
	el->proposals = n ? out : NULL;
	el->proposal_orgs = n ? orgs : NULL;
	el->n_proposals = n;
	return true;
}

static bool cut_sighting(struct released *r, const struct misp_sighting *in,
			 struct misp_sighting *out, struct arena *a)
{
	const struct misp_sighting *cut = cut_entity(&r->plan, CUT_SIGHTING, in, a);

	if (!cut)
		return false;
	*out = *cut;
	return !r->rewrites || rewrite_entity(r, CUT_SIGHTING, out, a);
}

static bool cut_sightings(struct released *r, struct rel_element *el, struct arena *a)
{
	struct misp_sighting *out;
	const struct misp_org **orgs;
	uint32_t n = 0;

	if (el->n_sightings == 0)
		return true;
	out = ARENA_ARRAY(a, struct misp_sighting, el->n_sightings);
	orgs = ARENA_ARRAY(a, const struct misp_org *, el->n_sightings);
	if (!out || !orgs)
		return false;
	for (uint32_t i = 0; i < el->n_sightings; i++) {
		const void *org = NULL;

		if (!sees_sighting(&r->st, &el->sightings[i]))
			continue;
		if (!r->rewrites && el->sighting_orgs &&
		    !release_optional(r, CUT_ORG, el->sighting_orgs[i], &org, a))
			return false;
		if (!cut_sighting(r, &el->sightings[i], &out[n], a))
			return false;
		if (hides_sighter(&r->st, &el->sightings[i])) {
			out[n].org_id = 0;
			org = NULL;
		}
		orgs[n++] = org;
	}
	el->sightings = n ? out : NULL;
	el->sighting_orgs = n ? orgs : NULL;
	el->n_sightings = n;
	return true;
}

/* What MISP prints beside a reference says as much as the reference. */
static void cut_target(const struct released *r, struct rel_ref *t)
{
	t->distribution = release_reach(r, release_level(&r->st, t->distribution));
	if (!r->out.ids)
		t->sharing_group_id = 0;
	if (r->rewrites)
		t->uuid = rewrite_uuid(r, t->uuid);
}

static bool cut_refs(struct released *r, struct rel_element *el, struct arena *a)
{
	struct misp_ref *refs;
	struct rel_ref *targets;
	uint32_t n = 0;

	if (el->n_refs == 0)
		return true;
	refs = ARENA_ARRAY(a, struct misp_ref, el->n_refs);
	targets = ARENA_ARRAY(a, struct rel_ref, el->n_refs);
	if (!refs || !targets)
		return false;
	for (uint32_t i = 0; i < el->n_refs; i++) {
		const struct misp_ref *cut;

		if (!sees_reference(&r->st, &el->refs[i],
				    el->ref_targets ? &el->ref_targets[i] : NULL))
			continue;
		cut = cut_entity(&r->plan, CUT_REF, &el->refs[i], a);
		if (!cut)
			return false;
		refs[n] = *cut;
		targets[n] = el->ref_targets[i];
		if (hides_comment(r, refs[n].comment))
			refs[n].comment = STR_NONE;
		if (r->rewrites && !rewrite_entity(r, CUT_REF, &refs[n], a))
			return false;
		cut_target(r, &targets[n]);
		n++;
	}
	el->refs = n ? refs : NULL;
	el->ref_targets = n ? targets : NULL;
	el->n_refs = n;
	return true;
}

/* ---- elements ------------------------------------------------------------------------------ */

static bool cut_element_group(struct released *r, struct rel_element *el, uint8_t distribution,
			      struct arena *a)
{
	const void *sg = NULL;

	if (distribution == DIST_GROUP && r->profile->leaves[CUT_SG] &&
	    !release_optional(r, CUT_SG, el->sharing_group, &sg, a))
		return false;
	el->sharing_group = sg;
	return true;
}

/* A cut object lives in `r`: it is needed as long as its attributes come. */
static bool cut_object(struct released *r, const struct misp_object *in, struct arena *a)
{
	const struct misp_object *cut = cut_entity(&r->plan, CUT_OBJECT, in, a);

	if (!cut)
		return false;
	r->object = *cut;
	r->object.distribution = release_level(&r->st, cut->distribution);
	if (hides_comment(r, cut->comment))
		r->object.comment = STR_NONE;
	r->object.distribution = release_reach(r, r->object.distribution);
	return !r->rewrites || rewrite_object(r, &r->object, a);
}

/*
 * The level of an attribute that leaves without its object: the narrower of both, or it would go
 * further from the receiver than it may go from here. The group itself does not leave.
 */
static uint8_t level_alone(uint8_t level, const struct misp_object *o)
{
	uint8_t around = o ? o->distribution : (uint8_t)DIST_INHERIT;

	if (level == DIST_GROUP || around == DIST_GROUP)
		return DIST_ORG;
	return level < around ? level : around;
}

/* The attribute's own fields; `el->attr` stays the input's when nothing changes. */
static bool cut_attr(struct released *r, struct rel_element *el, struct arena *a)
{
	const struct misp_attr *in = el->attr, *cut = cut_entity(&r->plan, CUT_ATTR, in, a);
	struct entity_list tags;
	uint8_t level;

	if (!cut || !release_tags(r, &in->tags, &tags, a))
		return false;
	level = r->profile->leaves[CUT_OBJECT] ? in->distribution :
						level_alone(in->distribution, el->in_object);
	level = release_reach(r, release_level(&r->st, level));
	if (r->rewrites || tags.v != in->tags.v || tags.n != in->tags.n ||
	    level != in->distribution || hides_comment(r, cut->comment)) {
		struct misp_attr *w = cut_writable(CUT_ATTR, cut, in, a);

		if (!w)
			return false;
		w->tags = tags;
		w->distribution = level;
		if (hides_comment(r, w->comment))
			w->comment = STR_NONE;
		if (r->rewrites && !rewrite_entity(r, CUT_ATTR, w, a))
			return false;
		cut = w;
	}
	el->attr = cut;
	return true;
}

/* Attachments: technical keeps samples only, indicators none. */
static bool data_leaves(const struct released *r, uint16_t type)
{
	return r->profile->data == DATA_ALL ||
	       (r->profile->data == DATA_SAMPLES && type == ATTR_MALWARE_SAMPLE);
}

static bool cut_event_tags(struct released *r, struct rel_element *el, struct arena *a)
{
	struct entity_list in = {(void *)(uintptr_t)el->event_tags, el->n_event_tags}, out;

	if (r->st.shell)
		in = (struct entity_list){NULL, 0};

	if (!release_tags(r, &in, &out, a))
		return false;
	el->event_tags = out.v;
	el->n_event_tags = out.n;
	return true;
}

static bool release_attr(struct released *r, struct rel_element *el, struct arena *a)
{
	r->withheld = judge_attr(&r->st, el->in_object, el->attr);
	if (r->withheld != RULE_NONE)
		return false;
	if (!data_leaves(r, el->attr->type))
		el->data = STR_NONE;
	if (!cut_element_group(r, el, el->attr->distribution, a) || !cut_attr(r, el, a) ||
	    !cut_event_tags(r, el, a) || !cut_proposals(r, el, a) || !cut_sightings(r, el, a) ||
	    !cut_analyst(r, el, a))
		return false;
	if (r->rewrites) { /* correlations name other events by their own UUIDs */
		el->related = NULL;
		el->n_related = 0;
	}
	if (el->in_object) {
		if (!r->profile->leaves[CUT_OBJECT]) {
			el->in_object = NULL;
			return true;
		}
		if (!cut_object(r, el->in_object, a))
			return false;
		el->in_object = &r->object;
	}
	return true;
}

static bool release_object(struct released *r, struct rel_element *el, struct arena *a)
{
	r->withheld = judge_object(&r->st, el->object);
	if (r->withheld != RULE_NONE || !cut_element_group(r, el, el->object->distribution, a) ||
	    !cut_refs(r, el, a) || !cut_object(r, el->object, a) || !cut_analyst(r, el, a))
		return false;
	el->object = &r->object;
	return true;
}

static bool release_report(struct released *r, struct rel_element *el, struct arena *a)
{
	const struct misp_report *in = el->report, *cut;
	uint8_t level = release_reach(r, release_level(&r->st, in->distribution));

	r->withheld = judge_report(&r->st, in);
	if (r->withheld != RULE_NONE || !cut_element_group(r, el, in->distribution, a) ||
	    !cut_analyst(r, el, a))
		return false;
	cut = cut_entity(&r->plan, CUT_REPORT, in, a);
	if (cut && (level != in->distribution || r->rewrites)) {
		struct misp_report *w = cut_writable(CUT_REPORT, cut, in, a);

		if (w)
			w->distribution = level;
		if (w && r->rewrites && !rewrite_entity(r, CUT_REPORT, w, a))
			return false;
		cut = w;
	}
	el->report = cut;
	return cut != NULL;
}

static bool release_proposal(struct released *r, struct rel_element *el, struct arena *a)
{
	const struct misp_org **orgs = ARENA_ARRAY(a, const struct misp_org *, 1);
	const void *org = NULL;

	r->withheld = judge_proposal(&r->st, el->proposal);
	if (r->withheld != RULE_NONE)
		return false;
	el->proposal = cut_proposal(r, el->proposal, a);
	if (!el->proposal || !orgs || !cut_proposer(r, el, 0, &org, a))
		return false;
	orgs[0] = org;
	el->proposal_orgs = orgs;
	return true;
}

const struct rel_element *gate_release_element(struct released *r, const struct rel_element *in,
					       struct arena *a)
{
	bool leaves = false;

	r->el = *in;
	r->withheld = RULE_strip;
	switch (in->kind) {
	case EL_ATTR:
		leaves = in->attr && release_attr(r, &r->el, a);
		break;
	case EL_OBJECT:
		leaves = in->object && release_object(r, &r->el, a);
		break;
	case EL_REPORT:
		leaves = in->report && release_report(r, &r->el, a);
		break;
	case EL_PROPOSAL:
		leaves = in->proposal && release_proposal(r, &r->el, a);
		break;
	case EL_REF: /* come with their objects */
	case EL_SIGHTING: /* come with their attributes */
	case EL_CLUSTER:
	case EL_ANALYST: /* comes with what it is about */
	case EL_COUNT:
	default:
		break;
	}
	return leaves ? &r->el : NULL;
}
