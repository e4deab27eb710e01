/*
 * books.c - keys and values whose meaning their owners alone know: named state, ledger, audit log,
 * quarantine and the like. Forwards and backwards in the order of the bytes of the key.
 */
#include "store/internal.h"

static enum db db_of_book(enum store_book b)
{
	return (enum db)((unsigned)DB_KV + (unsigned)b);
}

enum err store_book_get(const struct store_rtxn *t, enum store_book b, struct str key,
			struct str *value)
{
	MDB_val v;

	*value = STR_NONE;
	TRY(db_get(t, db_of_book(b), VAL(key.p, key.n), &v));
	*value = (struct str){v.mv_data, v.mv_size};
	return ERR_OK;
}

enum err store_book_put(struct store_wtxn *w, enum store_book b, struct str key, struct str value,
			struct fail *f)
{
	if (!key.n || key.n > KEY_MAX_BYTES)
		return fail(f, ERR_INVAL, "key of %zu bytes", key.n);
	return db_put(w, db_of_book(b), VAL(key.p, key.n), VAL(value.n ? value.p : "", value.n), f);
}

enum err store_book_del(struct store_wtxn *w, enum store_book b, struct str key, struct fail *f)
{
	if (!key.n || key.n > KEY_MAX_BYTES)
		return ERR_NOENT;
	return db_del(w, db_of_book(b), VAL(key.p, key.n), NULL, f);
}

static bool is_key(const MDB_val *k, const struct buf *key)
{
	return k->mv_size == key->n && memcmp(k->mv_data, key->p, key->n) == 0;
}

static enum err hand_out(int rc, const MDB_val *k, const MDB_val *v, struct str prefix,
			 struct buf *key, struct str *value)
{
	struct str found = {k->mv_data, k->mv_size};

	TRY(db_err(rc));
	if (!str_has_prefix(found, prefix))
		return ERR_NOENT;
	buf_clear(key);
	buf_add(key, found.p, found.n);
	*value = (struct str){v->mv_data, v->mv_size};
	return buf_err(key);
}

enum err store_book_next(const struct store_rtxn *t, enum store_book b, struct str prefix,
			 struct buf *key, struct str *value)
{
	MDB_cursor *c = db_cursor(t, db_of_book(b));
	MDB_val k = VAL("", 0), v = VAL("", 0);
	int rc;

	*value = STR_NONE;
	if (!c)
		return ERR_NOMEM;
	if (prefix.n > KEY_MAX_BYTES || key->n > KEY_MAX_BYTES)
		return ERR_NOENT;
	if (key->n || prefix.n) {
		k = key->n ? VAL(key->p, key->n) : VAL(prefix.p, prefix.n);
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	} else {
		rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	}
	if (!rc && key->n && is_key(&k, key))
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	return hand_out(rc, &k, &v, prefix, key, value);
}

/* The first key above all that begin with the prefix; false: there is none. */
static bool above(struct str prefix, uint8_t out[KEY_MAX_BYTES], size_t *n)
{
	memcpy(out, prefix.p, prefix.n);
	for (*n = prefix.n; *n; --*n)
		if (++out[*n - 1])
			return true;
	return false;
}

enum err store_book_prev(const struct store_rtxn *t, enum store_book b, struct str prefix,
			 struct buf *key, struct str *value)
{
	MDB_cursor *c = db_cursor(t, db_of_book(b));
	MDB_val k = VAL("", 0), v = VAL("", 0);
	uint8_t end[KEY_MAX_BYTES];
	size_t n;
	int rc = MDB_NOTFOUND;

	*value = STR_NONE;
	if (!c)
		return ERR_NOMEM;
	if (prefix.n > KEY_MAX_BYTES || key->n > KEY_MAX_BYTES)
		return ERR_NOENT;
	if (key->n || above(prefix, end, &n)) {
		k = key->n ? VAL(key->p, key->n) : VAL(end, n);
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
		if (!rc)
			rc = mdb_cursor_get(c, &k, &v, MDB_PREV);
		else if (rc == MDB_NOTFOUND)
			rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
	} else {
		rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
	}
	return hand_out(rc, &k, &v, prefix, key, value);
}

uint64_t store_book_count(const struct store_rtxn *t, enum store_book b)
{
	MDB_stat st;

	return mdb_stat(t->txn, t->s->dbi[db_of_book(b)], &st) == 0 ? st.ms_entries : 0;
}
