/*
 * index.h - derived indexes over what the store holds, mapped from files, rebuildable.
 *
 * One row per attribute: flat columns (event, object, id, type, category, flags, timestamp, value
 * hash), a value table (hash -> rows), a UUID table (UUID -> kind, id, event), a contiguous arena
 * of folded values for substring scans, bitmaps per tag and organisation, a block Bloom filter.
 * The writer applies each committed group before its jobs complete; files belong to a sequence
 * number, are checked at open and rebuilt from the store when missing, torn or stale.
 * Readers take a snapshot (an upper row bound); deleted rows are flagged, never moved.
 */
#pragma once

#include "base/err.h"
#include "model/misp.h"
#include "store/store.h"

struct index;

/* Open the files in `dir`/index, catch up with the store or rebuild, and hook into its writer. */
MUST_USE enum err index_open(struct store *s, store_progress_fn progress, void *user,
			     struct index **out, struct fail *f);
/* Write a clean mark and unmap. */
void index_close(struct index *ix);

/* False after an update was lost (a full disk): answers would not be complete, and the index is
   built anew at the next start. */
bool index_sound(const struct index *ix);

/* What a UUID belongs to. kind is CHANGE_TABLE(T_EVENT) or CHANGE_EL(..). */
struct index_uuid {
	uint8_t kind;
	uint64_t id, event_id, parent;
};
/* ERR_NOENT when unknown. From a job on the writer thread, pending ones of its group are seen. */
MUST_USE enum err index_uuid_find(struct index *ix, struct uuid u, struct index_uuid *out);
/* Writer thread only: the UUID is going to be asked for; lets its memory come meanwhile. */
void index_uuid_expect(struct index *ix, struct uuid u);
/* Writer thread only: this UUID is being given to an element in the running group. */
MUST_USE enum err index_uuid_pending(struct index *ix, struct uuid u, const struct index_uuid *w);

/* Attribute or object by local id: where it is. */
MUST_USE enum err index_attr_find(struct index *ix, uint64_t attr_id, uint64_t *event_id,
				  uint64_t *object_id);
MUST_USE enum err index_object_find(struct index *ix, uint64_t object_id, uint64_t *event_id);
/* Other elements by id (references, reports, proposals, sightings): event and parent. */
MUST_USE enum err index_el_find(struct index *ix, enum element_kind k, uint64_t id,
				uint64_t *event_id, uint64_t *parent);

/*
 * What carries a tag: fn gets each live attribute that has it (soft-deleted ones left out), with its
 * event and object (0: none), or with `events` and both 0 each event that has or once had it (the event's record
 * decides). fn returning false stops.
 */
typedef bool (*index_tagged_fn)(void *user, uint64_t event_id, uint64_t object_id,
				uint64_t attr_id);
MUST_USE enum err index_tagged(struct index *ix, uint64_t tag_id, bool events, index_tagged_fn fn,
			       void *user);

/*
 * The change up to which searches find everything. A commit is in the store before it is here: who reads the
 * change log and then searches goes no further than this, asked before the log is read.
 */
uint64_t index_seq(const struct index *ix);

/* Rows (for search/): see index/rows.h. */
struct index_stats {
	uint64_t rows, live, values, uuids, bytes, seq, rebuilds;
};
void index_stats(struct index *ix, struct index_stats *out);
/* Verify against the store (tocsin check). */
MUST_USE enum err index_check(struct index *ix, void (*tell)(void *user, const char *problem),
			      void *user, struct fail *f);
