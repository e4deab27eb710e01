/* stix1_impl.h - what the readers of STIX 1 share (only feeds/in/stix1*.c). */
#pragma once

#include "base/arena.h"
#include "base/jsonw.h"
#include "base/xml.h"
#include "feeds/in/stix1.h"
#include "model/types.h"

/* What is said about the thing at hand, by its indicator or whatever holds it. */
struct stix1_about {
	struct uuid uuid; /* of its id; nil: none */
	struct str category; /* MISP's, when it is one */
	struct str comment, meta, object; /* object: name told by MISP's titles */
	struct str description; /* of an object */
	const struct xml_node *handling;
	int64_t timestamp;
	struct str first_seen, last_seen;
	bool to_ids;
	bool together; /* one of several that must all be there */
	bool no_part; /* its value is not the whole, or negated */
	struct str *tags; /* of clusters */
	uint32_t n_tags;
};

struct stix1_id {
	struct str id;
	const struct xml_node *node;
};

#define STIX1_STEPS_MAX 2000000u

struct stix1_in {
	struct stix_in_opts opts;
	char *info;
	struct buf text, attrs, objects, tags, out;
	struct arena *tree, *a;
	struct jsonw jattrs, jobjects;
	struct jsonw *at; /* where attributes go: the event's or an object's */
	bool internal; /* by MISP */
	struct uuid event;
	uint64_t n; /* elements without an id */
	struct uuid *seen; /* in the event: a table */
	uint32_t n_seen, cap_seen;
	struct stix1_id *ids; /* of what is referred to */
	uint32_t n_ids, cap_ids;
	struct stix1_id *refs; /* and of what is: it is not told a second time */
	uint32_t n_refs, cap_refs;
	unsigned depth;
	uint64_t steps; /* references can make much of little */
	struct stix_in_counts counts;
};

/* ---- stix1_cybox.c ---- */

/* An observable (or a reference to one) as attributes or an object. */
void stix1_in_observable(struct stix1_in *s, const struct xml_node *observable, const struct stix1_about *about);

/* ---- stix1.c ---- */

bool stix1_is(const struct xml_node *n, const char *name);
/* Whole path of local names; NULL: nothing there. */
const struct xml_node *stix1_down(const struct xml_node *n, const char *path);
struct str stix1_text_of(const struct xml_node *n, const char *path);
/* The node itself, or what it refers to by idref; NULL: not in this document. */
const struct xml_node *stix1_resolve(const struct stix1_in *s, const struct xml_node *n);
/* The UUID at the end of an id; nil when there is none. */
struct uuid stix1_uuid_of(struct str id);
/* A UUID that the event does not have yet. */
struct uuid stix1_unique(struct stix1_in *s, struct uuid u);
struct stix1_value {
	struct str type, value, relation, data;
	struct uuid uuid;
};
/* Would MISP take it? */
bool stix1_fits(struct stix1_in *s, struct str type, struct str value);
/* An attribute where attributes go now; as text when the value is none of its type. */
void stix1_attribute(struct stix1_in *s, const struct stix1_value *v, const struct stix1_about *about);
void stix1_in_object_open(struct stix1_in *s, struct str name, struct str meta, const struct stix1_about *about);
void stix1_in_object_close(struct stix1_in *s);
