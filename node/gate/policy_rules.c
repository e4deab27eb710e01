/*
 * policy_rules.c - the rules of the policy file: does one apply, and what does it do.
 *
 * Deny and drop decide at once, holds combine (the latest wins). A rule that nobody is named in is
 * for everybody but the class own.
 */
#include "gate/conds.h"

/* All hold; what cannot be answered may. */
static bool when_holds(const struct stance *st, const struct policy_when *w,
		       const struct rule_subject *rs)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (cond_ask(st, rs, &w->conds[i], COND_WHEN) == COND_NO)
			return false;
	return true;
}

/* All certainly hold, and there are any. */
static bool is_excepted(const struct stance *st, const struct policy_when *w,
			const struct rule_subject *rs)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (cond_ask(st, rs, &w->conds[i], COND_WHEN) != COND_YES)
			return false;
	return w->n > 0;
}

/* Is one of them not certainly met? */
static bool falls_short(const struct stance *st, const struct policy_when *w,
			const struct rule_subject *rs, enum cond_mode mode)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (cond_ask(st, rs, &w->conds[i], mode) != COND_YES)
			return true;
	return false;
}

bool policy_conds_hold(const struct stance *st, const struct rule_subject *rs,
		       const struct policy_when *when, const struct policy_when *unless,
		       const struct policy_when *require, const struct policy_when *allow)
{
	if (!when_holds(st, when, rs) || is_excepted(st, unless, rs))
		return false;
	return require->n + allow->n == 0 || falls_short(st, require, rs, COND_REQUIRE) ||
	       falls_short(st, allow, rs, COND_ALLOW);
}

static bool applies(const struct stance *st, const struct policy_rule *r,
		    const struct rule_subject *rs)
{
	/* a cluster has no tags that could be required; rules of its own level say what is */
	if (rs->level == LEVEL_EVENT && rs->cluster && r->require.n + r->allow.n)
		return false;
	return policy_conds_hold(st, rs, &r->when, &r->unless, &r->require, &r->allow);
}

static bool is_for(const struct stance *st, const struct policy_rule *r)
{
	if (r->has_class && st->cls > r->release_class)
		return false;
	if (r->except.given && policy_who_has(&r->except, st->aud, st->cls))
		return false;
	if (!r->to.given)
		return st->cls != CLASS_OWN;
	return policy_who_has(&r->to, st->aud, st->cls);
}

/* When a hold of this rule ends: its own time, or so long after publication. */
static int64_t hold_end(const struct stance *st, const struct policy_rule *r)
{
	int64_t end = r->until ? r->until : INT64_MIN, after;

	if (r->hold_s >= 0) {
		int64_t published = st->s->event->publish_timestamp;

		if (published <= 0 || __builtin_add_overflow(published, r->hold_s, &after))
			return INT64_MAX;
		end = end > after ? end : after;
	}
	return end == INT64_MIN ? INT64_MAX : end;
}

static struct answer rule_answer(const struct stance *st, const struct policy_rule *r)
{
	int64_t end;

	if (r->effect != EFFECT_HOLD)
		return ANSWER_DENY;
	end = hold_end(st, r);
	if (end != INT64_MAX && st->facts->now >= end && st->facts->clock_trusted)
		return ANSWER_PASS;
	return (struct answer){GATE_HOLD,
			       end != INT64_MAX && st->facts->now >= end ? INT64_MAX : end};
}

struct answer policy_answer(const struct stance *st, const struct rule_subject *rs,
			    struct str *which)
{
	struct answer worst = ANSWER_PASS;

	for (uint32_t i = 0; i < st->policy->n_by_level[rs->level]; i++) {
		const struct policy_rule *r = st->policy->by_level[rs->level][i];
		struct answer a;

		if ((st->weighing && r->effect == EFFECT_DENY_EVENT) || !is_for(st, r) ||
		    !applies(st, r, rs))
			continue;
		a = rule_answer(st, r);
		if (a.outcome == GATE_DENY ||
		    (a.outcome == GATE_HOLD &&
		     (worst.outcome == GATE_RELEASE || a.until > worst.until))) {
			worst = a;
			if (which)
				*which = r->name;
		}
		if (a.outcome == GATE_DENY)
			break;
	}
	return worst;
}

bool policy_condemning(const struct stance *st)
{
	for (uint32_t i = 0; !st->misp && i < st->policy->n_rules; i++)
		if (st->policy->rules[i].effect == EFFECT_DENY_EVENT &&
		    is_for(st, &st->policy->rules[i]))
			return true;
	return false;
}

struct str policy_condemns(const struct stance *st, const struct rule_subject *rs)
{
	for (uint32_t i = 0; i < st->policy->n_by_level[rs->level]; i++) {
		const struct policy_rule *r = st->policy->by_level[rs->level][i];

		if (r->effect == EFFECT_DENY_EVENT && is_for(st, r) && applies(st, r, rs))
			return r->name;
	}
	return STR_NONE;
}
