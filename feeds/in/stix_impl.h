/* stix_impl.h - what the parts of the STIX reader share (only stix*.c). */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/jsonw.h"
#include "base/spill.h"
#include "feeds/in/stix.h"
#include "model/types.h"

/* Limits of what a sender chooses. */
#define STIX_BYTES_MAX ((uint64_t)1 << 30)
#define STIX_OBJECTS_MAX 2000000u
#define STIX_LINKS_MAX 8000000u
#define STIX_NODES_MAX 1000000u /* values in one object */
#define STIX_COMPS_MAX 512u /* comparisons of a pattern, properties of an observable */
#define STIX_DEPTH_MAX 32u
#define STIX_ID_MAX 200u

enum stix_class {
	CLASS_OTHER,
	CLASS_REPORT,
	CLASS_INDICATOR,
	CLASS_OBSERVED,
	CLASS_IDENTITY,
	CLASS_MARKING,
	CLASS_PASSED,
	CLASS_RELATION,
	CLASS_SIGHTING,
	CLASS_NOTE,
	CLASS_OPINION,
	CLASS_X_ATTRIBUTE,
	CLASS_X_OBJECT,
	CLASS_CLUSTER,
	CLASS_THING, /* a vulnerability or campaign that is an attribute */
	CLASS_SCO,
};

#define NO_OBJ UINT32_MAX

/* One object of the document: where it stands, and what became of it. */
struct stix_obj {
	uint64_t at; /* in the text */
	uint32_t n;
	uint8_t class;
	bool old; /* a newer version is here */
	bool used; /* something was made of it */
	bool embedded; /* an observable that observed data or another one names */
	bool nested; /* likewise, another one */
	bool labelled; /* MISP's labels: exported by one */
	bool attribute; /* it was written as one, not as an object */
	bool left_out; /* nothing of it is kept */
	bool revoked;
	struct str id; /* in the text */
	struct uuid uuid; /* of the id, or made of it */
	int64_t modified; /* seconds */
	uint32_t doc; /* that it stands in, from 0 */
	uint32_t event; /* number of the event that has it under its own UUID, from 1; 0: none yet */
	uint32_t in_event; /* of the last event that took it up */
};

/* Who says something of an object. */
enum stix_role { ROLE_SOURCE, ROLE_TARGET, ROLE_SIGHTED, ROLE_ABOUT, ROLE_AUTHOR };
struct stix_link {
	uint64_t to; /* hash of an id */
	uint32_t by; /* index of the relationship, sighting, note ... */
	uint8_t role;
};

/* A comparison of a pattern, or a property of an observable: "file:hashes.MD5" and its value. */
struct stix_comp {
	struct str path, value;
	bool equals; /* the only thing that is read */
};
enum stix_join { JOIN_ONE, JOIN_AND, JOIN_OR, JOIN_MIXED };
struct stix_comps {
	struct stix_comp *v;
	uint32_t n;
	enum stix_join join;
};

struct stix_in {
	struct stix_in_opts opts;
	char *dir, *info;
	struct spill text; /* all documents, behind each other */
	uint64_t document_at; /* where the one at hand begins */
	const char *doc; /* the one that is indexed, in `all` */
	uint32_t doc_nth;
	struct str all; /* the text, when it is complete */
	struct stix_obj *objs;
	uint32_t n_objs, cap_objs;
	struct stix_link *links; /* by `to`, then as they came */
	uint32_t n_links, cap_links;
	uint32_t *slots; /* objects by id */
	uint32_t n_slots;
	struct { uint64_t at, end; } *docs;
	uint32_t n_docs, cap_docs;
	struct str bundle_id;
	struct stix_in_counts counts;
	struct buf left_out;
	struct { char name[40]; uint64_t n; } left[64];
	uint32_t n_left;

	/* the event under way */
	uint32_t event; /* its number */
	uint32_t *taken_back; /* numbers of events that are revoked, ascending */
	uint32_t n_taken_back, cap_taken_back;
	struct uuid event_uuid;
	int64_t event_time; /* seconds; 0: nobody tells */
	struct buf out; /* of it, on its way to fn */
	struct jsonw json;
	stix_in_fn fn;
	void *user;
	struct buf objects_buf;
	struct jsonw objects; /* its MISP objects, gathered */
	struct spill objects_text;
	uint32_t *members;
	uint32_t n_members, cap_members;
	struct arena *a; /* of one object */
};

/* ---- stix_scan.c: JSON without a tree ---- */

struct scan {
	const char *p, *end;
};
/* A value as written, with what it holds; false: none, or it breaks off. Blanks before it are passed. */
bool scan_value(struct scan *s, struct str *out);
/* Steps into a container of kind `open` ('{' or '['). */
bool scan_enter(struct scan *s, char open);
/* The next member or (key NULL) element; *end: there are no more. False: malformed. */
bool scan_next(struct scan *s, struct str *key, struct str *value, bool *end);
/* Nothing but blanks is left. */
bool scan_is_end(struct scan *s);
/* The text of a string without escapes; absent: it is none. */
struct str scan_text(struct str value);
/* The tree of an object without its `object_refs`, which go to *refs as written (absent: none). NULL: it is
   malformed, with place; or (*too_large) beyond the limits. */
json_t *stix_tree(struct str object, struct str *refs, bool *too_large, struct fail *f);

/* ---- stix_index.c ---- */

MUST_USE enum err stix_index(struct stix_in *s, struct fail *f);
/* Index of the object with this id; NO_OBJ: it is not here. */
uint32_t stix_find(const struct stix_in *s, struct str id);
/* Its links: the first, and how many. */
const struct stix_link *stix_links(const struct stix_in *s, struct str id, uint32_t *n);
/* The tree of an object that was read well before. */
json_t *stix_load(const struct stix_in *s, uint32_t i, struct str *refs);
/* Type of an id: what stands before "--". */
struct str stix_type(const struct stix_obj *o);
struct str stix_json_str(const json_t *j, const char *key);
/* A member "x_misp_..": of the object, or of MISP's extension of it. */
json_t *stix_x(const json_t *j, const char *key);
struct str stix_x_str(const json_t *j, const char *key);
/* UUID of "type--uuid", or made of any text. */
struct uuid stix_uuid_of(struct str id);
/* A UUID made of another one and a text. */
struct uuid stix_uuid_made(struct uuid of, struct str text);
/* Of which nothing is kept. */
void stix_left_out(struct stix_in *s, uint32_t i);
/* The label misp:NAME="..", without name and quotes; absent: it is not there. */
struct str stix_label(const json_t *j, const char *name);

/* ---- stix_pattern.c ---- */

/* False: it is malformed, or says what cannot be said by comparisons (NOT, FOLLOWEDBY, LIKE ...). In templates
   ($1) placeholders are values. Texts live in `a`. */
bool stix_pattern(struct arena *a, struct str pattern, struct stix_comps *out);
bool stix_path_eq(struct str a, struct str b);

/* ---- stix_values.c ---- */

struct stix_path_row {
	const char *path, *type, *object, *relation, *inside;
};
/* NULL: no such row. `object` NULL: any. */
const struct stix_path_row *stix_path_row(struct str path, const char *object);
bool stix_path_ignored(struct str path);
/* The value of an attribute of this type among comparisons, as MISP's exports write it. */
bool stix_value_of(struct arena *a, enum attr_type type, const struct stix_comps *c, struct str *value);
/* The relation that a comparison is in a MISP object of this name; absent: none. */
struct str stix_relation_of(struct arena *a, struct str object, struct str path);
/* Type of the attribute with this relation. */
struct str stix_type_inside(struct str object, struct str relation);
/* Properties of observables: those of `sco` and what they refer to. */
struct stix_scos {
	const struct stix_in *s;
	const json_t *local; /* 2.0: objects of observed data */
	struct arena *a;
	struct stix_comps *out;
	json_t *held[64]; /* trees whose texts are in `out` */
	uint32_t n_held;
};
void stix_flatten(struct stix_scos *x, const json_t *sco);
void stix_scos_free(struct stix_scos *x);

/* ---- stix_elements.c ---- */

/* UUID of what is made of an object in the event under way. */
struct uuid stix_element_uuid(const struct stix_in *s, uint32_t i);
/* What MISP's templates are called here: UUID (of one that is not known: made of its name), version, meta-category. */
struct str stix_template_uuid(struct str name, char text[UUID_TEXT_LEN + 1]);
struct str stix_template_version(struct str name);
struct str stix_template_meta(struct str name);
/* An attribute or MISP object of one STIX object. */
void stix_element(struct stix_in *s, uint32_t i);
struct stix_attr {
	struct uuid uuid;
	struct str type, category, value, comment, relation, data;
	struct str first_seen, last_seen;
	bool has_ids, to_ids, deleted, no_correlation;
	int64_t timestamp;
};
/* Without its end: said and tags may follow. */
void stix_attr_open(struct stix_in *s, struct jsonw *w, const struct stix_attr *a);

/* ---- stix_said.c ---- */

/* "Tag": labels, markings and clusters of an object; `j` may be NULL. */
void stix_tags(struct stix_in *s, struct jsonw *w, uint32_t i, const json_t *j, bool of_event);
/* Sightings (only of attributes), notes, opinions, relationships or references, where there are any. */
enum stix_about { ABOUT_EVENT, ABOUT_ATTRIBUTE, ABOUT_OBJECT };
void stix_said(struct stix_in *s, struct jsonw *w, uint32_t i, struct uuid uuid, enum stix_about about);
void stix_sightings(struct stix_in *s, struct jsonw *w, uint32_t i);
/* Reports: notes that are about the event, and the description of a report. */
void stix_reports(struct stix_in *s, struct jsonw *w, uint32_t i, const json_t *j);
/* Is the cluster one of some attribute or object of the event under way? */
bool stix_cluster_is_of_element(const struct stix_in *s, uint32_t i);
/* Tag of a cluster. */
struct str stix_cluster_tag(struct stix_in *s, uint32_t i, const json_t *j);
int64_t stix_seconds(struct str time);
