/*
 * vuln.c - vulnerability records, coarsely: with `use: [cn-rmsv]` whatever is tagged as one and not
 * as disclosed is held for everybody but the class own, and details of vulnerabilities stay behind.
 *
 * The finer rules of gate.md section 6 only ever open parts of what is shut here.
 */
#include "base/own.h"
#include "gate/judge.h"

void mark_vuln(struct marks *m, struct str name)
{
	struct machine_tag t;

	if (!taxo_split(name, &t) || !str_eq_nocase(t.ns, STR("rmsv")))
		return;
	m->rmsv = true;
	if (str_eq_nocase(t.predicate, STR("disclosure")))
		m->disclosed |= str_eq_nocase(t.value, STR("disclosed"));
	if (str_eq_nocase(t.predicate, STR("freeze-approval")))
		m->freeze_approved |= t.value.n > 0;
}

int64_t freeze_until(const struct stance *st)
{
	int64_t until = 0;

	for (uint32_t i = 0; i < st->policy->n_freezes; i++) {
		const struct policy_freeze *f = &st->policy->freezes[i];

		/* while nobody vouches for the clock, a window may be on */
		if ((st->facts->now >= f->from && st->facts->now < f->until) ||
		    (!st->facts->clock_trusted && st->facts->now < f->until))
			until = MAX(until, f->until);
	}
	return until;
}

bool vuln_shut(const struct stance *st)
{
	bool disclosed = false;

	if (st->cls == CLASS_OWN || !(st->policy->use & USE_RMSV))
		return false;
	LIST_EACH(t, st->s->event->tags, struct misp_tagref)
	{
		struct marks m = {0};

		mark_vuln(&m, t->name);
		disclosed |= m.disclosed;
	}
	return !disclosed;
}

bool is_vuln_detail(const struct misp_attr *a, const struct misp_object *o)
{
	static const char *const names[] = {"vulnerability", "exploit", "exploit-poc"};

	if (a && a->type == ATTR_VULNERABILITY)
		return true;
	for (size_t i = 0; o && i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(o->name, str_c(names[i])))
			return true;
	return false;
}
