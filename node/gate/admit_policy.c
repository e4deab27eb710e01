/*
 * admit_policy.c - rules of the policy file about what comes in (key admission): asked last, of the
 * document as it would be stored. The first that accepts or refuses decides; what waits is told by all
 * rules that let it wait, so that whoever decides knows them all.
 */
#include <stdio.h>

#include "gate/admit_impl.h"
#include "gate/conds.h"

#define SCAN_ARENA (64u << 20)

bool policy_has_admission(const struct policy *p)
{
	return p->n_admission > 0;
}

bool policy_has_quarantine(const struct policy *p)
{
	for (uint32_t i = 0; i < p->n_admission; i++)
		if (p->admission[i].effect == ADMISSION_QUARANTINE)
			return true;
	return false;
}

/* Peers and feeds, unless the rule names others. */
static bool is_from(const struct admission_rule *r, const struct admit_facts *facts)
{
	if (!r->has_from)
		return from_elsewhere(facts);
	if (r->kinds >> facts->kind & 1)
		return true;
	for (uint32_t i = 0; facts->sender.n && i < r->n_from; i++)
		if (str_eq_nocase(r->from[i], facts->sender))
			return true;
	return false;
}

/* Is there an attribute of one of the types? What cannot be read may be one. */
static bool has_type(struct raw_event *raw, const uint64_t types[COND_WORDS])
{
	OWN(raw_cursor) struct raw_cursor *c = raw_cursor_new(raw);
	OWN(arena) struct arena *a = arena_new(SCAN_ARENA);
	struct element e;
	struct fail f = {0};
	enum err err = ERR_OK;

	if (!c || !a)
		return true;
	while (err == ERR_OK) {
		arena_reset(a);
		err = raw_next(c, a, &e, &f);
		if (err == ERR_OK && e.kind == EL_ATTR && e.attr.type < COND_WORDS * 64 &&
		    types[e.attr.type / 64] >> (e.attr.type % 64) & 1)
			return true;
	}
	return err != ERR_NOENT;
}

static bool holds(const struct admission *x, const struct admission_rule *r,
		  const struct stance *st)
{
	const struct rule_subject rs = {.level = LEVEL_EVENT};

	if (!is_from(r, x->facts))
		return false;
	if (r->attributes_above >= 0 &&
	    raw_count(x->raw, EL_ATTR) <= (uint64_t)r->attributes_above)
		return false;
	if (r->bytes_above >= 0 && raw_spool_size(x->raw) <= (uint64_t)r->bytes_above)
		return false;
	if (!policy_conds_hold(st, &rs, &r->when, &r->unless, &r->require, &r->allow))
		return false;
	return !r->has_types || has_type(x->raw, r->types);
}

static void name_it(struct admission *x, const struct admission_rule *r)
{
	struct admit_decision *d = x->facts->decision;
	size_t n = d ? strlen(d->names) : 0;

	if (d && n < sizeof(d->names))
		snprintf(d->names + n, sizeof(d->names) - n, "%s%.*s", n ? ", " : "",
			 STR_ARG(r->name));
}

enum err admit_policy(struct admission *x)
{
	const struct misp_org own = {.uuid = x->facts->org};
	const struct gate_facts gf = {.now = x->facts->now, .clock_trusted = true};
	const struct audience nobody = {0};
	struct gate_subject s = {.event = x->h, .orgc = &own};
	struct stance st = {.policy = x->p, .aud = &nobody, .facts = &gf, .s = &s};
	bool waits = false;

	if (x->h->orgc.n)
		s.orgc = LIST_AT(x->h->orgc, struct misp_org, 0);
	if (x->h->sharing_group.n)
		s.sharing_group = LIST_AT(x->h->sharing_group, struct misp_sg, 0);
	for (uint32_t i = 0; i < x->p->n_admission; i++) {
		const struct admission_rule *r = &x->p->admission[i];

		if ((r->effect == ADMISSION_QUARANTINE && x->facts->accepted) || !holds(x, r, &st))
			continue;
		if (r->effect == ADMISSION_ACCEPT)
			break;
		name_it(x, r);
		if (r->effect == ADMISSION_REFUSE)
			return fail(x->f, ERR_BLOCKED, "Blocked by event block rules.");
		waits = true;
	}
	if (!waits)
		return ERR_OK;
	x->waits = x->facts->decision != NULL;
	if (x->waits)
		x->facts->decision->waits = true;
	return fail(x->f, ERR_BLOCKED, ADMIT_TEXT_WAITS);
}
