/*
 * analyst.c - may a note, opinion or relationship leave, and what of it?
 *
 * It has an owner and a level of its own, and is never seen further than what it is about: event,
 * element and the notes that it answers. A marking in its text counts like one on an element. Only
 * the profiles full and partner let free text of this kind leave (gate.md section 7).
 */
#include "base/own.h"
#include "gate/release.h"

#define MARKS_MAX 64u

/* ---- markings in the text ---- */

static bool is_mark_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '_' || c == '-';
}

/* "TLP: RED", "tlp:amber+strict.": the tag that it stands for; absent when there is no word. */
static struct str mark_at(struct str text, size_t at, char out[64])
{
	size_t n = 4, i = at + 4;

	while (i < text.n && text.p[i] == ' ')
		i++;
	memcpy(out, text.p + at, 4);
	while (i < text.n && n < 64 && is_mark_char(text.p[i]))
		out[n++] = text.p[i++];
	while (n > 4 && (out[n - 1] == '-' || out[n - 1] == '_'))
		n--;
	return n > 4 ? (struct str){out, n} : STR_NONE;
}

/* Does a marking in the text stand above what the audience may hold? So many that nobody reads them
   count as the strictest. */
static bool text_marked(const struct stance *st, struct str text, const char *prefix)
{
	size_t from = 0;

	for (unsigned found = 0; from < text.n; found++) {
		ptrdiff_t at = str_find_nocase(str_sub(text, from, text.n - from), str_c(prefix));
		struct misp_tagref tag = {0};
		struct entity_list tags = {&tag, 1};
		struct marks m;
		char name[64];

		if (at < 0)
			return false;
		if (found == MARKS_MAX)
			return true;
		from += (size_t)at;
		tag.name = mark_at(text, from, name);
		from += 4;
		if (!tag.name.n)
			continue;
		m = marks_of(st, &tags);
		if ((m.has_tlp && !tlp_permits(st, m.tlp, m.named)) ||
		    (m.has_pap && !pap_permits(st, m.pap)))
			return true;
	}
	return false;
}

static bool is_marked(const struct stance *st, const struct misp_analyst *n)
{
	const struct str texts[] = {n->note, n->comment, n->relationship_type};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (text_marked(st, texts[i], "tlp:") || text_marked(st, texts[i], "pap:"))
			return true;
	return false;
}

static bool marked_internal(const struct stance *st, const struct misp_analyst *n)
{
	return is_internal(st, n->note) || is_internal(st, n->comment) ||
	       is_internal(st, n->relationship_type);
}

/* ---- judging ---- */

static bool is_own(const struct stance *st, struct uuid org)
{
	return !uuid_is_nil(org) && uuid_eq(st->aud->org, org);
}

/* Does its level reach the audience? It is a level like an event's (6.1), with an owner of its own. */
static bool reaches(const struct stance *st, const struct misp_analyst *n, bool in_event)
{
	if (n->distribution == DIST_INHERIT) /* from something, or there is nothing to inherit */
		return in_event || st->sees_all || (st->owner && !st->aud->push);
	/* the host's own sensors get what stays in an organisation when that is the host, not when only
	   the event is the host's */
	if (n->distribution == DIST_ORG && is_published_kind(st->aud->kind) &&
	    !uuid_eq(n->org_uuid, st->facts->host_org))
		return false;
	if (n->distribution == DIST_GROUP && st->aud->push && !st->sees_all)
		return org_in_group(st->facts, n->sharing_group_id); /* the link is in it (4.10) */
	return level_reaches(st, n->distribution, n->sharing_group_id, true);
}

enum gate_rule judge_analyst(const struct stance *event_st, const struct misp_analyst *n,
			     bool in_event)
{
	const struct rule_subject rs = {.level = LEVEL_ANALYST, .analyst = n};
	struct stance st = *event_st;

	st.owner = is_own(&st, n->org_uuid);
	if (st.aud->kind == AUD_NOBODY)
		return RULE_element_distribution;
	if (!reaches(&st, n, in_event))
		return RULE_element_distribution;
	if (st.misp)
		return RULE_NONE;
	if (is_marked(&st, n))
		return RULE_element_marking;
	if (!in_event && (!tlp_permits(&st, st.policy->default_tlp, false) ||
			  !pap_permits(&st, st.policy->default_pap)))
		return RULE_element_marking;
	if (policy_answer(&st, &rs, NULL).outcome != GATE_RELEASE)
		return RULE_element_policy;
	if (!st.profile->leaves[CUT_ANALYST])
		return RULE_strip;
	return st.profile->hide_internal && marked_internal(&st, n) ? RULE_strip : RULE_NONE;
}

/* May what it is about be seen? */
static bool about_visible(const struct gate_ctx *c, const struct stance *st,
			  const struct analyst_about *ab)
{
	bool in_event = ab->event != NULL;

	if (ab->endless || (ab->lost && !st->misp && !st->sees_all))
		return false;
	if (in_event && gate_judge(c, ab->event).outcome != GATE_RELEASE)
		return false;
	if (in_event && ab->attr && judge_attr(st, ab->object, ab->attr) != RULE_NONE)
		return false;
	if (in_event && !ab->attr && ab->object && judge_object(st, ab->object) != RULE_NONE)
		return false;
	if (in_event && ab->report && judge_report(st, ab->report) != RULE_NONE)
		return false;
	if (ab->cluster && !gate_judge_cluster(c, ab->cluster, ab->cluster_orgc,
					       ab->cluster_group))
		return false;
	if (ab->sharing_group_id && !st->sees_all && !org_in_group(st->facts, ab->sharing_group_id))
		return false;
	for (uint32_t i = 0; i < ab->n_chain; i++)
		if (judge_analyst(st, ab->chain[i], in_event) != RULE_NONE)
			return false;
	return true;
}

/* A stance towards what stands in no event here: the owner counts as the owner. */
struct loose {
	struct misp_event event;
	struct gate_subject subject;
};

static struct stance stance_about(const struct gate_ctx *c, const struct analyst_about *ab,
				  const struct misp_analyst *n, struct loose *room)
{
	if (ab->event)
		return stance_of(c, ab->event);
	*room = (struct loose){0};
	if (!uuid_is_nil(n->org_uuid) && uuid_eq(c->audience->org, n->org_uuid))
		room->event.org_id = c->audience->org_id;
	room->subject.event = &room->event;
	return stance_of(c, &room->subject);
}

/*
 * Pushed is what the receiver could read of what it is about: levels are lowered on the way, so an
 * answer could never go back if all of it had to be pushed too. Drafts stay.
 */
static bool about_reaches(const struct gate_ctx *c, const struct stance *st,
			  const struct analyst_about *ab, const struct misp_analyst *n)
{
	struct audience reader = *c->audience;
	struct gate_ctx reading = *c;
	struct stance reads;
	struct loose room;

	if (!c->audience->push)
		return about_visible(c, st, ab);
	if (ab->event && !ab->event->event->published)
		return false;
	reader.push = false;
	reading.audience = &reader;
	reads = stance_about(&reading, ab, n, &room);
	return about_visible(&reading, &reads, ab);
}

static const struct analyst_about nothing_here;

/*
 * Who wrote it, here, keeps it whatever it is about: to him what is hidden is not here, and what is about
 * nothing here is his own all the same.
 */
static bool about_nothing(const struct gate_ctx *c, const struct analyst_about *ab,
			  const struct misp_analyst *n)
{
	struct loose room;
	struct stance st = stance_about(c, ab, n, &room);

	return (c->audience->kind == AUD_MEMBER ||
		(c->audience->kind == AUD_PEER && !c->audience->push)) &&
	       is_own(&st, n->orgc_uuid) && !n->locked && !about_reaches(c, &st, ab, n);
}

bool gate_judge_analyst(const struct gate_ctx *c, const struct analyst_about *ab,
			const struct misp_analyst *n)
{
	struct loose room;
	struct stance st;

	if (!c->policy || !c->audience || !c->facts || c->audience->kind == AUD_NOBODY)
		return false;
	if (ab->event && !ab->event->event)
		return false;
	if (about_nothing(c, ab, n))
		ab = &nothing_here;
	st = stance_about(c, ab, n, &room);
	/* a suspension shuts everything; an event asks for itself */
	if (!ab->event && ask_rule(&st, RULE_suspended, NULL).outcome != GATE_RELEASE)
		return false;
	return about_reaches(c, &st, ab, n) &&
	       judge_analyst(&st, n, ab->event != NULL) == RULE_NONE;
}

/* ---- cutting ---- */

static bool cut_list(struct released *r, bool in_event, const struct rel_analyst *in, uint32_t n,
		     struct arena *a, const struct rel_analyst **out, uint32_t *n_out);

/* One that may leave. False: memory. */
static bool cut_one(struct released *r, bool in_event, const struct rel_analyst *in,
		    struct rel_analyst *out, struct arena *a)
{
	const struct misp_analyst *cut = cut_entity(&r->plan, CUT_ANALYST, in->a, a);
	uint8_t level = release_reach(r, release_level(&r->st, in->a->distribution));
	const void *org, *orgc, *sg = NULL;

	if (cut && level != in->a->distribution) {
		struct misp_analyst *w = cut_writable(CUT_ANALYST, cut, in->a, a);

		if (w)
			w->distribution = level;
		cut = w;
	}
	if (!cut || !release_optional(r, CUT_ORG, in->org, &org, a) ||
	    !release_optional(r, CUT_ORG, in->orgc, &orgc, a) ||
	    (in->a->distribution == DIST_GROUP &&
	     !release_optional(r, CUT_SG, in->sharing_group, &sg, a)))
		return false;
	*out = (struct rel_analyst){
		.a = cut,
		.org = org,
		.orgc = orgc,
		.sharing_group = sg,
		.related = in->related,
		.ids = r->out.ids,
		.may_edit = r->st.local && (r->st.sees_all || is_own(&r->st, in->a->orgc_uuid)),
	};
	return cut_list(r, in_event, in->children, in->n_children, a, &out->children,
			&out->n_children);
}

static bool cut_list(struct released *r, bool in_event, const struct rel_analyst *in, uint32_t n,
		     struct arena *a, const struct rel_analyst **out, uint32_t *n_out)
{
	struct rel_analyst *v = NULL;

	*out = NULL;
	*n_out = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (judge_analyst(&r->st, in[i].a, in_event) != RULE_NONE)
			continue;
		if (!v)
			v = ARENA_ARRAY(a, struct rel_analyst, n - i);
		if (!v || !cut_one(r, in_event, &in[i], &v[*n_out], a))
			return false;
		++*n_out;
	}
	*out = v;
	return true;
}

bool gate_release_analyst(struct released *r, const struct rel_analyst *in, uint32_t n,
			  struct arena *a, const struct rel_analyst **out, uint32_t *n_out)
{
	if (cut_list(r, true, in, n, a, out, n_out))
		return true;
	*out = NULL;
	*n_out = 0;
	return false;
}

bool cut_analyst(struct released *r, struct rel_element *el, struct arena *a)
{
	return gate_release_analyst(r, el->analyst, el->n_analyst, a, &el->analyst,
				    &el->n_analyst);
}

const struct rel_analyst *gate_release_one_analyst(const struct gate_ctx *c,
						   const struct analyst_about *ab,
						   const struct rel_analyst *in, struct arena *a)
{
	struct rel_analyst *out = ARENA_NEW(a, struct rel_analyst);
	struct released *r = ARENA_NEW(a, struct released);
	struct loose room;

	if (!out || !r || !gate_judge_analyst(c, ab, in->a))
		return NULL;
	if (about_nothing(c, ab, in->a))
		ab = &nothing_here;
	r->ctx = *c;
	r->st = stance_about(c, ab, in->a, &room);
	release_plan(r);
	return cut_one(r, ab->event != NULL, in, out, a) ? out : NULL;
}
