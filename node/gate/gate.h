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
	bool all_tags; /* asked: non-exportable tags too (operator and members only) */
	bool no_local_tags; /* asked: without local tags */
};

/* Only the verdict (searches, counts, indexes). */
struct verdict gate_judge(const struct gate_ctx *c, const struct gate_subject *s);
/* Verdict and the cut head, in `a`; NULL unless released. */
struct released *gate_release(const struct gate_ctx *c, const struct gate_subject *s,
			      struct arena *a, struct verdict *v);
/*
 * May this element of a released event leave (distribution, groups, deletion, rules, markings,
 * profile)? `object` is the one it stands in; an attribute of an object that comes without it is
 * withheld. Whether an object keeps any attribute is for the caller to find out by asking for its
 * attributes: one that keeps none is not to be shown, nor references to it.
 */
bool gate_judge_attr(const struct gate_ctx *c, const struct gate_subject *s,
		     const struct misp_object *object, const struct misp_attr *attr);
/*
 * May elements of this event that are marked by themselves leave although the audience may not hold the
 * event (elements_may_relax)? Then the subject says (`relaxed`) whether one does: asked of each attribute
 * by gate_judge_attr(). Without one the event is denied as ever; with one it leaves as a shell, which
 * has nothing of the event but its times, and attributes as under profile indicators.
 */
bool gate_may_relax(const struct gate_ctx *c, const struct gate_subject *s);
/* Are there rules by which an element withholds its whole event from this audience? */
bool gate_asks_elements(const struct gate_ctx *c, const struct gate_subject *s);
/* The rule by which this element (attr, object, report or proposal of `el`), if it would leave,
   withholds its event; absent: none. */
struct str gate_condemns(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct rel_element *el);
/* Is the answer yes for every attribute, whatever it says? Then a search need not read them. False
   where it depends. */
bool gate_passes_attrs(const struct gate_ctx *c);
/* Would gate_judge() release every event that stands at a level of events (distribution 0 to 4)? */
bool gate_passes_events(const struct gate_ctx *c);
bool gate_judge_object(const struct gate_ctx *c, const struct gate_subject *s,
		       const struct misp_object *object);
bool gate_judge_report(const struct gate_ctx *c, const struct gate_subject *s,
		       const struct misp_report *report);
/* By itself: what it is about is asked apart. */
bool gate_judge_proposal(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct misp_proposal *proposal);
/* The same for a sighting of the released event: for what is worked out of sightings. `own_sighting` of the
   subject must be known. */
bool gate_judge_sighting(const struct gate_ctx *c, const struct gate_subject *s,
			 const struct misp_sighting *sighting);
/* ---- embargoes, as time goes on ---- */

#define GATE_CLASSES 15 /* numbers of the release classes that wait: all but own */
/*
 * When time alone will change that the event is held from the audience (embargo, freeze window, holds
 * of the policy), whatever other rules say; 0: it is not held by time.
 */
int64_t gate_opens_at(const struct gate_ctx *c, const struct gate_subject *s);
/* Until when the embargo tags of one element shut each class: INT64_MIN not, INT64_MAX not by time. */
void gate_embargo_times(const struct policy *p, const struct entity_list *tags,
			int64_t shut[GATE_CLASSES]);
/* Is there one among the tags that cannot be read, so that it holds for ever? */
bool gate_embargo_unreadable(const struct policy *p, const struct entity_list *tags);
bool gate_is_embargo_tag(struct str name);
/*
 * Does attaching this tag (or taking it off, `after` being what is left) open to somebody what is shut,
 * so that it needs two persons? Embargoes that are over at `now` shut nothing (INT64_MIN: none is known
 * to be over); a later time of another tag stands in for an earlier one. Names are resolved.
 */
bool gate_tag_loosens(const struct policy *p, const struct misp_tagref *t, bool attach,
		      const struct entity_list *after, int64_t now);

/* Does this attribute say how a vulnerability is repaired or protected against (by its tag, relation
   or object)? For gathering vuln_facts. Tags resolved. */
bool gate_is_remedy(const struct misp_object *object, const struct misp_attr *attr);
/* What tags say of a vulnerability record, as far as gathering its facts depends on it. */
enum { RMSV_TAGGED = 1, RMSV_DISCLOSED = 2, RMSV_UNDISCLOSED = 4 };
unsigned gate_rmsv(const struct entity_list *tags);
/* May this tag of the event or of an element of it leave? The tag is resolved (name, exportable).
   For filters: nobody may find out by a search what the answer leaves out. */
bool gate_shows_tag(const struct gate_ctx *c, const struct gate_subject *s,
		    const struct misp_tagref *t);
/* May a galaxy cluster leave, alone or beside a tag that leaves? `orgc` made it, `sg` is the group of
   distribution 4 (NULL: unknown). */
bool gate_judge_cluster(const struct gate_ctx *c, const struct misp_cluster *cluster,
			const struct misp_org *orgc, const struct misp_sg *sg);

/* The same, and which rule decided (RULE_strip: the profile has none of them). */
struct verdict gate_cluster_verdict(const struct gate_ctx *c, const struct misp_cluster *cluster,
				    const struct misp_org *orgc, const struct misp_sg *sg);
/* May a soft-deleted one be shown at all (administrators, the owner), and then this one? */
bool gate_judge_deleted_cluster(const struct gate_ctx *c, const struct misp_cluster *cluster,
				const struct misp_org *orgc, const struct misp_sg *sg);
/*
 * A galaxy cluster cut, or NULL when it does not leave; relations are judged one by one. The answer
 * and its parts live in `a` or point to `in`.
 */
const struct rel_cluster *gate_release_cluster(const struct gate_ctx *c,
					       const struct rel_cluster *in, struct arena *a);
/* May this audience know the galaxy? Cut in `out` (in `a`). */
bool gate_release_galaxy(const struct gate_ctx *c, const struct misp_galaxy *g, struct arena *a,
			 struct rel_galaxy *out);

/*
 * The cut element, or NULL when it does not leave. What needs no cut is not copied: the answer
 * and its parts then point to `in`; the rest is in `a`, which the caller rewinds. Egress must hold
 * an object back until its first attribute has passed (an object without one is not shown), and
 * sets ref_targets[].known only for targets that pass themselves.
 */
const struct rel_element *gate_release_element(struct released *r, const struct rel_element *in,
					       struct arena *a);
/* Analyst data about the released event itself, cut; false: memory, and then none may leave. What it
   says of elements comes with them (rel_element.analyst). */
bool gate_release_analyst(struct released *r, const struct rel_analyst *in, uint32_t n,
			  struct arena *a, const struct rel_analyst **out, uint32_t *n_out);

/* What analyst data is about that leaves on its own: everything on the way to it must be visible. */
struct analyst_about {
	const struct gate_subject *event; /* NULL: nothing that stands in an event here */
	const struct misp_object *object; /* the element, or that an attribute stands in */
	const struct misp_attr *attr;
	const struct misp_report *report;
	const struct misp_cluster *cluster;
	const struct misp_org *cluster_orgc;
	const struct misp_sg *cluster_group; /* of distribution 4, or NULL */
	uint64_t sharing_group_id; /* of a group that it is about; 0: none */
	/* the analyst data that it is an answer to, nearest first */
	const struct misp_analyst *const *chain;
	uint32_t n_chain;
	bool endless; /* the chain was not followed to its end: nobody gets it */
	/* written here about what is not here, or deleted: nobody knows any more who could see that, so it stays
	   with its organisation */
	bool lost;
};
/* May it leave on its own? */
bool gate_judge_analyst(const struct gate_ctx *c, const struct analyst_about *about,
			const struct misp_analyst *n);
/* Cut, with what is said about it; NULL when it does not leave. */
const struct rel_analyst *gate_release_one_analyst(const struct gate_ctx *c,
						   const struct analyst_about *about,
						   const struct rel_analyst *in, struct arena *a);

/* Which rule withheld the last element (for explanations and metrics); RULE_NONE: none. */
enum gate_rule gate_withheld_by(const struct released *r);

/*
 * The UUID under which a rewriting profile lets an element or event leave: name-based on this
 * node's organisation and the profile, so that it never changes. `u` itself for other profiles.
 */
bool gate_rewrites(const struct policy *p, const struct audience *a); /* does it get derived ones? */
/* `profile` as in an audience of this policy; NULL: one of the shipped ones. */
struct uuid gate_uuid(const struct policy *p, const struct gate_facts *f, uint8_t profile,
		      struct uuid u);
/* The n-th profile of the policy (shipped ones included) that derives UUIDs. False: no more. */
bool gate_rewriting(const struct policy *p, unsigned n, uint8_t *profile);

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
