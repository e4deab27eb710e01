/*
 * json_parts.h - MISP's JSON forms of single entities, shared by the JSON exporters
 * (sync-protocol.md section 8, rest-api.md section 9, shapes as recorded). Template writers:
 * they append literal pieces, no generic serialiser. Nothing here decides what may leave.
 */
#pragma once

#include <string.h>

#include "base/buf.h"
#include "feeds/export/parts.h"
#include "gate/released.h"

/* Members with a leading comma: ,"key":"value" and so on. The length of a key written out is known early. */
void jp_key_n(struct buf *b, const char *key, size_t n);
void jp_str_n(struct buf *b, const char *key, size_t n, struct str v);
void jp_str_or_null_n(struct buf *b, const char *key, size_t n, struct str v);
void jp_bool_n(struct buf *b, const char *key, size_t n, bool v);
void jp_num_n(struct buf *b, const char *key, size_t n, uint64_t v);
void jp_time_n(struct buf *b, const char *key, size_t n, int64_t v);
void jp_micro_n(struct buf *b, const char *key, size_t n, int64_t us);
void jp_uuid_n(struct buf *b, const char *key, size_t n, struct uuid u);
#define jp_key(b, key) jp_key_n(b, key, strlen(key))
#define jp_str(b, key, v) jp_str_n(b, key, strlen(key), v) /* absent: "" */
#define jp_str_or_null(b, key, v) jp_str_or_null_n(b, key, strlen(key), v) /* empty: null */
#define jp_bool(b, key, v) jp_bool_n(b, key, strlen(key), v)
#define jp_num(b, key, v) jp_num_n(b, key, strlen(key), v) /* in quotes */
#define jp_time(b, key, v) jp_time_n(b, key, strlen(key), v) /* in quotes */
#define jp_micro(b, key, us) jp_micro_n(b, key, strlen(key), us) /* ISO 8601 or null */
#define jp_uuid(b, key, u) jp_uuid_n(b, key, strlen(key), u) /* nil: "" */
/* The time of jp_micro(), without key. */
void jp_micro_text(struct buf *b, int64_t us);
/* "YYYY-MM-DD" in quotes, without key. */
void jp_date(struct buf *b, uint32_t yyyymmdd);

/* An object whose members all begin with a comma: the first comma is taken back by jp_close(). */
size_t jp_open(struct buf *b);
void jp_close(struct buf *b, size_t at);

/* {"id":..,"name":..,"uuid":..[,"local":..]}; null when `o` is NULL. */
void jp_org(struct buf *b, const struct misp_org *o, bool ids, bool with_local);
/* Tags of an event or attribute in event scope. */
void jp_tags(struct buf *b, const struct misp_tagref *t, uint32_t n, bool ids);
/* A sharing group with its organisations and servers. */
void jp_sharing_group(struct buf *b, const struct misp_sg *g, bool ids);
/* Galaxies with their clusters, grouped by galaxy; "[]" when there are none. */
void jp_galaxies(struct buf *b, const struct rel_cluster *c, uint32_t n, bool of_event, bool ids);
/* A key of a protected event; all of them as a list. */
void jp_cryptokey(struct buf *b, const struct misp_cryptokey *k, const struct rel_event *e);
void jp_cryptokeys(struct buf *b, const struct entity_list *keys, const struct rel_event *e);
/* The members of a galaxy, without braces. */
void jp_galaxy(struct buf *b, const struct misp_galaxy *g, bool ids);
/* The members of a cluster's own row; numbers only when `ids`. */
void jp_cluster(struct buf *b, const struct misp_cluster *c, bool ids);
/* ,"GalaxyElement":[..] and ,"GalaxyClusterRelation":[..] and ,"Org":{..},"Orgc":{..} */
void jp_cluster_elements(struct buf *b, const struct misp_cluster *c, bool ids);
void jp_cluster_relations(struct buf *b, const struct rel_cluster *c, bool ids);
void jp_cluster_orgs(struct buf *b, const struct rel_cluster *c);
/* The same as rows of the event index name them: one after another, each with its galaxy. */
void jp_index_clusters(struct buf *b, const struct rel_cluster *c, uint32_t n);
/* One sighting, one proposal, one report, one reference. */
void jp_sighting(struct buf *b, const struct misp_sighting *s, const struct misp_org *org,
		 struct uuid attr_uuid, bool ids);
void jp_proposal(struct buf *b, const struct misp_proposal *p, const struct misp_org *org,
		 const struct rel_event *e);
void jp_report(struct buf *b, const struct rel_element *el, const struct rel_event *e);
/* How MISP writes analyst data, by where it stands. */
enum analyst_form {
	ANALYST_IN_EVENT, /* of the event itself */
	ANALYST_BELOW,	  /* of elements, and of other analyst data */
	ANALYST_ALONE,	  /* lists, and what was saved */
	ANALYST_VIEW,	  /* analyst_data/view by UUID */
	ANALYST_VIEW_ID,  /* and by number */
	ANALYST_PUSH,	  /* to a peer: no numbers, locked */
};
/* One of them as an object; what is said about it comes with it. json_analyst.c */
void jp_analyst(struct buf *b, const struct rel_analyst *n, enum analyst_form form);
/* Members ,"Note":[..],"Opinion":[..],"Relationship":[..], those that are not empty. */
void jp_analyst_lists(struct buf *b, const struct rel_analyst *v, uint32_t n,
		      enum analyst_form form);
/* A number as short as it reads back the same. json_scores.c */
void jp_double(struct buf *b, double v);
/* ,"key":[scores by decaying models]; nothing when there are none. `full`: with the whole models. */
void jp_scores(struct buf *b, const char *key, const struct rel_score *v, uint32_t n, bool full);
/* ,"Feed":[..] and ,"Server":[..] that know the value; each only when there is one. */
void jp_sources(struct buf *b, const struct rel_source *v, uint32_t n);
void jp_ref(struct buf *b, const struct misp_ref *r, const struct rel_ref *target,
	    const struct misp_object *of, const struct rel_event *e);

/* ---- what events and lists of attributes are made of (misp_json.c, json_single.c) ---- */

/* An event's own members; the object stays open. */
void jp_event_head(struct buf *b, const struct rel_event *re, const struct export_opts *o);
/* An attribute as it stands in an event. */
void jp_attr_in_event(struct buf *b, const struct rel_event *re, const struct rel_element *el,
		      const struct export_opts *o);
/* An object; its list of attributes, the last member, stays open. */
void jp_object_open(struct buf *b, const struct rel_event *re, const struct rel_element *el);
/* ,"RelatedEvent":[..] */
void jp_related(struct buf *b, const struct rel_event *re, bool inbound);
/* The members of an attribute's row; the object stays open. `split`: value1 and value2 as well. */
void jp_attr_row(struct buf *b, const struct misp_attr *a, bool split);
/* ,"AttributeTag":[..] */
void jp_attribute_tags(struct buf *b, const struct misp_attr *a);
/* ,"data":".." when there is an attachment */
void jp_attr_data(struct buf *b, const struct rel_element *el);
/* ,"Object":{..},"Tag":[..] of an attribute in a list. */
void jp_attr_context(struct buf *b, const struct rel_event *re, const struct rel_element *el);
