/*
 * ctx.h - what the steps of one ingest share (inside node/ingest only).
 *
 * A document is prepared on the worker (admitted element by element, attachments written) and
 * then put by jobs on the writer thread. Jobs may run twice, so all that a job learns (ids) is
 * reset when it begins.
 */
#pragma once

#include "ingest/ingest.h"

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
	struct ordmap objects, attrs;
	struct seen seen;
	struct tag_cached {
		uint64_t digest;
		uint64_t id;
	} tags[TAG_CACHE];
	uint64_t changes;
	bool adding; /* a new event: nothing to look up */
	bool staged; /* its body is a stage */
	bool touched; /* something really changed */
	bool content_changed; /* which unpublishes */
	bool break_on_duplicate;
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

/* Note a refused element for the answer. `errors` is JSON. */
void ingest_ctx_problem(struct ingest_ctx *c, uint32_t index, const char *errors);
void ingest_ctx_id(struct ingest_ctx *c, enum element_kind k, uint64_t id, uint64_t parent);

/* capture.c: names in documents to local ids, inside a job */
MUST_USE enum err ingest_capture_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
			       struct entity_list *tags, struct fail *f);
MUST_USE enum err ingest_capture_sg_of(struct ingest_ctx *c, struct store_wtxn *w,
				const struct entity_list *group, uint8_t *distribution,
				uint64_t *sg_id, bool *refused, struct fail *f);
MUST_USE enum err ingest_capture_cluster(struct ingest_ctx *c, struct store_wtxn *w,
				  struct misp_cluster *cl, struct misp_galaxy *g, struct fail *f);

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

/* Put the sharing groups that the caller may use into the facts (memory of `raw`). */
MUST_USE enum err ingest_facts_groups(const struct ingest_env *env, struct raw_event *raw,
				      struct admit_facts *facts, struct fail *f);
