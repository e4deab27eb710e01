/*
 * policy_impl.h - what a policy is made of. Inside the gate only; immutable once it is sealed by
 * policy_seal(), so any thread may read it.
 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "base/regex.h"
#include "gate/policy.h"
#include "model/types.h"
#include "taxonomies/taxo.h"
#include "warnlist/warnlist.h"

/* Bounds of a policy file; crossing one is an error with its place. */
#define POLICY_MAX_ROWS 4096u
#define POLICY_MAX_BYTES (8u << 20)
#define COMPARTMENTS 64

/* One row of `audiences`. */
struct policy_row {
	struct audience a;
	struct str user, url; /* what finds it beside name and organisation; absent: not said */
};

enum policy_level {
	LEVEL_EVENT,
	LEVEL_ATTRIBUTE,
	LEVEL_OBJECT,
	LEVEL_TAG,
	LEVEL_REPORT,
	LEVEL_SIGHTING,
	LEVEL_GALAXY,
	LEVEL_ANALYST,
	LEVEL_COUNT
};
/* DENY_EVENT: an element that would leave withholds its whole event. */
enum policy_effect { EFFECT_DENY, EFFECT_HOLD, EFFECT_DROP, EFFECT_DENY_EVENT, EFFECT_COUNT };

/* Whom a rule is for. Names of audiences, kinds and classes as in the file, and "*". */
struct policy_who {
	const struct str *names;
	uint32_t n_names;
	uint8_t kinds; /* bit mask of 1 << enum audience_kind */
	uint16_t classes; /* bit mask of 1 << enum release_class */
	bool all; /* "*" */
	bool given;
};

/* Levels of a condition, as bits. */
enum cond_levels {
	COND_E = 1 << LEVEL_EVENT,
	COND_A = 1 << LEVEL_ATTRIBUTE,
	COND_O = 1 << LEVEL_OBJECT,
	COND_T = 1 << LEVEL_TAG,
	COND_R = 1 << LEVEL_REPORT,
	COND_S = 1 << LEVEL_SIGHTING,
	COND_G = 1 << LEVEL_GALAXY,
	COND_N = 1 << LEVEL_ANALYST,
};
/* What stands behind the key of a condition. */
enum cond_value {
	VALUE_CATEGORIES, /* bits: names */
	VALUE_TYPES, /* bits: names */
	VALUE_TEXTS, /* without regard to case; with '*' at the end, by prefix */
	VALUE_UUIDS,
	VALUE_NUMBERS, /* bits: up to the row's maximum */
	VALUE_NUMBER, /* number: up to the row's maximum */
	VALUE_FLAG, /* number: 0 or 1 */
	VALUE_DURATION, /* number: seconds */
	VALUE_REGEX, /* texts: the patterns */
};
enum cond_kind {
#define COND(name, levels, value, max, text) COND_KIND_##name,
#include "gate/conds.inc"
#undef COND
	COND_KIND_COUNT
};
struct cond_row {
	const char *name;
	uint8_t levels; /* enum cond_levels */
	uint8_t value; /* enum cond_value */
	uint8_t max;
};
extern const struct cond_row cond_rows[COND_KIND_COUNT];

#define COND_WORDS ((ATTR_TYPE_LIMIT + 63) / 64)

/* One condition with its value; which members count says its row. */
struct policy_cond {
	uint8_t kind; /* enum cond_kind */
	uint32_t line, column; /* of its key in the file, for errors */
	uint32_t n; /* texts, uuids, regexes */
	const struct str *texts;
	const struct uuid *uuids;
	struct regex *const *regexes;
	int64_t number;
	uint64_t bits[COND_WORDS];
};
/* Conditions that must all hold; of the list of one, any. */
struct policy_when {
	const struct policy_cond *conds;
	uint32_t n;
};

/* An expression of the policy, freed with it. */
struct policy_regex {
	struct regex *regex;
	struct policy_regex *next;
};

/*
 * A rule applies where `when` holds and `unless` does not and, if there are `require` or `allow`,
 * one of their conditions is not met: a required tag, taxonomy or galaxy is missing, or there is
 * another tag of a taxonomy than those that are allowed. What cannot be answered counts against the
 * release.
 */
struct policy_rule {
	struct str name;
	enum policy_level level;
	enum policy_effect effect;
	struct policy_when when, unless, require, allow;
	struct policy_who to, except;
	int64_t hold_s; /* after publication; -1: not said */
	int64_t until; /* seconds; 0: not said */
	bool has_class;
	uint8_t release_class; /* with has_class: for audiences of this class and wider ones */
};

/* A rule of `admission`: who sends, what it is, what becomes of it. All that is said must hold. */
enum admission_effect { ADMISSION_REFUSE, ADMISSION_QUARANTINE, ADMISSION_ACCEPT, ADMISSION_COUNT };
struct admission_rule {
	struct str name;
	enum admission_effect effect;
	const struct str *from; /* names of peers and feeds, e-mails */
	uint32_t n_from;
	uint8_t kinds; /* bit mask of 1 << enum audience_kind */
	bool has_from;
	struct policy_when when, unless, require, allow; /* of level event */
	uint64_t types[COND_WORDS]; /* an attribute of one of these types */
	bool has_types;
	int64_t attributes_above, bytes_above; /* -1: not said */
};

/* A time in which no vulnerability record is published (gate.md section 6). */
struct policy_freeze {
	struct str name;
	int64_t from, until;
};

enum policy_use { USE_RMSV = 1 };

/* The rules about vulnerability records: V(name behind "vuln_", on in the policy `default`). */
#define VULN_RULES(V)                                                                              \
	V(remedy_first, 1)                                                                         \
	V(in_use_system, 0)                                                                        \
	V(no_exploit, 0)                                                                           \
	V(with_remedy, 1)                                                                          \
	V(no_exaggeration, 1)                                                                      \
	V(event_freeze, 0)                                                                         \
	V(overseas, 0)
enum vuln_rule {
#define V(name, on) VULN_##name,
	VULN_RULES(V)
#undef V
	VULN_COUNT
};
#define VULN_ALL ((1u << VULN_COUNT) - 1)
extern const char *const vuln_rule_names[VULN_COUNT]; /* as in rules.inc */

struct profile;

/* The decay model of the policy (MISP's default one unless said). */
struct policy_decay {
	int64_t lifetime_s, speed_milli, base_score;
};

struct policy {
	atomic_uint refs;
	struct arena *a; /* everything below lives here */
	struct str name;
	bool misp_compat;
	struct release_classes classes;
	bool has_classes; /* the file says them */
	enum tlp default_tlp;
	enum pap default_pap;
	bool tlp_members_strict;
	bool elements_may_relax;
	bool pseudonymous_origin;
	bool newer_revives;
	unsigned use; /* enum policy_use */
	unsigned vuln; /* in force: bits of 1 << enum vuln_rule; policy_seal() works them out of: */
	unsigned vuln_on, vuln_off; /* those switched by the file */
	struct str jurisdiction;
	struct str internal_marker; /* text that marks comments and reports as internal */
	struct audience default_operator, default_member, default_peer;
	struct policy_row *rows;
	uint32_t n_rows;
	struct policy_rule *rules;
	uint32_t n_rules;
	/* the rules of each level, in their order (policy_seal) */
	const struct policy_rule **by_level[LEVEL_COUNT];
	uint32_t n_by_level[LEVEL_COUNT];
	struct admission_rule *admission;
	uint32_t n_admission;
	struct policy_regex *regexes;
	/* which compartments may open connections to which: bit `to` of reach[from] */
	struct str compartments[COMPARTMENTS]; /* number 0 is "none" */
	uint64_t reach[COMPARTMENTS];
	uint8_t n_compartments; /* the highest number; 0: the policy has none, and all may exchange */
	uint8_t compartment; /* this node's */
	/* own strip profiles: number PROFILE_COUNT and up of an audience */
	const struct profile **profiles;
	uint32_t n_profiles;
	struct str pseudonym_key;
	struct policy_decay decay;
	struct str *list_folders; /* of warning lists */
	uint32_t n_list_folders;
	struct warnlists *warnlists; /* NULL: not read; rules that ask them then apply */
	struct policy_freeze *freezes;
	uint32_t n_freezes;
	struct uuid *blocked_events, *blocked_orgs;
	uint32_t n_blocked_events, n_blocked_orgs;
	char version[65];
};

/* A policy with the built-in defaults, to be filled; NULL when out of memory. */
struct policy *policy_new(struct str name);
/* Which vulnerability rules are in force, by `use`, then by what the file switches. */
void policy_settle_vuln(struct policy *p);
/* Compute the version; nothing changes after this. */
MUST_USE enum err policy_seal(struct policy *p, struct fail *f);

/* compartments.c: may who is in one exchange with who is in the other, over a connection that the
   first one opened? Always, when the policy has no compartments; never without one, when it has. */
bool policy_may_connect(const struct policy *p, uint8_t from, uint8_t to);
/* Over any connection? */
bool policy_may_exchange(const struct policy *p, uint8_t a, uint8_t b);
const char *policy_compartment(const struct policy *p, uint8_t c);
/* The number of a name, which gets one; 0: too many. */
uint8_t policy_compartment_number(struct policy *p, struct str name);

/* Words of the policy file and of explanations. */
bool audience_kind_parse(struct str s, enum audience_kind *out);
extern const char *const policy_level_names[LEVEL_COUNT];
extern const char *const policy_effect_names[EFFECT_COUNT];
extern const char *const admission_effect_names[ADMISSION_COUNT];

/* Is the audience, in this release class, among these? */
bool policy_who_has(const struct policy_who *w, const struct audience *a, uint8_t release_class);

/* A policy from text; includes are errors. policy_load() is the same for a file. */
MUST_USE enum err policy_parse(struct str text, const char *file, struct policy **out,
			       struct fail *f);
