/*
 * ingest.h - bytes -> raw -> admitted -> store. The only way into the store for intelligence.
 *
 * Plain calls for workers: each returns after the change is durable. Merge rules of edits as
 * sync-protocol.md 4.5 and 4.6, texts as recorded.
 */
#pragma once

#include "gate/admit.h"
#include "gate/policy.h"
#include "index/index.h"
#include "model/json_read.h"
#include "store/store.h"

struct ingest_env {
	struct store *store;
	struct index *index;
	struct policy *(*policy)(void *user);
	void *user;
	const char *spool_dir;
	struct pgp *pgp; /* for those who verify what they bring; not used here */
	struct str base_url; /* of this node, as sharing groups name it */
	const char *const *block_tags; /* new events with one of these tags are refused */
	size_t n_block_tags;
	uint64_t host_org_id;
	uint64_t quarantine_documents, quarantine_bytes; /* most that may wait (quarantine.h) */
	bool sightings_realtime; /* added sightings are published at once */
	uint8_t default_event_distribution; /* 1 */
	uint8_t default_attr_distribution; /* 5 */
	/* the embargo clock; NULL: nobody vouches for a time */
	int64_t (*now)(void *user, bool *trusted);
	/* Is the UUID one under which we gave out a cut copy? NULL: not asked. */
	bool (*own_derived)(void *user, const struct store_rtxn *t, struct uuid u);
	/* Is this the time of a copy that we gave out newer than the event is, as an embargo in it had ended?
	   NULL: not asked. */
	bool (*own_copy)(void *user, uint64_t event_id, int64_t timestamp);
};

/* What happened. */
enum ingest_outcome { INGEST_ADDED, INGEST_UPDATED, INGEST_UNCHANGED, INGEST_REFUSED };

struct ingest_problem {
	uint32_t index; /* of the element in its list, from 0 */
	struct str errors; /* JSON map {field:[message]} or a JSON string */
	bool is_object; /* the object itself, not one of its attributes */
	struct str relation; /* of an attribute in an object */
	struct uuid uuid; /* as given, or nil; only of attributes that are wrong by themselves */
	struct uuid element; /* of what was refused, whatever the reason; or nil */
};

struct ingest_result {
	enum ingest_outcome outcome;
	uint64_t event_id;
	struct uuid event_uuid;
	uint64_t added, updated, refused;
	uint64_t ignored; /* analyst data that is blocked or not newer */
	uint64_t local; /* analyst data that was made here, which no link changes */
	/* ids of what was added or updated, in order, at most 1,000; none for whole events. Of
	   analyst data that comes inside of something else: none */
	struct search_id {
		enum element_kind kind;
		uint64_t id, parent;
	} *ids;
	uint32_t n_ids;
	struct ingest_problem *problems; /* at most 1,000 */
	uint32_t n_problems;
};

/* A new event. ERR_EXISTS: the UUID is known (result has its id); ERR_BLOCKED, ERR_INVAL ... */
MUST_USE enum err ingest_event_add(const struct ingest_env *env, struct raw_event **raw,
				   const struct origin *o, struct admit_facts *facts,
				   struct arena *a, struct ingest_result *out, struct fail *f);
/* Edit an existing event. ERR_STALE: not newer. ERR_PERM. */
MUST_USE enum err ingest_event_edit(const struct ingest_env *env, uint64_t event_id,
				    struct raw_event **raw, const struct origin *o,
				    struct admit_facts *facts, struct arena *a,
				    struct ingest_result *out, struct fail *f);
/* Add it, or edit it when it is known and this is newer (pull, feeds, import). */
MUST_USE enum err ingest_event_merge(const struct ingest_env *env, struct raw_event **raw,
				     const struct origin *o, struct admit_facts *facts,
				     struct arena *a, struct ingest_result *out, struct fail *f);
/*
 * Many events of one sender, each merged as by ingest_event_merge(), several on their way to the
 * disk at once. What became of each is told in the order given, by done() on the caller's thread
 * from within add() and end(); one that fails does not hold up the others. Calls one at a time.
 */
struct ingest_stream;
#define INGEST_STREAM_MAX 128 /* events under way at most, besides the one that is being added */
typedef void (*ingest_stream_fn)(void *user, enum err e, const struct ingest_result *res,
				 const struct fail *why);
MUST_USE struct ingest_stream *ingest_stream_new(const struct ingest_env *env,
						 ingest_stream_fn done, void *user);
/* Takes over `raw`. Waits while too much is under way. */
void ingest_stream_add(struct ingest_stream *s, struct raw_event *raw, const struct origin *o,
		       const struct admit_facts *facts);
/* Tell of what has landed, without waiting. */
void ingest_stream_poll(struct ingest_stream *s);
/* Wait for all that is under way. */
void ingest_stream_end(struct ingest_stream *s);
/* Does not wait: what is under way is finished, but nobody hears of it. */
void ingest_stream_free(struct ingest_stream *s);
/* Attributes or an object added to an event. An object is taken whole or not at all: with a problem
   in any part, ERR_INVAL and the problems. */
MUST_USE enum err ingest_elements_add(const struct ingest_env *env, uint64_t event_id,
				      struct raw_event **raw, const struct origin *o,
				      struct admit_facts *facts, bool break_on_duplicate,
				      struct arena *a, struct ingest_result *out, struct fail *f);
/* A proposal for an event: a new attribute, or (attr_id) a change of one. Whoever sees the event may
   propose. */
MUST_USE enum err ingest_proposal_add(const struct ingest_env *env, uint64_t event_id,
				      uint64_t attr_id, struct raw_event **raw,
				      const struct origin *o, struct admit_facts *facts,
				      struct arena *a, struct ingest_result *out, struct fail *f);
/*
 * Proposals that another node holds (RAW_ELEMENTS): each goes to the event that it names, in place of
 * an equal one that is older; `old_uuid` says that it is about the attribute with its own UUID. Who
 * proposed is `org`, or the caller's organisation. Those of unknown events are passed over.
 */
struct ingest_taken {
	uint64_t added, known, unknown, refused; /* unknown: of events that are not here */
};
MUST_USE enum err ingest_proposals_take(const struct ingest_env *env, struct raw_event **raw,
					const struct origin *o, struct admit_facts *facts,
					struct ingest_taken *out, struct fail *f);
/* Is an equal one here that is as new? */
bool ingest_proposal_known(const struct ingest_env *env, const struct misp_proposal *p);
/* What the event's owner does with a proposal: it becomes the attribute, or the change or deletion
   of one; or nothing comes of it. ERR_NOENT: none that is open. `of_attr`: it was about one. */
MUST_USE enum err ingest_proposal_accept(const struct ingest_env *env, uint64_t id,
					 const struct origin *o, struct admit_facts *facts,
					 bool *of_attr, struct fail *f);
MUST_USE enum err ingest_proposal_discard(const struct ingest_env *env, uint64_t id,
					  const struct origin *o, struct fail *f);
/* Edit one report of the event. */
MUST_USE enum err ingest_report_edit(const struct ingest_env *env, uint64_t event_id,
				     uint64_t report_id, struct raw_event **raw,
				     const struct origin *o, struct admit_facts *facts,
				     struct arena *a, struct ingest_result *out, struct fail *f);
/* Edit one attribute, or one object with its attributes (by local id). */
MUST_USE enum err ingest_attr_edit(const struct ingest_env *env, uint64_t attr_id,
				   struct raw_event **raw, const struct origin *o,
				   struct admit_facts *facts, struct arena *a,
				   struct ingest_result *out, struct fail *f);
MUST_USE enum err ingest_object_edit(const struct ingest_env *env, uint64_t object_id,
				     struct raw_event **raw, const struct origin *o,
				     struct admit_facts *facts, struct arena *a,
				     struct ingest_result *out, struct fail *f);
/* Soft or hard deletion, and restoring. Kinds: attribute, object, reference, report, proposal. */
MUST_USE enum err ingest_el_delete(const struct ingest_env *env, enum element_kind k, uint64_t id,
				   bool hard, const struct origin *o, struct fail *f);
/* Attributes of one event, in batches of one commit each; those that are gone are passed over. */
MUST_USE enum err ingest_attrs_delete(const struct ingest_env *env, uint64_t event_id,
				      const struct search_id *ids, uint32_t n, bool hard,
				      const struct origin *o, struct fail *f);
/* Delete for good what its maker has taken back: the event stays as new and as published as it was, so
   that what the maker sends next is still newer. */
MUST_USE enum err ingest_el_take_back(const struct ingest_env *env, enum element_kind k,
				      uint64_t id, const struct origin *o, struct fail *f);
MUST_USE enum err ingest_attr_restore(const struct ingest_env *env, uint64_t id,
				      const struct origin *o, struct fail *f);
MUST_USE enum err ingest_report_restore(const struct ingest_env *env, uint64_t id,
					const struct origin *o, struct fail *f);
/* Say that an event's sightings are complete up to now, so that peers fetch them. */
MUST_USE enum err ingest_sightings_publish(const struct ingest_env *env, uint64_t event_id,
					   const struct origin *o, struct fail *f);
MUST_USE enum err ingest_ref_add(const struct ingest_env *env, uint64_t object_id,
				 struct uuid referenced, struct str relationship,
				 struct str comment, struct uuid uuid, const struct origin *o,
				 uint64_t *id, struct fail *f);
/* Delete an event; with `blocklist` its UUID is entered in the block list. */
MUST_USE enum err ingest_event_delete(const struct ingest_env *env, uint64_t id, bool blocklist,
				      const struct origin *o, struct fail *f);
MUST_USE enum err ingest_publish(const struct ingest_env *env, uint64_t id, bool publish,
				 const struct origin *o, struct fail *f);
/*
 * An organisation takes over an event that was offered to it by this delegation, which ends with it:
 * owner, creator and maker are the new ones, the event is unpublished and as new as now. ERR_NOENT:
 * the delegation is not there, or of another event or organisation.
 */
struct ingest_transfer {
	uint64_t delegation_id, org_id, user_id;
	uint8_t distribution;
	uint64_t sharing_group_id;
};
MUST_USE enum err ingest_event_transfer(const struct ingest_env *env, uint64_t event_id,
					const struct ingest_transfer *x, const struct origin *o,
					struct fail *f);
/*
 * Switch protected mode, and the keys of an event (protect.c): it is unpublished, its timestamp is
 * now. A key: `armored` public key; *id is its number. ERR_INVAL: not a key, ERR_EXISTS: the event
 * has it, ERR_LIMIT: the event has too many.
 */
MUST_USE enum err ingest_protect(const struct ingest_env *env, uint64_t event_id, bool protect,
				 const struct origin *o, struct fail *f);
MUST_USE enum err ingest_key_add(const struct ingest_env *env, uint64_t event_id,
				 struct str armored, const struct origin *o, uint64_t *id,
				 struct fail *f);
MUST_USE enum err ingest_key_delete(const struct ingest_env *env, uint64_t key_id,
				    const struct origin *o, struct fail *f);
/* Attach or detach a tag (made by ingest_tag_capture) to an event (EL_COUNT) or attribute. */
MUST_USE enum err ingest_tag_attach(const struct ingest_env *env, enum element_kind k, uint64_t id,
				    uint64_t tag_id, bool local, struct str relationship,
				    const struct origin *o, bool *already, struct fail *f);
MUST_USE enum err ingest_tag_detach(const struct ingest_env *env, enum element_kind k, uint64_t id,
				    uint64_t tag_id, const struct origin *o, struct fail *f);
/* Id of the tag with this name, made when unknown (inside a job). */
MUST_USE enum err ingest_tag_capture(struct store_wtxn *w, const struct misp_tagref *t,
				     uint64_t *id, struct fail *f);
/* Likewise organisations and sharing groups named in documents. */
MUST_USE enum err ingest_org_capture(struct store_wtxn *w, const struct misp_org *o, bool local,
				     uint64_t *id, struct fail *f);
/* `joins`: the caller's organisation becomes a member when it is none, so that it sees what it brings:
   events, and what new events hold; never by edits, reports, clusters or notes (5.4). */
MUST_USE enum err ingest_sg_capture(struct store_wtxn *w, const struct misp_sg *g,
				    const struct admit_facts *facts, bool joins, uint64_t *id,
				    struct fail *f);
/*
 * Analyst data (notes, opinions, relationships) of a document of RAW_ELEMENTS, each on its own:
 * added, or put in the place of an older copy whose `modified` is less and which was not made here
 * (sync-protocol.md 4.10). The result counts them.
 */
enum analyst_mode {
	ANALYST_MERGE, /* from a link */
	ANALYST_ADD,   /* new ones: a known UUID is a problem */
	ANALYST_EDIT,  /* by who may: as of now, whatever `modified` says */
};
MUST_USE enum err ingest_analyst(const struct ingest_env *env, struct raw_event **raw,
				 enum analyst_mode mode, const struct origin *o,
				 struct admit_facts *facts, struct arena *a,
				 struct ingest_result *out, struct fail *f);
/* Delete one; with `blocklist` its UUID is entered in the block list. */
MUST_USE enum err ingest_analyst_delete(const struct ingest_env *env, uint64_t id, bool blocklist,
					const struct origin *o, struct fail *f);
MUST_USE enum err ingest_sighting_add(const struct ingest_env *env, uint64_t attr_id,
				      const struct misp_sighting *s, const struct origin *o,
				      uint64_t *id, struct fail *f);

/* One of many. `id` is set to that of the new sighting, 0 when its UUID was known. */
struct ingest_sighting {
	uint64_t attr_id; /* 0: that with the UUID */
	struct uuid attr_uuid;
	struct misp_sighting s;
	const struct misp_org *org; /* captured in place of s.org_id, or NULL */
	uint64_t id;
	bool missing; /* set: its attribute is not there */
};
/* Is a sighting with this UUID here? */
bool ingest_sighting_known(const struct ingest_env *env, struct uuid u);
/* Many at once, in batches of one commit each. An expiration (type 2) takes the place of older ones
   of `replace_org` on its attribute; 0: of nobody. Sightings whose attribute is not there are
   left out. */
MUST_USE enum err ingest_sightings_add(const struct ingest_env *env, struct ingest_sighting *v,
				       size_t n, uint64_t replace_org, const struct origin *o,
				       uint64_t *added, struct fail *f);

/* ---- galaxy clusters (clusters.c, cluster_ops.c) ------------------------------------------- */

/* What became of clusters sent by somebody else. */
struct ingest_clusters {
	uint64_t imported, ignored, failed;
	struct str errors; /* reasons, in plain words, each once; absent: none */
	uint64_t *ids; /* of those imported, in order */
	uint64_t n_ids;
};
/* A document of clusters (RAW_CLUSTERS) captured as sync-protocol.md 5.3 has it: one that fails does
   not hold up the others. Takes over *raw. */
MUST_USE enum err ingest_clusters(const struct ingest_env *env, struct raw_event **raw,
				  const struct origin *o, struct admit_facts *facts,
				  struct arena *a, struct ingest_clusters *out, struct fail *f);
/*
 * A cluster made here: new in galaxy `galaxy_id` (*id 0), or *id changed by the one cluster of the
 * document; members that it does not give stay. Its version grows and it is unpublished.
 * ERR_INVAL with a plain text in f; ERR_EXISTS: its UUID is known.
 */
MUST_USE enum err ingest_cluster_save(const struct ingest_env *env, uint64_t galaxy_id,
				      struct raw_event **raw, const struct origin *o,
				      struct admit_facts *facts, uint64_t *id, struct fail *f);
MUST_USE enum err ingest_cluster_publish(const struct ingest_env *env, uint64_t id, bool publish,
					 const struct origin *o, struct fail *f);
/* Soft deletion, which unpublishes (12.3, 20), or a hard one that enters its UUID in the block list;
   libraries' clusters are not entered. */
MUST_USE enum err ingest_cluster_delete(const struct ingest_env *env, uint64_t id, bool hard,
					const struct origin *o, struct fail *f);
MUST_USE enum err ingest_cluster_restore(const struct ingest_env *env, uint64_t id,
					 const struct origin *o, struct fail *f);
/* A relation of cluster `id`, new or in place of an equal one (target and type); its number in
   *rel_id. The cluster's version grows. */
MUST_USE enum err ingest_relation_put(const struct ingest_env *env, uint64_t id,
				      const struct misp_clusterrel *rel, const struct origin *o,
				      const struct admit_facts *facts, uint64_t *rel_id,
				      struct fail *f);
MUST_USE enum err ingest_relation_del(const struct ingest_env *env, uint64_t id, uint64_t rel_id,
				      const struct origin *o, struct fail *f);
