/*
 * txn.c - read transactions from a pool, the state of a write transaction, sticky puts.
 * A reset reader keeps its slot and its cursors; taking one costs a lock and a renewal. Every
 * write of the room passes db_put() or db_del(), nothing else changes the environment.
 */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

/* What a put outside the end of a tree is taken to dirty: a leaf and now and then a split. */
#define PAGE_DIRTIED 4096u
#define RECORD_MAX ((size_t)512 << 20)

enum err db_err(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return ERR_OK;
	case MDB_NOTFOUND:
		return ERR_NOENT;
	case MDB_KEYEXIST:
		return ERR_EXISTS;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_FULL;
	case MDB_READERS_FULL:
		return ERR_BUSY;
	case MDB_TXN_FULL:
		return ERR_LIMIT;
	case ENOMEM:
		return ERR_NOMEM;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
		return ERR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERR_VERSION;
	default:
		return ERR_STORE;
	}
}

enum err db_fail(struct fail *f, int rc, enum db db, const char *what)
{
	return fail(f, db_err(rc), "%s %s: %s", what, db < DB_COUNT ? db_rows[db].name : "store",
		    mdb_strerror(rc));
}

/* ---- readers ----------------------------------------------------------------------------- */

static void cursors_close(struct cursors *c)
{
	for (unsigned i = 0; i < DB_COUNT; i++) {
		if (c->c[i])
			mdb_cursor_close(c->c[i]);
		c->c[i] = NULL;
	}
	memset(c->live, 0, sizeof(c->live));
}

static void rtxn_free(struct store_rtxn *t)
{
	if (!t)
		return;
	if (t->txn)
		mdb_txn_abort(t->txn);
	if (t->cursors)
		cursors_close(t->cursors);
	free(t->cursors);
	free(t->iters);
	free(t);
}

static struct store_rtxn *rtxn_new(struct store *s)
{
	struct store_rtxn *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->s = s;
	t->cursors = calloc(1, sizeof(*t->cursors));
	t->iters = calloc(1, sizeof(struct store_el_iter *));
	if (!t->cursors || !t->iters) {
		rtxn_free(t);
		return NULL;
	}
	return t;
}

/* Count one more reader if there is a slot; the room itself may go beyond what callers may. */
static bool slot_take(struct store *s, bool own)
{
	bool ok;

	pthread_mutex_lock(&s->pool_lock);
	ok = own || s->n_readers < s->opts.readers;
	if (ok)
		s->n_readers++;
	pthread_mutex_unlock(&s->pool_lock);
	return ok;
}

static void slot_give(struct store *s)
{
	pthread_mutex_lock(&s->pool_lock);
	s->n_readers--;
	pthread_mutex_unlock(&s->pool_lock);
}

static struct store_rtxn *pool_take(struct store *s)
{
	struct store_rtxn *t;

	pthread_mutex_lock(&s->pool_lock);
	t = s->pool;
	if (t)
		s->pool = t->next;
	pthread_mutex_unlock(&s->pool_lock);
	return t;
}

static enum err read_begin(struct store *s, bool own, struct store_rtxn **out, struct fail *f)
{
	struct store_rtxn *t = pool_take(s);
	int rc;

	*out = NULL;
	if (t) {
		rc = mdb_txn_renew(t->txn);
	} else {
		if (!slot_take(s, own))
			return fail(f, ERR_BUSY, "%u readers already", s->opts.readers);
		t = rtxn_new(s);
		rc = t ? mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->txn) : ENOMEM;
	}
	if (rc) {
		rtxn_free(t);
		slot_give(s);
		return db_fail(f, rc, DB_COUNT, "begin reading");
	}
	*out = t;
	return ERR_OK;
}

enum err store_read(struct store *s, struct store_rtxn **out, struct fail *f)
{
	return read_begin(s, false, out, f);
}

enum err rtxn_own(struct store *s, struct store_rtxn **out, struct fail *f)
{
	return read_begin(s, true, out, f);
}

void store_read_end(struct store_rtxn *t)
{
	struct store *s;

	if (!t)
		return;
	s = t->s;
	iters_detach(t->iters);
	memset(t->cursors->live, 0, sizeof(t->cursors->live));
	mdb_txn_reset(t->txn);
	pthread_mutex_lock(&s->pool_lock);
	t->next = s->pool;
	s->pool = t;
	pthread_mutex_unlock(&s->pool_lock);
}

uint64_t store_version(const struct store *s)
{
	MDB_envinfo info;

	return mdb_env_info(s->env, &info) == 0 ? info.me_last_txnid : 0;
}

uint64_t store_read_version(const struct store_rtxn *t)
{
	return mdb_txn_id(t->txn);
}

void rtxn_pool_free(struct store *s)
{
	while (s->pool) {
		struct store_rtxn *t = s->pool;

		s->pool = t->next;
		rtxn_free(t);
	}
}

MDB_cursor *db_cursor(const struct store_rtxn *t, enum db db)
{
	struct cursors *c = t->cursors;

	if (c->live[db])
		return c->c[db];
	if (c->c[db]) {
		if (mdb_cursor_renew(t->txn, c->c[db]))
			return NULL;
	} else if (mdb_cursor_open(t->txn, t->s->dbi[db], &c->c[db])) {
		c->c[db] = NULL;
		return NULL;
	}
	c->live[db] = true;
	return c->c[db];
}

enum err db_get(const struct store_rtxn *t, enum db db, MDB_val key, MDB_val *val)
{
	if (!key.mv_size || key.mv_size > KEY_MAX_BYTES)
		return ERR_NOENT;
	return db_err(mdb_get(t->txn, t->s->dbi[db], &key, val));
}

enum err db_get_near(const struct store_rtxn *t, enum db db, MDB_val key, MDB_val *val)
{
	MDB_cursor *c = t->writing ? NULL : db_cursor(t, db);
	if (!c)
		return db_get(t, db, key, val);
	return db_err(mdb_cursor_get(c, &key, val, MDB_SET));
}

/* ---- the writer's transaction -------------------------------------------------------------- */

/* Pages in use, free ones taken off, reach the quota? Only counted when the file is that big. */
static bool quota_reached(struct store *s)
{
	struct store_rtxn *t;
	MDB_envinfo info;
	MDB_cursor *c;
	MDB_val k, v;
	uint64_t used, unused = 0;

	if (!s->opts.quota || mdb_env_info(s->env, &info))
		return false;
	used = (info.me_last_pgno + 1) * (uint64_t)s->page_size;
	if (used < s->opts.quota)
		return false;
	if (rtxn_own(s, &t, NULL) != ERR_OK)
		return true;
	if (mdb_cursor_open(t->txn, 0, &c) == 0) {
		while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0 && v.mv_size >= sizeof(size_t)) {
			size_t n;

			memcpy(&n, v.mv_data, sizeof(n));
			unused += (uint64_t)n * s->page_size;
		}
		mdb_cursor_close(c);
	}
	store_read_end(t);
	return used - MIN(used, unused) >= s->opts.quota;
}

enum err wtxn_open(struct store *s, struct store_wtxn *w, struct fail *f)
{
	bool quota_full = quota_reached(s);
	int rc;

	w->s = s;
	rc = mdb_txn_begin(s->env, NULL, 0, &w->txn);
	if (rc)
		return db_fail(f, rc, DB_COUNT, "begin writing");
	w->view = (struct store_rtxn){.s = s, .txn = w->txn, .cursors = &w->cursors,
				      .iters = &w->iters, .writing = true};
	memset(&w->cursors, 0, sizeof(w->cursors));
	memset(&w->tails, 0, sizeof(w->tails));
	memset(w->tail, 0, sizeof(w->tail));
	memcpy(w->ids, s->ids, sizeof(w->ids));
	w->err = ERR_OK;
	w->wrote = w->dropped = false;
	w->quota_full = quota_full;
	w->dirty = 0;
	w->n_changes = 0;
	if (!w->rec.max)
		buf_init(&w->rec, RECORD_MAX);
	if (!w->old.max)
		buf_init(&w->old, RECORD_MAX);
	return ERR_OK;
}

static void wtxn_end(struct store_wtxn *w)
{
	iters_detach(&w->iters);
	cursors_close(&w->cursors);
	cursors_close(&w->tails);
}

void wtxn_abort(struct store_wtxn *w)
{
	wtxn_end(w);
	mdb_txn_abort(w->txn);
	w->txn = NULL;
}

enum err wtxn_commit(struct store_wtxn *w, struct fail *f)
{
	struct store *s = w->s;
	int rc;

	if (w->err == ERR_OK)
		w->err = meta_keep_ids(w);
	if (w->err != ERR_OK) {
		wtxn_abort(w);
		return fail(f, w->err, "%s", w->fail.text);
	}
	wtxn_end(w);
	rc = mdb_txn_commit(w->txn);
	w->txn = NULL;
	if (rc)
		return db_fail(f, rc, DB_COUNT, "commit");
	memcpy(s->ids, w->ids, sizeof(s->ids));
	atomic_store(&s->seq, w->ids[ID_SEQ]);
	if (w->dropped)
		atomic_store(&s->drops, true);
	return ERR_OK;
}

void wtxn_free(struct store_wtxn *w)
{
	buf_free(&w->rec);
	buf_free(&w->old);
	free(w->changes);
}

const struct store_rtxn *store_view(struct store_wtxn *w)
{
	return &w->view;
}

struct store *store_of(struct store_wtxn *w)
{
	return w->s;
}

bool store_txn_full(const struct store_wtxn *w)
{
	return w->dirty + w->n_changes * sizeof(struct change) >= (size_t)16 << 20;
}

uint64_t wtxn_next_id(struct store_wtxn *w, unsigned id, bool gap)
{
	uint64_t step = 1;

	if (gap) {
		if (!w->rnd_left) {
			random_bytes(w->rnd, sizeof(w->rnd));
			w->rnd_left = sizeof(w->rnd);
		}
		step += w->rnd[--w->rnd_left] & 7;
	}
	w->ids[id] += step;
	w->wrote = true; /* whoever has a number may have told the hooks of it */
	return w->ids[id];
}

/* ---- sticky writing ------------------------------------------------------------------------ */

static enum err stick(struct store_wtxn *w, int rc, enum db db, const char *what, struct fail *f)
{
	w->err = db_fail(&w->fail, rc, db, what);
	return fail(f, w->err, "%s", w->fail.text);
}

static bool ascending(enum db db)
{
	return db <= DB_T_EVENT || (db >= DB_EL_ATTR && db <= DB_CHANGES);
}

/*
 * Appending has a cursor of its own: LMDB trusts a cursor that stood at the end, which only holds
 * while nothing else moves in that tree. Any other change closes it.
 */
static MDB_cursor *tail_cursor(struct store_wtxn *w, enum db db)
{
	MDB_cursor **c = &w->tails.c[db];

	if (!*c && mdb_cursor_open(w->txn, w->s->dbi[db], c))
		*c = NULL;
	return *c;
}

static void tail_forget(struct store_wtxn *w, enum db db)
{
	if (w->tails.c[db])
		mdb_cursor_close(w->tails.c[db]);
	w->tails.c[db] = NULL;
}

/* Does the key come behind every other? Such a put fills pages instead of splitting them. */
static bool is_behind(struct store_wtxn *w, enum db db, const MDB_val *key)
{
	MDB_cursor *c;
	MDB_val k, v;

	if (!ascending(db) || key->mv_size > EL_KEY_BYTES)
		return false;
	if (!w->tail[db].n) {
		c = tail_cursor(w, db);
		if (!c)
			return false;
		memset(w->tail[db].key, 0, sizeof(w->tail[db].key));
		if (mdb_cursor_get(c, &k, &v, MDB_LAST) == 0 && k.mv_size == key->mv_size)
			memcpy(w->tail[db].key, k.mv_data, k.mv_size);
		w->tail[db].n = (uint16_t)key->mv_size;
	}
	if (memcmp(key->mv_data, w->tail[db].key, key->mv_size) <= 0)
		return false;
	memcpy(w->tail[db].key, key->mv_data, key->mv_size);
	return true;
}

/* Little, and without it nothing could be deleted where there is no room. */
static bool tells_of_deletions(enum db db)
{
	return db == DB_CHANGES || db == DB_AUDIT || db == DB_AUDIT_INDEX;
}

enum err db_put(struct store_wtxn *w, enum db db, MDB_val key, MDB_val val, struct fail *f)
{
	MDB_cursor *c;
	bool behind;
	int rc;

	if (w->err != ERR_OK)
		return fail(f, w->err, "%s", w->fail.text);
	if (BUG(!key.mv_size || key.mv_size > KEY_MAX_BYTES))
		return fail(f, ERR_BUG, "key of %zu bytes", key.mv_size);
	if (w->quota_full && !tells_of_deletions(db))
		return stick(w, MDB_MAP_FULL, db, "quota reached, write", f);
	w->wrote = true;
	behind = is_behind(w, db, &key);
	if (!behind)
		tail_forget(w, db);
	c = behind ? tail_cursor(w, db) : db_cursor(&w->view, db);
	if (!c)
		return stick(w, ENOMEM, db, "cursor", f);
	rc = mdb_cursor_put(c, &key, &val, behind ? MDB_APPEND : 0);
	if (rc)
		return stick(w, rc, db, "write", f);
	w->dirty += key.mv_size + val.mv_size + 10;
	if (!behind)
		w->dirty += PAGE_DIRTIED;
	return ERR_OK;
}

enum err db_del(struct store_wtxn *w, enum db db, MDB_val key, MDB_val *val, struct fail *f)
{
	int rc;

	if (w->err != ERR_OK)
		return fail(f, w->err, "%s", w->fail.text);
	if (BUG(!key.mv_size || key.mv_size > KEY_MAX_BYTES))
		return fail(f, ERR_BUG, "key of %zu bytes", key.mv_size);
	tail_forget(w, db);
	rc = mdb_del(w->txn, w->s->dbi[db], &key, val);
	if (rc == MDB_NOTFOUND)
		return ERR_NOENT;
	w->wrote = true;
	w->tail[db].n = 0;
	if (rc)
		return stick(w, rc, db, "delete", f);
	w->dirty += 256;
	return ERR_OK;
}
