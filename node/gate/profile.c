/*
 * profile.c - the shipped strip profiles, made from profiles.inc, strip_types.inc and the lists
 * below, and what every profile is asked.
 *
 * Lists, not code, decide; what is in no list leaves in profile full only.
 */
#include "gate/profile.h"

#include <pthread.h>

#include "base/own.h"
#include "gate/policy_impl.h"
#include "gate/strip_types.inc"

/* ---- names --------------------------------------------------------------------------------- */

#define DROP(s) {{s, sizeof(s) - 1}, false}
#define KEEP(s) {{s, sizeof(s) - 1}, true}

/* Objects about people and victims, which partners do not get, then about the incident. */
static const struct name_rule objects[] = {
	DROP("victim"), DROP("person"), DROP("employee"), DROP("legal-entity"),
	DROP("target-system"), DROP("organization"), DROP("bank-account"), DROP("transaction"),
	DROP("passenger-name-record"), DROP("identity"), DROP("internal-reference"),
#define OBJECTS_PARTNER 11
	DROP("user-account"), DROP("credential"), DROP("report"), DROP("annotation"),
	DROP("threat-actor"), DROP("intrusion-set"), DROP("campaign"), DROP("attack-step"),
	DROP("incident"), DROP("news-agency"), DROP("microblog"), DROP("forensic-case"),
	DROP("forensic-evidence"), DROP("task"), DROP("timesketch-timeline"),
	/* holds recipients beside the sender; its hashes come in file objects */
	DROP("email"),
};
/* Tags that partners do not get: they say whom it hit. */
static const struct name_rule tags_partner[] = {
	DROP("misp-galaxy:target-information=*"), DROP("misp-galaxy:sector=*"),
	DROP("misp-galaxy:country=*"), DROP("misp-galaxy:region=*"), DROP("targeted-threat-index:*"),
};
/* Tags about technique, which profile technical keeps. */
static const struct name_rule tags_technical[] = {
	KEEP("tlp:*"),
	KEEP("pap:*"),
	KEEP("kill-chain:*"),
	KEEP("malware_classification:*"),
	KEEP("ms-caro-malware:*"),
	KEEP("ms-caro-malware-full:*"),
	KEEP("rmsv:*"),
	KEEP("misp-galaxy:mitre-attack-pattern=*"),
	KEEP("misp-galaxy:mitre-malware=*"),
	KEEP("misp-galaxy:mitre-tool=*"),
	KEEP("misp-galaxy:mitre-course-of-action=*"),
	KEEP("misp-galaxy:mitre-enterprise-attack-attack-pattern=*"),
	KEEP("misp-galaxy:mitre-enterprise-attack-malware=*"),
	KEEP("misp-galaxy:mitre-enterprise-attack-tool=*"),
	KEEP("misp-galaxy:mitre-mobile-attack-attack-pattern=*"),
	KEEP("misp-galaxy:mitre-mobile-attack-malware=*"),
	KEEP("misp-galaxy:malpedia=*"),
	KEEP("misp-galaxy:tool=*"),
	KEEP("misp-galaxy:rat=*"),
	KEEP("misp-galaxy:ransomware=*"),
	KEEP("misp-galaxy:banker=*"),
	KEEP("misp-galaxy:backdoor=*"),
	KEEP("misp-galaxy:botnet=*"),
	KEEP("misp-galaxy:stealer=*"),
	KEEP("misp-galaxy:cryptominers=*"),
	KEEP("misp-galaxy:exploit-kit=*"),
	KEEP("misp-galaxy:android=*"),
	KEEP("misp-galaxy:tds=*"),
	KEEP("misp-galaxy:branded-vulnerability=*"),
};
static const struct name_rule tags_indicators[] = {KEEP("tlp:*")};

/* ---- fields -------------------------------------------------------------------------------- */

/* Without these an entity is none that others can read: it then leaves not at all. */
static const struct {
	uint8_t entity;
	const char *key;
} needed[] = {
	{CUT_EVENT, "uuid"},	      {CUT_EVENT, "info"},
	{CUT_EVENT, "date"},	      {CUT_EVENT, "timestamp"},
	{CUT_EVENT, "distribution"},  {CUT_EVENT, "threat_level_id"},
	{CUT_EVENT, "analysis"},      {CUT_EVENT, "published"},
	{CUT_ATTR, "uuid"},	      {CUT_ATTR, "type"},
	{CUT_ATTR, "category"},	      {CUT_ATTR, "value"},
	{CUT_ATTR, "to_ids"},	      {CUT_ATTR, "distribution"},
	{CUT_ATTR, "timestamp"},      {CUT_OBJECT, "uuid"},
	{CUT_OBJECT, "name"},	      {CUT_OBJECT, "meta-category"},
	{CUT_OBJECT, "template_uuid"}, {CUT_OBJECT, "template_version"},
	{CUT_OBJECT, "timestamp"},    {CUT_OBJECT, "distribution"},
	{CUT_REF, "uuid"},	      {CUT_REF, "object_uuid"},
	{CUT_REF, "referenced_uuid"}, {CUT_REF, "relationship_type"},
	{CUT_REPORT, "uuid"},	      {CUT_REPORT, "name"},
	{CUT_REPORT, "content"},      {CUT_REPORT, "distribution"},
	{CUT_REPORT, "timestamp"},    {CUT_PROPOSAL, "uuid"},
	{CUT_PROPOSAL, "type"},	      {CUT_PROPOSAL, "category"},
	{CUT_PROPOSAL, "value"},      {CUT_PROPOSAL, "timestamp"},
	{CUT_SIGHTING, "uuid"},	      {CUT_SIGHTING, "date_sighting"},
	{CUT_SIGHTING, "type"},	      {CUT_TAGREF, "name"},
	{CUT_TAGREF, "colour"},	      {CUT_ORG, "name"},
	{CUT_ORG, "uuid"},	      {CUT_SG, "uuid"},
	{CUT_SG, "name"},	      {CUT_ANALYST, "uuid"},
	{CUT_ANALYST, "object_uuid"}, {CUT_ANALYST, "object_type"},
	{CUT_CLUSTER, "uuid"},	      {CUT_CLUSTER, "tag_name"},
	{CUT_GALAXY, "uuid"},	      {CUT_GALAXY, "type"},
};

#define AT(e, s, m, how) {(e), offsetof(struct s, m), (how)}
/* Fields that have a way of their own of being less exact; times become days. */
static const struct {
	uint8_t entity;
	size_t offset;
	enum rewrite_how how;
} generals[] = {
	AT(CUT_EVENT, misp_event, info, HOW_INFO),
	AT(CUT_EVENT, misp_event, threat_level_id, HOW_THREAT),
	AT(CUT_EVENT, misp_event, analysis, HOW_ANALYSIS),
	AT(CUT_EVENT, misp_event, date, HOW_DATE),
	AT(CUT_EVENT, misp_event, timestamp, HOW_NOT),
	AT(CUT_EVENT, misp_event, publish_timestamp, HOW_NOT),
	AT(CUT_ATTR, misp_attr, category, HOW_CATEGORY),
	AT(CUT_ATTR, misp_attr, timestamp, HOW_TIMESTAMP),
	AT(CUT_ATTR, misp_attr, distribution, HOW_REACH),
	AT(CUT_OBJECT, misp_object, description, HOW_DESCRIPTION),
	AT(CUT_OBJECT, misp_object, timestamp, HOW_TIMESTAMP),
	AT(CUT_OBJECT, misp_object, distribution, HOW_REACH),
	AT(CUT_REPORT, misp_report, timestamp, HOW_TIMESTAMP),
	AT(CUT_REPORT, misp_report, distribution, HOW_REACH),
};

enum rewrite_how profile_general(enum cut_entity e, unsigned field)
{
	const struct field *f = &cut_table(e)->desc->fields[field];

	for (size_t i = 0; i < ARRAY_LEN(generals); i++)
		if (generals[i].entity == e && generals[i].offset == f->offset)
			return generals[i].how;
	return f->kind == F_UUID ? HOW_DERIVE :
	       f->kind == F_TIME || f->kind == F_MICRO ? HOW_DAY :
						       HOW_NOT;
}

const char *profile_lacks(const struct profile *p, enum cut_entity e)
{
	const struct cut_table *t = cut_table(e);

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		for (unsigned k = 0; needed[i].entity == e && k < t->n; k++)
			if (t->desc->fields[k].key && strcmp(t->desc->fields[k].key, needed[i].key) == 0 &&
			    (p->acts[e][k] == CUT_D || p->acts[e][k] == CUT_UNNAMED))
				return needed[i].key;
	return NULL;
}

void profile_finish(struct profile *p)
{
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++) {
		p->rewritten[e] = 0;
		for (unsigned i = 0; i < cut_table((enum cut_entity)e)->n; i++)
			if (p->acts[e][i] == CUT_X && p->how[e][i] != HOW_NOT)
				p->rewritten[e] |= UINT64_C(1) << i;
		p->leaves[e] = profile_lacks(p, (enum cut_entity)e) == NULL;
	}
	for (unsigned i = 0; i < 4; i++)
		cut_plan_make(p->acts, i & 1, i >> 1, &p->plans[i & 1][i >> 1]);
}

/* ---- the shipped ones ---------------------------------------------------------------------- */

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

static struct profile shipped[PROFILE_COUNT];
static pthread_once_t shipped_once = PTHREAD_ONCE_INIT;

static void set(uint64_t *bits, unsigned n)
{
	bits[n / 64] |= UINT64_C(1) << (n % 64);
}

static void shipped_types(struct profile *p, enum least alone, enum least in_object, enum least category)
{
	for (unsigned t = 1; t < ATTR_TYPE_LIMIT; t++) {
		if (type_least[t] >= alone)
			set(p->types, t);
		if (type_least[t] >= in_object)
			set(p->types_in_object, t);
	}
	for (unsigned c = 1; c < CAT_LIMIT; c++)
		if (category_least[c] >= category)
			p->categories |= UINT32_C(1) << c;
}

static void shipped_fields(struct profile *p, unsigned number)
{
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++)
		for (unsigned i = 0; i < cut_table((enum cut_entity)e)->n; i++) {
			p->acts[e][i] = cut_table((enum cut_entity)e)->acts[i][number];
			if (p->rewrites && p->acts[e][i] == CUT_X)
				p->how[e][i] = (uint8_t)profile_general((enum cut_entity)e, i);
		}
	profile_finish(p);
}

static void shipped_make(void)
{
	static const struct profile heads[PROFILE_COUNT] = {
		[PROFILE_FULL] = {.name = {"full", 4},
				  .all = true,
				  .custom_clusters = true,
				  .data = DATA_ALL,
				  .creator = CREATOR_SHOWN,
				  .objects = {true, NULL, 0},
				  .tags = {true, NULL, 0}},
		[PROFILE_PARTNER] = {.name = {"partner", 7},
				     .hide_internal = true,
				     .custom_clusters = true,
				     .data = DATA_ALL,
				     .creator = CREATOR_SHOWN,
				     .objects = {true, objects, OBJECTS_PARTNER},
				     .tags = {true, tags_partner, ARRAY_LEN(tags_partner)}},
		[PROFILE_TECHNICAL] = {.name = {"technical", 9},
				       .rewrites = true,
				       .data = DATA_SAMPLES,
				       .creator = CREATOR_BY_POLICY,
				       .objects = {true, objects, ARRAY_LEN(objects)},
				       .tags = {false, tags_technical, ARRAY_LEN(tags_technical)}},
		[PROFILE_INDICATORS] = {.name = {"indicators", 10},
					.rewrites = true,
					.to_ids_only = true,
					.data = DATA_NONE,
					.creator = CREATOR_NODE,
					.objects = {true, objects, ARRAY_LEN(objects)},
					.tags = {false, tags_indicators, ARRAY_LEN(tags_indicators)}},
	};

	memcpy(shipped, heads, sizeof(shipped));
	shipped_types(&shipped[PROFILE_FULL], LEAST_FULL, LEAST_FULL, LEAST_FULL);
	shipped_types(&shipped[PROFILE_PARTNER], LEAST_PARTNER, LEAST_PARTNER, LEAST_PARTNER);
	shipped_types(&shipped[PROFILE_TECHNICAL], LEAST_TECHNICAL, LEAST_IN_OBJECT,
		      LEAST_TECHNICAL);
	shipped_types(&shipped[PROFILE_INDICATORS], LEAST_TECHNICAL, LEAST_TECHNICAL,
		      LEAST_TECHNICAL);
	for (unsigned i = 0; i < PROFILE_COUNT; i++)
		shipped_fields(&shipped[i], i);
}

const struct profile *profile_shipped(uint8_t profile)
{
	pthread_once(&shipped_once, shipped_make);
	return &shipped[profile < PROFILE_COUNT ? profile : (uint8_t)PROFILE_INDICATORS];
}

const struct profile *profile_of(const struct policy *p, uint8_t number)
{
	if (number >= PROFILE_COUNT && p && number - PROFILE_COUNT < p->n_profiles)
		return p->profiles[number - PROFILE_COUNT];
	return profile_shipped(number);
}

/* ---- questions ----------------------------------------------------------------------------- */

bool profile_keeps_type(const struct profile *p, uint16_t type, uint8_t category, bool in_object)
{
	const uint64_t *types = in_object ? p->types_in_object : p->types;

	if (p->all)
		return true;
	if (type >= ATTR_TYPE_LIMIT || category >= CAT_LIMIT)
		return false;
	return types[type / 64] >> (type % 64) & 1 && p->categories >> category & 1;
}

static bool matches(struct str want, struct str have)
{
	if (want.n && want.p[want.n - 1] == '*') {
		want.n--;
		return have.n > want.n && str_eq_nocase(want, str_sub(have, 0, want.n));
	}
	return str_eq_nocase(want, have);
}

static bool names_keep(const struct name_rules *r, struct str name)
{
	for (uint32_t i = r->n; i > 0; i--)
		if (matches(r->v[i - 1].pattern, name))
			return r->v[i - 1].keep;
	return r->keep;
}

bool profile_keeps_object(const struct profile *p, struct str name)
{
	return p->all || (name.n && names_keep(&p->objects, name));
}

bool profile_keeps_tag(const struct profile *p, struct str name)
{
	return p->all || names_keep(&p->tags, name);
}
