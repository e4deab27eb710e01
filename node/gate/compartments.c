/*
 * compartments.c - which peers may exchange at all (gate.md section 3, rule `blocked`).
 *
 * Each peer, and this node, is in one compartment; can_reach says from which to which connections
 * are opened. A peer without one exchanges nothing as soon as the policy has any.
 */
#include "base/own.h"
#include "gate/policy_impl.h"

bool policy_may_connect(const struct policy *p, uint8_t from, uint8_t to)
{
	if (p->n_compartments == 0)
		return true;
	return from && to && from < COMPARTMENTS && to < COMPARTMENTS && p->reach[from] >> to & 1;
}

bool policy_may_exchange(const struct policy *p, uint8_t a, uint8_t b)
{
	return policy_may_connect(p, a, b) || policy_may_connect(p, b, a);
}

const char *policy_compartment(const struct policy *p, uint8_t c)
{
	return c && c <= p->n_compartments ? p->compartments[c].p : "none";
}

uint8_t policy_compartment_number(struct policy *p, struct str name)
{
	for (uint8_t i = 1; i <= p->n_compartments; i++)
		if (str_eq(p->compartments[i], name))
			return i;
	if (p->n_compartments + 1 >= COMPARTMENTS)
		return 0;
	p->compartments[p->n_compartments + 1] = arena_str(p->a, name);
	return p->compartments[p->n_compartments + 1].p ? ++p->n_compartments : 0;
}
