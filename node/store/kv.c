/*
 * kv.c - named bytes for whoever needs a cursor or a little state on disk.
 * Names are at most 511 bytes; nothing here knows what they mean.
 */
#include "store/internal.h"

enum err store_kv_get(const struct store_rtxn *t, struct str key, struct str *value)
{
	MDB_val v;

	*value = STR_NONE;
	TRY(db_get(t, DB_KV, VAL(key.p, key.n), &v));
	*value = (struct str){v.mv_data, v.mv_size};
	return ERR_OK;
}

enum err store_kv_put(struct store_wtxn *w, struct str key, struct str value, struct fail *f)
{
	if (!key.n || key.n > KEY_MAX_BYTES)
		return fail(f, ERR_INVAL, "name of %zu bytes", key.n);
	return db_put(w, DB_KV, VAL(key.p, key.n), VAL(value.n ? value.p : "", value.n), f);
}

enum err store_kv_del(struct store_wtxn *w, struct str key, struct fail *f)
{
	if (!key.n || key.n > KEY_MAX_BYTES)
		return ERR_NOENT;
	return db_del(w, DB_KV, VAL(key.p, key.n), NULL, f);
}

enum err store_kv_next(const struct store_rtxn *t, struct str prefix, struct buf *key,
		       struct str *value)
{
	MDB_cursor *c = db_cursor(t, DB_KV);
	struct str found;
	MDB_val k, v;
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
	if (!rc && key->n && k.mv_size == key->n && memcmp(k.mv_data, key->p, key->n) == 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	TRY(db_err(rc));
	found = (struct str){k.mv_data, k.mv_size};
	if (!str_has_prefix(found, prefix))
		return ERR_NOENT;
	buf_clear(key);
	buf_add(key, found.p, found.n);
	*value = (struct str){v.mv_data, v.mv_size};
	return buf_err(key);
}
