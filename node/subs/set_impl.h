/*
 * set_impl.h - the databases of a set and what its files share. Inside node/subs/set*.c only.
 *
 *   who      key | event            -> run (8), record       contributions
 *   event    event                  -> key ...               what an event contributes (duplicates)
 *   run      event                  -> run (8)               when it was put last
 *   age      time (8) | event | key -> -                     may be too old then; without a key: look again
 *   entry    key                    -> struct entry          what is known of an indicator
 *   shown    key                    -> record                what a consumer is shown
 *   rank     in/out | score | key   -> -                     where there is a budget
 *   twin     digest of text | key   -> -                     entries that would be written alike
 *   number   number (4)             -> key
 *   touched  key                    -> -                     to be settled before the commit
 *   log      serial (8) | n (4)     -> op, key length (2), key, record
 *   note     name                   -> text
 */
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "subs/set.h"

/* X(name, flags of LMDB) */
#define SET_DBS(X)                                                                                 \
	X(who, 0)                                                                                  \
	X(event, MDB_DUPSORT)                                                                      \
	X(run, 0)                                                                                  \
	X(age, 0)                                                                                  \
	X(entry, 0)                                                                                \
	X(shown, 0)                                                                                \
	X(rank, 0)                                                                                 \
	X(twin, 0)                                                                                 \
	X(number, 0)                                                                               \
	X(touched, 0)                                                                              \
	X(log, 0)                                                                                  \
	X(note, 0)

enum set_db {
#define X(name, flags) DB_##name,
	SET_DBS(X)
#undef X
		DB_COUNT
};

#define NETS 129

/* Kept as it is in the note "head". */
struct set_head {
	uint32_t magic, version;
	uint64_t serial, oldest, shown, eligible, in, events, run, log_n;
	int64_t changed;
	uint32_t pending; /* entries of the log under serial + 1 */
	uint8_t ready, refilling, hidden, unused;
	uint64_t refill_run; /* events that have not been put since this run are old */
	uint32_t nets[2][NETS]; /* entries of the budget by family and prefix length */
};
#define HEAD_MAGIC 0x53554253u
#define HEAD_VERSION 1

struct ind_set {
	MDB_env *env;
	MDB_dbi db[DB_COUNT];
	struct set_rules rules;
	bool budget, disjoint, twins, numbered, sourced;
	pthread_mutex_t lock; /* of `info` */
	struct set_info info;
};

enum entry_flag { ENTRY_IN = 1, ENTRY_FREE = 2, ENTRY_SHOWN = 4 };
/* Within the budget; not covered by another; written, and not by a twin. */
struct entry {
	uint8_t flags;
	uint32_t number;
	uint64_t score; /* the smaller the better */
	uint8_t text[16]; /* digest of what is written */
};

struct set_write {
	struct ind_set *set;
	MDB_txn *txn;
	struct set_head head;
	uint64_t touched;
	struct buf rec, item, other; /* a merged record, what is written of it, any other */
	struct sensor_run format;
};

struct set_read {
	struct ind_set *set;
	MDB_txn *txn;
	MDB_cursor *at;
	bool begun;
	struct set_head head;
};

static inline struct str val_str(MDB_val v)
{
	return (struct str){v.mv_data, v.mv_size};
}
static inline MDB_val key_val(const struct ind_key *k)
{
	return (MDB_val){k->n, (void *)(uintptr_t)k->b};
}
static inline void be_put(uint8_t *p, uint64_t v, unsigned n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}
static inline uint64_t be_get(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	while (n--)
		v = v << 8 | *p++;
	return v;
}

enum err set_err(int rc, struct fail *f);
struct set_info set_info_of(const struct set_head *h);

/* get: ERR_NOENT without a word. del: none is fine. */
MUST_USE enum err sdb_get(struct set_write *w, enum set_db d, MDB_val k, MDB_val *v, struct fail *f);
MUST_USE enum err sdb_put(struct set_write *w, enum set_db d, MDB_val k, MDB_val v, struct fail *f);
MUST_USE enum err sdb_del(struct set_write *w, enum set_db d, MDB_val k, struct fail *f);

/* set_merge.c: an indicator from its contributions; ERR_NOENT: there are none. Its texts live until the next
   write. */
MUST_USE enum err entry_merge(struct set_write *w, const struct ind_key *k, struct indicator *out,
			      struct fail *f);
/* Of two attributes the one that is shown; and what the other one says besides. */
bool indicator_is_newer(const struct indicator *a, const struct indicator *b);
void indicator_join(struct indicator *into, const struct indicator *other);
/* When it is too old; INT64_MAX: never. */
int64_t indicator_age_end(const struct set_rules *r, const struct indicator *i);

/* set_stage.c: bring what is shown of a key up to its contributions. */
MUST_USE enum err entry_settle(struct set_write *w, const struct ind_key *k, struct fail *f);

/* set_log.c */
MUST_USE enum err log_add(struct set_write *w, enum sensor_op op, const struct ind_key *k,
			  struct str record, struct fail *f);
MUST_USE enum err log_trim(struct set_write *w, struct fail *f);
