/* stix2_impl.h - what the writers of STIX objects share (only stix2_*.c). */
#pragma once

#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"
#include "feeds/export/stix2.h"

/* Kinds of objects that a report refers to. */
#define STIX2_KINDS(X)                                                                              \
	X(IDENTITY, "identity")                                                                     \
	X(INDICATOR, "indicator")                                                                   \
	X(OBSERVED, "observed-data")                                                                \
	X(X_ATTRIBUTE, "x-misp-attribute")                                                          \
	X(X_OBJECT, "x-misp-object")                                                                \
	X(VULNERABILITY, "vulnerability")                                                           \
	X(CAMPAIGN, "campaign")                                                                     \
	X(ATTACK_PATTERN, "attack-pattern")                                                         \
	X(COURSE_OF_ACTION, "course-of-action")                                                     \
	X(INTRUSION_SET, "intrusion-set")                                                           \
	X(MALWARE, "malware")                                                                       \
	X(THREAT_ACTOR, "threat-actor")                                                             \
	X(TOOL, "tool")                                                                             \
	X(LOCATION, "location")                                                                     \
	X(X_CLUSTER, "x-misp-galaxy-cluster")                                                       \
	X(RELATIONSHIP, "relationship")                                                             \
	X(SIGHTING, "sighting")                                                                     \
	X(OPINION, "opinion")                                                                       \
	X(NOTE, "note")                                                                             \
	X(X_OPINION, "x-misp-opinion")                                                              \
	X(X_NOTE, "x-misp-event-note")                                                              \
	X(X_REPORT, "x-misp-event-report")                                                          \
	X(REPORT, "report")                                                                         \
	X(GROUPING, "grouping")                                                                     \
	X(SCO, "") /* an observable: its type stands beside it */

enum stix2_kind {
#define X(id, name) SX_##id,
	STIX2_KINDS(X)
#undef X
	SX_COUNT
};
extern const char *const stix2_kind_names[SX_COUNT];

/* A report may list so many objects; what comes behind them is written, and not listed. */
#define STIX2_REFS_MAX 2000000u

struct stix2_ref {
	struct uuid uuid;
	uint8_t kind;
	uint8_t sco; /* index into sco types */
};

struct stix2 {
	const struct export_opts *opts;
	enum stix2_version version;
	stix2_want_fn want;
	void *user;
	struct seen once; /* identities, clusters */
	unsigned marks_written, marks_used; /* bits of stix2_marks */

	/* the event under way */
	struct stix2_ref *refs;
	uint32_t n_refs, cap_refs;
	struct buf later; /* relationships (stix2_event.c) */
	struct buf head; /* of the report, up to its list */
	struct stix2_object report;
	struct str author; /* id of its creator's identity, with quotes */
	char author_text[64];
	unsigned stage;
	size_t at; /* in the stage */
	uint32_t *slots; /* refs by UUID, while relationships are written */
	uint32_t n_slots;
	bool attr_scope;
};

/* ---- objects ---- */

/* Begins an object with id, author and times; false: it is not wanted. `}` closes it. */
bool stix2_open(struct stix2 *w, struct buf *b, enum stix2_kind k, struct uuid u, int64_t created_us,
		int64_t modified_us, bool author);
/* Likewise without author and versions: observables and markings. */
bool stix2_open_plain(struct stix2 *w, struct buf *b, const char *type, struct uuid u);
/* The report shall list it. `type` of observables, NULL for others. */
void stix2_list(struct stix2 *w, enum stix2_kind k, struct uuid u, const char *type);
/* "type--uuid" with quotes. */
void stix2_id(struct buf *b, const char *type, struct uuid u);
/* ,"key":"2025-02-19T23:09:00.000Z"; without milliseconds where they are none and `brief`. */
void stix2_time(struct buf *b, const char *key, int64_t us, bool brief);
/* A UUID made of another one and a word, the same each time; of version 4, which STIX 2.0 asks for. */
struct uuid stix2_derive(struct uuid u, const char *word);
/* In 2.0 a UUID has to be of version 4. */
struct uuid stix2_uuid(const struct stix2 *w, struct uuid u);
/* The identity of an organisation, once; its UUID. */
struct uuid stix2_identity(struct stix2 *w, struct buf *b, const struct misp_org *org);
/* A TLP tag that is a marking of this version. */
bool stix2_is_marking(const struct stix2 *w, struct str tag);
/* ,"labels":[..],"object_marking_refs":[..]: `first` are labels already written, comma between. */
void stix2_labels(struct stix2 *w, struct buf *b, struct str first, const struct entity_list *tags,
		  const struct rel_cluster *c, uint32_t n_clusters);
/* Text of a pattern: the literal 'v'. */
void stix2_literal(struct buf *b, struct str v);
/* ,"extensions":{..}: what marks an object type of ours (2.1). */
void stix2_extension(struct stix2 *w, struct buf *b);
/* Seconds to microseconds, clamped to the years 1970 to 9999. */
int64_t stix2_us(int64_t seconds);

/* ---- parts ---- */

enum err stix2_attr(struct stix2 *w, struct buf *b, const struct rel_event *e,
		    const struct rel_element *el);
