/*
 * audience.h - who receives. One type for peers, users, feeds, exports and streams; zero is the
 * strictest of everything: nobody, clear, public, overseas, profile indicators (gate.md section 2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"

enum audience_kind {
	AUD_NOBODY = 0,
	AUD_OPERATOR, /* site administrator of this node, and the local tool */
	AUD_MEMBER, /* user of a local organisation */
	AUD_PEER, /* sync link: a user with perm_sync, or a server entry */
	AUD_FEED, /* published folder */
	AUD_EXPORT, /* IDS subscription */
	AUD_STREAM,
};

enum strip_profile { PROFILE_INDICATORS = 0, PROFILE_TECHNICAL, PROFILE_PARTNER, PROFILE_FULL };

struct audience {
	enum audience_kind kind;
	char name[64]; /* of the policy row, or "user:<id>", "peer:<id>" */
	struct uuid org; /* organisation, nil: none */
	uint64_t org_id, user_id; /* local ids; 0: none */
	uint8_t tlp, pap; /* enum tlp_ceiling, pap_ceiling (taxonomies/taxo.h): zero is up to clear */
	uint8_t release_class; /* enum release_class of the same: zero is public */
	bool domestic; /* jurisdiction */
	bool internal; /* both ends run by the same host organisation */
	uint8_t profile; /* enum strip_profile; above PROFILE_FULL: own profile number of the policy */
	uint8_t compartment; /* number of it in the policy; 0: none */
	int64_t suspended_until; /* seconds; 0: not */
	bool push; /* we send, unasked: distribution is lowered as MISP does on push */
	bool site_admin, perm_sync, perm_audit; /* MISP's role facts */
	bool misp_rules_only; /* policy misp-compat: MISP's own rules and nothing else */
	char vendor_of[128]; /* '|'-separated product or vendor names */
};
