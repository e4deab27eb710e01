/*
 * rows.h - the rows of the index as search/ reads them.
 *
 * A row never changes but for its death: an edited attribute gets a new row and its old one dies.
 * Deaths carry a generation, so a view is a consistent picture: rows below its bound that had not
 * died by its generation. Events keep their place and change in it; who needs the exact state of
 * an event reads it from the store.
 */
#pragma once

#include <roaring/roaring.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "index/index.h"
#include "index/table.h"

#define IX_NONE UINT32_MAX

/* The parts of a row that scans do not touch. */
struct ix_row {
	struct uuid uuid;
	uint64_t id;
	uint64_t text; /* offset of the folded parts in the text, each ended by IX_END */
	uint32_t object; /* object id, 0: none */
	uint32_t prev[2]; /* the row before with the same part 1, 2: IX_PART + 1, 0: none */
	uint32_t ev_prev; /* the row before of the same event + 1, 0: none */
};
#define IX_END '\xff' /* not in UTF-8 text */
/* What value chains link: a row and which part of its value. */
#define IX_PART(row, part) ((row) << 1 | (part))

enum ix_flag {
	IX_TO_IDS = 1,
	IX_DELETED = 2, /* soft-deleted */
	IX_PAIR = 4, /* has a second part */
	IX_COMMENTED = 8, /* has a comment */
	IX_TAGGED = 16,
	IX_DIST_SHIFT = 5, /* three bits of distribution */
};

/* Seconds as columns keep them: clamped to 32 bits without sign. */
static inline uint32_t ix_time(int64_t t)
{
	return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

enum ix_event_flag { IX_PUBLISHED = 1, IX_PROTECTED = 2 };

/* An event; members are read and written with relaxed atomics. */
struct ix_event {
	struct uuid uuid; /* fixed */
	uint64_t id; /* fixed */
	atomic_uint_fast64_t body;
	_Atomic uint32_t timestamp, publish_timestamp, date, orgc, org, sg, attributes;
	_Atomic uint32_t died; /* generation, 0: lives */
	_Atomic uint32_t last_row, last_el; /* + 1, 0: none */
	_Atomic uint32_t rows; /* live ones */
	_Atomic uint32_t els;
	_Atomic uint8_t published /* enum ix_event_flag */, threat, analysis, distribution;
};
#define IX_GET(member) atomic_load_explicit(&(member), memory_order_relaxed)

/* What is not an attribute and not an event: objects, references, reports, proposals, sightings. */
struct ix_el {
	struct uuid uuid;
	uint64_t id, parent;
	uint32_t event; /* place of its event */
	uint32_t ev_prev; /* + 1 */
	_Atomic uint32_t died;
	uint8_t kind; /* enum element_kind */
};

/* A consistent picture. Pointers are good until index_view_end(). */
struct ix_view {
	struct index *ix;
	unsigned ticket;
	uint32_t rows, gen, events, els;
	/* columns by row */
	const uint32_t *event; /* place of the event, see `ev` */
	const uint16_t *type;
	const uint8_t *category, *flags;
	const uint32_t *time;
	const _Atomic uint32_t *died;
	const struct ix_row *row;
	const char *text;
	uint64_t text_end; /* where the text of the rows ends */
	const struct ix_event *ev;
	const struct ix_el *el;
};

/* Cheap; a view of seconds keeps at most replaced tables mapped. */
void index_view_begin(struct index *ix, struct ix_view *v);
void index_view_end(struct ix_view *v);

static inline bool view_dead(uint32_t died, uint32_t gen)
{
	return died != 0 && died <= gen;
}
static inline bool view_event_live(const struct ix_view *v, uint32_t place)
{
	return !view_dead(IX_GET(v->ev[place].died), v->gen);
}
/* Neither the row nor its event has died. */
static inline bool view_live(const struct ix_view *v, uint32_t row)
{
	return !view_dead(IX_GET(v->died[row]), v->gen) && view_event_live(v, v->event[row]);
}
/*
 * What the rows [n * IX_ZONE_ROWS, (n + 1) * IX_ZONE_ROWS) have, dead ones too; the first question makes
 * it. False: the view does not have all of them.
 */
#define IX_ZONE_ROWS 8192u
struct ix_zone {
	uint64_t id_min, id_max;
	uint32_t time_min, time_max;
	bool sorted; /* ids ascend */
};
bool view_zone(const struct ix_view *v, uint32_t n, struct ix_zone *out);
/* Columns of events are as a snapshot has them if this is the same, and not 0, before and after they are
   read: what of the change log they hold is just what `t` shows, and no change is being applied. */
uint64_t view_steady(const struct ix_view *v, const struct store_rtxn *t);
/* The folded parts of a row; part 2 is absent when there is none. */
void view_parts(const struct ix_view *v, uint32_t row, struct str *one, struct str *two);

/* Fold a value as the text is folded: into `room` (2 * n bytes) unless it is so already. */
struct str index_fold(struct str value, char *room);
/*
 * Rows (IX_PART(row, part)) that hold the folded value, newest first, dead ones too: begin with
 * view_value(), go on with view_value_next(); IX_NONE at the end.
 */
uint32_t view_value(const struct ix_view *v, struct str folded);
uint32_t view_value_next(const struct ix_view *v, uint32_t part);
/* Might some value with this folded form be there? False: certainly not. For bulk checks. */
bool view_value_maybe(const struct ix_view *v, struct str folded);
/* Bulk look-up of `n` folded values: out[i] as view_value() gives it. */
void view_values(const struct ix_view *v, const struct str *folded, size_t n, uint32_t *out);

/* Places and rows by id or UUID; IX_NONE when there is none that lives. */
uint32_t view_event_of(const struct ix_view *v, uint64_t event_id);
uint32_t view_row_of(const struct ix_view *v, uint64_t attr_id);
uint32_t view_row_of_uuid(const struct ix_view *v, struct uuid u);
uint32_t view_event_of_uuid(const struct ix_view *v, struct uuid u);
uint32_t view_el_of(const struct ix_view *v, enum element_kind k, uint64_t id);

/*
 * Add to `out` the rows tagged with `tag_id` (exact for rows that live), or the places of events
 * (those and some that were tagged before: the event's record decides).
 */
void view_tag_rows(const struct ix_view *v, uint64_t tag_id, roaring_bitmap_t *out);
void view_tag_events(const struct ix_view *v, uint64_t tag_id, roaring_bitmap_t *out);
