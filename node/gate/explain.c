/*
 * explain.c - every rule in its order, with its inputs and its answer, in one sentence each.
 *
 * The same functions that decide are asked; what is explained is what happens.
 */
#include "gate/judge.h"

#define STEP_MAX 1000u

size_t gate_explain(const struct gate_ctx *c, const struct gate_subject *s, struct arena *a,
		    struct gate_step **out, struct verdict *v)
{
	struct gate_step *steps = ARENA_ARRAY(a, struct gate_step, RULE_COUNT);
	OWN(buf) struct buf why = BUF(STEP_MAX);
	struct stance st;
	struct marks m;
	size_t n = 0;

	*v = gate_judge(c, s);
	*out = steps;
	if (!steps || !c->policy || !c->audience || !c->facts || !s->event)
		return 0;
	st = stance_of(c, s);
	m = marks_of(&st, &s->event->tags);
	st.marks = &m;
	for (unsigned r = RULE_NONE + 1; r < RULE_COUNT; r++) {
		struct answer answer;

		if (!rule_is_for_events((enum gate_rule)r))
			continue;
		buf_clear(&why);
		answer = ask_rule(&st, (enum gate_rule)r, &why);
		steps[n++] = (struct gate_step){(enum gate_rule)r, answer.outcome, answer.until,
						arena_str(a, buf_str(&why))};
	}
	return n;
}
