/*
 * stage.c - bodies that no event names yet, and bodies that none names any more.
 * A stage is written down before its first element; what is still written down when the store is
 * opened was left by a crash. Deletion is in steps, by the writer when it has nothing better to
 * do; the queue is on disk.
 */
#include "store/internal.h"

#include "base/clock.h"

static MDB_val body_key(uint8_t out[8], uint64_t body)
{
	be64_put(out, body);
	return VAL(out, 8);
}

enum err store_stage_new(struct store_wtxn *w, uint64_t *body, struct fail *f)
{
	uint8_t key[8], when[8];

	*body = store_new_body(w);
	be64_put(when, (uint64_t)clock_now());
	return db_put(w, DB_STAGES, body_key(key, *body), VAL(when, 8), f);
}

enum err store_stage_release(struct store_wtxn *w, uint64_t body, struct fail *f)
{
	uint8_t key[8];
	enum err e = db_del(w, DB_STAGES, body_key(key, body), NULL, f);

	if (e == ERR_NOENT)
		return fail(f, e, "body %llu is not a stage", (unsigned long long)body);
	return e;
}

enum err store_body_drop(struct store_wtxn *w, uint64_t body, struct fail *f)
{
	uint8_t key[8];
	enum err e = db_del(w, DB_STAGES, body_key(key, body), NULL, f);
	bool full = w->quota_full;

	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	w->quota_full = false; /* giving room back is never refused for want of room */
	e = db_put(w, DB_DROPS, body_key(key, body), VAL("", 0), f);
	w->quota_full = full;
	w->dropped = true;
	return e;
}

enum err stages_recover(struct store_wtxn *w, uint64_t *n, struct fail *f)
{
	MDB_cursor *c;
	MDB_val k, v;

	*n = 0;
	for (;;) {
		c = db_cursor(&w->view, DB_STAGES);
		if (!c)
			return fail(f, ERR_NOMEM, "cursor");
		if (mdb_cursor_get(c, &k, &v, MDB_FIRST) || k.mv_size != 8)
			break;
		TRY(store_body_drop(w, be64_get(k.mv_data), f));
		++*n;
	}
	c = db_cursor(&w->view, DB_DROPS);
	w->dropped = c && mdb_cursor_get(c, &k, &v, MDB_FIRST) == 0;
	return ERR_OK;
}

/* Delete up to *left elements of a kind; *left stays above 0 when there are no more. */
static enum err drop_kind(struct store_wtxn *w, enum element_kind kind, uint64_t body,
			  unsigned *left, struct fail *f)
{
	enum db db = db_of_element(kind);

	for (; *left; --*left) {
		uint8_t from[EL_KEY_BYTES];
		MDB_cursor *c = db_cursor(&w->view, db);
		MDB_val k = VAL(from, EL_KEY_BYTES), v;
		int rc;

		if (!c)
			return fail(f, ERR_NOMEM, "cursor");
		el_key_put(from, (struct el_key){.body = body});
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
		if (rc == MDB_NOTFOUND)
			return ERR_OK;
		if (rc)
			return db_fail(f, rc, db, "drop");
		if (k.mv_size != EL_KEY_BYTES || be64_get(k.mv_data) != body)
			return ERR_OK;
		memcpy(from, k.mv_data, EL_KEY_BYTES);
		TRY(db_del(w, db, VAL(from, EL_KEY_BYTES), NULL, f));
	}
	return ERR_OK;
}

enum err drop_step(struct store_wtxn *w, unsigned max, struct fail *f)
{
	unsigned left = max;
	uint64_t body;
	uint8_t key[8];
	MDB_cursor *c = db_cursor(&w->view, DB_DROPS);
	MDB_val k, v;
	int rc;

	if (!c)
		return fail(f, ERR_NOMEM, "cursor");
	rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	if (rc == MDB_NOTFOUND)
		return ERR_NOENT;
	if (rc || k.mv_size != 8)
		return db_fail(f, rc ? rc : MDB_CORRUPTED, DB_DROPS, "drop");
	body = be64_get(k.mv_data);
	for (enum element_kind kind = 0; kind < EL_STORED && left; kind++)
		TRY(drop_kind(w, kind, body, &left, f));
	return left ? db_del(w, DB_DROPS, body_key(key, body), NULL, f) : ERR_OK;
}
