/*
 * facts.h - what the gate needs to know beside the event, gathered by egress from one snapshot, so
 * that the gate is a pure function.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/link_rules.h"
#include "model/misp.h"

/* A sharing group of this node, for rules that name it. */
struct gate_group {
	uint64_t id;
	struct uuid uuid;
};

struct gate_facts {
	int64_t now; /* seconds: wall time as bounded by the embargo clock */
	bool clock_trusted; /* false: embargoes that may have ended stay shut */
	uint64_t host_org_id;
	struct uuid host_org;
	const struct misp_org *host; /* for profiles that hide the creator; NULL: no creator shown */
	bool unpublished_private;
	bool sightings_anonymise; /* who saw it is told to himself alone */
	uint8_t sightings_policy; /* MISP's Sightings_policy, 0 to 3; 0: own organisation's only */
	/*
	 * Sharing groups that the audience's organisation may read (sync-protocol.md 6.4) or, for a
	 * push, that the link is in (6.5); ascending ids.
	 */
	const uint64_t *groups;
	uint32_t n_groups;
	const struct gate_group *all_groups; /* every sharing group there is; ascending ids */
	uint32_t n_all_groups;
	uint64_t link_id; /* of a push: row of the peer, as sharing groups name it */
	/* events that were offered to the organisation of a local user, to be taken over; ascending ids */
	const uint64_t *offered;
	uint32_t n_offered;
	/* push rules of the link that is pushed over, or that the reader is bound to; NULL: none */
	const struct link_rules *link_rules;
};

/* An attribute that says how to repair or protect, with the object it stands in (or NULL). */
struct vuln_remedy {
	const struct misp_attr *attr; /* tags resolved */
	const struct misp_object *object;
};

/*
 * What the elements of an event say of it as a vulnerability record (gate.md section 6). Soft-deleted
 * ones count for `has_object` and the two about attributes (they travel, too), for nothing else.
 */
struct vuln_facts {
	bool has_object; /* an object "vulnerability" */
	bool attr_silent; /* an attribute "vulnerability" that says nothing of its disclosure itself */
	bool attr_shut; /* one whose own rmsv:disclosure is other than disclosed */
	const struct vuln_remedy *remedies; /* the first few */
	uint32_t n_remedies;
	struct str names; /* of products and vendors, each with '|' before and behind */
	/* CVSS in tenths. One that cannot be read, or lies outside of its vector's range, is told by
	   the first such. */
	bool has_cvss, cvss_unreadable, cvss_outside;
	uint8_t cvss_max; /* the highest, of scores and of the upper ends of vectors */
	uint8_t cvss_score, cvss_low, cvss_high; /* with cvss_outside */
};

/* One stored event with what its ids stand for. All borrowed. */
struct gate_subject {
	const struct misp_event *event; /* tags resolved: name, colour, exportable ... filled */
	const struct misp_org *org, *orgc; /* NULL: unknown */
	const struct misp_sg *sharing_group; /* NULL unless distribution 4 */
	struct str creator_email; /* absent: unknown */
	/* the peer that it came from: whether it came from one, and its compartment (0: none, or not
	   known); asked by policies that have compartments */
	bool from_peer;
	uint8_t from_compartment;
	/* were the elements asked whether one withholds the event (gate_condemns()), and the rule by
	   which one does; asked by policies that have such rules, which withhold what was not asked */
	bool elements_asked;
	struct str condemned_by;
	/* an element of an event that the audience may not hold leaves by itself (gate_may_relax()) */
	bool relaxed;
	bool blocked; /* the event or its organisation is on a block list */
	/* NULL: not gathered. Rules that need it then withhold. */
	const struct vuln_facts *vuln;
	bool own_sighting; /* the audience's organisation has a sighting in this event */
	/* types of the attributes that pass, most frequent first, for the neutral info line; optional */
	const uint16_t *types;
	uint32_t n_types;
	/* live attributes that the gate lets through, counted by the caller; has_count false: unknown,
	   and then no number is shown to those who may not see the whole event */
	bool has_count;
	uint64_t visible_attributes;
};
