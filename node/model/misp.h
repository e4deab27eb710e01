/*
 * misp.h - the entities of MISP's core format as structs, made from fields.inc.
 *
 * Strings are views: into a document's arena, into a record borrowed from the store (valid until
 * its transaction ends), or literals. Lists are arrays in an arena. Zero is the strict value:
 * distribution 0 is "your organisation only", published false, to_ids false.
 */
#pragma once

#include "model/desc.h"
#include "model/fields.inc"

enum distribution {
	DIST_ORG = 0,
	DIST_COMMUNITY = 1,
	DIST_CONNECTED = 2,
	DIST_ALL = 3,
	DIST_GROUP = 4,
	DIST_INHERIT = 5,
};

/* Analyst data: what a row of it is. */
enum analyst_kind { ANALYST_NOTE, ANALYST_OPINION, ANALYST_RELATIONSHIP, ANALYST_KINDS };
extern const char *const analyst_kind_names[ANALYST_KINDS]; /* "Note", ... */

/* What an entry of the block list is about. */
enum block_kind { BLOCK_EVENT, BLOCK_ORG, BLOCK_CLUSTER, BLOCK_ANALYST, BLOCK_SIGHTING_ORG };

/* The structs: one member a row, behind the head. */
#define FIELD_CTYPE_STR struct str
#define FIELD_CTYPE_BOOL bool
#define FIELD_CTYPE_U8 uint8_t
#define FIELD_CTYPE_U64 uint64_t
#define FIELD_CTYPE_I64 int64_t
#define FIELD_CTYPE_TIME int64_t
#define FIELD_CTYPE_MICRO int64_t
#define FIELD_CTYPE_DATE uint32_t
#define FIELD_CTYPE_UUID struct uuid
#define FIELD_CTYPE_TYPE uint16_t
#define FIELD_CTYPE_CATEGORY uint8_t
#define FIELD_MEMBER(kind, member, key, tag, rule, form) FIELD_CTYPE_##kind member;
#define FIELD_LIST(member, key, tag, rule, form, sub) struct entity_list member;
#define ENTITY_STRUCT(ENT, sname, wrapper)                                                         \
	struct sname {                                                                             \
		struct entity_head head;                                                           \
		ENT##_FIELDS(FIELD_MEMBER, FIELD_LIST)                                             \
	};                                                                                         \
	extern const struct entity_desc desc_##sname;
ENTITIES(ENTITY_STRUCT)

/* The `has` bits: ATTR_F_comment, EVENT_F_info, ... */
#define FIELD_BIT_ATTR(kind, member, ...) ATTR_F_##member,
#define FIELD_LBIT_ATTR(member, ...) ATTR_F_##member,
enum { ATTR_FIELDS(FIELD_BIT_ATTR, FIELD_LBIT_ATTR) ATTR_F_COUNT };
#define FIELD_BIT_EVENT(kind, member, ...) EVENT_F_##member,
#define FIELD_LBIT_EVENT(member, ...) EVENT_F_##member,
enum { EVENT_FIELDS(FIELD_BIT_EVENT, FIELD_LBIT_EVENT) EVENT_F_COUNT };
#define FIELD_BIT_OBJECT(kind, member, ...) OBJECT_F_##member,
#define FIELD_LBIT_OBJECT(member, ...) OBJECT_F_##member,
enum { OBJECT_FIELDS(FIELD_BIT_OBJECT, FIELD_LBIT_OBJECT) OBJECT_F_COUNT };
#define FIELD_BIT_REF(kind, member, ...) REF_F_##member,
enum { REF_FIELDS(FIELD_BIT_REF, FIELD_BIT_REF) REF_F_COUNT };
#define FIELD_BIT_REPORT(kind, member, ...) REPORT_F_##member,
#define FIELD_LBIT_REPORT(member, ...) REPORT_F_##member,
enum { REPORT_FIELDS(FIELD_BIT_REPORT, FIELD_LBIT_REPORT) REPORT_F_COUNT };
#define FIELD_BIT_SIGHTING(kind, member, ...) SIGHTING_F_##member,
#define FIELD_LBIT_SIGHTING(member, ...) SIGHTING_F_##member,
enum { SIGHTING_FIELDS(FIELD_BIT_SIGHTING, FIELD_LBIT_SIGHTING) SIGHTING_F_COUNT };
#define FIELD_BIT_PROPOSAL(kind, member, ...) PROPOSAL_F_##member,
#define FIELD_LBIT_PROPOSAL(member, ...) PROPOSAL_F_##member,
enum { PROPOSAL_FIELDS(FIELD_BIT_PROPOSAL, FIELD_LBIT_PROPOSAL) PROPOSAL_F_COUNT };
#define FIELD_BIT_ANALYST(kind, member, ...) ANALYST_F_##member,
#define FIELD_LBIT_ANALYST(member, ...) ANALYST_F_##member,
enum { ANALYST_FIELDS(FIELD_BIT_ANALYST, FIELD_LBIT_ANALYST) ANALYST_F_COUNT };
#define FIELD_BIT_TAGREF(kind, member, ...) TAGREF_F_##member,
enum { TAGREF_FIELDS(FIELD_BIT_TAGREF, FIELD_BIT_TAGREF) TAGREF_F_COUNT };

#define FIELD_BIT_CLUSTER(kind, member, ...) CLUSTER_F_##member,
#define FIELD_LBIT_CLUSTER(member, ...) CLUSTER_F_##member,
enum { CLUSTER_FIELDS(FIELD_BIT_CLUSTER, FIELD_LBIT_CLUSTER) CLUSTER_F_COUNT };
#define FIELD_BIT_CLUSTERREL(kind, member, ...) CLUSTERREL_F_##member,
#define FIELD_LBIT_CLUSTERREL(member, ...) CLUSTERREL_F_##member,
enum { CLUSTERREL_FIELDS(FIELD_BIT_CLUSTERREL, FIELD_LBIT_CLUSTERREL) CLUSTERREL_F_COUNT };
#define FIELD_BIT_GALAXY(kind, member, ...) GALAXY_F_##member,
enum { GALAXY_FIELDS(FIELD_BIT_GALAXY, FIELD_BIT_GALAXY) GALAXY_F_COUNT };

/* Typed access to lists. */
#define LIST_AT(list, type, i) (&((type *)(list).v)[i])
#define LIST_EACH(var, list, type)                                                                 \
	for (type *var = (type *)(list).v, *var##_end_ = var ? var + (list).n : var;               \
	     var != var##_end_; var++)

/* Set the members that are not zero by default: first_seen/last_seen none, exportable true. */
void misp_attr_init(struct misp_attr *a);
void misp_object_init(struct misp_object *o);
void misp_proposal_init(struct misp_proposal *p);

/*
 * Elements: what hangs below an event. The order of the kinds is the order in which they are
 * stored, released and exported.
 */
enum element_kind {
	EL_ATTR, /* keyed by object id (0: none), then its own id */
	EL_OBJECT,
	EL_REF, /* keyed by object id */
	EL_REPORT,
	EL_PROPOSAL, /* keyed by attribute id it is about (0: a new attribute) */
	EL_SIGHTING, /* keyed by attribute id */
	EL_CLUSTER, /* only on the way in: a galaxy cluster named by a document */
	EL_ANALYST, /* likewise: a note, opinion or relationship; stored in a table of its own */
	EL_COUNT
};

/* One element of a document or of a stored event. */
struct element {
	enum element_kind kind;
	/*
	 * Documents: `ordinal` numbers the elements of the document from 1 in the order in which they
	 * open; `parent` is the ordinal of the object or attribute that it stands in (0: the event).
	 * Stored: 0.
	 */
	uint32_t ordinal, parent;
	union {
		struct entity_head head;
		struct misp_attr attr;
		struct misp_object object;
		struct misp_ref ref;
		struct misp_report report;
		struct misp_proposal proposal;
		struct misp_sighting sighting;
		struct misp_analyst analyst;
		struct {
			struct misp_cluster cluster;
			struct misp_galaxy galaxy;
		};
	};
};

/* Descriptor of an element kind (EL_CLUSTER: the cluster's). */
const struct entity_desc *element_desc(enum element_kind k);
