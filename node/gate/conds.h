/*
 * conds.h - inside the gate: asking the conditions of a policy's rules.
 */
#pragma once

#include "gate/judge.h"

enum cond_answer { COND_NO = 0, COND_YES, COND_UNKNOWN };
/* How a condition is meant: it holds; all of its list is there; nothing but its list is there. */
enum cond_mode { COND_WHEN, COND_REQUIRE, COND_ALLOW };

struct cond_ask {
	const struct stance *st;
	const struct rule_subject *rs;
	const struct policy_cond *c;
	enum cond_mode mode;
};
enum cond_answer cond_ask(const struct stance *st, const struct rule_subject *rs,
			  const struct policy_cond *c, enum cond_mode mode);

/* policy_rules.c: do these parts of a rule, together, apply to it? */
bool policy_conds_hold(const struct stance *st, const struct rule_subject *rs,
		       const struct policy_when *when, const struct policy_when *unless,
		       const struct policy_when *require, const struct policy_when *allow);

/* decay.c: MISP's polynomial model, 0 to 100: how much an indicator is still worth at `now`. */
double decay_score(const struct policy_decay *model, double base, int64_t last_seen, int64_t now);

/* Seconds at which a thing was last seen or changed, whatever is later. */
int64_t conds_last_seen(int64_t timestamp, int64_t last_seen_us);

/* confidence.c: of one tag, and the least confidence that these tags give, in percent; -1: they say nothing. */
int confidence_of_tag(struct str name);
int confidence_of(const struct entity_list *tags);
