/*
 * policy_rules.c - the rules of the policy file: does one apply, and what does it do.
 *
 * Deny and drop decide at once, holds combine (the latest wins). A rule that nobody is named in is
 * for everybody but the class own.
 */
#include "gate/judge.h"

static bool has_id(const void *list, uint32_t n, size_t size, uint64_t id)
{
	for (uint32_t i = 0; i < n; i++)
		if ((size == 1 ? ((const uint8_t *)list)[i] : ((const uint16_t *)list)[i]) == id)
			return true;
	return false;
}

static bool tag_matches(struct str want, struct str have)
{
	if (want.n && want.p[want.n - 1] == '*') {
		want.n--;
		return have.n >= want.n && str_eq_nocase(want, str_sub(have, 0, want.n));
	}
	return str_eq_nocase(want, have);
}

static bool tags_match(const struct policy_when *w, const struct entity_list *tags)
{
	LIST_EACH(t, *tags, struct misp_tagref)
	for (uint32_t i = 0; i < w->n_tags; i++)
		if (tag_matches(w->tags[i], t->name))
			return true;
	return false;
}

static bool orgc_matches(const struct stance *st, const struct policy_when *w)
{
	/* a creator that is not known counts as the one that the rule is about */
	if (!st->s->orgc)
		return true;
	for (uint32_t i = 0; i < w->n_orgcs; i++)
		if (uuid_eq(w->orgcs[i], st->s->orgc->uuid))
			return true;
	return false;
}

static bool name_matches(const struct policy_when *w, const struct misp_object *o)
{
	for (uint32_t i = 0; o && i < w->n_object_names; i++)
		if (str_eq_nocase(w->object_names[i], o->name))
			return true;
	return false;
}

static uint8_t level_of(const struct stance *st, const struct rule_subject *rs)
{
	switch (rs->level) {
	case LEVEL_ATTRIBUTE:
		return rs->attr->distribution;
	case LEVEL_OBJECT:
		return rs->object->distribution;
	case LEVEL_REPORT:
		return rs->report->distribution;
	case LEVEL_EVENT:
	case LEVEL_COUNT:
	default:
		return st->s->event->distribution;
	}
}

static bool attr_matches(const struct policy_when *w, const struct misp_attr *a)
{
	if (w->n_categories && !(a && has_id(w->categories, w->n_categories, 1, a->category)))
		return false;
	if (w->n_types && !(a && has_id(w->types, w->n_types, 2, a->type)))
		return false;
	return w->to_ids == ANY || (a && a->to_ids == (w->to_ids == IS_TRUE));
}

static bool when_holds(const struct stance *st, const struct policy_when *w,
		       const struct rule_subject *rs)
{
	static const struct entity_list none = {NULL, 0};
	const struct misp_event *e = st->s->event;

	if (w->n_tags && !tags_match(w, rs->level == LEVEL_EVENT ? &e->tags :
					rs->attr		 ? &rs->attr->tags :
								   &none))
		return false;
	if (w->n_orgcs && !orgc_matches(st, w))
		return false;
	if (w->n_object_names && !name_matches(w, rs->object))
		return false;
	if (w->distributions && !(w->distributions >> (level_of(st, rs) & 7) & 1))
		return false;
	if (w->published != ANY && e->published != (w->published == IS_TRUE))
		return false;
	return attr_matches(w, rs->attr);
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

	for (uint32_t i = 0; i < st->policy->n_rules; i++) {
		const struct policy_rule *r = &st->policy->rules[i];
		struct answer a;

		if (r->level != rs->level || !is_for(st, r) || !when_holds(st, &r->when, rs))
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
