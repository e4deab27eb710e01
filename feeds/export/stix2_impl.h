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
	X(EXTENSION, "extension-definition")                                                        \
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

/* When clusters, organisations and the like were "made": they have no time, and it must not change. */
#define STIX2_LONG_AGO ((int64_t)1483228800 * 1000000) /* 2017-01-01 */

struct stix2_ref {
	struct uuid uuid;
	uint8_t kind;
	uint8_t sco; /* index into sco types */
};

/* What is said about something; references by UUID where a kind is SX_COUNT. */
enum stix2_say { SAY_RELATION, SAY_SIGHTING, SAY_FALSE, SAY_OPINION, SAY_NOTE, SAY_REPORT };
struct stix2_item {
	uint8_t what, from_kind, to_kind; /* enum stix2_say, enum stix2_kind */
	struct uuid id, from, to, org;
	int64_t created, modified; /* microseconds */
	uint64_t number;
	struct str type, text, authors, org_name;
};

/* An object whose attributes are still coming. */
struct stix2_held {
	bool open, streaming, wanted, any, to_ids, has_pattern, deleted;
	struct uuid uuid;
	int64_t timestamp, first_seen, last_seen;
	struct buf name, meta, comment, description, template_uuid, template_version;
	struct buf members, pattern;
};

struct stix2 {
	const struct export_opts *opts;
	enum stix2_version version;
	stix2_want_fn want;
	void *user;
	struct seen once; /* identities, clusters */
	struct seen named; /* clusters of this event */
	struct stix2_held object;
	enum stix2_kind attr_kind; /* as what the last attribute was written */
	bool extended; /* our extension was used */
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
	enum stix2_kind event_kind;
	struct uuid event_uuid;
};

/* ---- objects ---- */

/* Begins an object with id, author and times; false: it is not wanted. `}` closes it. */
bool stix2_open(struct stix2 *w, struct buf *b, enum stix2_kind k, struct uuid u, int64_t created_us,
		int64_t modified_us, bool author);
/* Likewise without author and versions: observables and markings (which were created). */
bool stix2_open_plain(struct stix2 *w, struct buf *b, const char *type, struct uuid u,
		      int64_t created_us);
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
/* The same of an object of STIX with such members of ours beside its own. */
void stix2_toplevel(struct stix2 *w, struct buf *b);
/* Between them members with leading commas: of our extension in 2.1, plain ones in 2.0. */
void stix2_property_open(struct stix2 *w, struct buf *b);
void stix2_property_close(struct stix2 *w, struct buf *b);
/* Is it the first of its kind with this UUID in the writer's life? */
bool stix2_first_time(struct stix2 *w, const char *what, struct uuid u);
/* Seconds to microseconds, clamped to the years 1970 to 9999. */
int64_t stix2_us(int64_t seconds);

/* ---- parts ---- */

enum err stix2_attr(struct stix2 *w, struct buf *b, const struct rel_event *e,
		    const struct rel_element *el);

void stix2_object_init(struct stix2_held *o);
void stix2_object_free(struct stix2_held *o);
void stix2_object_open(struct stix2 *w, const struct misp_object *m);
void stix2_object_attr(struct stix2 *w, struct buf *b, const struct rel_element *el);
void stix2_object_close(struct stix2 *w, struct buf *b);

/* Clusters, sightings and analyst data of an attribute; `from`, of kind `k`, is what they are about. */
void stix2_about(struct stix2 *w, struct buf *b, const struct rel_element *el, enum stix2_kind k,
		 struct uuid from);
/* References and analyst data of an object. */
void stix2_object_said(struct stix2 *w, struct buf *b, const struct rel_element *el);
void stix2_report(struct stix2 *w, struct buf *b, const struct rel_element *el, enum stix2_kind k,
		  struct uuid event);
void stix2_analyst(struct stix2 *w, struct buf *b, const struct rel_analyst *v, uint32_t n,
		   enum stix2_kind k, struct uuid from);
void stix2_clusters(struct stix2 *w, struct buf *b, const struct rel_cluster *c, uint32_t n);
/* What waited: the next one, from w->at on; are its ends known now? */
bool stix2_later_next(struct stix2 *w, struct stix2_item *i);
bool stix2_later_resolve(struct stix2 *w, struct stix2_item *i);
void stix2_item_write(struct stix2 *w, struct buf *b, const struct stix2_item *i);
