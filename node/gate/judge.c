/*
 * judge.c - the event-level rules, one function each, asked in the order of rules.inc.
 *
 * Each answers for itself and can say why. The first that denies decides, of holds the latest; a
 * rule that cannot be answered denies.
 */
#include "gate/judge.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/own.h"

static const char *const rule_names[] = {
	"none",
#define RULE(name, level, text) #name,
#include "gate/rules.inc"
#undef RULE
};
static const char *const rule_texts[] = {
	"nothing objects",
#define RULE(name, level, text) text,
#include "gate/rules.inc"
#undef RULE
};

const char *gate_rule_name(enum gate_rule r)
{
	return (unsigned)r < RULE_COUNT ? rule_names[r] : "unknown";
}

const char *gate_rule_text(enum gate_rule r)
{
	return (unsigned)r < RULE_COUNT ? rule_texts[r] : "unknown rule";
}

/* Apart, so that who does not want to know pays for no buffer: rules are asked for each event. */
__attribute__((noinline, format(printf, 2, 0))) static void tell(struct buf *why, const char *fmt, va_list ap)
{
	char text[400];

	vsnprintf(text, sizeof(text), fmt, ap);
	buf_puts(why, text);
}

struct answer answer_because(struct answer a, struct buf *why, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return a;
	va_start(ap, fmt);
	tell(why, fmt, ap);
	va_end(ap);
	return a;
}

const char *time_text(int64_t t, char out[32])
{
	struct clock_civil c;

	if (t == INT64_MAX || t > 253402300799 || t < -62135596800)
		return "no time that is known";
	c = clock_to_civil(t);
	snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute,
		 c.second);
	return out;
}

static struct answer ask_suspended(const struct stance *st, struct buf *why)
{
	char t[32];

	if (!st->aud->suspended_until)
		return answer_because(ANSWER_PASS, why, "the audience is not suspended");
	if (st->facts->clock_trusted && st->facts->now >= st->aud->suspended_until)
		return answer_because(ANSWER_PASS, why, "the suspension ended at %s",
				      time_text(st->aud->suspended_until, t));
	return answer_because(ANSWER_DENY, why, "the audience is suspended until %s",
			      time_text(st->aud->suspended_until, t));
}

static bool has_uuid(const struct uuid *list, uint32_t n, struct uuid u)
{
	for (uint32_t i = 0; i < n; i++)
		if (uuid_eq(list[i], u))
			return true;
	return false;
}

/* May the audience and this node exchange, and the peer from which the event came and it? */
static bool compartments_meet(const struct stance *st, struct buf *why, struct answer *out)
{
	const struct policy *p = st->policy;
	uint8_t theirs = st->aud->compartment;
	bool meet;

	if (st->aud->kind != AUD_PEER || !p->n_compartments)
		return true;
	meet = st->aud->push ? policy_may_connect(p, p->compartment, theirs) :
			       policy_may_connect(p, theirs, p->compartment);
	if (!meet) {
		*out = answer_because(ANSWER_DENY, why, "compartment %s and this node's, %s, do not meet",
				      policy_compartment(p, theirs),
				      policy_compartment(p, p->compartment));
		return false;
	}
	if (st->s->from_peer && !policy_may_exchange(p, st->s->from_compartment, theirs)) {
		*out = answer_because(ANSWER_DENY, why, "it came from compartment %s, which does not meet %s",
				      policy_compartment(p, st->s->from_compartment),
				      policy_compartment(p, theirs));
		return false;
	}
	return true;
}

static struct answer ask_blocked(const struct stance *st, struct buf *why)
{
	const struct policy *p = st->policy;
	struct answer a;

	if (st->misp || st->sees_all)
		return answer_because(ANSWER_PASS, why, "block lists do not bind this audience");
	if (!compartments_meet(st, why, &a))
		return a;
	if (st->s->blocked)
		return answer_because(ANSWER_DENY, why,
				      "the event or its organisation is on a block list");
	if (has_uuid(p->blocked_events, p->n_blocked_events, st->s->event->uuid))
		return answer_because(ANSWER_DENY, why, "the policy blocks this event");
	if (st->s->orgc && has_uuid(p->blocked_orgs, p->n_blocked_orgs, st->s->orgc->uuid))
		return answer_because(ANSWER_DENY, why, "the policy blocks the creator");
	if (p->n_blocked_orgs && !st->s->orgc)
		return answer_because(ANSWER_DENY, why, "the creator is not known, and some are blocked");
	return answer_because(ANSWER_PASS, why, "neither the event nor its creator is blocked");
}

static struct answer ask_unpublished(const struct stance *st, struct buf *why)
{
	bool reads_as_user = st->aud->kind == AUD_MEMBER ||
			     (st->aud->kind == AUD_PEER && st->misp && !st->aud->push);

	if (st->s->event->published)
		return answer_because(ANSWER_PASS, why, "the event is published");
	if (st->sees_all || (reads_as_user && (st->owner || st->offered)))
		return answer_because(ANSWER_PASS, why,
				      "unpublished, but the audience owns it or administers the node");
	if (reads_as_user && !st->facts->unpublished_private)
		return answer_because(ANSWER_PASS, why,
				      "unpublished events are shown to local users");
	return answer_because(ANSWER_DENY, why, "the event is not published");
}

static struct answer ask_distribution(const struct stance *st, struct buf *why)
{
	const struct misp_event *e = st->s->event;

	if (st->aud->kind == AUD_NOBODY)
		return answer_because(ANSWER_DENY, why, "the audience is nobody");
	if (e->distribution == DIST_GROUP)
		return answer_because(ANSWER_PASS, why, "a sharing group decides");
	if (!level_reaches(st, e->distribution, 0, true))
		return answer_because(ANSWER_DENY, why, "distribution %u does not reach %s%s",
				      e->distribution, audience_kind_name(st->aud->kind),
				      st->aud->push ? " by push" : "");
	return answer_because(ANSWER_PASS, why, "distribution %u reaches %s%s", e->distribution,
			      audience_kind_name(st->aud->kind),
			      st->sees_all ? " (administrator)" :
			      st->owner	   ? " (owner)" :
			      st->offered  ? " (offered to it)" :
					     "");
}

static struct answer ask_sharing_group(const struct stance *st, struct buf *why)
{
	const struct misp_event *e = st->s->event;

	if (e->distribution != DIST_GROUP)
		return answer_because(ANSWER_PASS, why, "no sharing group");
	if (!level_reaches(st, DIST_GROUP, e->sharing_group_id, true))
		return answer_because(ANSWER_DENY, why, "the audience is not in sharing group %llu",
				      (unsigned long long)e->sharing_group_id);
	return answer_because(ANSWER_PASS, why, "the audience may read sharing group %llu",
			      (unsigned long long)e->sharing_group_id);
}

static struct answer ask_tlp(const struct stance *st, struct buf *why)
{
	const struct marks *m = st->marks;
	enum tlp t;
	bool may;

	if (st->misp)
		return answer_because(ANSWER_PASS, why, "MISP's rules only");
	if (!m)
		return answer_because(ANSWER_DENY, why, "the markings are not known");
	t = m->has_tlp ? m->tlp : st->policy->default_tlp;
	may = tlp_permits(st, t, m->named);
	if (!may && st->shell && st->s->relaxed)
		return answer_because(ANSWER_PASS, why,
				      "the event is tlp:%s%s, which the audience may not hold; elements that are "
				      "marked by themselves go in a neutral shell",
				      tlp_name(t), m->has_tlp ? "" : " by default");
	return answer_because(may ? ANSWER_PASS : ANSWER_DENY, why,
			      "the event is tlp:%s%s, the audience may %shold it (up to tlp:%s%s)",
			      tlp_name(t), m->has_tlp ? "" : " by default", may ? "" : "not ",
			      tlp_name((enum tlp)(TLP_CLEAR - (int)MIN(st->aud->tlp, TLP_CLEAR))),
			      m->named ? ", named recipient" : "");
}

static struct answer ask_pap(const struct stance *st, struct buf *why)
{
	const struct marks *m = st->marks;
	enum pap p;
	bool may;

	if (st->misp)
		return answer_because(ANSWER_PASS, why, "MISP's rules only");
	if (!m)
		return answer_because(ANSWER_DENY, why, "the markings are not known");
	p = m->has_pap ? m->pap : st->policy->default_pap;
	may = pap_permits(st, p);
	if (!may && st->shell && st->s->relaxed)
		return answer_because(ANSWER_PASS, why,
				      "the event is pap:%s%s, which the audience may not hold; elements that are "
				      "marked by themselves go in a neutral shell",
				      pap_name(p), m->has_pap ? "" : " by default");
	return answer_because(may ? ANSWER_PASS : ANSWER_DENY, why,
			      "the event is pap:%s%s, the audience may %shold it", pap_name(p),
			      m->has_pap ? "" : " by default", may ? "" : "not ");
}

static struct answer ask_embargo(const struct stance *st, struct buf *why)
{
	const struct marks *m = st->marks;
	struct answer a;
	char t[32];

	if (st->misp)
		return answer_because(ANSWER_PASS, why, "MISP's rules only");
	if (!m)
		return answer_because(ANSWER_DENY, why, "the markings are not known");
	a = embargo_answer(st, m);
	if (!m->has_embargo)
		return answer_because(a, why, "no embargo");
	if (a.outcome == GATE_RELEASE)
		return answer_because(a, why, "no embargo holds for class %s",
				      class_name(&st->policy->classes, st->cls));
	if (m->shut[st->cls] != INT64_MAX && m->shut[st->cls] <= st->facts->now)
		return answer_because(a, why,
				      "the embargo of class %s ended at %s, but the clock is not trusted",
				      class_name(&st->policy->classes, st->cls),
				      time_text(m->shut[st->cls], t));
	return answer_because(a, why, "an embargo holds for class %s until %s",
			      class_name(&st->policy->classes, st->cls), time_text(a.until, t));
}

static struct answer ask_policy(const struct stance *st, struct buf *why)
{
	const struct rule_subject event = {.level = LEVEL_EVENT, .cluster = st->cluster};
	struct str which = STR_NONE;
	struct answer a;
	char t[32];

	if (st->misp)
		return answer_because(ANSWER_PASS, why, "MISP's rules only");
	a = policy_answer(st, &event, &which);
	if (a.outcome != GATE_DENY && !st->cluster && policy_condemning(st)) {
		if (!st->s->elements_asked)
			return answer_because(ANSWER_DENY, why, "the elements were not asked");
		if (st->s->condemned_by.n)
			return answer_because(ANSWER_DENY, why, "rule %.*s: one of its elements withholds it",
					      STR_ARG(st->s->condemned_by));
	}
	if (a.outcome == GATE_RELEASE)
		return answer_because(a, why, "no rule of the policy file applies");
	if (a.outcome == GATE_HOLD)
		return answer_because(a, why, "rule %.*s holds it until %s", STR_ARG(which),
				      time_text(a.until, t));
	return answer_because(a, why, "rule %.*s denies it", STR_ARG(which));
}

/*
 * Whoever protects an event decides what goes on under its name: over links and in feeds it is passed
 * on as it stands or not at all. Exports and streams are for detection, and no copies of events.
 */
static struct answer ask_protected(const struct stance *st, struct buf *why)
{
	bool copies = st->aud->kind == AUD_PEER || st->aud->kind == AUD_FEED;

	if (!st->s->event->is_protected)
		return answer_because(ANSWER_PASS, why, "not protected");
	if (copies && !st->profile->all)
		return answer_because(ANSWER_DENY, why,
				      "protected, and the audience's profile would cut it");
	return answer_because(ANSWER_PASS, why, "protected, but %s",
			      copies ? "nothing is cut" : "the audience gets no copy to pass on");
}

/* Who reads with a key that is bound to a link is read to as if we pushed (sync-protocol.md 1.3). */
static struct answer ask_link(const struct stance *st, struct buf *why)
{
	const char *text;

	if (!st->facts->link_rules)
		return answer_because(ANSWER_PASS, why, "no link whose rules hold");
	if (!link_rules_event(st->facts->link_rules, st->s->event, &text))
		return answer_because(ANSWER_DENY, why, "%s", text);
	return answer_because(ANSWER_PASS, why, "the rules of the link let it through");
}

typedef struct answer (*ask_fn)(const struct stance *st, struct buf *why);

/* Rules about elements are asked in element.c; two of them have a word to say in an explanation. */
static const ask_fn asks[RULE_COUNT] = {
	[RULE_vuln_in_use_system] = ask_vuln_in_use_system,
	[RULE_vuln_no_exploit] = ask_vuln_no_exploit,
#define ASK_event(name) [RULE_##name] = ask_##name,
#define ASK_element(name)
#define RULE(name, level, text) ASK_##level(name)
#include "gate/rules.inc"
#undef RULE
};

bool rule_is_for_events(enum gate_rule r)
{
	return (unsigned)r < RULE_COUNT && asks[r] != NULL;
}

struct answer ask_rule(const struct stance *st, enum gate_rule r, struct buf *why)
{
	return (unsigned)r < RULE_COUNT && asks[r] ? asks[r](st, why) : ANSWER_PASS;
}

struct verdict judge_event(const struct stance *st)
{
	struct verdict v = {GATE_RELEASE, RULE_NONE, 0};

	for (unsigned r = RULE_NONE + 1; r < RULE_COUNT; r++) {
		struct answer a;

		if (!asks[r])
			continue;
		a = asks[r](st, NULL);
		if (a.outcome == GATE_DENY)
			return (struct verdict){GATE_DENY, (enum gate_rule)r, 0};
		if (a.outcome == GATE_HOLD && (v.outcome == GATE_RELEASE || a.until > v.until))
			v = (struct verdict){GATE_HOLD, (enum gate_rule)r, a.until};
	}
	return v;
}

int64_t gate_opens_at(const struct gate_ctx *c, const struct gate_subject *s)
{
	static const enum gate_rule by_time[] = {RULE_embargo, RULE_vuln_event_freeze, RULE_policy};
	int64_t at = 0;
	struct stance st;
	struct marks m;

	if (!c->policy || !c->audience || !c->facts || !s->event)
		return 0;
	st = stance_of(c, s);
	if (st.misp)
		return 0;
	m = marks_of(&st, &s->event->tags);
	st.marks = &m;
	for (size_t i = 0; i < ARRAY_LEN(by_time); i++) {
		struct answer a = asks[by_time[i]](&st, NULL);

		if (a.outcome == GATE_HOLD && a.until == INT64_MAX)
			return 0;
		if (a.outcome == GATE_HOLD && a.until > at)
			at = a.until;
	}
	return at;
}

struct verdict gate_judge(const struct gate_ctx *c, const struct gate_subject *s)
{
	struct stance st;
	struct marks m;

	if (!c->policy || !c->audience || !c->facts || !s->event)
		return (struct verdict){GATE_DENY, RULE_NONE, 0};
	st = stance_of(c, s);
	if (!st.misp) {
		m = marks_of(&st, &s->event->tags);
		st.marks = &m;
	}
	return judge_event(&st);
}

/* Who administers under MISP's own rules is bound by suspension and by the rules of a link alone. */
bool gate_passes_events(const struct gate_ctx *c)
{
	const struct misp_event any = {0};
	const struct gate_subject s = {.event = &any};
	struct stance st;

	if (!c->policy || !c->audience || !c->facts)
		return false;
	st = stance_of(c, &s);
	return st.misp && st.sees_all && st.local && !st.aud->suspended_until && !st.facts->link_rules;
}
