/*
 * eye.h - what one audience sees of the rows of the index, remembered by event (inside node/search
 * only). The gate is asked once for an event of a snapshot, and for each attribute that is looked at.
 */
#pragma once

#include "index/rows.h"
#include "search/search.h"

struct eye {
	struct ix_view v;
	const struct store_rtxn *t;
	const struct search_visible *vis; /* NULL: everything */
	uint64_t seq; /* of the snapshot that `known` is of */
	uint8_t *known; /* by place: bits of enum eye_known */
	uint32_t n_known;
	struct arena *event_arena, *attr_arena;
	uint32_t place; /* of `event`; IX_NONE: none is at hand */
	/* what eye_row() saw, until the next call */
	struct misp_event event;
	struct misp_attr attr;
	struct misp_object object;
	bool in_object;
	uint64_t read; /* records of attributes that were read */
};
enum eye_known { EYE_ASKED = 1, EYE_SEEN = 2, EYE_NO_CORRELATION = 4 };

/* Look at one snapshot: between open and shut. `fresh` is set when it is another than before. */
MUST_USE enum err eye_open(struct eye *e, struct index *ix, const struct store_rtxn *t, bool *fresh);
void eye_shut(struct eye *e);
/* Free what was remembered. */
void eye_free(struct eye *e);

/* What is known of the event at `place` (asks when nothing is): bits of enum eye_known. */
MUST_USE enum err eye_event(struct eye *e, uint32_t place, uint8_t *known);
/* May the audience see the attribute of a row, and its event? Then e->event, attr and object hold them. */
MUST_USE enum err eye_row(struct eye *e, uint32_t row, bool *yes);
