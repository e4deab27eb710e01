/*
 * notes.h - what a pass leaves for the next one about single events of a peer: refused, failed, held
 * (notes.inc). In the store, so that a restart forgets nothing; each note bounded.
 */
#pragma once

#include "base/err.h"
#include "base/uuid.h"
#include "store/store.h"

#define NOTE_TEXT_MAX 256

enum note_kind {
#define NOTE(kind, name, doc) NOTE_##kind,
#include "sync/notes.inc"
#undef NOTE
	NOTE_KIND_COUNT
};
const char *note_name(enum note_kind k);

struct note {
	int64_t timestamp; /* of the event there (pull) or here (push); 0: unknown */
	int64_t time; /* when it was noted */
	uint64_t tries; /* in a row */
	char text[NOTE_TEXT_MAX]; /* why, in plain words */
};

/* Is it time for another try? At once after the first failure, then at growing distances up to six
   hours, so that what fails for ever costs little. */
bool note_due(const struct note *n, int64_t now);
/* ERR_NOENT when there is none. */
MUST_USE enum err note_get(const struct store_rtxn *t, uint64_t peer_id, enum note_kind k,
			   struct uuid u, struct note *out);
/* Inside a job. NULL takes the note away (also when there is none). */
MUST_USE enum err note_put(struct store_wtxn *w, uint64_t peer_id, enum note_kind k, struct uuid u,
			   const struct note *n, struct fail *f);
/*
 * All notes of a kind: begin with *u nil, then call with the last one. ERR_NOENT at the end. The cost
 * is one look-up each.
 */
MUST_USE enum err note_next(const struct store_rtxn *t, uint64_t peer_id, enum note_kind k,
			    struct uuid *u, struct note *out);

/* What became of one event, in one job of its own: each kind that is not NOTE_KIND_COUNT is set
   (`n`) or taken away (NULL). A failure is logged: a note is no reason to fail. */
struct note_change {
	enum note_kind kind;
	const struct note *n;
};
void notes_write(struct store *s, uint64_t peer_id, struct uuid u, const struct note_change *v,
		 size_t n);
