/*
 * released.h - an event cut for one audience: the only thing that exporters see.
 *
 * A `released` can only be made by gate_release(). Its elements are cut one by one as egress walks
 * the store. Views are valid until the next element, the head's until the event ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/misp.h"

struct released;

/* What an exporter may know of an event. Members that the profile drops are zero or absent. */
struct rel_event {
	const struct misp_event *e; /* cut copy: only fields that may leave; tags filtered */
	const struct misp_org *org, *orgc; /* NULL when dropped */
	const struct misp_sg *sharing_group; /* NULL when dropped or none */
	bool ids; /* may local numeric ids be shown (operator, members, MISP peers)? */
	bool show_creator_email;
	bool count_open; /* attribute_count is not known before all have been asked for */
	const struct rel_score *scores; /* by decaying models, when asked */
	uint32_t n_scores;
	/* galaxy clusters named by the tags that are left */
	const struct rel_cluster *clusters;
	uint32_t n_clusters;
	const struct rel_source *sources; /* that know a value of it; known only when it ends, when asked */
	uint32_t n_sources;
	/* events that extend it, released themselves: their elements stand among its own; when asked */
	const struct rel_event *const *extensions;
	uint32_t n_extensions;
	/* events that hold equal values, released themselves; known only when the event ends */
	const struct rel_event *const *related;
	uint32_t n_related;
	/* notes, opinions and relationships about the event itself; known only when it ends */
	const struct rel_analyst *analyst;
	uint32_t n_analyst;
};

/* A note, opinion or relationship, with what is said about it. */
struct rel_analyst {
	const struct misp_analyst *a; /* cut copy */
	const struct misp_org *org, *orgc; /* NULL: not known, or not shown */
	const struct misp_sg *sharing_group; /* NULL unless distribution 4 */
	const struct rel_event *related; /* the event that a relationship leads to, released; or NULL */
	bool may_edit; /* the audience made it */
	bool ids; /* may local numeric ids be shown? */
	const struct rel_analyst *children;
	uint32_t n_children;
};

/* A cluster on its own, or one that a tag stands for, with its galaxy. */
struct rel_cluster {
	const struct misp_cluster *cluster;
	const struct misp_galaxy *galaxy;
	const struct misp_org *org, *orgc; /* of custom clusters, or NULL */
	const struct misp_sg *sharing_group; /* with distribution 4, or NULL */
	const struct rel_relation *relations;
	uint32_t n_relations;
	bool ids; /* may local numeric ids be shown? */
	/* as the tag of an event or attribute */
	uint64_t tag_id;
	bool local;
	struct str relationship_type;
};

/* What a cluster says of another one. */
struct rel_relation {
	const struct misp_clusterrel *rel; /* tags resolved */
	const struct misp_sg *sharing_group; /* with distribution 4, or NULL */
	uint64_t target_id; /* 0: not known here */
	bool hidden; /* the target is here, and not for this audience */
};

/* A galaxy, without clusters. */
struct rel_galaxy {
	const struct misp_galaxy *galaxy;
	bool ids;
};

struct rel_element {
	enum element_kind kind;
	const struct misp_attr *attr; /* EL_ATTR: cut copy */
	const struct misp_object *object; /* EL_OBJECT: opens an object; its attributes follow */
	const struct misp_object *in_object; /* EL_ATTR of an object: that object (cut) */
	const struct misp_report *report;
	const struct misp_proposal *proposal; /* EL_PROPOSAL of the event (attribute id 0) */
	const struct misp_sg *sharing_group; /* of the element, when distribution 4 */
	/* children, cut: */
	const struct misp_ref *refs; /* EL_OBJECT */
	const struct rel_ref *ref_targets; /* same number: what each points to */
	uint32_t n_refs;
	const struct misp_proposal *proposals; /* EL_ATTR */
	uint32_t n_proposals;
	/* who proposed: one for each of `proposals`, or for `proposal`; NULL entries: not shown */
	const struct misp_org *const *proposal_orgs;
	const struct misp_sighting *sightings; /* EL_ATTR */
	const struct misp_org *const *sighting_orgs; /* same number; NULL entries: anonymous */
	uint32_t n_sightings;
	struct str data; /* EL_ATTR: attachment bytes (not base64), absent: none or not asked */
	const struct rel_related *related; /* EL_ATTR: correlations, when asked */
	uint32_t n_related;
	const struct rel_cluster *clusters; /* EL_ATTR */
	uint32_t n_clusters;
	const struct rel_analyst *analyst; /* about this attribute, object or report; EL_ANALYST: it */
	uint32_t n_analyst;
	const struct misp_tagref *event_tags; /* EL_ATTR in attribute scope: inherited tags */
	uint32_t n_event_tags;
	const struct rel_warning *warnings; /* EL_ATTR: entries of warning lists, when asked */
	uint32_t n_warnings;
	const struct rel_source *sources; /* EL_ATTR: that know the value, when asked */
	uint32_t n_sources;
	const struct rel_score *scores; /* EL_ATTR: by decaying models, when asked */
	uint32_t n_scores;
};

/* A feed or peer whose cache holds a value: no intelligence of this node. */
struct rel_source {
	bool is_server, lookup_visible;
	uint64_t id;
	struct str name, url, provider, source_format;
	const struct uuid *events; /* that hold it there, as far as the source names them */
	uint32_t n_events;
};

/* What something is worth by a decaying model, made of what the audience sees. */
struct rel_score {
	double score, base;
	bool decayed;
	const struct misp_decay *model;
};

/* A warning list that knows the value: the lists are everybody's, the value left already. */
struct rel_warning {
	uint64_t list;
	struct str name, category, entry, part; /* the entry, and the part of the value it is */
};

/* The stub that MISP prints beside a reference. Everything released itself. */
struct rel_ref {
	bool known, is_object;
	struct uuid uuid;
	uint8_t distribution;
	uint64_t sharing_group_id;
	struct str value, name, meta_category;
	uint16_t type;
	uint8_t category;
	bool to_ids;
};

/* A correlating attribute of another event, released itself. */
struct rel_related {
	const struct misp_attr *attr;
	const struct rel_event *event;
};

const struct rel_event *released_event(const struct released *r);
