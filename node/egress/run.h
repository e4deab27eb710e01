/*
 * run.h - one export under way (inside node/egress only): which hits, how far, with what cuts.
 *
 * It may stop after any element and go on in another slice with a new read transaction; what it
 * keeps across slices is copied into its own arenas.
 */
#pragma once

#include "egress/u64set.h"
#include "egress/view.h"
#include "egress/witness.h"
#include "model/exprs.h"

enum run_state {
	RUN_BEGIN,
	RUN_HIT, /* take the next hit */
	RUN_ATTRS, /* attributes directly in the event */
	RUN_PROPOSALS, /* proposals for new attributes */
	RUN_OBJECTS, /* the next object */
	RUN_OBJECT_ATTRS,
	RUN_REPORTS,
	RUN_PARTS, /* proposals, sightings or reports alone */
	RUN_GONE, /* instead of elements: those taken back, marked as deleted */
	RUN_GONE_ATTRS, /* the attributes of an object among them */
	RUN_RELATE, /* look at the attributes for correlations, print none */
	RUN_EVENT_END,
	RUN_EVENT_MORE, /* what the exporter still has to say of it, in pieces */
	RUN_END,
	RUN_END_MORE,
	RUN_DONE,
};

/* What an event is sent in, in this order. */
enum run_section {
	SECTION_NONE,
	SECTION_ATTRS,
	SECTION_PROPOSALS,
	SECTION_OBJECTS,
	SECTION_REPORTS,
	SECTION_END,
};

/* An event that extends another one. */
struct extender {
	struct uuid extends;
	uint64_t id;
};
#define EXTENSION_ARENA (16u << 20)

struct run_sources;

struct run {
	struct view *view;
	struct witness *witness; /* the stream's; NULL: local users */
	const struct exporter *exporter;
	struct export_opts opts;
	unsigned exporter_number; /* in export_rows, for metrics */
	struct export_run out;
	bool deleted_too, deleted_only;
	uint8_t to_ids; /* query_flag */
	bool with_attachments, sightings, proposals, reports, related_events, related_attrs,
		related_apart, /* related events are found by a walk of their own */
		relate_done, analyst,
		no_galaxies, public_only;
	struct exprs *allowed; /* values that match are left out; NULL: none */
	bool flatten; /* attributes of objects stand with the others */
	bool no_warned, warnings; /* warning lists: leave out what they know; tell of it */
	struct correlate *correlate; /* made when first asked */
	struct search_visible vis; /* its eyes */
	struct str search_for; /* only attributes that hold it; absent: all */
	struct run_sources *sources; /* whose caches are asked; NULL: none */
	bool extended; /* with what the extending events hold */
	struct extender *extenders; /* all of them, by what they extend */
	size_t n_extenders;
	struct query_terms not_tags; /* attributes carrying one of these are left out */
	const struct link_rules *rules; /* of the link, NULL: none */

	struct arena *arena; /* of the run: hits, options */
	struct arena *event_arena; /* of the current event */
	struct arena *element_arena; /* of the current element */
	struct store_el_iter *hit_iter; /* over attributes, of a slice: hits mostly ascend */
	struct search_hit *hits;
	uint64_t n_hits, at;
	struct search_rows *rows; /* instead of hits; NULL: none */
	struct search_hit hit; /* the one under way */
	bool has_hit;
	/* instead of hits; or NULL */
	bool (*next_hit)(void *user, struct view *v, struct search_hit *out, struct export_place *from);
	void *next_user;
	struct export_place from; /* where the next event begins */
	bool inside; /* the one under way did not begin at its beginning */
	const struct egress_gone *gone;
	size_t n_gone, gone_at;
	enum run_state state;

	uint64_t seq; /* of the store, in this slice */
	bool light; /* heads alone: an event ends in the slice in which it began, and borrows */

	/* the current event */
	uint64_t event_id; /* 0: none */
	uint64_t event_seq; /* store sequence when it was loaded */
	bool named; /* the witness knows of it */
	struct subject subject;
	struct released *released;
	struct rel_event rel; /* the cut head, with clusters */
	struct el_key next; /* where to go on */
	bool one_attr; /* parts: those of next.parent alone */
	struct misp_object object; /* the current object, uncut */
	struct rel_element object_el;
	bool object_shown;
	struct run **ext; /* its extensions */
	uint32_t n_ext, ext_at;
	enum run_section ext_from, ext_to; /* what of the extensions comes now: up to ext_to */
	bool ext_going;
	struct u64set related; /* events that correlate; in the event's arena */
};

/* The current event will stand in what comes next. */
MUST_USE enum err run_name_event(struct run *r);
/* Is it sent, so that the metrics count it? */
static inline bool run_counts(const struct run *r)
{
	return !r->view->env->tap;
}

/* decay.c: what the audience may know of the worth of an attribute that leaves (`whole` is what is stored,
   tags resolved or not), and of the event. */
MUST_USE enum err run_scores(struct run *r, const struct misp_attr *whole, struct rel_element *el);
MUST_USE enum err run_event_scores(struct run *r);
/* elements.c: make one ready (children, resolved tags), let the gate cut it, hand it to the
   exporter. *shown tells whether it left. */
MUST_USE enum err run_attr(struct run *r, struct misp_attr *attr, bool *shown, struct fail *f);
MUST_USE enum err run_object(struct run *r, struct fail *f);
MUST_USE enum err run_report(struct run *r, struct misp_report *rep, struct fail *f);
MUST_USE enum err run_proposal(struct run *r, struct misp_proposal *p, struct fail *f);
/* Would this attribute of the current object pass (deletion, filters, gate)? */
bool run_attr_passes(struct run *r, const struct misp_object *o, const struct misp_attr *attr);
/* May it tell of related events, whatever of the event is asked for? */
bool run_attr_relates(struct run *r, const struct misp_object *o, const struct misp_attr *attr);
/* The gate's cut of an element that is ready, then the exporter. */
MUST_USE enum err run_release(struct run *r, const struct rel_element *in, bool *shown);
/* Tell a preview what is not asked of the gate; false: nobody looks. */
bool run_tell_withheld(struct run *r, const struct rel_element *in, enum gate_rule by);
/* run.c: load and judge an event; ERR_WITHHELD when it does not leave. One step of its elements. */
MUST_USE enum err run_event_load(struct run *r, uint64_t id);
MUST_USE enum err run_step(struct run *r, size_t want, struct fail *f);
/* extend.c: which events extend others, once a run; those of the current event, loaded; freed. */
MUST_USE enum err run_extenders_find(struct run *r);
MUST_USE enum err run_extensions_load(struct run *r);
void run_extensions_free(struct run *r);
/* The event has left a state: is it the extensions' turn? Then one step of theirs, while r->ext_from is a
   section. */
void run_extensions_turn(struct run *r, enum run_state before);
MUST_USE enum err run_extensions_step(struct run *r, size_t want, struct fail *f);
/* sources.c: open the caches in this folder; which of them know the attribute; which knew one of the event. */
MUST_USE enum err run_sources_open(struct run *r, const char *dir, bool feeds, bool servers);
void run_sources_close(struct run *r);
MUST_USE enum err run_sources_of(struct run *r, struct rel_element *el);
void run_sources_begin(struct run *r);
MUST_USE enum err run_sources_event(struct run *r);
/* gone.c: the next one that is taken back; the attributes of an object that is. ERR_NOENT: no more. */
MUST_USE enum err run_gone(struct run *r, struct fail *f);
MUST_USE enum err run_gone_attr(struct run *r, struct fail *f);
/* parts.c: the part that a hit names, and the next ones of the event in r->next. ERR_NOENT: no more. */
MUST_USE enum err run_part(struct run *r, const struct search_hit *h, struct fail *f);
MUST_USE enum err run_parts(struct run *r, struct fail *f);
/* related.c: look for correlations of an attribute that leaves. Its event notes the others for
   run_related_load(), `el` (may be NULL) gets the attributes, both where they are asked for. */
MUST_USE enum err run_correlate(struct run *r, const struct misp_attr *attr, struct rel_element *el,
				struct fail *f);
/* No further related event is taken. */
bool run_related_full(const struct run *r);
/* The events that were noted, cut, as r->rel.related. Resets the element's arena. */
MUST_USE enum err run_related_load(struct run *r);
/* Does an object keep an attribute? One that keeps none is not shown, nor references to it. */
MUST_USE enum err run_object_keeps(struct run *r, const struct misp_object *o, bool *keeps);
bool run_deleted_wanted(const struct run *r, bool deleted);
/* Clusters that the tags in `tags` stand for. */
MUST_USE enum err run_clusters(struct run *r, struct arena *a, const struct entity_list *tags,
			       const struct rel_cluster **out, uint32_t *n);
