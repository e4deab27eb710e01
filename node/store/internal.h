/*
 * internal.h - what the files of store/ share. The only header that shows LMDB; nobody outside
 * this room may include it.
 *
 * Writing goes through db_put() and db_del(), which are sticky: after the first storage error of
 * a group they do nothing and return that error, and the group is not committed.
 */
#pragma once

#include <lmdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/hash.h"
#include "model/pack.h"
#include "store/store.h"

#define ROOM "store"
#define STORE_FORMAT 4u

enum db {
#define DB(name, disk, flags, key, value, since) DB_##name,
#include "store/dbi.inc"
#undef DB
	DB_COUNT
};
#define EL_STORED EL_CLUSTER /* kinds below it have a database */

static inline enum db db_of_table(enum store_table t)
{
	return (enum db)((unsigned)DB_T_ORG + (unsigned)t);
}
static inline enum db db_of_index(enum store_index ix)
{
	return (enum db)((unsigned)DB_IX_ORG_UUID + (unsigned)ix);
}
static inline enum db db_of_element(enum element_kind k)
{
	return (enum db)((unsigned)DB_EL_ATTR + (unsigned)k);
}

struct db_row {
	const char *name;
	unsigned flags;
	const char *key, *value;
	unsigned since;
};
extern const struct db_row db_rows[DB_COUNT];

/* What a table is made of, and a secondary key. */
struct table_row {
	const char *name;
	const struct entity_desc *desc;
	size_t size;
};
extern const struct table_row table_rows[STORE_TABLE_COUNT];

#define KEY_MAX_BYTES 511 /* LMDB's limit */
struct dbkey {
	size_t n; /* 0: this row has no such key */
	uint8_t b[KEY_MAX_BYTES];
};
struct index_row {
	const char *name;
	enum store_table table;
	bool unique, lower;
	void (*make)(const void *row, struct dbkey *out);
};
extern const struct index_row index_rows[STORE_INDEX_COUNT];
/* Key as it stands in the database: folded if the index does that, cut if it is too long. */
void key_normal(enum store_index ix, struct str raw, struct dbkey *out);

/* Big-endian numbers. */
static inline void be64_put(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
}
static inline uint64_t be64_get(const void *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}
#define EL_KEY_BYTES 24
static inline void el_key_put(uint8_t out[EL_KEY_BYTES], struct el_key k)
{
	be64_put(out, k.body);
	be64_put(out + 8, k.parent);
	be64_put(out + 16, k.id);
}
static inline struct el_key el_key_get(const void *p)
{
	const uint8_t *b = p;

	return (struct el_key){be64_get(b), be64_get(b + 8), be64_get(b + 16)};
}
#define VAL(ptr, len) ((MDB_val){(len), (void *)(uintptr_t)(ptr)})

/* The last numbers given out; one slot each for tables, kinds, bodies and the log. */
enum {
	ID_ROW = 0,
	ID_EL = STORE_TABLE_COUNT,
	ID_BODY = ID_EL + EL_STORED,
	ID_SEQ,
	ID_COUNT,
};

struct writer;

struct store {
	char *dir;
	struct store_opts opts;
	int lock_fd;
	MDB_env *env;
	MDB_dbi dbi[DB_COUNT];
	unsigned page_size;
	struct uuid node;
	uint64_t seed;
	bool gaps;
	uint64_t ids[ID_COUNT]; /* as committed; writer thread only */

	pthread_mutex_t pool_lock;
	struct store_rtxn *pool;
	unsigned n_readers; /* slots taken, pooled ones too */

	struct writer *writer;
	struct store_hooks hooks;
	bool has_hooks;
	struct {
		store_listen_fn fn;
		void *user;
	} listeners[8];
	atomic_uint n_listeners;
	atomic_uint_fast64_t commits, jobs, seq;
	atomic_bool drops; /* bodies wait to be deleted */
	atomic_bool keep_before;

	pthread_mutex_t blob_lock; /* sweep against put */
	pthread_mutex_t care_lock; /* one of check, backup at a time */
};

/* Cursors that a transaction keeps open; `live`: valid in the current snapshot. */
struct cursors {
	MDB_cursor *c[DB_COUNT];
	bool live[DB_COUNT];
};

struct store_rtxn {
	struct store *s;
	MDB_txn *txn;
	struct cursors *cursors;
	struct store_el_iter **iters; /* those not freed yet */
	bool writing; /* view of a write transaction */
	struct store_rtxn *next; /* in the pool */
};

struct store_wtxn {
	struct store_rtxn view;
	struct cursors cursors, tails;
	struct store_el_iter *iters;
	struct store *s;
	MDB_txn *txn;
	enum err err; /* the first storage error */
	struct fail fail;
	bool wrote; /* the running job has written */
	bool quota_full;
	bool dropped; /* a body was queued for deletion */
	size_t dirty; /* estimate of the dirty pages, bytes */
	uint64_t ids[ID_COUNT];
	uint8_t rnd[256];
	unsigned rnd_left;
	struct buf rec, old;
	struct {
		uint16_t n; /* 0: not looked up; the last key of the database, or more */
		uint8_t key[EL_KEY_BYTES];
	} tail[DB_COUNT];
	struct change *changes;
	size_t n_changes, cap_changes;
};

/* txn.c */
enum err db_err(int rc);
/* Map rc, keep the words in f. */
enum err db_fail(struct fail *f, int rc, enum db db, const char *what);
enum err db_get(const struct store_rtxn *t, enum db db, MDB_val key, MDB_val *val);
/* The same, quick where the last key asked for was a neighbour: a reader's cursor stays where it is. */
enum err db_get_near(const struct store_rtxn *t, enum db db, MDB_val key, MDB_val *val);
/* The transaction's own cursor of a database; NULL when out of memory. */
MDB_cursor *db_cursor(const struct store_rtxn *t, enum db db);
MUST_USE enum err db_put(struct store_wtxn *w, enum db db, MDB_val key, MDB_val val, struct fail *f);
/* Delete a key, or with `val` one duplicate. ERR_NOENT when it is not there (not sticky). */
MUST_USE enum err db_del(struct store_wtxn *w, enum db db, MDB_val key, MDB_val *val,
			 struct fail *f);
/* As store_read(), from the few slots that callers cannot take up. */
enum err rtxn_own(struct store *s, struct store_rtxn **out, struct fail *f);
void rtxn_pool_free(struct store *s);
enum err wtxn_open(struct store *s, struct store_wtxn *w, struct fail *f);
/* Keep ids, commit. The transaction is gone afterwards, whatever is returned. */
enum err wtxn_commit(struct store_wtxn *w, struct fail *f);
void wtxn_abort(struct store_wtxn *w);
void wtxn_free(struct store_wtxn *w); /* memory only */
void iters_detach(struct store_el_iter **list);
/* A next number of slot `id`, with a gap when wanted. */
uint64_t wtxn_next_id(struct store_wtxn *w, unsigned id, bool gap);
/* Delete up to `max` elements of the first body in the drop queue. */
enum err drop_step(struct store_wtxn *w, unsigned max, struct fail *f);
/* At open: stages become drops. */
enum err stages_recover(struct store_wtxn *w, uint64_t *n, struct fail *f);
enum err change_unpack(MDB_val key, MDB_val val, struct change *out);

/* rows.c: next id above *id under a key of a dup index as it stands in the database. */
enum err index_next(const struct store_rtxn *t, enum store_index ix, const struct dbkey *key,
		    uint64_t *id);

/* meta.c */
/* The last numbers given out, as the snapshot has them. */
void meta_ids(const struct store *s, MDB_txn *txn, uint64_t ids[ID_COUNT]);
enum err meta_create(struct store *s, MDB_txn *txn, struct fail *f);
enum err meta_load(struct store *s, MDB_txn *txn, uint32_t *format, struct fail *f);
enum err meta_keep_ids(struct store_wtxn *w);
/* migrate.c */
enum err store_migrate(struct store *s, MDB_txn *txn, uint32_t from, struct fail *f);

/* writer.c */
enum err writer_start(struct store *s, struct fail *f);
void writer_stop(struct store *s);
uint64_t writer_queue(struct store *s);

/* blob.c */
enum err blob_each(const char *dir,
		   enum err (*fn)(void *user, const char *path, const uint8_t digest[32]),
		   void *user, struct fail *f);
void blob_path(const char *dir, const uint8_t digest[32], char *out, size_t n);
enum err blob_write(const char *dir, struct str bytes, const uint8_t digest[32], struct fail *f);
/* fs.c */
enum err fs_sync_dir(const char *path, struct fail *f);
enum err fs_make_dir(const char *path, struct fail *f);
enum err fs_write_all(int fd, const void *p, size_t n);
enum err fs_copy_synced(const char *from, const char *to, struct sha256 *digest, uint64_t *size,
			struct fail *f);
enum err fs_digest(const char *path, struct sha256 *digest, uint64_t *size, struct fail *f);
bool fs_dir_empty(const char *path);
