/*
 * vuln.c - the rules about vulnerability records (gate.md section 6), one function each.
 *
 * They bind events that are records, by their tags or by what their elements hold. What a rule needs
 * and does not know withholds. "Published" is what goes to the classes sector and public.
 */
#include <stdio.h>

#include "base/own.h"
#include "gate/judge.h"

#define HELD ((struct answer){GATE_HOLD, INT64_MAX})

/* ---- tags ---------------------------------------------------------------------------------- */

/* rmsv:in-use-system="<organisation UUID, or name of an audience>" */
static bool is_operator(const struct audience *aud, struct str who)
{
	struct uuid u;

	if (uuid_parse(who, &u))
		return !uuid_is_nil(aud->org) && uuid_eq(u, aud->org);
	return who.n && str_eq_nocase(who, str_c(aud->name));
}

static void mark_remedy(struct vuln_marks *m, struct str value)
{
	if (str_eq_nocase(value, STR("patch")) || str_eq_nocase(value, STR("mitigation")))
		m->remedied = true;
	if (!value.n || str_eq_nocase(value, STR("none")))
		m->no_remedy = true;
	else
		m->says_remedy = true;
}

void mark_vuln(struct vuln_marks *m, const struct audience *aud, struct str name)
{
	struct machine_tag t;

	(void)taxo_split(name, &t);
	if (!str_eq_nocase(t.ns, STR("rmsv")))
		return;
	m->record = true;
	if (str_eq_nocase(t.predicate, STR("disclosure"))) {
		bool disclosed = str_eq_nocase(t.value, STR("disclosed"));

		m->disclosed |= disclosed;
		m->undisclosed |= !disclosed;
	} else if (str_eq_nocase(t.predicate, STR("remedy"))) {
		mark_remedy(m, t.value);
	} else if (str_eq_nocase(t.predicate, STR("severity"))) {
		m->confirmed |= str_eq_nocase(t.value, STR("confirmed"));
	} else if (str_eq_nocase(t.predicate, STR("exploit-tool"))) {
		m->exploit_tool = true;
	} else if (str_eq_nocase(t.predicate, STR("in-use-system"))) {
		m->in_use = true;
		m->in_use_other |= !is_operator(aud, t.value);
	} else if (str_eq_nocase(t.predicate, STR("early-release")) && t.value.n) {
		m->early = t.value;
	} else if (str_eq_nocase(t.predicate, STR("freeze-approval")) && t.value.n) {
		m->freeze = t.value;
	}
}

void mark_vuln_unknown(struct vuln_marks *m)
{
	m->record = m->undisclosed = m->no_remedy = true;
	m->in_use = m->in_use_other = m->exploit_tool = true;
}

bool event_remedied(const struct vuln_marks *m)
{
	return m->remedied && !m->no_remedy;
}

struct vuln_marks event_vuln_marks(const struct stance *st)
{
	struct vuln_marks m = {0};

	if (st->marks)
		return st->marks->vuln;
	LIST_EACH(t, st->s->event->tags, struct misp_tagref)
	{
		if (!t->name.n)
			mark_vuln_unknown(&m);
		else
			mark_vuln(&m, st->aud, t->name);
	}
	return m;
}

/* ---- is it a record, and whose ----------------------------------------------------------------- */

/* Why the event is a record; NULL: it is none. */
static const char *record(const struct stance *st, const struct vuln_marks *m)
{
	const struct vuln_facts *v = st->s->vuln;

	if (m->record)
		return "tagged as a vulnerability record";
	if (!v)
		return "not known to be no vulnerability record";
	if (v->has_object)
		return "a record by its vulnerability object";
	if (v->attr_shut || (v->attr_silent && (!m->disclosed || m->undisclosed)))
		return "a record by a vulnerability that is not disclosed";
	return NULL;
}

static bool is_disclosed(const struct stance *st, const struct vuln_marks *m)
{
	return m->disclosed && !m->undisclosed && st->s->vuln && !st->s->vuln->attr_shut;
}

static char plain(char c)
{
	if (c == '_' || c == '-')
		return ' ';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Names as people and CPEs write them: case, '_' and '-' make no difference. */
static bool same_name(struct str a, struct str b)
{
	a = str_trim(a);
	b = str_trim(b);
	if (a.n != b.n || !a.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (plain(a.p[i]) != plain(b.p[i]))
			return false;
	return true;
}

/* Is the audience the vendor of a product that the record names? Which comes back in `which`. */
static bool is_vendor(const struct stance *st, struct str *which)
{
	struct str mine = str_c(st->aud->vendor_of), one, names, name;

	if (!mine.n || !st->s->vuln)
		return false;
	while (mine.p) {
		mine = str_split(mine, '|', &one);
		for (names = st->s->vuln->names; names.p;) {
			names = str_split(names, '|', &name);
			*which = name;
			if (same_name(one, name))
				return true;
		}
	}
	return false;
}

/* ---- what all the rules ask first ------------------------------------------------------------- */

struct asking {
	struct vuln_marks m;
	const char *record;
	struct answer answer; /* when it is decided already */
};

static const char *off_because(const struct stance *st, enum vuln_rule rule)
{
	if (st->misp)
		return "MISP's rules only";
	if (!(st->policy->vuln >> rule & 1))
		return "the policy has this rule off";
	if (st->local && st->cls == CLASS_OWN)
		return "the audience is of class own";
	return NULL;
}

/* True when the rule binds: it is on, for this class, and the event is a record. */
static bool binds(const struct stance *st, enum vuln_rule rule, bool publication, struct buf *why,
		  struct asking *a)
{
	const char *off = off_because(st, rule);

	a->answer = ANSWER_PASS;
	if (off) {
		answer_because(ANSWER_PASS, why, "%s", off);
		return false;
	}
	if (publication && st->cls > CLASS_SECTOR) {
		answer_because(ANSWER_PASS, why, "class %s is not publication",
			       class_name(&st->policy->classes, st->cls));
		return false;
	}
	a->m = event_vuln_marks(st);
	a->record = record(st, &a->m);
	if (!a->record)
		answer_because(ANSWER_PASS, why, "not a vulnerability record");
	return a->record != NULL;
}

/* ---- the rules, as the table of section 6 has them ------------------------------------------------ */

struct answer ask_vuln_remedy_first(const struct stance *st, struct buf *why)
{
	struct asking a;

	if (!binds(st, VULN_remedy_first, true, why, &a))
		return a.answer;
	if (event_remedied(&a.m))
		return answer_because(ANSWER_PASS, why, "%s, and rmsv:remedy is patch or mitigation",
				      a.record);
	if (a.m.early.n)
		return answer_because(ANSWER_PASS, why, "%s, its early release is approved: %.*s",
				      a.record, STR_ARG(a.m.early));
	return answer_because(HELD, why, "%s, and rmsv:remedy %s", a.record,
			      a.m.remedied ? "is none as well as patch or mitigation" :
					     "is not patch or mitigation");
}

struct answer ask_vuln_in_use_system(const struct stance *st, struct buf *why)
{
	struct asking a;

	if (!binds(st, VULN_in_use_system, false, why, &a))
		return a.answer;
	if (st->cls == CLASS_OWN)
		return answer_because(ANSWER_PASS, why, "the audience is of class own");
	return answer_because(ANSWER_PASS, why,
			      "%s: details of systems in use are stripped%s", a.record,
			      a.m.in_use && !a.m.in_use_other ?
				      ", but for this audience, which the event names as operator" :
				      "");
}

struct answer ask_vuln_no_exploit(const struct stance *st, struct buf *why)
{
	struct str which = STR_NONE;
	struct asking a;

	if (!binds(st, VULN_no_exploit, false, why, &a))
		return a.answer;
	if (st->cls == CLASS_OWN)
		return answer_because(ANSWER_PASS, why, "the audience is of class own");
	if (is_vendor(st, &which))
		return answer_because(ANSWER_PASS, why, "%s, but the audience is the vendor of %.*s",
				      a.record, STR_ARG(which));
	return answer_because(ANSWER_PASS, why,
			      "%s: attachments, samples and exploits are stripped", a.record);
}

/* Is there a remedy among what this audience gets? */
static bool remedy_goes_along(const struct stance *st)
{
	const struct vuln_facts *v = st->s->vuln;

	for (uint32_t i = 0; v && i < v->n_remedies; i++)
		if (judge_attr(st, v->remedies[i].object, v->remedies[i].attr) == RULE_NONE)
			return true;
	return false;
}

struct answer ask_vuln_with_remedy(const struct stance *st, struct buf *why)
{
	struct asking a;

	if (!binds(st, VULN_with_remedy, true, why, &a))
		return a.answer;
	if (remedy_goes_along(st))
		return answer_because(ANSWER_PASS, why, "%s, and its remedy goes along", a.record);
	return answer_because(HELD, why, "%s, and %s", a.record,
			      !st->s->vuln ? "its elements are not known" :
			      st->s->vuln->n_remedies ? "this audience may not have its remedy" :
							"it has no remedy attribute");
}

/* What disagrees about the severity; false: nothing does. */
static bool exaggerated(const struct stance *st, const struct vuln_facts *v, char *text, size_t n)
{
	if (!v)
		snprintf(text, n, "its scores are not known");
	else if (v->cvss_unreadable)
		snprintf(text, n, "a CVSS score or vector cannot be read");
	else if (v->cvss_outside)
		snprintf(text, n, "its CVSS score %u.%u is outside of %u.%u to %u.%u of its vector",
			 v->cvss_score / 10, v->cvss_score % 10, v->cvss_low / 10,
			 v->cvss_low % 10, v->cvss_high / 10, v->cvss_high % 10);
	else if (v->has_cvss && st->s->event->threat_level_id == 1 && v->cvss_max < 40)
		snprintf(text, n, "its threat level is high, with a CVSS of %u.%u at most",
			 v->cvss_max / 10, v->cvss_max % 10);
	else
		return false;
	return true;
}

struct answer ask_vuln_no_exaggeration(const struct stance *st, struct buf *why)
{
	struct asking a;
	char what[120];

	if (!binds(st, VULN_no_exaggeration, true, why, &a))
		return a.answer;
	if (!exaggerated(st, st->s->vuln, what, sizeof(what)))
		return answer_because(ANSWER_PASS, why, "%s, and severity and CVSS agree%s", a.record,
				      st->s->vuln->has_cvss ? "" : " (there is no CVSS)");
	if (a.m.confirmed)
		return answer_because(ANSWER_PASS, why, "%s; %s, but rmsv:severity is confirmed",
				      a.record, what);
	return answer_because(HELD, why, "%s; %s", a.record, what);
}

/* Until when a freeze window of the policy is on; 0: none is. */
static int64_t freeze_until(const struct stance *st, const struct policy_freeze **window)
{
	int64_t until = 0;

	for (uint32_t i = 0; i < st->policy->n_freezes; i++) {
		const struct policy_freeze *f = &st->policy->freezes[i];
		/* While nobody vouches for the clock, a window may be on, also one that seems over. */
		bool on = st->facts->now >= f->from && st->facts->now < f->until;

		if (!st->facts->clock_trusted || on) {
			*window = !*window || f->until > until ? f : *window;
			until = MAX(until, f->until);
		}
	}
	return until;
}

struct answer ask_vuln_event_freeze(const struct stance *st, struct buf *why)
{
	const struct policy_freeze *window = NULL;
	struct asking a;
	int64_t until;
	char t[32];

	if (!binds(st, VULN_event_freeze, true, why, &a))
		return a.answer;
	until = freeze_until(st, &window);
	if (!window)
		return answer_because(ANSWER_PASS, why, "%s, and no freeze window is on", a.record);
	if (a.m.freeze.n)
		return answer_because(ANSWER_PASS, why, "%s, and approved in the freeze window: %.*s",
				      a.record, STR_ARG(a.m.freeze));
	return answer_because((struct answer){GATE_HOLD, st->facts->clock_trusted ? until : INT64_MAX},
			      why, "%s, and the freeze window %.*s%s until %s%s", a.record,
			      STR_ARG(window->name), window->name.n ? " is on" : "is on",
			      time_text(until, t),
			      st->facts->clock_trusted ? "" : " (the clock is not trusted)");
}

struct answer ask_vuln_overseas(const struct stance *st, struct buf *why)
{
	struct str which = STR_NONE;
	struct asking a;

	if (!binds(st, VULN_overseas, false, why, &a))
		return a.answer;
	if (st->aud->domestic)
		return answer_because(ANSWER_PASS, why, "%s, and the audience is domestic", a.record);
	if (is_disclosed(st, &a.m))
		return answer_because(ANSWER_PASS, why, "%s, and rmsv:disclosure is disclosed",
				      a.record);
	if (is_vendor(st, &which))
		return answer_because(ANSWER_PASS, why,
				      "%s, not disclosed, but the audience is the vendor of %.*s",
				      a.record, STR_ARG(which));
	return answer_because(ANSWER_DENY, why,
			      "%s, not disclosed, and the audience is overseas and not the vendor%s",
			      a.record,
			      !st->aud->vendor_of[0] ? "" :
			      st->s->vuln && st->s->vuln->names.n ?
						       " of what it names" :
						       " (it names no product)");
}

/* ---- elements ------------------------------------------------------------------------------------ */

static bool name_in(struct str name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(name, str_c(list[i])))
			return true;
	return false;
}

static struct vuln_marks own_marks(const struct stance *st, const struct misp_attr *a)
{
	struct vuln_marks m = {0};

	LIST_EACH(t, a->tags, struct misp_tagref)
	{
		if (!t->name.n)
			mark_vuln_unknown(&m);
		else
			mark_vuln(&m, st->aud, t->name);
	}
	return m;
}

static bool is_exploit(const struct misp_object *o, const struct misp_attr *a,
		       const struct vuln_marks *m)
{
	static const char *const objects[] = {"exploit", "exploit-poc"};

	if (a && (a->type == ATTR_ATTACHMENT || a->type == ATTR_MALWARE_SAMPLE))
		return true;
	return m->exploit_tool || (o && name_in(o->name, objects, ARRAY_LEN(objects)));
}

/* Details of a system in use, and not of the audience's own. */
static bool is_in_use(const struct misp_object *o, const struct misp_attr *a,
		      const struct vuln_marks *m)
{
	static const char *const objects[] = {"in-use-system", "rmsv:in-use-system",
					      "rmsv-in-use-system"};

	if (m->in_use)
		return m->in_use_other;
	if (a && a->category == CAT_TARGETING)
		return true;
	return o && name_in(o->name, objects, ARRAY_LEN(objects));
}

enum gate_rule vuln_element(const struct stance *st, const struct misp_object *o,
			    const struct misp_attr *a)
{
	bool in_use = !off_because(st, VULN_in_use_system) && st->cls != CLASS_OWN;
	bool exploit = !off_because(st, VULN_no_exploit) && st->cls != CLASS_OWN;
	struct vuln_marks event, own = {0};
	struct str which;

	if (!in_use && !exploit)
		return RULE_NONE;
	event = event_vuln_marks(st);
	if (a)
		own = own_marks(st, a);
	in_use = in_use && (is_in_use(o, a, &own) || (event.in_use && event.in_use_other));
	exploit = exploit && (is_exploit(o, a, &own) || event.exploit_tool);
	if ((!in_use && !exploit) || !record(st, &event))
		return RULE_NONE;
	if (in_use)
		return RULE_vuln_in_use_system;
	return is_vendor(st, &which) ? RULE_NONE : RULE_vuln_no_exploit;
}

bool vuln_hides_tag(const struct stance *st, struct str name)
{
	struct vuln_marks event, m = {0};
	struct str which;

	if (!taxo_in(name, "rmsv") || st->cls == CLASS_OWN)
		return false;
	mark_vuln(&m, st->aud, name);
	m.in_use = m.in_use && m.in_use_other && !off_because(st, VULN_in_use_system);
	m.exploit_tool = m.exploit_tool && !off_because(st, VULN_no_exploit);
	if (!m.in_use && !m.exploit_tool)
		return false;
	event = event_vuln_marks(st);
	return record(st, &event) && (m.in_use || !is_vendor(st, &which));
}

bool gate_is_remedy(const struct misp_object *o, const struct misp_attr *a)
{
	static const char *const objects[] = {"course-of-action", "remedy", "patch", "mitigation"};
	static const char *const relations[] = {"remedy",   "patch",	   "mitigation",
						"solution", "workaround",  "fix",
						"fixed-in", "remediation", "fixed-version"};
	static const struct audience nobody;
	struct vuln_marks m = {0};

	if (a->deleted || (o && o->deleted))
		return false;
	LIST_EACH(t, a->tags, struct misp_tagref)
	mark_vuln(&m, &nobody, t->name);
	if (m.says_remedy || m.no_remedy)
		return !m.no_remedy;
	return name_in(a->object_relation, relations, ARRAY_LEN(relations)) ||
	       (o && name_in(o->name, objects, ARRAY_LEN(objects)));
}

unsigned gate_rmsv(const struct entity_list *tags)
{
	static const struct audience nobody;
	struct vuln_marks m = {0};

	LIST_EACH(t, *tags, struct misp_tagref)
	{
		if (!t->name.n)
			mark_vuln_unknown(&m);
		else
			mark_vuln(&m, &nobody, t->name);
	}
	return (m.record ? RMSV_TAGGED : 0) | (m.disclosed ? RMSV_DISCLOSED : 0) |
	       (m.undisclosed ? RMSV_UNDISCLOSED : 0);
}

bool vuln_keeps(const struct stance *st, const struct misp_object *o, const struct misp_attr *a)
{
	struct vuln_marks event;

	if (st->misp || !(st->policy->vuln >> VULN_with_remedy & 1) || !gate_is_remedy(o, a))
		return false;
	event = event_vuln_marks(st);
	return record(st, &event) != NULL;
}
