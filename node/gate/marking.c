/*
 * marking.c - TLP, PAP and embargo tags: what they say and who may hold what (gate.md 4 and 5).
 *
 * Whatever stands in a marking namespace and cannot be read counts as its strictest value; so does
 * a tag whose name is not known.
 */
#include "gate/judge.h"

#define SHUT_NOT INT64_MIN

/* Most tags are none of the gate's: their first letter tells. */
static bool may_mark(struct str name)
{
	name = str_trim(name);
	return name.n && strchr("tperTPER", name.p[0]);
}

bool tag_is_gates(struct str name)
{
	if (!may_mark(name))
		return false;
	return taxo_in(name, "embargo") || taxo_in(name, "tocsin") ||
	       str_eq_nocase(str_trim(name), STR("embargo"));
}

/* An embargo of a class shuts that class and all wider ones: less trust never opens earlier. */
static void shut(struct marks *m, unsigned classes, int64_t until)
{
	bool on = false;

	for (int c = CLASS_OWN - 1; c >= CLASS_PUBLIC; c--) {
		on |= classes >> c & 1;
		if (on && m->shut[c] < until)
			m->shut[c] = until;
	}
	m->has_embargo = true;
}

/* Seconds at which a time in microseconds has certainly come. */
static int64_t seconds_up(int64_t us)
{
	return us / 1000000 + (us % 1000000 > 0);
}

static void mark_embargo(const struct policy *p, struct marks *m, struct str name)
{
	struct embargo e = taxo_embargo(&p->classes, name);

	if (e.kind == EMBARGO_NONE)
		return;
	if (e.kind == EMBARGO_CONDITION && str_eq_nocase(e.condition, STR("remedy-available"))) {
		m->on_remedy |= e.classes;
		m->has_embargo = true;
		return;
	}
	shut(m, e.classes,
	     e.kind == EMBARGO_TIME && e.until_us != EMBARGO_FOREVER ? seconds_up(e.until_us) :
								       INT64_MAX);
}

/* tocsin:recipient="<organisation uuid>" */
static void mark_recipient(const struct stance *st, struct marks *m, struct str name)
{
	struct machine_tag t;
	struct uuid org;

	if (uuid_is_nil(st->aud->org) || !taxo_split(name, &t) ||
	    !str_eq_nocase(t.ns, STR("tocsin")) || !str_eq_nocase(t.predicate, STR("recipient")))
		return;
	m->recipients = true;
	if (uuid_parse(t.value, &org) && uuid_eq(org, st->aud->org))
		m->named = true;
}

static void mark_unknown(struct marks *m)
{
	m->has_tlp = m->has_pap = true;
	m->tlp = TLP_RED;
	m->pap = PAP_RED;
	shut(m, 1u << (CLASS_OWN - 1), INT64_MAX);
	mark_vuln_unknown(&m->vuln);
}

struct marks marks_of(const struct stance *st, const struct entity_list *tags)
{
	struct marks m = {.tlp = TLP_CLEAR, .pap = PAP_CLEAR};

	for (int c = 0; c < CLASS_COUNT; c++)
		m.shut[c] = SHUT_NOT;
	LIST_EACH(t, *tags, struct misp_tagref)
	{
		if (!t->name.n) {
			mark_unknown(&m);
			continue;
		}
		if (!may_mark(t->name))
			continue;
		if (taxo_in(t->name, "tlp")) {
			m.has_tlp = true;
			m.tlp = tlp_min(m.tlp, taxo_tlp(t->name));
		} else if (taxo_in(t->name, "pap")) {
			m.has_pap = true;
			m.pap = pap_min(m.pap, taxo_pap(t->name));
		}
		mark_embargo(st->policy, &m, t->name);
		mark_vuln(&m.vuln, st->aud, t->name);
		mark_recipient(st, &m, t->name);
	}
	return m;
}

void gate_embargo_times(const struct policy *p, const struct entity_list *tags,
			int64_t out[GATE_CLASSES])
{
	struct marks m = {0};

	for (int c = 0; c < CLASS_COUNT; c++)
		m.shut[c] = SHUT_NOT;
	LIST_EACH(t, *tags, struct misp_tagref)
	mark_embargo(p, &m, t->name);
	for (int c = 0; c < GATE_CLASSES; c++)
		out[c] = m.shut[c];
}
_Static_assert(GATE_CLASSES == CLASS_OWN, "classes that wait come before own");

bool gate_embargo_unreadable(const struct policy *p, const struct entity_list *tags)
{
	LIST_EACH(t, *tags, struct misp_tagref)
	if (taxo_embargo(&p->classes, t->name).kind == EMBARGO_UNREADABLE)
		return true;
	return false;
}

bool gate_is_embargo_tag(struct str name)
{
	return taxo_embargo(&release_classes_shipped, name).kind != EMBARGO_NONE;
}

/* rmsv:early-release and rmsv:freeze-approval open; what is left of an embargo must shut as long. */
bool gate_tag_loosens(const struct policy *p, const struct misp_tagref *t, bool attach,
		      const struct entity_list *after, int64_t now)
{
	struct embargo e = taxo_embargo(&p->classes, t->name);
	struct machine_tag m;
	int64_t left[GATE_CLASSES], until;
	bool on = false;

	if (attach)
		return taxo_split(t->name, &m) && str_eq_nocase(m.ns, STR("rmsv")) &&
		       (str_eq_nocase(m.predicate, STR("early-release")) ||
			str_eq_nocase(m.predicate, STR("freeze-approval")));
	if (e.kind == EMBARGO_NONE)
		return false;
	if (e.kind != EMBARGO_TIME || e.until_us == EMBARGO_FOREVER)
		return true; /* no other tag says the same */
	until = seconds_up(e.until_us);
	if (until <= now)
		return false;
	gate_embargo_times(p, after, left);
	for (int c = CLASS_OWN - 1; c >= CLASS_PUBLIC; c--) {
		on |= e.classes >> c & 1;
		if (on && left[c] < until)
			return true;
	}
	return false;
}

/* A member of another local organisation. */
static bool member_may(const struct stance *st, enum tlp t)
{
	return t >= TLP_AMBER || !st->policy->tlp_members_strict;
}

/* What is published: a public folder holds clear; sensors of our own up to amber+strict. */
static bool published_may(const struct stance *st, enum tlp t)
{
	if (st->cls == CLASS_PUBLIC)
		return t == TLP_CLEAR;
	if (t == TLP_AMBER_STRICT)
		return st->cls == CLASS_OWN;
	return t != TLP_RED;
}

bool tlp_permits(const struct stance *st, enum tlp t, bool named)
{
	bool may;

	switch (st->aud->kind) {
	case AUD_OPERATOR:
		return true;
	case AUD_MEMBER:
		if (st->owner || st->sees_all)
			return true;
		may = member_may(st, t);
		break;
	case AUD_PEER:
		may = t >= TLP_AMBER || named;
		break;
	case AUD_FEED:
	case AUD_EXPORT:
	case AUD_STREAM:
		may = published_may(st, t);
		break;
	case AUD_NOBODY:
	default:
		return false;
	}
	return may && tlp_allows((enum tlp_ceiling)st->aud->tlp, t);
}

bool tlp_permits_element(const struct stance *st, const struct marks *m)
{
	struct marks event = {0};

	if (!m->has_tlp || tlp_permits(st, m->tlp, false))
		return true;
	if (!tlp_permits(st, m->tlp, true))
		return false;
	LIST_EACH(t, st->s->event->tags, struct misp_tagref)
	mark_recipient(st, &event, t->name);
	return event.named && (!m->recipients || m->named);
}

bool pap_permits(const struct stance *st, enum pap p)
{
	if (st->aud->kind == AUD_NOBODY)
		return false;
	if (st->aud->kind == AUD_OPERATOR ||
	    (st->aud->kind == AUD_MEMBER && (st->owner || st->sees_all)))
		return true;
	return pap_allows((enum pap_ceiling)st->aud->pap, p);
}

/* Whether there is a remedy is said of the event, also for embargoes of its elements. */
static bool event_remedied_now(const struct stance *st, const struct marks *m)
{
	struct vuln_marks v;

	if (st->marks == m)
		return event_remedied(&m->vuln);
	v = event_vuln_marks(st);
	return event_remedied(&v);
}

struct answer embargo_answer(const struct stance *st, const struct marks *m)
{
	int64_t until = m->shut[st->cls];

	if (st->cls == CLASS_OWN)
		return ANSWER_PASS;
	if (m->on_remedy >> st->cls & 1 && !event_remedied_now(st, m))
		return (struct answer){GATE_HOLD, INT64_MAX};
	if (until == SHUT_NOT)
		return ANSWER_PASS;
	if (until == INT64_MAX || st->facts->now < until)
		return (struct answer){GATE_HOLD, until};
	/* ended by the wall clock, which nobody vouches for: not by time, but by the clock's state */
	if (!st->facts->clock_trusted)
		return (struct answer){GATE_HOLD, INT64_MAX};
	return ANSWER_PASS;
}
