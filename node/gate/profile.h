/*
 * profile.h - strip profiles as data (gate.md section 7): what of each field, type, object and tag
 * leaves. The shipped four and those of the policy file are the same structure.
 */
#pragma once

#include "gate/audience.h"
#include "gate/cut.h"
#include "model/types.h"

struct policy;

#define FIELDS_MAX 64
#define PROFILE_WORDS ((ATTR_TYPE_LIMIT + 63) / 64)

/* How a field is rewritten; what CUT_X of a profile means. */
enum rewrite_how {
	HOW_NOT = 0,
	HOW_DERIVE, /* name-based UUID */
	HOW_DAY, /* the day it was */
	HOW_INFO, /* a neutral line about what kind of data it is */
	HOW_THREAT, /* undefined */
	HOW_ANALYSIS, /* initial */
	HOW_DATE, /* of the last change */
	HOW_CATEGORY, /* the usual one of the type */
	HOW_TIMESTAMP, /* of the event */
	HOW_REACH, /* a sharing group becomes "receiver only" */
	HOW_DESCRIPTION, /* the object's name */
	HOW_TEXT, /* a text of the policy */
	HOW_NUMBER, /* a number of the policy */
	HOW_PSEUDONYM, /* the same for the same text, told by nobody without the policy's key */
};

enum data_leaves { DATA_NONE = 0, DATA_SAMPLES, DATA_ALL };
enum creator_shown { CREATOR_NODE = 0, CREATOR_BY_POLICY, CREATOR_SHOWN };

/* Names that stay or go: the last pattern that matches decides ('*' at the end: by prefix). */
struct name_rule {
	struct str pattern;
	bool keep;
};
struct name_rules {
	bool keep; /* what no pattern matches */
	const struct name_rule *v;
	uint32_t n;
};

struct profile_value {
	uint8_t entity, field;
	struct str text;
	uint64_t number;
};

struct profile {
	struct str name;
	bool all; /* profile full: nothing is asked, nothing stripped */
	bool rewrites; /* fields are rewritten: the copy has UUIDs of its own */
	bool to_ids_only, hide_internal, custom_clusters;
	uint8_t data; /* enum data_leaves */
	uint8_t creator; /* enum creator_shown */
	uint64_t types[PROFILE_WORDS], types_in_object[PROFILE_WORDS];
	uint32_t categories;
	struct name_rules objects, tags;
	uint8_t acts[CUT_ENTITY_COUNT][FIELDS_MAX]; /* enum cut_act */
	uint8_t how[CUT_ENTITY_COUNT][FIELDS_MAX]; /* enum rewrite_how */
	const struct profile_value *values; /* of HOW_TEXT and HOW_NUMBER */
	uint32_t n_values;
	/* made by profile_finish() */
	bool leaves[CUT_ENTITY_COUNT]; /* are the members there without which it is none? */
	uint64_t rewritten[CUT_ENTITY_COUNT]; /* bit n: the n-th field */
	struct cut_plan plans[2][2]; /* numbers shown, local */
};

/* The shipped profile; the strictest for numbers that are none. */
const struct profile *profile_shipped(uint8_t profile);
/* The profile of an audience: shipped, of the policy (may be NULL), or the strictest. */
const struct profile *profile_of(const struct policy *p, uint8_t number);

/* How the profile generalises a field; HOW_NOT: it cannot. */
enum rewrite_how profile_general(enum cut_entity e, unsigned field);
/* Work out what follows from acts and how. */
void profile_finish(struct profile *p);
/* The first member that an entity lacks so that it cannot leave; NULL: none. */
const char *profile_lacks(const struct profile *p, enum cut_entity e);

bool profile_keeps_type(const struct profile *p, uint16_t type, uint8_t category, bool in_object);
bool profile_keeps_object(const struct profile *p, struct str name);
bool profile_keeps_tag(const struct profile *p, struct str name);
