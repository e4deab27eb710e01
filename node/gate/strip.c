/*
 * strip.c - what the strip profiles let leave of types, objects and tags (gate.md section 7).
 *
 * Lists, not code, decide; what is in no list leaves in profile full only. For tags, full takes
 * all, partner all but those that say whom it hit, the stricter ones only what is named.
 */
#include "base/own.h"
#include "gate/judge.h"
#include "gate/strip_types.inc"

/* The strictest profile that keeps it; 0 is "no row", which is full. */
enum least { LEAST_FULL = 0, LEAST_PARTNER, LEAST_IN_OBJECT, LEAST_TECHNICAL };

static const uint8_t category_least[CAT_LIMIT] = {
#define C(ident, least) [CAT_##ident] = LEAST_##least,
	STRIP_CATEGORIES(C)
#undef C
};
static const uint8_t type_least[ATTR_TYPE_LIMIT] = {
#define T(ident, least) [ATTR_##ident] = LEAST_##least,
	STRIP_TYPES(T)
#undef T
};

bool strip_keeps_type(uint8_t profile, uint16_t type, uint8_t category, bool in_object)
{
	uint8_t t, c;

	if (profile == PROFILE_FULL)
		return true;
	if (type >= ATTR_TYPE_LIMIT || category >= CAT_LIMIT)
		return false;
	t = type_least[type];
	c = category_least[category];
	if (profile == PROFILE_PARTNER)
		return t >= LEAST_PARTNER && c >= LEAST_PARTNER;
	if (c != LEAST_TECHNICAL)
		return false;
	return t == LEAST_TECHNICAL ||
	       (t == LEAST_IN_OBJECT && in_object && profile == PROFILE_TECHNICAL);
}

/* Objects about people, victims and the incident; partner drops the first part. */
static const struct {
	const char *name;
	bool partner_too;
} dropped_objects[] = {
	{"victim", true},
	{"person", true},
	{"employee", true},
	{"legal-entity", true},
	{"target-system", true},
	{"organization", true},
	{"bank-account", true},
	{"transaction", true},
	{"passenger-name-record", true},
	{"identity", true},
	{"user-account", false},
	{"credential", false},
	{"report", false},
	{"annotation", false},
	{"internal-reference", true},
	{"threat-actor", false},
	{"intrusion-set", false},
	{"campaign", false},
	{"attack-step", false},
	{"incident", false},
	{"news-agency", false},
	{"microblog", false},
	{"forensic-case", false},
	{"forensic-evidence", false},
	{"task", false},
	{"timesketch-timeline", false},
	{"email", false}, /* holds recipients beside the sender; its hashes come in file objects */
};

bool strip_keeps_object(uint8_t profile, struct str name)
{
	if (profile == PROFILE_FULL)
		return true;
	if (!name.n)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(dropped_objects); i++)
		if (str_eq_nocase(name, str_c(dropped_objects[i].name)))
			return profile == PROFILE_PARTNER && !dropped_objects[i].partner_too;
	return true;
}

/* Tags that partners do not get: they say whom it hit. */
static const char *const partner_hidden[] = {
	"misp-galaxy:target-information=", "misp-galaxy:sector=", "misp-galaxy:country=",
	"misp-galaxy:region=",		   "targeted-threat-index:",
};
/* Tags about technique, which profile technical keeps. */
static const char *const technical_shown[] = {
	"tlp:",
	"pap:",
	"kill-chain:",
	"malware_classification:",
	"ms-caro-malware:",
	"ms-caro-malware-full:",
	"rmsv:",
	"misp-galaxy:mitre-attack-pattern=",
	"misp-galaxy:mitre-malware=",
	"misp-galaxy:mitre-tool=",
	"misp-galaxy:mitre-course-of-action=",
	"misp-galaxy:mitre-enterprise-attack-attack-pattern=",
	"misp-galaxy:mitre-enterprise-attack-malware=",
	"misp-galaxy:mitre-enterprise-attack-tool=",
	"misp-galaxy:mitre-mobile-attack-attack-pattern=",
	"misp-galaxy:mitre-mobile-attack-malware=",
	"misp-galaxy:malpedia=",
	"misp-galaxy:tool=",
	"misp-galaxy:rat=",
	"misp-galaxy:ransomware=",
	"misp-galaxy:banker=",
	"misp-galaxy:backdoor=",
	"misp-galaxy:botnet=",
	"misp-galaxy:stealer=",
	"misp-galaxy:cryptominers=",
	"misp-galaxy:exploit-kit=",
	"misp-galaxy:android=",
	"misp-galaxy:tds=",
	"misp-galaxy:branded-vulnerability=",
};

static bool begins(struct str name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.n > n && str_eq_nocase(str_sub(name, 0, n), (struct str){prefix, n});
}

static bool any_begins(struct str name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins(name, list[i]))
			return true;
	return false;
}

static bool strip_keeps_tag(uint8_t profile, struct str name)
{
	switch (profile) {
	case PROFILE_FULL:
		return true;
	case PROFILE_PARTNER:
		return !any_begins(name, partner_hidden, ARRAY_LEN(partner_hidden));
	case PROFILE_TECHNICAL:
		return any_begins(name, technical_shown, ARRAY_LEN(technical_shown));
	default:
		return begins(name, "tlp:");
	}
}

/* Do the rules of the policy file let it go? A tag that names a cluster goes no further than that. */
static bool rules_keep_tag(const struct stance *st, const struct misp_tagref *t)
{
	const struct rule_subject tag = {.level = LEVEL_TAG, .tag = t},
				  galaxy = {.level = LEVEL_GALAXY,
					    .tag = t,
					    .is_public_cluster = !t->is_custom_galaxy};

	if (st->policy->n_by_level[LEVEL_TAG] &&
	    policy_answer(st, &tag, NULL).outcome != GATE_RELEASE)
		return false;
	return !st->policy->n_by_level[LEVEL_GALAXY] || !taxo_in(t->name, "misp-galaxy") ||
	       policy_answer(st, &galaxy, NULL).outcome == GATE_RELEASE;
}

bool tag_leaves(const struct stance *st, bool all_tags, bool no_local,
		const struct misp_tagref *t)
{
	if (!t->name.n)
		return false;
	if (!t->exportable && !(all_tags && st->local))
		return false;
	if (t->local && (no_local || !(st->local || (st->aud->kind == AUD_PEER && st->aud->internal))))
		return false;
	if (tag_is_gates(t->name) && !(st->local && st->cls == CLASS_OWN))
		return false;
	if (!st->misp && !rules_keep_tag(st, t))
		return false;
	return strip_keeps_tag(st->misp ? (uint8_t)PROFILE_FULL : st->aud->profile, t->name);
}

bool is_internal(const struct stance *st, struct str text)
{
	return st->policy->internal_marker.n &&
	       str_find_nocase(text, st->policy->internal_marker) >= 0;
}
