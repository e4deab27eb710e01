/*
 * release.h - inside the gate: what a `released` is made of.
 */
#pragma once

#include "gate/cut.h"
#include "gate/judge.h"

struct released {
	struct gate_ctx ctx; /* of the caller; its parts must outlive this */
	struct gate_subject subject;
	struct stance st;
	struct cut_plan plan;
	const struct profile *profile;
	bool rewrites; /* the profile derives UUIDs and rewrites fields */
	struct uuid space; /* for derived UUIDs */
	struct misp_event head;
	struct rel_event out;
	struct rel_element el; /* the last element */
	struct misp_object object; /* the object of the last attribute, cut */
	struct uuid object_from, object_to; /* the last derived object UUID */
	enum gate_rule withheld;
};

/* release.c: parts that heads, elements and clusters share. False: memory. */
void release_plan(struct released *r); /* which fields go, by r->st */
uint8_t release_reach(const struct released *r, uint8_t distribution);
uint8_t release_level(const struct stance *st, uint8_t distribution);
bool release_tags(struct released *r, const struct entity_list *in, struct entity_list *out,
		  struct arena *a);
bool release_optional(const struct released *r, enum cut_entity e, const void *in,
		      const void **out, struct arena *a);

/* analyst.c: what is said of an element, cut. False: memory. */
bool cut_analyst(struct released *r, struct rel_element *el, struct arena *a);

/* rewrite.c: the fields that a profile rewrites (X in profiles.inc). False: memory. */
struct uuid rewrite_space(const struct gate_facts *f, const struct profile *p);
bool rewrite_head(struct released *r, struct arena *a);
bool rewrite_entity(const struct released *r, enum cut_entity e, void *entity, struct arena *a);
bool rewrite_object(struct released *r, struct misp_object *o, struct arena *a);
struct uuid rewrite_uuid(const struct released *r, struct uuid u);
