/*
 * view.h - one caller's look at one snapshot (inside node/egress only).
 */
#pragma once

#include <stdatomic.h>

#include "egress/egress.h"

#define CACHE_SLOTS 256

/* Rows that many events share, copied into the view's arena: id -> row. Direct mapped: a clash
   replaces, and the old copy stays in the arena until that is full; then both start anew. */
struct row_cache {
	struct row_slot {
		uint64_t id;
		void *row; /* NULL: known not to be there */
	} slots[CACHE_SLOTS];
};

#define JUDGED_SLOTS 64
#define CONDEMNED_SLOTS 64
/* Which rule withholds an event because of one of its elements; absent: none. */
struct condemned_slot {
	uint64_t id, seq;
	int64_t now;
	struct str rule;
};

/* When something that the audience sees in an event opened last. */
struct news_slot {
	uint64_t id, seq;
	int64_t within, at;
};

/* Does an element of an event that the audience may not hold leave by itself? */
struct relaxed_slot {
	uint64_t id, seq;
	int64_t now;
	bool yes;
};

struct subject;
struct view_decay;

struct view {
	const struct egress_env *env;
	struct audience audience;
	struct policy *policy;
	struct gate_facts facts;
	struct gate_ctx gate;
	struct misp_org host; /* shown as creator where a profile hides the real one */
	struct store_rtxn *txn; /* NULL between slices */
	struct arena *arena; /* of caches */
	struct arena *scratch; /* of one question */
	struct row_cache orgs, tags, groups, users, peers;
	uint64_t *sg_ids, *offered;
	struct gate_group *sg_all;
	struct arena *rules_arena; /* of `rules`; NULL: there are none */
	struct link_rules rules;
	bool (*shows_protected)(void *user, const struct entity_list *keys); /* likewise */
	void *shows_user;
	bool filled_only; /* for the search callback */
	struct warnlists *warnlists; /* looked up when first asked for */
	bool warnlists_asked;
	struct condemned_slot condemned[CONDEMNED_SLOTS];
	struct news_slot news[CONDEMNED_SLOTS];
	struct relaxed_slot relaxed[CONDEMNED_SLOTS];
	bool passes_events; /* the gate would let any go: search need not ask for each */
	bool asks_more; /* the query at hand asks what a shell does not show */
	/* answers of the search callback in this snapshot; direct mapped */
	struct judged_slot {
		uint64_t id;
		bool yes;
	} judged[JUDGED_SLOTS];
	struct view_decay *decay; /* decay.h; NULL: nobody asks for scores */
	unsigned instead; /* events that stood in for what is not there */
};

MUST_USE enum err view_reopen(struct view *v, struct fail *f);
void view_pause(struct view *v);

/* Rows by id from the caches; NULL when there is none. */
const struct misp_org *view_org(struct view *v, uint64_t id);
const struct misp_tag *view_tag(struct view *v, uint64_t id);
const struct misp_sg *view_sg(struct view *v, uint64_t id);
const struct misp_user *view_user(struct view *v, uint64_t id);
const struct misp_peer *view_peer(struct view *v, uint64_t id);
/* Was the tag looked for and not there (and not merely unreadable)? */
bool view_tag_gone(const struct view *v, uint64_t id);
/* Where a direct mapped cache of CACHE_SLOTS keeps it. */
static inline unsigned view_slot(uint64_t id)
{
	return (unsigned)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* Fill what a tag reference leaves to the tag table. Copies the list into `a`. */
MUST_USE enum err view_resolve_tags(struct view *v, struct arena *a, struct entity_list *tags);

/* May this tag of an event, or of something in it, be seen? */
bool view_shows_tag(struct view *v, const struct misp_event *e, const struct misp_tagref *t);

/* May the audience be told what decaying models say? */
bool view_may_score(const struct view *v);
bool view_may_drop_decayed(const struct view *v); /* with excludeDecayed */
/* run.c: set own_sighting of a subject, where the sightings policy asks. */
MUST_USE enum err view_own_sighting(struct view *v, struct gate_subject *s);

/* counts.c: set `relaxed` of a subject, where the policy has shells. */
MUST_USE enum err view_relaxed(struct view *v, struct subject *s);
/* counts.c: when the embargo of an attribute that the audience sees ended last, up to `within`; 0: no
   such. The subject is of an event that leaves. */
MUST_USE enum err view_opened_within(struct view *v, const struct subject *s, int64_t within,
				     int64_t *at);

/* The warning lists that are switched on; NULL: none. The view's own. */
const struct warnlists *view_warnlists(struct view *v);

/* counts.c: is a live attribute or a report of the event left for the audience? */
bool view_is_filled(struct view *v, const struct misp_event *e);

/* stand_in.c: what is asked for, as a number; the event that is judged in place of one that is not there (0: the
   store has none); the same for searches, as search_visible.instead. */
uint64_t view_seed(const void *p, size_t n);
uint64_t view_stand_in(struct view *v, uint64_t by);
void view_instead(void *user, uint64_t by);

/* guard.c: may the audience ask this, or would the answer tell what its copy leaves out? Changes
   `q` where it can do without, and puts our UUIDs for the derived ones (in `room`). */
bool view_may_ask(struct view *v, struct query *q, struct arena *room);

/* analyst.c: what is said about the thing with this UUID, and about that in turn; uncut. Views live
   as long as the transaction, bounded in depth, number and bytes. */
MUST_USE enum err view_analyst_of(struct view *v, struct uuid about, struct arena *a,
				  const struct rel_analyst **out, uint32_t *n);
/* One row with what its UUIDs stand for, without what is said about it. */
MUST_USE enum err view_analyst_fill(struct view *v, const struct misp_analyst *row,
				    struct arena *a, struct rel_analyst *out);
#define ANALYST_CHAIN 32

/* Load an event with what its ids stand for; copies live in `a`. */
struct subject {
	struct misp_event event;
	int64_t stored_timestamp; /* the event's may be that of an opening */
	struct gate_subject s;
};
/* condemned.c: ask the elements of a subject whether one withholds it, where the policy does. */
MUST_USE enum err view_condemned(struct view *v, struct subject *s);
MUST_USE enum err view_subject(struct view *v, uint64_t id, struct arena *a, struct subject *out);
/* Without copies: it lives as long as the transaction does. */
MUST_USE enum err view_subject_lent(struct view *v, uint64_t id, struct arena *a,
				    struct subject *out);
/* What the ids of out->event stand for, where it is at hand and lent. */
MUST_USE enum err view_subject_fill(struct view *v, struct arena *a, struct subject *out);
/* The same for a head that is at hand; copied. */
MUST_USE enum err view_subject_of(struct view *v, const struct misp_event *e, struct arena *a,
				  struct subject *out);

/* clusters.c: a cluster with what its numbers stand for, copied into `a`; uncut, for the gate. */
MUST_USE enum err view_rel_cluster(struct view *v, uint64_t id, struct arena *a,
				   struct rel_cluster *out);
/* What analyst data is about, as far as it is here, for the gate; in `a`. */
MUST_USE enum err view_analyst_about(struct view *v, const struct misp_analyst *row,
				     struct arena *a, struct analyst_about *out);
/* May the audience see this stored cluster? */
bool view_judge_cluster(struct view *v, const struct misp_cluster *c);
struct verdict view_cluster_verdict(struct view *v, const struct misp_cluster *c);
