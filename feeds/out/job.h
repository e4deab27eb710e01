/*
 * job.h - a run over a feed folder, shared by plan.c (what is to be done), batch.c (one batch of
 * events) and feedout.c (the order of things). Inside feeds/out only.
 */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "feeds/out/feedout.h"
#include "feeds/out/files.h"
#include "feeds/out/lists.h"

#define BATCH 64
#define GROUP 1024 /* files that are brought to disk and into place together, at most */

struct changed {
	uint64_t id;
	struct uuid uuid; /* nil until known; then the name under which the event leaves */
};

struct changed_list {
	struct changed *v;
	size_t n, cap;
};

/* Files that are written and not in place yet, with the events they are of. */
struct group {
	struct outfile *file[GROUP];
	struct receipt *receipt[GROUP]; /* intended before they are in place */
	struct changed of[GROUP];
	size_t n;
};

/* What each thread that writes has for itself. */
struct lane {
	struct job *job;
	struct buf chunk;
	struct packer *packer;
	bool is_helper;
};

struct job {
	const struct feedout_opts *o;
	struct feedout_result *res;
	struct feedout_progress progress;
	int dirfd;
	char cursor[160]; /* key in the store */
	uint64_t from; /* its sequence number */
	bool has_cursor;
	struct lists lists;
	struct changed_list todo; /* of an update; sorted by id, each once */
	size_t at;
	bool all; /* every event, in the order of their numbers, not todo */
	uint64_t last_id;
	bool listed; /* has an event been seen that is in the feed? */
	struct lane lane[2]; /* the first is the run's own thread */
	struct helper *helper; /* NULL: one lane */
	struct group *group;
	struct changed_list urgent; /* changed while this run went on: what it read may be old */
	struct changed_list looked; /* what has been looked at, under its name; of urgent runs only */
	struct changed_list redone; /* looked at by urgent runs within this one */
};

/* What became of an event's file. */
struct made {
	struct outfile *file; /* has ended; NULL: the event left while it was written */
	struct receipt *receipt;
	struct sha256 digest;
	bool same; /* as the one that is there */
};

/* A batch: its events and what goes into the lists. */
struct batch {
	struct changed ev[BATCH];
	size_t n;
	struct buf text; /* manifest lines */
	struct buf hashes; /* a cut line of them */
	struct str line[BATCH]; /* of the manifest, absent: not in the feed */
	struct made made[BATCH];
	size_t first; /* its first entry in the lists */
};

bool job_cancelled(const struct job *j);
MUST_USE enum err changed_add(struct changed_list *l, struct changed c, struct fail *f);
bool changed_has_id(const struct changed_list *l, uint64_t id);
bool changed_has_name(const struct changed_list *l, struct uuid uuid);

/* ---- plan.c ---- */

/* Find the name of the cursor ("<seq> <events> <policy version>", for each audience and folder). */
void plan_cursor(struct job *j);
/* Note res->seq and res->events in the store. */
MUST_USE enum err plan_done(const struct job *j, uint64_t seq, struct fail *f);
/* Fill todo with what the change log names since the cursor, or decide on a full run. */
MUST_USE enum err plan_update(struct job *j, struct fail *f);
/* Fill todo with what cannot wait: changes of events that the folder has, and openings. */
MUST_USE enum err plan_urgent(struct job *j, struct fail *f);
/* The next events to look at, with their names. n 0: no more. */
MUST_USE enum err plan_next(struct job *j, struct changed *b, size_t *n, struct fail *f);

/* ---- batch.c ---- */

/* Ask for the manifest lines: a batch's event without one is not in the feed. */
MUST_USE enum err batch_lines(struct job *j, struct batch *b, struct fail *f);
/* Write the events' files, take away those of events that have left, note all for the lists. */
MUST_USE enum err batch_run(struct job *j, struct batch *b, struct fail *f);
/* Bring what is written to disk and into place. */
MUST_USE enum err group_place(struct job *j, struct fail *f);
void group_free(struct group *g);
void batch_free(struct batch *b);
void batch_remove(struct job *j, struct uuid u);

/* ---- lanes.c ---- */

/* Do task(lane, user, i) for each i below n, in any order, by both lanes if there are two. The first error
   ends it; tasks that have begun are waited for. */
typedef enum err (*lane_fn)(struct lane *l, void *user, size_t i, struct fail *f);
MUST_USE enum err lanes_each(struct job *j, size_t n, lane_fn task, void *user, struct fail *f);
/* A second lane, from here on. Without a thread for it there is one. */
void lanes_open(struct job *j);
void lanes_close(struct job *j);
/* Have the other lane stand still, at a piece of a file or between two; and let it go on. */
void lanes_hold(struct job *j);
void lanes_release(struct job *j);
/* The other lane asks here, often, whether it is to stand still. */
void lanes_pause(struct lane *l);

/* ---- sign.c ---- */

/* The signature of a file that has ended, as one of name `name` that has ended too. *out NULL: nobody
   signs. It may not be fsynced yet. */
MUST_USE enum err sign_file(struct job *j, const struct outfile *of, const char *name,
			    struct outfile **out, struct fail *f);
/* Have the manifests that are written from here on signed. */
void sign_lists(struct job *j, struct lists *l);

/* ---- feedout.c ---- */

/* Rest as the caller wants it, and do what has become urgent. `inside`: in the middle of a file. */
MUST_USE enum err job_rest(struct job *j, bool inside, struct fail *f);
