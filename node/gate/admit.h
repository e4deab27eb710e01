/*
 * admit.h - the mirror of the gate: what may come in (gate.md section 8).
 */
#pragma once

#include "gate/policy.h"
#include "trust/admitted.h"

struct admit_facts {
	enum audience_kind kind; /* who sends: OPERATOR, MEMBER, PEER, FEED */
	uint64_t org_id, user_id;
	struct uuid org;
	bool perm_sync, site_admin, perm_publish, perm_tagger, perm_tag_editor;
	bool pull; /* fetched by us: distribution is lowered as MISP does on pull */
	bool push; /* sent to us by a sync user */
	bool internal_link;
	bool is_edit; /* a partial document: no defaults are filled in */
	bool existing_local; /* an edit: the stored event is not locked (made here) */
	bool event_blocked, org_blocked; /* looked up by ingest */
	uint8_t default_event_distribution, default_attr_distribution;
	int64_t now;
};

/*
 * Judge the head of a document. Takes over *raw. The answer carries the head with defaults filled,
 * distribution lowered, local tags cut.
 * ERR_BLOCKED, ERR_INVAL (with MISP's message in f->text), ERR_PERM.
 */
MUST_USE enum err gate_admit(const struct policy *p, struct raw_event **raw,
			     const struct origin *o, const struct admit_facts *facts,
			     struct admitted **out, struct fail *f);
/*
 * Judge one element that was read from the admitted document: normalise, validate, lower, cut
 * local tags. ERR_INVAL: this element is refused (with its message), the rest may go on.
 */
MUST_USE enum err gate_admit_element(const struct admitted *adm, const struct admit_facts *facts,
				     struct arena *a, struct element *e, struct fail *f);
