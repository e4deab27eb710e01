/*
 * ctx.h - what the steps of one ingest share (inside node/ingest only).
 *
 * A document is prepared on the worker (admitted element by element, attachments written) and
 * then put by jobs on the writer thread. Jobs may run twice, so all that a job learns (ids) is
 * reset when it begins.
 */
#pragma once

#include "ingest/ingest.h"
#include "ingest/two_keys.h"
#include "model/exprs.h"

/* An element that stands in the document under `ordinal` got this id. Open addressing. */
struct ordmap {
	struct ordmap_slot {
		uint32_t ordinal;
		bool refused, deleted;
		uint64_t id;
		struct uuid uuid;
	} *v;
	size_t n, cap;
};
/* The slot of an ordinal, made when `make`; NULL when absent or out of memory. */
struct ordmap_slot *ingest_ordmap_at(struct ordmap *m, uint32_t ordinal, bool make);
void ingest_ordmap_free(struct ordmap *m);

/* A set of 64-bit digests, for duplicates inside a document. */
struct seen {
	uint64_t *v;
	size_t n, cap;
};
/* True when it was there already; *oom is set when memory ran out. */
bool ingest_seen_add(struct seen *s, uint64_t digest, bool *oom);
void ingest_seen_free(struct seen *s);

#define TAG_CACHE 64
#define CHANGES_MAX 4096

struct ingest_ctx {
	const struct ingest_env *env;
	const struct admitted *adm;
	const struct origin *origin;
	struct admit_facts *facts;
	struct arena *out_arena; /* of results */
	struct ingest_result *out;
	/* prepared elements of the current step */
	struct arena *arena;
	struct element *els;
	uint32_t *index_of; /* position in the document's list, for problems */
	uint32_t n, next_index;
	/* what jobs learn */
	struct misp_event event; /* the head as it will be stored */
	struct element one; /* that is being put: a copy, since a job may run again */
	/* is anything kept by ingest_embargo_keep()? Jobs over whole documents ask once; 0: ask each time */
	enum { EMBARGOES_EACH, EMBARGOES_ONCE, EMBARGOES_NONE } embargoes;
	struct ordmap objects, attrs;
	struct seen seen;
	struct tag_cached {
		uint64_t digest;
		uint64_t id;
	} tags[TAG_CACHE];
	uint64_t changes;
	struct ingest_note {
		struct uuid uuid;
		struct index_uuid at;
		bool known;
	} *notes; /* staged: UUIDs that references of the document name, sorted */
	uint32_t n_notes;
	unsigned copy_kind; /* staged edit: where copying has come to */
	struct el_key copy_at;
	struct two_keys wants; /* what a job refused for want of a second person */
	bool adding; /* a new event: nothing to look up */
	bool staged; /* its body is a stage: nothing of it is in the index yet */
	bool touched; /* something really changed */
	bool content_changed; /* which unpublishes */
	bool break_on_duplicate;
	bool break_repeats; /* repetitions inside the document are refused */
	bool no_ids; /* nobody asks which elements were added */
	enum analyst_mode analyst_mode;
	bool has_vuln; /* the document tells of a vulnerability */
	struct exprs *rewrites; /* import rules; NULL: none */
	bool rewrites_asked;
	bool adding_object; /* objects/add */
	bool templated; /* objects/add: the template below is known and its demands hold */
	struct misp_template object_template;
	bool insert_only; /* attributes/add and objects/add: a known UUID is an error */
};

void ingest_ctx_init(struct ingest_ctx *c, const struct ingest_env *env, const struct admitted *adm,
	      struct admit_facts *facts, struct arena *a, struct ingest_result *out);
void ingest_ctx_free(struct ingest_ctx *c);

/* prepare.c: read the next (at most `max`) elements of the kinds in `kinds` (bit mask), admitted,
   attachments on disk, into c->els. *end tells that the cursor is at its end. */
MUST_USE enum err ingest_ctx_prepare(struct ingest_ctx *c, struct raw_cursor *cur, unsigned kinds,
			      uint32_t max, bool *end, struct fail *f);
#define KIND(k) (1u << (k))
#define KINDS_ALL (~0u)

/* rewrite.c: import rules over the value of an attribute or proposal that is admitted. What peers send
   stays as its makers wrote it. ERR_INVAL with MISP's errors: a rule blocks it. */
MUST_USE enum err ingest_rewrite(struct ingest_ctx *c, struct element *e, struct fail *f);

/* Note a refused element for the answer. `errors` is JSON. */
void ingest_ctx_problem(struct ingest_ctx *c, uint32_t index, const char *errors);
/* The same, with the UUID of the element. */
void ingest_ctx_problem_of(struct ingest_ctx *c, uint32_t index, struct uuid u, const char *errors);
void ingest_ctx_id(struct ingest_ctx *c, enum element_kind k, uint64_t id, uint64_t parent);

/* event.c: tags change from `before` to `after` (those of an attribute: its id and UUID). Peers and feeds
   never loosen; users here need a second person: ERR_PERM, and c->wants says for what. */
MUST_USE enum err ingest_guard_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
				    uint64_t attr_id, struct uuid attr_uuid,
				    const struct entity_list *before, struct entity_list *after,
				    struct fail *f);
/* Behind the jobs of a document: ask for what they refused. Returns `e`, or ERR_PERM with the text. */
MUST_USE enum err ingest_guard_end(struct ingest_ctx *c, enum err e, struct fail *f);

/* reception.c: an element as prepared; the record, inside a job, when the event tells of a
   vulnerability that is not disclosed. */
void ingest_note_vuln(struct ingest_ctx *c, const struct element *e);
MUST_USE enum err ingest_put_reception(struct ingest_ctx *c, struct store_wtxn *w, bool is_new,
				       struct fail *f);

/* event.c: the time of a change of the event: later than what was published, also within its second,
   so that the change travels. */
int64_t ingest_newer(const struct misp_event *e);
/* event.c: is there an entry of this kind (enum block_kind) on the block list? */
MUST_USE enum err ingest_blocked(const struct store_rtxn *t, uint8_t kind, struct uuid u,
				 bool *blocked);
/*
 * tombstones.c: an event or element (`kind` as in a change) that was as new as `timestamp` is deleted
 * for good, inside a job. Is a copy of it, as new as `timestamp`, kept out by that? Only what comes
 * from others is. Somebody here has made it again.
 */
MUST_USE enum err ingest_bury(struct store_wtxn *w, uint8_t kind, struct uuid u, int64_t timestamp,
			      struct fail *f);
MUST_USE enum err ingest_is_buried(const struct store_rtxn *t, const struct admit_facts *facts,
				   struct uuid u, int64_t timestamp, bool *yes, struct fail *f);
MUST_USE enum err ingest_unbury(struct store_wtxn *w, struct uuid u, struct fail *f);
/*
 * kept_embargoes.c: what goes for good leaves the embargoes among its tags behind, under its UUID; an
 * event those of its attributes, too. Those of something that is made again, as tags that are there.
 */
MUST_USE enum err ingest_embargo_keep(struct store_wtxn *w, struct uuid u,
				      const struct entity_list *tags, struct fail *f);
MUST_USE enum err ingest_embargoes_keep(struct store_wtxn *w, const struct misp_event *e,
					struct fail *f);
/* Is anything kept at all? */
bool ingest_embargoes_any(struct store_wtxn *w);
MUST_USE enum err ingest_embargo_kept(struct store_wtxn *w, struct uuid u, struct arena *a,
				      struct entity_list *out, struct fail *f);
/* event.c: tags of something new, with what it had in an earlier life: nothing is loosened by itself. */
MUST_USE enum err ingest_guard_new(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
				   uint64_t attr_id, struct uuid u, struct entity_list *tags,
				   struct fail *f);
/* analyst.c: one note, opinion or relationship, inside a job. */
MUST_USE enum err ingest_put_analyst(struct ingest_ctx *c, struct store_wtxn *w,
				     struct element *e, uint32_t index, struct fail *f);

/* capture.c: names in documents to local ids, inside a job */
MUST_USE enum err ingest_capture_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			       struct entity_list *tags, struct fail *f);
MUST_USE enum err ingest_capture_sg_of(struct ingest_ctx *c, struct store_wtxn *w,
				const struct entity_list *group, bool joins,
				uint8_t *distribution, uint64_t *sg_id, bool *refused,
				struct fail *f);
MUST_USE enum err ingest_capture_cluster(struct ingest_ctx *c, struct store_wtxn *w,
				  struct misp_cluster *cl, struct misp_galaxy *g, struct fail *f);

/* What a job may undo when it is run again. */
struct ingest_snapshot {
	struct misp_event event;
	struct ingest_result out;
	uint64_t changes;
	bool touched, content_changed;
};
void ingest_snap_back(struct ingest_ctx *c, const struct ingest_snapshot *s);

/* A job over the prepared elements. */
struct ingest_job {
	struct ingest_ctx *c;
	struct ingest_snapshot before;
	struct arena *arena; /* of the head */
	unsigned kinds;
	bool first;
	void *user; /* of who submitted it */
};
void ingest_job_begin(struct ingest_ctx *c, struct ingest_job *j);
/* Run it with a snapshot of the context. */
MUST_USE enum err ingest_step(struct ingest_ctx *c, struct ingest_job *j, store_run_fn run,
			      struct fail *f);

/* The passes over a document: objects first (their ids are wanted by attributes and references),
   references and what hangs below attributes last, then what is said about all of them. */
#define INGEST_PASSES 4
extern const unsigned ingest_passes[INGEST_PASSES];
/* Put the prepared elements of these kinds. */
MUST_USE enum err ingest_pass_put(struct ingest_ctx *c, struct store_wtxn *w, unsigned kinds,
				  struct fail *f);
uint64_t ingest_elements_of(struct raw_event *r);

/* event.c: steps of a whole document. Judge its head; takes over *raw. */
MUST_USE enum err ingest_admit(const struct ingest_env *env, struct raw_event **raw,
			       const struct origin *o, struct admit_facts *facts,
			       struct admitted **adm, struct fail *f);
/* Prepare all of an ordinary document: for event `event_id`, or a new one (0). *run is the job. */
MUST_USE enum err ingest_whole_prepare(struct ingest_ctx *c, uint64_t event_id, store_run_fn *run,
				       struct fail *f);
/* Which event a merge is for (0: a new one), and what the facts say about it. */
MUST_USE enum err ingest_merge_target(const struct ingest_env *env, struct raw_event *raw,
				      struct admit_facts *facts, uint64_t *id, struct fail *f);
/* The outcome of a merge into event `id`: one that is not newer is no error. */
MUST_USE enum err ingest_merged(uint64_t id, struct uuid uuid, struct ingest_result *out,
				enum err e);
/* Count what became of a document in the metrics; `e` is handed through. */
MUST_USE enum err ingest_counted(const struct origin *o, const struct ingest_result *r, enum err e);

/* event.c: the head of a new event before and after its elements; of an edited one likewise. */
MUST_USE enum err ingest_head_begin(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
				    struct fail *f);
MUST_USE enum err ingest_head_end(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f);
MUST_USE enum err ingest_edit_head(struct ingest_ctx *c, struct store_wtxn *w, uint64_t id,
				   struct arena *a, struct fail *f);
MUST_USE enum err ingest_edit_end(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f);

/* staged.c: documents with more elements than this are staged. */
#define INGEST_ONE_JOB_MAX 20000
MUST_USE enum err ingest_add_staged(struct ingest_ctx *c, struct arena *a, struct fail *f);
MUST_USE enum err ingest_edit_staged(struct ingest_ctx *c, struct arena *a, struct fail *f);
/* Where a UUID of the stage is noted, or NULL when nothing refers to it. */
struct ingest_note *ingest_note_find(struct ingest_ctx *c, struct uuid u);

/* put.c: one element, inside a job. New ones get ids; known ones are merged. */
MUST_USE enum err ingest_put_element(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			      uint32_t index, struct fail *f);
/* Append a change of an element (or count it once there are too many, then the event is whole). */
MUST_USE enum err ingest_put_change(struct ingest_ctx *c, struct store_wtxn *w, enum change_op op,
			     enum element_kind k, uint64_t id, uint64_t parent, struct uuid uuid,
			     struct fail *f);
/* The event's own change, last. */
MUST_USE enum err ingest_put_event_change(struct ingest_ctx *c, struct store_wtxn *w,
					  enum change_op op, bool whole, struct fail *f);

/* elements.c: content of the event, or of an object in it, changed outside of a document. */
MUST_USE enum err ingest_touch_event(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f);
MUST_USE enum err ingest_touch_object(struct ingest_ctx *c, struct store_wtxn *w,
				      uint64_t object_id, struct fail *f);

/* Put the sharing groups that the caller may use into the facts (memory of `raw`). */
MUST_USE enum err ingest_facts_groups(const struct ingest_env *env, struct raw_event *raw,
				      struct admit_facts *facts, struct fail *f);

/* ops.c: the gate's proof for an operation that carries no document. */
MUST_USE enum err ingest_proof(const struct ingest_env *env, const struct origin *o,
			       struct admitted **adm, struct fail *f);

/* clusters.c: what became of one cluster, inside a job; `why` (a literal) says it when it was not
   taken. */
enum cluster_fate { CLUSTER_IMPORTED, CLUSTER_IGNORED, CLUSTER_FAILED };
struct cluster_capture {
	enum cluster_fate fate;
	const char *why;
	uint64_t id;
};
MUST_USE enum err ingest_cluster_capture(struct store_wtxn *w, const struct admit_facts *facts,
					 const struct origin *o, const struct misp_cluster *c,
					 const struct misp_galaxy *g, struct arena *a,
					 struct cluster_capture *out, struct fail *f);
/* The galaxy of a cluster by its UUID: known, or made when the sender may. 0: neither. */
MUST_USE enum err ingest_galaxy_capture(struct store_wtxn *w, const struct admit_facts *facts,
					const struct misp_galaxy *g, uint64_t *id, struct fail *f);
/* Levels, groups, tags and numbers of the relations of a cluster, those of `old` kept where equal. */
MUST_USE enum err ingest_cluster_relations(struct store_wtxn *w, const struct admit_facts *facts,
					   const struct entity_list *old, struct entity_list *rels,
					   struct arena *a, struct fail *f);
MUST_USE enum err ingest_cluster_change(struct store_wtxn *w, enum change_op op,
					const struct misp_cluster *c, const struct origin *o,
					struct fail *f);
/* misp-galaxy:type="uuid" */
struct str ingest_cluster_tag(struct arena *a, struct str type, struct uuid u);
/* A stored cluster whose texts live in `a`. */
MUST_USE enum err ingest_cluster_get(struct store_wtxn *w, uint64_t id, struct arena *a,
				     struct misp_cluster *out, struct fail *f);
/* Embedded group, or a number that the gate has let pass: what cannot be used becomes "your
   organisation only". */
MUST_USE enum err ingest_cluster_group(struct store_wtxn *w, const struct admit_facts *facts,
				       const struct entity_list *group, uint8_t *distribution,
				       uint64_t *sg_id, struct fail *f);
