/*
 * policy_impl.h - what a policy is made of. Inside the gate only; immutable once it is sealed by
 * policy_seal(), so any thread may read it.
 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "gate/policy.h"
#include "model/types.h"
#include "taxonomies/taxo.h"

/* Bounds of a policy file; crossing one is an error with its place. */
#define POLICY_MAX_ROWS 4096u
#define POLICY_MAX_BYTES (8u << 20)

/* One row of `audiences`. */
struct policy_row {
	struct audience a;
	struct str user, url; /* what finds it beside name and organisation; absent: not said */
};

enum policy_level { LEVEL_EVENT, LEVEL_ATTRIBUTE, LEVEL_OBJECT, LEVEL_REPORT, LEVEL_COUNT };
enum policy_effect { EFFECT_DENY, EFFECT_HOLD, EFFECT_DROP, EFFECT_COUNT };

/* Whom a rule is for. Names of audiences, kinds and classes as in the file, and "*". */
struct policy_who {
	const struct str *names;
	uint32_t n_names;
	uint8_t kinds; /* bit mask of 1 << enum audience_kind */
	uint8_t classes; /* bit mask of 1 << enum release_class */
	bool all; /* "*" */
	bool given;
};

enum tristate { ANY = 0, IS_FALSE, IS_TRUE };

/* Conditions; all that are given must hold, and of a list any one. */
struct policy_when {
	const attr_category_id *categories;
	const attr_type_id *types;
	const struct str *tags; /* exact or, with '*' at the end, by prefix; without regard to case */
	const struct uuid *orgcs;
	const struct str *object_names;
	uint32_t n_categories, n_types, n_tags, n_orgcs, n_object_names;
	uint8_t to_ids; /* enum tristate */
	uint8_t published; /* enum tristate */
	uint8_t distributions; /* bit mask of levels; 0: any */
};

struct policy_rule {
	struct str name;
	enum policy_level level;
	enum policy_effect effect;
	struct policy_when when;
	struct policy_who to, except;
	int64_t hold_s; /* after publication; -1: not said */
	int64_t until; /* seconds; 0: not said */
	bool has_class;
	uint8_t release_class; /* with has_class: for audiences of this class and wider ones */
};

/* A time in which no vulnerability record is published (gate.md section 6). */
struct policy_freeze {
	struct str name;
	int64_t from, until;
};

enum policy_use { USE_RMSV = 1 };

struct policy {
	atomic_uint refs;
	struct arena *a; /* everything below lives here */
	struct str name;
	bool misp_compat;
	enum tlp default_tlp;
	enum pap default_pap;
	bool tlp_members_strict;
	bool pseudonymous_origin;
	unsigned use; /* enum policy_use */
	struct str jurisdiction;
	struct str internal_marker; /* text that marks comments and reports as internal */
	struct audience default_operator, default_member, default_peer;
	struct policy_row *rows;
	uint32_t n_rows;
	struct policy_rule *rules;
	uint32_t n_rules;
	struct policy_freeze *freezes;
	uint32_t n_freezes;
	struct uuid *blocked_events, *blocked_orgs;
	uint32_t n_blocked_events, n_blocked_orgs;
	char version[65];
};

/* A policy with the built-in defaults, to be filled; NULL when out of memory. */
struct policy *policy_new(struct str name);
/* Compute the version; nothing changes after this. */
MUST_USE enum err policy_seal(struct policy *p, struct fail *f);

/* Words of the policy file and of explanations. */
const char *audience_kind_name(enum audience_kind k);
bool audience_kind_parse(struct str s, enum audience_kind *out);
const char *profile_name(uint8_t profile);
bool profile_parse(struct str s, uint8_t *out);
extern const char *const policy_level_names[LEVEL_COUNT];
extern const char *const policy_effect_names[EFFECT_COUNT];

/* Is the audience, in this release class, among these? */
bool policy_who_has(const struct policy_who *w, const struct audience *a, uint8_t release_class);

/* A policy from text; includes are errors. policy_load() is the same for a file. */
MUST_USE enum err policy_parse(struct str text, const char *file, struct policy **out,
			       struct fail *f);
