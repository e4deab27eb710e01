/*
 * internal.h - what the files of index/ share; nobody else includes it.
 *
 * One writer (the store's) changes things, in the order: columns, chains, tables, then the
 * snapshot word, which is what lets readers see new rows.
 */
#pragma once

#include <pthread.h>

#include "index/rows.h"

#define ROOM "index"

/* Columns by row, all of them files. X(member, element type, name) */
#define IX_COLUMNS(X)                                                                              \
	X(event, uint32_t, "event")                                                                \
	X(type, uint16_t, "type")                                                                  \
	X(category, uint8_t, "category")                                                           \
	X(flags, uint8_t, "flags")                                                                 \
	X(time, uint32_t, "time")                                                                  \
	X(died, _Atomic uint32_t, "died")                                                          \
	X(row, struct ix_row, "row")

/* The other files: X(member, element type, how many at most, name) */
#define IX_FILES(X)                                                                                \
	X(text, char, IX_TEXT_MAX, "text")                                                         \
	X(ev, struct ix_event, IX_EVENTS_MAX, "ev")                                                \
	X(el, struct ix_el, IX_ROWS_MAX, "el")

/* Sanitizers want shadow memory for reserved addresses too. */
#ifdef DEV_BUILD
#define IX_ROWS_MAX (UINT64_C(1) << 24)
#define IX_TEXT_MAX (UINT64_C(1) << 32)
#define IX_EVENTS_MAX (UINT64_C(1) << 22)
#else
#define IX_ROWS_MAX (UINT64_C(1) << 30)
#define IX_TEXT_MAX (UINT64_C(1) << 42)
#define IX_EVENTS_MAX (UINT64_C(1) << 28)
#endif

enum ix_file {
#define X(m, ...) IX_FILE_##m,
	IX_COLUMNS(X) IX_FILES(X)
#undef X
	IX_FILE_COUNT
};

/* What a reference in the UUID and id tables leads to: low two bits. */
enum ix_ref { REF_ROW, REF_EL, REF_EVENT };
#define IX_REF(n, kind) ((n) << 2 | (kind))

enum { TAB_VALUE, TAB_UUID, TAB_ID, TAB_COUNT };

/* Tag id -> rows and event places. Under `lock`: bitmaps are not made for concurrent readers. */
struct ix_tags {
	pthread_rwlock_t lock;
	struct ix_tag {
		roaring_bitmap_t *rows, *events;
	} *v;
	size_t n; /* tag ids below this have a place */
};

/* Split-block Bloom filter over the tags of the value table. */
struct ix_bloom {
	_Atomic(uint64_t *) block; /* 4 words each; word -1 holds their number */
	uint64_t room; /* entries it is meant for */
};

struct ix_made; /* zones.c */

struct ix_pending {
	struct uuid uuid;
	struct index_uuid what;
};

/* New entries wait here while their lines come from memory (bulk building only). */
#define IX_QUEUE 64
struct ix_queued {
	uint64_t hash;
	uint32_t ref;
	uint8_t table;
};

struct index {
	struct store *store;
	int dirfd;
	uint64_t seed;
	struct ix_map file[IX_FILE_COUNT];
	struct ix_table table[TAB_COUNT];
	struct ix_tags tags;
	struct ix_bloom bloom;
	struct ix_guard guard;
	/* gen << 32 | rows: what readers see */
	atomic_uint_fast64_t snap;
	_Atomic uint32_t events, els; /* published */
	struct ix_made *zones;
	atomic_uint_fast64_t turn; /* odd: changes are being applied */
	atomic_uint_fast64_t shown; /* readers see what changes up to here did */
	atomic_uint_fast64_t seq, live, rebuilds, values, uuids;
	atomic_bool broken; /* an update was lost: nothing is vouched for until a rebuild */

	/* writer only */
	uint32_t n_rows, n_events, n_els, gen;
	uint64_t text_used;
	bool killed; /* something died in this batch */
	bool bulk; /* elements that come are new, and nobody asks for them before index_flush() */
	struct builder *builder; /* everything is being built: entries go to its thread */
	struct ix_queued queue[IX_QUEUE];
	unsigned queued;
	struct arena *arena;
	char *room; /* for folding */
	size_t room_size;
	atomic_bool has_writer;
	pthread_t writer;
	struct ix_pending *pending; /* open addressing */
	size_t pending_n, pending_size;
};

#define COL(ix, m, type) ((type *)(ix)->file[IX_FILE_##m].p)

/* index.c */
/* Let readers see everything up to here. */
void index_publish(struct index *ix);

/* files.c */
MUST_USE enum err index_files_fresh(struct index *ix, uint64_t rows, uint64_t els,
				    struct fail *f);
/* ERR_NOENT or ERR_CORRUPT: nothing usable was found. */
MUST_USE enum err index_files_load(struct index *ix, struct fail *f);
MUST_USE enum err index_files_save(struct index *ix, struct fail *f);
void index_files_close(struct index *ix);
/* Room for one more. */
MUST_USE enum err index_rows_room(struct index *ix, size_t text, struct fail *f);
MUST_USE enum err index_events_room(struct index *ix, struct fail *f);
MUST_USE enum err index_els_room(struct index *ix, struct fail *f);

/* row.c: append, find, kill; apply.c calls them on the writer thread */
uint64_t index_hash_uuid(const struct index *ix, struct uuid u);
uint64_t index_hash_id(const struct index *ix, unsigned kind, uint64_t id);
uint64_t index_hash_value(const struct index *ix, struct str folded);
MUST_USE enum err index_row_put(struct index *ix, uint32_t place, const struct misp_attr *a,
				struct fail *f);
void index_row_kill(struct index *ix, uint32_t row);
MUST_USE enum err index_el_put(struct index *ix, uint32_t place, enum element_kind k,
			       uint64_t id, uint64_t parent, struct uuid uuid, struct fail *f);
void index_el_kill(struct index *ix, uint32_t slot);
MUST_USE enum err index_event_put(struct index *ix, const struct misp_event *e, uint32_t *place,
				  struct fail *f);
void index_event_kill(struct index *ix, uint32_t place);
/* The writer's own look at everything, published or not. */
void index_view_all(struct index *ix, struct ix_view *v);
/* Finish queued table entries. */
void index_flush(struct index *ix);
/* Enter one into its table; `v` needs only its pointers. */
void index_settle(struct index *ix, const struct ix_view *v, const struct ix_queued *q);

/* find.c */
#define ID_EVENT 200u
#define ID_KIND(k) ((unsigned)(k))
/* Reference by UUID or id, the newest; IX_NONE. */
uint32_t find_uuid(const struct ix_view *v, struct uuid u, struct ix_walk *w);
uint32_t find_id(const struct ix_view *v, unsigned kind, uint64_t id, struct ix_walk *w);
/* Newest IX_PART with this value; IX_NONE. */
uint32_t find_value(const struct ix_view *v, struct str folded, uint64_t hash,
		    struct ix_walk *w);

/* apply.c */
MUST_USE enum err index_apply(struct index *ix, const struct store_rtxn *t,
			      const struct change *c, size_t n, struct fail *f);
/* Bring an event's rows and elements in line with the store. */
MUST_USE enum err index_body_sync(struct index *ix, const struct store_rtxn *t,
				  const struct misp_event *e, uint32_t place, struct fail *f);

/* build.c */
struct builder;
/* A full batch is waited for; errors show when the builder ends. */
void builder_push(struct builder *b, const struct ix_queued *q);
MUST_USE enum err index_build(struct index *ix, const struct store_rtxn *t,
			      store_progress_fn progress, void *user, struct fail *f);

/* tags.c */
void tags_init(struct ix_tags *g);
void tags_free(struct ix_tags *g);
MUST_USE enum err tags_add(struct ix_tags *g, uint64_t tag_id, bool event, uint32_t n);
MUST_USE enum err tags_save(struct ix_tags *g, int dirfd, uint64_t *sum, struct fail *f);
MUST_USE enum err tags_load(struct ix_tags *g, int dirfd, uint64_t sum, struct fail *f);

/* bloom.c */
void bloom_add(struct index *ix, uint64_t hash);
/* Make it anew from the value table. */
/* False: no value has this hash. The other: memory for it may come meanwhile. */
bool bloom_maybe(const struct index *ix, uint64_t hash);
void bloom_prefetch(const struct index *ix, uint64_t hash);
void bloom_make(struct index *ix);
void bloom_free(struct ix_bloom *b);

/* pending.c */
void pending_clear(struct index *ix);

/* zones.c */
MUST_USE enum err zones_init(struct index *ix);
void zones_free(struct index *ix);
MUST_USE enum err pending_add(struct index *ix, struct uuid u, const struct index_uuid *w);
/* Memory for pending_find() may come meanwhile. */
void pending_expect(const struct index *ix, struct uuid u);
const struct ix_pending *pending_find(const struct index *ix, struct uuid u);
