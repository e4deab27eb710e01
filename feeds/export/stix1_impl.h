/*
 * stix1_impl.h - what the writers of STIX 1 share (only stix1*.c). An element is made as a tree, which knows the
 * order of the schema, and written as XML or as the JSON of python-stix; then the tree is forgotten.
 */
#pragma once

#include "base/arena.h"
#include "base/jsonw.h"
#include "base/spill.h"
#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "model/types.h"

enum stix1_name {
	S1_NONE,
#define N(id, json, xml, flags, type) S1_##id,
#include "feeds/export/stix1_names.inc"
	S1_NAMES
};

struct stix1_node {
	uint16_t name; /* enum stix1_name */
	uint16_t rank; /* among those of the same name */
	struct str text;
	const char *type; /* xsi:type, in place of the name's */
	struct stix1_node *parent, *first, *last, *next;
	uint32_t children;
};

/* Where an event's pieces are gathered until its end: the schema has them in another order. */
enum stix1_section {
	SEC_HEAD, /* of the package */
	SEC_OBSERVABLES, /* of a package of attributes */
	SEC_INDICATORS, /* likewise */
	SEC_TTPS,
	SEC_OPEN, /* the incident, up to whom it hit */
	SEC_VICTIMS,
	SEC_ASSETS,
	SEC_STATUS,
	SEC_RELATED_INDICATORS,
	SEC_RELATED_OBSERVABLES,
	SEC_LEVERAGED,
	SEC_ACTOR_REFS,
	SEC_COA_REFS,
	SEC_CONFIDENCE,
	SEC_HISTORY,
	SEC_CLOSE,
	SEC_COAS,
	SEC_CAMPAIGNS,
	SEC_ACTORS,
	SEC_COUNT
};

struct stix1_mark {
	int tlp; /* 0 none, 1 white .. 4 red */
	struct str *statements; /* in the arena */
	uint32_t n, cap;
	int confidence; /* row + 1 */
};

struct stix1 {
	const struct export_opts *opts;
	bool json;
	bool attributes; /* one package of attributes, not of events */
	const char *version;
	char *prefix; /* of ids: the host organisation, as an XML name */
	struct arena *a; /* the tree under way */
	struct buf out, scratch;
	struct spill parts[SEC_COUNT];
	bool any[SEC_COUNT];
	struct seen once; /* clusters of the event */
	struct str producer; /* of the event; in `who` */
	struct buf who;
	int lifted; /* TLP of what cannot carry it */

	/* an object whose attributes are coming */
	struct {
		bool open, to_ids, deleted;
		struct uuid uuid;
		int64_t timestamp;
		struct str name, meta, comment, description, text; /* in `a`; text: the best of both */
		const struct stix1_shape *shape;
		struct stix1_node *root; /* properties, or the list of a composition, or the thing */
		struct stix1_node *list; /* observables of its artifacts */
		struct stix1_mark marks;
		struct stix1_node *ttps, *coas; /* what its clusters say */
		uint32_t n_attrs;
	} object;

	/* writing out at the event's end */
	unsigned step;
	size_t at;
	bool many; /* not the first package */
	struct stix1_node nowhere; /* for who has no memory; the arena tells */
};

/* ---- stix1_tree.c ---- */

/* A new child, where the schema wants it. Never NULL: out of memory shows in the arena. */
struct stix1_node *stix1_add(struct stix1 *w, struct stix1_node *parent, enum stix1_name name);
struct stix1_node *stix1_add_ranked(struct stix1 *w, struct stix1_node *parent, enum stix1_name name,
				    unsigned rank);
/* The child of this name, made when there is none (or each time, for items that repeat). */
struct stix1_node *stix1_at(struct stix1 *w, struct stix1_node *parent, enum stix1_name name);
/* A node, already made, as a child. */
void stix1_take(struct stix1_node *parent, struct stix1_node *n);
/* Takes a child off. */
void stix1_remove(struct stix1_node *parent, struct stix1_node *n);
struct stix1_node *stix1_find(const struct stix1_node *parent, enum stix1_name name);
/* A new child with text; copied when it has to outlive the element. */
struct stix1_node *stix1_text(struct stix1 *w, struct stix1_node *parent, enum stix1_name name, struct str text);
struct stix1_node *stix1_root(struct stix1 *w, enum stix1_name name);
/* An attribute id="ORG:Kind-uuid" (or idref). */
void stix1_id(struct stix1 *w, struct stix1_node *n, enum stix1_name name, const char *kind, struct uuid u);
struct str stix1_time(struct stix1 *w, int64_t t);
/* "ORG:Kind-uuid" */
struct str stix1_id_text(struct stix1 *w, const char *kind, struct uuid u);
/* Written, `depth` elements deep (XML) or as a value (JSON, with its key when it has one). */
void stix1_write(struct stix1 *w, struct buf *b, const struct stix1_node *n, unsigned depth);
/* Written as the next item of a section. */
MUST_USE enum err stix1_put(struct stix1 *w, enum stix1_section s, const struct stix1_node *n);
void stix1_indent(struct buf *b, unsigned depth);
void stix1_xml_text(struct buf *b, struct str v, bool quoted);

/* ---- stix1_props.c ---- */

struct stix1_shape; /* what an object of MISP's is here */
/* An observable's object, or its composition, for a value of this type. NULL: it is none (rules, texts...). */
void stix1_observable(struct stix1 *w, struct stix1_node *observable, const struct misp_attr *a, struct str data);
/* "IP Watchlist" and the like. */
const char *stix1_watchlist(uint16_t type);
const struct stix1_shape *stix1_shape_of(struct str name);
const char *stix1_shape_list(const struct stix1_shape *s);
/* The object's root below `n`, into which its attributes go. */
void stix1_shape_begin(struct stix1 *w);
void stix1_shape_attr(struct stix1 *w, const struct misp_attr *a, struct str data);
/* The finished observable below `n`, or false: it is a TTP or a course of action, ready in w->object.root. */
bool stix1_shape_end(struct stix1 *w, struct stix1_node *observable);

/* ---- stix1_context.c ---- */

/* Collect what marks something. */
void stix1_marks_add(struct stix1 *w, struct stix1_mark *m, const struct entity_list *tags,
		     const struct rel_cluster *clusters, uint32_t n_clusters);
void stix1_handling(struct stix1 *w, struct stix1_node *n, enum stix1_name name, const struct stix1_mark *m);
/* "High" and the like of a misp:confidence-level; NULL: none. */
const char *stix1_confidence(const struct stix1_mark *m);
/* A marking of what can carry none: its incident gets it. */
void stix1_lift(struct stix1 *w, const struct stix1_mark *m);
/*
 * The clusters as TTPs, actors and courses of action beside the incident. `ttps` and `coas` (NULL: the incident
 * itself) get the references.
 */
MUST_USE enum err stix1_clusters(struct stix1 *w, const struct rel_cluster *c, uint32_t n, int64_t at,
				 struct stix1_node *ttps, struct stix1_node *coas);
/* Is it told as more than its tag? */
bool stix1_cluster_is_told(const struct rel_cluster *c);

/* ---- stix1_elements.c ---- */

MUST_USE enum err stix1_attr(struct stix1 *w, const struct rel_element *el);
MUST_USE enum err stix1_object_open(struct stix1 *w, const struct misp_object *o);
MUST_USE enum err stix1_object_attr(struct stix1 *w, const struct rel_element *el);
MUST_USE enum err stix1_object_close(struct stix1 *w);
