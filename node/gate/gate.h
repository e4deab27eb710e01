/*
 * gate.h - the one function that everything about stored intelligence passes on its way out.
 *
 * Pure: no I/O, no clock, no globals; the same inputs give the same answer. Rules stand in
 * rules.inc in their order (gate.md section 3): the first that denies decides, holds combine (the
 * latest wins), strips accumulate. Anything that goes wrong inside withholds.
 */
#pragma once

#include "base/arena.h"
#include "gate/audience.h"
#include "gate/facts.h"
#include "gate/policy.h"
#include "gate/released.h"

enum gate_outcome { GATE_DENY = 0, GATE_HOLD, GATE_RELEASE };

enum gate_rule {
	RULE_NONE = 0,
#define RULE(name, level, text) RULE_##name,
#include "gate/rules.inc"
#undef RULE
	RULE_COUNT
};
const char *gate_rule_name(enum gate_rule r);
const char *gate_rule_text(enum gate_rule r);

struct verdict {
	enum gate_outcome outcome;
	enum gate_rule rule; /* which decided */
	int64_t until; /* GATE_HOLD: opens then; INT64_MAX: not by time */
};

struct gate_ctx {
	const struct policy *policy;
	const struct audience *audience;
	const struct gate_facts *facts;
};

/* Only the verdict (searches, counts, indexes). */
struct verdict gate_judge(const struct gate_ctx *c, const struct gate_subject *s);
/* Verdict and the cut head, in `a`; NULL unless released. */
struct released *gate_release(const struct gate_ctx *c, const struct gate_subject *s,
			      struct arena *a, struct verdict *v);
/* May this element of a released event leave (distribution, groups, rules, markings, profile)? */
bool gate_judge_attr(const struct gate_ctx *c, const struct gate_subject *s,
		     const struct misp_object *object, const struct misp_attr *attr);

/* The cut element in `a` (rewound by the caller), or NULL when it does not leave. Remembers
   dropped objects, so that their attributes and references to them go too. */
const struct rel_element *gate_release_element(struct released *r, const struct rel_element *in,
					       struct arena *a);

/* ---- explanation ------------------------------------------------------------------------- */

struct gate_step {
	enum gate_rule rule;
	enum gate_outcome outcome; /* of this rule alone */
	int64_t until;
	struct str text; /* one sentence with the inputs */
};
/* Every rule in order with its inputs and outcome, in `a`. */
size_t gate_explain(const struct gate_ctx *c, const struct gate_subject *s, struct arena *a,
		    struct gate_step **out, struct verdict *v);
