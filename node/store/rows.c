/*
 * rows.c - tables of numbered rows and their secondary keys.
 * A put compares the keys of the stored row with those of the new one and changes only what
 * differs; uniqueness is decided before the first byte is written.
 */
#include "store/internal.h"

#include "base/log.h"

#define OLD_ROW_MAX ((size_t)64 << 20)

static enum err row_unpack(enum store_table tab, MDB_val v, struct arena *a, void *row)
{
	return unpack_entity((struct str){v.mv_data, v.mv_size}, table_rows[tab].desc, a, row);
}

enum err store_get(const struct store_rtxn *t, enum store_table tab, uint64_t id, struct arena *a,
		   void *row)
{
	uint8_t key[8];
	MDB_val v;

	be64_put(key, id);
	TRY(db_get_near(t, db_of_table(tab), VAL(key, 8), &v));
	return row_unpack(tab, v, a, row);
}

enum err store_find(const struct store_rtxn *t, enum store_index ix, struct str key, uint64_t *id)
{
	struct dbkey k;
	MDB_val v;

	*id = 0;
	key_normal(ix, key, &k);
	TRY(db_get(t, db_of_index(ix), VAL(k.b, k.n), &v));
	if (v.mv_size != 8)
		return ERR_CORRUPT;
	*id = be64_get(v.mv_data);
	return ERR_OK;
}

enum err index_next(const struct store_rtxn *t, enum store_index ix, const struct dbkey *key,
		    uint64_t *id)
{
	MDB_cursor *c = db_cursor(t, db_of_index(ix));
	uint8_t from[8];
	MDB_val k, v;

	if (!c)
		return ERR_NOMEM;
	if (!key->n)
		return ERR_NOENT;
	be64_put(from, *id + 1);
	k = VAL(key->b, key->n);
	v = VAL(from, 8);
	TRY(db_err(mdb_cursor_get(c, &k, &v, MDB_GET_BOTH_RANGE)));
	if (v.mv_size != 8)
		return ERR_CORRUPT;
	*id = be64_get(v.mv_data);
	return ERR_OK;
}

enum err store_find_next(const struct store_rtxn *t, enum store_index ix, struct str key,
			 uint64_t *id)
{
	uint64_t found;
	struct dbkey k;

	if (*id == UINT64_MAX)
		return ERR_NOENT;
	if (index_rows[ix].unique) {
		TRY(store_find(t, ix, key, &found));
		if (found <= *id)
			return ERR_NOENT;
		*id = found;
		return ERR_OK;
	}
	key_normal(ix, key, &k);
	return index_next(t, ix, &k, id);
}

/* Take what the cursor stands at. */
static enum err row_take(enum store_table tab, MDB_val k, MDB_val v, uint64_t *id, struct arena *a,
			 void *row)
{
	if (k.mv_size != 8)
		return ERR_CORRUPT;
	*id = be64_get(k.mv_data);
	return row ? row_unpack(tab, v, a, row) : ERR_OK;
}

enum err store_next(const struct store_rtxn *t, enum store_table tab, uint64_t *id, struct arena *a,
		    void *row)
{
	MDB_cursor *c = db_cursor(t, db_of_table(tab));
	uint8_t key[8];
	MDB_val k, v;

	if (!c)
		return ERR_NOMEM;
	if (*id == UINT64_MAX)
		return ERR_NOENT;
	be64_put(key, *id + 1);
	k = VAL(key, 8);
	TRY(db_err(mdb_cursor_get(c, &k, &v, MDB_SET_RANGE)));
	return row_take(tab, k, v, id, a, row);
}

enum err store_prev(const struct store_rtxn *t, enum store_table tab, uint64_t *id, struct arena *a,
		    void *row)
{
	MDB_cursor *c = db_cursor(t, db_of_table(tab));
	uint8_t key[8];
	MDB_val k, v;
	int rc;

	if (!c)
		return ERR_NOMEM;
	be64_put(key, *id);
	k = VAL(key, 8);
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	if (rc && rc != MDB_NOTFOUND)
		return db_err(rc);
	rc = mdb_cursor_get(c, &k, &v, rc ? MDB_LAST : MDB_PREV);
	/* UINT64_MAX means "from the end", so a row of that number would be its own predecessor */
	TRY(db_err(rc));
	return row_take(tab, k, v, id, a, row);
}

uint64_t store_count(const struct store_rtxn *t, enum store_table tab)
{
	MDB_stat st;

	return mdb_stat(t->txn, t->s->dbi[db_of_table(tab)], &st) ? 0 : st.ms_entries;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Rows that may be hidden from somebody who sees others of the table. */
static const bool has_gaps[STORE_TABLE_COUNT] = {[T_EVENT] = true, [T_TAG] = true, [T_SG] = true,
						 [T_CLUSTER] = true, [T_ANALYST] = true, [T_ORG] = true};

uint64_t store_new_row_id(struct store_wtxn *w, enum store_table tab)
{
	/* the host organisation is 1, as with MISP */
	return wtxn_next_id(w, ID_ROW + tab,
			    w->s->gaps && has_gaps[tab] && (tab != T_ORG || w->ids[ID_ROW + T_ORG]));
}

/* The stored row, its bytes copied so that later puts cannot move them. ERR_NOENT: none. */
static enum err old_row(struct store_wtxn *w, enum store_table tab, const uint8_t key[8], void *row)
{
	MDB_val v;

	TRY(db_get(&w->view, db_of_table(tab), VAL(key, 8), &v));
	buf_clear(&w->old);
	buf_add(&w->old, v.mv_data, v.mv_size);
	TRY(buf_err(&w->old));
	return unpack_entity(buf_str(&w->old), table_rows[tab].desc, NULL, row);
}

union any_row {
#define X(tab, sname, name, since) struct sname row_##sname;
	STORE_TABLES(X)
#undef X
};

static enum err key_taken(struct store_wtxn *w, enum store_index ix, const struct dbkey *k,
			  uint64_t id, struct fail *f)
{
	MDB_val v;
	enum err e;

	if (!index_rows[ix].unique || !k->n)
		return ERR_OK;
	e = db_get(&w->view, db_of_index(ix), VAL(k->b, k->n), &v);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	if (v.mv_size == 8 && be64_get(v.mv_data) == id)
		return ERR_OK;
	return fail(f, ERR_EXISTS, "%s of row %llu belongs to row %llu", index_rows[ix].name,
		    (unsigned long long)id,
		    v.mv_size == 8 ? (unsigned long long)be64_get(v.mv_data) : 0);
}

static enum err key_move(struct store_wtxn *w, enum store_index ix, const struct dbkey *was,
			 const struct dbkey *is, const uint8_t id[8], struct fail *f)
{
	MDB_val v = VAL(id, 8);

	if (was->n == is->n && memcmp(was->b, is->b, is->n) == 0)
		return ERR_OK;
	if (was->n) {
		enum err e = db_del(w, db_of_index(ix), VAL(was->b, was->n),
				    index_rows[ix].unique ? NULL : &v, f);
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return is->n ? db_put(w, db_of_index(ix), VAL(is->b, is->n), VAL(id, 8), f) : ERR_OK;
}

#define EACH_INDEX_OF(ix, tab)                                                                     \
	for (enum store_index ix = 0; ix < STORE_INDEX_COUNT; ix++)                                \
		if (index_rows[ix].table == (tab))

static enum err row_put(struct store_wtxn *w, enum store_table tab, uint64_t id, const void *row,
			struct fail *f)
{
	struct dbkey was, is;
	union any_row old;
	uint8_t key[8];
	bool had;
	enum err e;

	if (w->err != ERR_OK)
		return fail(f, w->err, "%s", w->fail.text);
	if (BUG(!id))
		return fail(f, ERR_BUG, "row 0 of %s", table_rows[tab].name);
	be64_put(key, id);
	e = old_row(w, tab, key, &old);
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "row %llu of %s", (unsigned long long)id, table_rows[tab].name);
	had = e == ERR_OK;
	EACH_INDEX_OF(ix, tab) {
		index_rows[ix].make(row, &is);
		TRY(key_taken(w, ix, &is, id, f));
	}
	buf_clear(&w->rec);
	pack_entity(&w->rec, table_rows[tab].desc, row, PACK_STORE);
	if (buf_err(&w->rec))
		return fail(f, buf_err(&w->rec), "row of %s", table_rows[tab].name);
	EACH_INDEX_OF(ix, tab) {
		was.n = 0;
		if (had)
			index_rows[ix].make(&old, &was);
		index_rows[ix].make(row, &is);
		TRY(key_move(w, ix, &was, &is, key, f));
	}
	if (w->ids[ID_ROW + tab] < id)
		w->ids[ID_ROW + tab] = id; /* stock rows come with their number */
	return db_put(w, db_of_table(tab), VAL(key, 8), VAL(w->rec.p, w->rec.n), f);
}

static enum err row_del(struct store_wtxn *w, enum store_table tab, uint64_t id, union any_row *old,
			struct fail *f)
{
	const struct dbkey none = {.n = 0};
	struct dbkey was;
	uint8_t key[8];

	if (w->err != ERR_OK)
		return fail(f, w->err, "%s", w->fail.text);
	be64_put(key, id);
	TRY(old_row(w, tab, key, old));
	EACH_INDEX_OF(ix, tab) {
		index_rows[ix].make(old, &was);
		TRY(key_move(w, ix, &was, &none, key, f));
	}
	return db_del(w, db_of_table(tab), VAL(key, 8), NULL, f);
}

enum err store_put(struct store_wtxn *w, enum store_table tab, uint64_t id, const void *row,
		   struct fail *f)
{
	if (BUG(tab == T_EVENT))
		return fail(f, ERR_BUG, "events want the gate's proof");
	return row_put(w, tab, id, row, f);
}

enum err store_del(struct store_wtxn *w, enum store_table tab, uint64_t id, struct fail *f)
{
	union any_row old;

	if (BUG(tab == T_EVENT))
		return fail(f, ERR_BUG, "events are deleted by store_event_del");
	return row_del(w, tab, id, &old, f);
}

enum err store_event_put(struct store_wtxn *w, const struct admitted *adm,
			 const struct misp_event *e, struct fail *f)
{
	if (BUG(!adm))
		return fail(f, ERR_BUG, "an event without the gate's proof");
	return row_put(w, T_EVENT, e->id, e, f);
}

enum err store_event_del(struct store_wtxn *w, uint64_t id, struct fail *f)
{
	union any_row old;

	TRY(row_del(w, T_EVENT, id, &old, f));
	return old.row_misp_event.body ? store_body_drop(w, old.row_misp_event.body, f) : ERR_OK;
}
