/*
 * judge.h - inside the gate: how an audience stands to one event, and the questions that are asked
 * of it. Everything here is a pure function of its arguments.
 */
#pragma once

#include "base/buf.h"
#include "gate/gate.h"
#include "gate/policy_impl.h"
#include "gate/profile.h"

struct marks;

/* How the audience stands to the event; worked out once a call. */
struct stance {
	const struct policy *policy;
	const struct audience *aud;
	const struct gate_facts *facts;
	const struct gate_subject *s;
	bool misp; /* MISP's own rules and nothing else */
	bool sees_all; /* site administrator */
	bool owner; /* the audience's organisation owns the event here (org_id) */
	bool offered; /* its owner asked the audience's organisation to take the event over */
	bool local; /* operator or user of a local organisation */
	uint8_t cls; /* release class, own for owners */
	const struct profile *profile; /* full under MISP's own rules */
	const struct marks *marks; /* of the event; only while the event is judged */
	/* elements alone may leave: what the event is marked with and the audience may not hold */
	bool shell, lacks_tlp, lacks_pap;
	bool weighing; /* rules by which elements withhold their event are left out */
	const struct misp_cluster *cluster; /* that is judged as an event; NULL: it is one */
};
struct stance stance_of(const struct gate_ctx *c, const struct gate_subject *s);

/* Answer of one rule. `why` (may be NULL) takes one sentence with the inputs. */
struct answer {
	enum gate_outcome outcome;
	int64_t until; /* with GATE_HOLD */
};
#define ANSWER_PASS ((struct answer){GATE_RELEASE, 0})
#define ANSWER_DENY ((struct answer){GATE_DENY, 0})
struct answer answer_because(struct answer a, struct buf *why, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* ---- MISP's visibility (visible.c) ---- */

/* A feed, an export or a stream? */
bool is_published_kind(enum audience_kind k);
/* Does this level reach the audience? 5 reaches when it is not the event's own. */
bool level_reaches(const struct stance *st, uint8_t distribution, uint64_t sharing_group_id,
		   bool is_event);
/* May the audience have deleted elements of this event? */
bool sees_deleted(const struct stance *st);
bool org_in_group(const struct gate_facts *f, uint64_t sharing_group_id);

/* ---- markings (marking.c) ---- */

/* What tags of the rmsv taxonomy say of an event or attribute. */
struct vuln_marks {
	bool record; /* any tag of the taxonomy */
	bool disclosed, undisclosed; /* rmsv:disclosure: disclosed; anything else */
	bool remedied, no_remedy; /* rmsv:remedy: patch or mitigation; none or empty */
	bool says_remedy; /* any rmsv:remedy but none */
	bool confirmed; /* rmsv:severity="confirmed" */
	bool exploit_tool;
	bool in_use, in_use_other; /* rmsv:in-use-system; of somebody else than the audience */
	struct str early, freeze; /* references of approvals; absent: none */
};

/* What the tags of one entity say, the strictest of each. */
struct marks {
	bool has_tlp, has_pap, has_embargo;
	enum tlp tlp;
	enum pap pap;
	int64_t shut[CLASS_COUNT]; /* for each class: opens then (seconds); INT64_MIN: not shut,
				      INT64_MAX: not by time */
	bool named; /* the audience's organisation is a named recipient */
	bool recipients; /* anybody is named */
	uint16_t on_remedy; /* classes shut until there is a remedy: bit mask of 1 << release_class */
	struct vuln_marks vuln;
};
struct marks marks_of(const struct stance *st, const struct entity_list *tags);
bool tlp_permits(const struct stance *st, enum tlp t, bool named);
/* The same for an element with these marks. Who may have what is red the event says (gate.md 4); an
   element can but name fewer. */
bool tlp_permits_element(const struct stance *st, const struct marks *m);
bool pap_permits(const struct stance *st, enum pap p);
/* Embargo for the class of the audience. */
struct answer embargo_answer(const struct stance *st, const struct marks *m);
/* Tags that are the gate's own: embargoes and named recipients. */
bool tag_is_gates(struct str name);

/* ---- vulnerability records (vuln.c) ---- */

void mark_vuln(struct vuln_marks *m, const struct audience *aud, struct str name);
/* A tag of which nothing is known. */
void mark_vuln_unknown(struct vuln_marks *m);
/* Is there a remedy, by the tags of the event? */
bool event_remedied(const struct vuln_marks *m);
struct vuln_marks event_vuln_marks(const struct stance *st);
struct answer ask_vuln_remedy_first(const struct stance *st, struct buf *why);
struct answer ask_vuln_in_use_system(const struct stance *st, struct buf *why);
struct answer ask_vuln_no_exploit(const struct stance *st, struct buf *why);
struct answer ask_vuln_with_remedy(const struct stance *st, struct buf *why);
struct answer ask_vuln_no_exaggeration(const struct stance *st, struct buf *why);
struct answer ask_vuln_event_freeze(const struct stance *st, struct buf *why);
struct answer ask_vuln_overseas(const struct stance *st, struct buf *why);
/* The rule that withholds this element of a record; one of the two is NULL where there is none. */
enum gate_rule vuln_element(const struct stance *st, const struct misp_object *o,
			    const struct misp_attr *a);
/* Does the tag name what these rules take out for the audience? */
bool vuln_hides_tag(const struct stance *st, struct str name);
/* Is it a remedy that a record must carry, so that no profile strips it? */
bool vuln_keeps(const struct stance *st, const struct misp_object *o, const struct misp_attr *a);

/* ---- rules of the policy file (policy_rules.c) ---- */

/* What a rule looks at; absent parts are NULL. */
struct rule_subject {
	enum policy_level level;
	const struct misp_attr *attr;
	const struct misp_object *object;
	const struct misp_report *report;
	const struct misp_tagref *tag; /* LEVEL_TAG, and LEVEL_GALAXY of a tag that names a cluster */
	const struct misp_sighting *sighting;
	const struct misp_cluster *cluster; /* LEVEL_GALAXY */
	const struct misp_analyst *analyst;
	bool is_proposal; /* attr is one: it has no level of its own */
	bool is_public_cluster; /* of the public libraries: nobody's, for everybody */
};
/* The verdict of all rules of the level; `which` (may be NULL) gets the deciding rule's name. */
struct answer policy_answer(const struct stance *st, const struct rule_subject *rs,
			    struct str *which);

const char *time_text(int64_t t, char out[32]);

/* Is there a rule by which an element withholds its event from the audience? */
bool policy_condemning(const struct stance *st);
/* The first such rule that this element meets; absent: none. */
struct str policy_condemns(const struct stance *st, const struct rule_subject *rs);

/* ---- elements (element.c): RULE_NONE it may leave, otherwise what withholds it ---- */

enum gate_rule judge_attr(const struct stance *st, const struct misp_object *object,
			  const struct misp_attr *attr);
/* As a container: may what stands in it leave? */
enum gate_rule judge_container(const struct stance *st, const struct misp_object *object);
enum gate_rule judge_object(const struct stance *st, const struct misp_object *object);
enum gate_rule judge_report(const struct stance *st, const struct misp_report *report);
enum gate_rule judge_proposal(const struct stance *st, const struct misp_proposal *p);
/* Of an event that may leave itself; `in_event` false: it is about nothing of an event here. */
enum gate_rule judge_analyst(const struct stance *st, const struct misp_analyst *n, bool in_event);
bool sees_sighting(const struct stance *st, const struct misp_sighting *s);
bool hides_sighter(const struct stance *st, const struct misp_sighting *s);
bool sees_reference(const struct stance *st, const struct misp_ref *ref,
		    const struct rel_ref *target);

/* ---- strip profiles (strip.c) ---- */

/* Does a tag leave? Local, non-exportable and the gate's own tags included. */
bool tag_leaves(const struct stance *st, bool all_tags, bool no_local,
		const struct misp_tagref *t);
/* Does a text bear the policy's internal marker? */
bool is_internal(const struct stance *st, struct str text);

/* ---- events (judge.c) ---- */

/* Answer of one event-level rule; elements' rules pass. */
struct answer ask_rule(const struct stance *st, enum gate_rule r, struct buf *why);
bool rule_is_for_events(enum gate_rule r);
struct verdict judge_event(const struct stance *st);
