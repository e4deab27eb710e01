/*
 * policy_vuln.c - which rules about vulnerability records are in force: what is shipped, then what the
 * policy file switches (`vuln_rules: {vuln_overseas: on}`).
 */
#include "base/own.h"
#include "gate/policy_read.h"

const char *const vuln_rule_names[VULN_COUNT] = {
#define V(name, on) "vuln_" #name,
	VULN_RULES(V)
#undef V
};

void policy_settle_vuln(struct policy *p)
{
	unsigned shipped = 0;

#define V(name, on) shipped |= (unsigned)(on) << VULN_##name;
	VULN_RULES(V)
#undef V
	/* misp-compat is MISP's own rules */
	p->vuln = p->use & USE_RMSV ? VULN_ALL : p->misp_compat ? 0 : shipped;
	p->vuln = (p->vuln | p->vuln_on) & ~p->vuln_off;
}

bool policy_asks_vuln(const struct policy *p, const struct audience *a)
{
	bool misp = a->misp_rules_only && (a->kind == AUD_MEMBER || a->kind == AUD_PEER);

	return p->vuln && a->kind != AUD_OPERATOR && !misp;
}

static enum err bad(struct loader *l, const void *n, const char *what)
{
	struct place at = node_place(l, n);

	return at_place(l, &at, "%s", what);
}

/* vuln_overseas: on */
static enum err read_switch(struct loader *l, struct str name, const void *key, const void *value)
{
	unsigned bit = 0;
	struct str word;

	for (unsigned i = 0; i < VULN_COUNT; i++)
		if (str_is(name, vuln_rule_names[i]))
			bit = 1u << i;
	if (!bit)
		return bad(l, key,
			   "one of vuln_remedy_first, vuln_in_use_system, vuln_no_exploit, "
			   "vuln_with_remedy, vuln_no_exaggeration, vuln_event_freeze, "
			   "vuln_overseas is wanted here");
	TRY(node_scalar(l, value, &word));
	l->p->vuln_on &= ~bit;
	l->p->vuln_off &= ~bit;
	if (str_is(word, "on") || str_is(word, "true") || str_is(word, "yes"))
		l->p->vuln_on |= bit;
	else if (str_is(word, "off") || str_is(word, "false") || str_is(word, "no"))
		l->p->vuln_off |= bit;
	else
		return bad(l, value, "on or off is wanted here");
	return ERR_OK;
}

enum err policy_read_vuln(struct loader *l, const void *n, void *to)
{
	(void)to;
	return node_each_pair(l, n, read_switch);
}
