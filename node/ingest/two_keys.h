/*
 * two_keys.h - inside node/ingest: does a change of tags need a second person, and asking for one.
 */
#pragma once

#include "ingest/approvals.h"

#define WANTS_MAX 8
#define WANT_TAG_MAX 255

/* Tag changes that were refused in a job, to be asked for when it has ended. */
struct two_keys {
	struct two_keys_want {
		bool attach, local;
		uint64_t attr_id;
		struct uuid attr_uuid;
		char tag[WANT_TAG_MAX + 1];
	} v[WANTS_MAX];
	unsigned n;
	uint64_t event_id;
	struct uuid event_uuid;
	uint64_t orgc_id;
};

/* A list of tags as it was and as it is to be, of an event or (attr_id) of an attribute of it. */
struct tag_change {
	const struct misp_event *event;
	uint64_t attr_id; /* 0: the event's own */
	struct uuid attr_uuid;
	const struct entity_list *before;
	struct entity_list *after; /* changed where what loosens is undone */
	struct arena *a;
};
/*
 * Inside a job. `undo`: what would loosen does not happen (peers, feeds); otherwise it is noted in
 * `out`, and the caller refuses (out->n).
 */
MUST_USE enum err two_keys_check(const struct ingest_env *env, struct store_wtxn *w,
				 const struct tag_change *c, bool undo, struct two_keys *out,
				 struct fail *f);
/* After the job has failed: keep the requests. Returns ERR_PERM, with a text that names them. */
MUST_USE enum err two_keys_ask(const struct ingest_env *env, const struct origin *o,
			       const struct two_keys *k, struct fail *f);
/* Inside a job that adds an event: keep the requests at once. */
MUST_USE enum err two_keys_put(struct store_wtxn *w, uint64_t user_id, const struct two_keys *k,
			       uint64_t *ids, struct fail *f);
/* Inside the job that does what was approved: is it still to be done, and by whom? Marks it done, with
   its audit record. */
MUST_USE enum err two_keys_approved(struct store_wtxn *w, uint64_t id, const struct approver *who,
				    struct arena *a, struct approval *out, struct fail *f);
