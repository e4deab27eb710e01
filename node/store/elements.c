/*
 * elements.c - what hangs below an event: one tree per kind, keyed (body, parent, id).
 * A reader's iterator steps with a cursor of its own; inside a job it seeks anew for every step,
 * so that the job may write and delete while it iterates.
 */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

struct store_el_iter {
	const struct store_rtxn *t; /* NULL: the transaction has ended */
	MDB_cursor *c;
	enum element_kind kind;
	struct el_key at; /* where to begin, then the last one given out */
	bool one_parent, begun;
	struct store_el_iter *next, **link;
};

static enum err el_unpack(enum element_kind k, MDB_val v, struct arena *a, void *row)
{
	return unpack_entity((struct str){v.mv_data, v.mv_size}, element_desc(k), a, row);
}

enum err store_el_get(const struct store_rtxn *t, enum element_kind k, struct el_key key,
		      struct arena *a, void *row)
{
	uint8_t bytes[EL_KEY_BYTES];
	MDB_val v;

	if (k >= EL_STORED)
		return ERR_NOENT;
	el_key_put(bytes, key);
	TRY(db_get(t, db_of_element(k), VAL(bytes, EL_KEY_BYTES), &v));
	return el_unpack(k, v, a, row);
}

enum err store_el_iter_new(const struct store_rtxn *t, enum element_kind k, struct el_key from,
			   bool one_parent, struct store_el_iter **out)
{
	struct store_el_iter *it;

	*out = NULL;
	if (BUG(k >= EL_STORED))
		return ERR_BUG;
	it = calloc(1, sizeof(*it));
	if (!it)
		return ERR_NOMEM;
	if (!t->writing && mdb_cursor_open(t->txn, t->s->dbi[db_of_element(k)], &it->c)) {
		free(it);
		return ERR_NOMEM;
	}
	it->t = t;
	it->kind = k;
	it->at = from;
	it->one_parent = one_parent;
	it->next = *t->iters;
	it->link = t->iters;
	if (it->next)
		it->next->link = &it->next;
	*t->iters = it;
	*out = it;
	return ERR_OK;
}

static void iter_unlink(struct store_el_iter *it)
{
	if (!it->t)
		return;
	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	if (it->c)
		mdb_cursor_close(it->c);
	it->c = NULL;
	it->t = NULL;
}

/* Where the search goes on behind `k`; false when nothing can come. */
static bool key_after(struct el_key *k)
{
	if (++k->id || ++k->parent)
		return true;
	return ++k->body != 0;
}

static int iter_step(struct store_el_iter *it, MDB_val *k, MDB_val *v)
{
	uint8_t bytes[EL_KEY_BYTES];
	struct el_key from = it->at;
	MDB_cursor *c = it->c;

	if (it->begun && !it->t->writing)
		return mdb_cursor_get(c, k, v, MDB_NEXT);
	if (it->begun && !key_after(&from))
		return MDB_NOTFOUND;
	if (it->t->writing)
		c = db_cursor(it->t, db_of_element(it->kind));
	if (!c)
		return ENOMEM;
	it->begun = true;
	el_key_put(bytes, from);
	*k = VAL(bytes, EL_KEY_BYTES);
	return mdb_cursor_get(c, k, v, MDB_SET_RANGE);
}

enum err store_el_iter_next(struct store_el_iter *it, struct arena *a, struct el_key *key,
			    void *row)
{
	struct el_key found;
	MDB_val k, v;

	if (!it->t)
		return ERR_NOENT;
	TRY(db_err(iter_step(it, &k, &v)));
	if (k.mv_size != EL_KEY_BYTES)
		return ERR_CORRUPT;
	found = el_key_get(k.mv_data);
	if (found.body != it->at.body || (it->one_parent && found.parent != it->at.parent)) {
		iter_unlink(it); /* at the end also when asked again */
		return ERR_NOENT;
	}
	it->at = found;
	if (key)
		*key = found;
	return row ? el_unpack(it->kind, v, a, row) : ERR_OK;
}

enum err store_el_iter_get(struct store_el_iter *it, struct el_key key, struct arena *a, void *row)
{
	uint8_t bytes[EL_KEY_BYTES];
	MDB_val k, v;

	if (!it->t)
		return ERR_NOENT;
	if (it->t->writing)
		return store_el_get(it->t, it->kind, key, a, row);
	el_key_put(bytes, key);
	k = VAL(bytes, EL_KEY_BYTES);
	TRY(db_err(mdb_cursor_get(it->c, &k, &v, MDB_SET)));
	it->at = key;
	it->begun = true;
	return el_unpack(it->kind, v, a, row);
}

void store_el_iter_free(struct store_el_iter *it)
{
	if (!it)
		return;
	iter_unlink(it);
	free(it);
}

void iters_detach(struct store_el_iter **list)
{
	while (*list)
		iter_unlink(*list);
}

/* ---- writing ------------------------------------------------------------------------------- */

uint64_t store_new_el_id(struct store_wtxn *w, enum element_kind k)
{
	return wtxn_next_id(w, ID_EL + (unsigned)k, w->s->gaps);
}

uint64_t store_new_body(struct store_wtxn *w)
{
	return wtxn_next_id(w, ID_BODY, false);
}

/* ---- what was before ----------------------------------------------------------------------- */

void store_keep_before(struct store *s)
{
	atomic_store(&s->keep_before, true);
}

void store_before_key(enum element_kind k, struct el_key key, uint8_t *out)
{
	be64_put(out, key.body);
	out[8] = (uint8_t)k;
	be64_put(out + 9, key.parent);
	be64_put(out + 17, key.id);
}

enum err store_before_unpack(enum element_kind k, struct str value, struct arena *a, void *row)
{
	return el_unpack(k, (MDB_val){value.n, (void *)(uintptr_t)value.p}, a, row);
}

enum err store_el_raw(const struct store_rtxn *t, enum element_kind k, struct el_key key,
		      struct str *out)
{
	uint8_t bytes[EL_KEY_BYTES];
	MDB_val v;

	*out = STR_NONE;
	el_key_put(bytes, key);
	TRY(db_get(t, db_of_element(k), VAL(bytes, EL_KEY_BYTES), &v));
	*out = (struct str){v.mv_data, v.mv_size};
	return ERR_OK;
}

enum err store_before_done(struct store_wtxn *w, enum element_kind k, struct el_key key,
			   struct str seen, struct fail *f)
{
	uint8_t at[STORE_BEFORE_KEY];
	struct str now = STR_NONE;
	enum err e = store_el_raw(&w->view, k, key, &now);

	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "an element after its change");
	store_before_key(k, key, at);
	if (seen.p && !(now.p && str_eq(now, seen)))
		return db_put(w, DB_BEFORE, VAL(at, sizeof(at)), VAL(seen.p, seen.n), f);
	e = db_del(w, DB_BEFORE, VAL(at, sizeof(at)), NULL, f);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err keep_before(struct store_wtxn *w, enum element_kind k, struct el_key key,
			    struct fail *f)
{
	uint8_t bytes[EL_KEY_BYTES], to[STORE_BEFORE_KEY];
	MDB_val v, had;
	enum err e;

	if (!atomic_load_explicit(&w->s->keep_before, memory_order_relaxed) ||
	    (k != EL_ATTR && k != EL_OBJECT && k != EL_REPORT) ||
	    key.id > w->s->ids[ID_EL + (unsigned)k])
		return ERR_OK;
	el_key_put(bytes, key);
	e = db_get(&w->view, db_of_element(k), VAL(bytes, EL_KEY_BYTES), &v);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : fail(f, e, "an element before its change");
	store_before_key(k, key, to);
	if (db_get(&w->view, DB_BEFORE, VAL(to, sizeof(to)), &had) == ERR_OK)
		return ERR_OK;
	/* a write may move what has been lent */
	buf_clear(&w->old);
	buf_add(&w->old, v.mv_data, v.mv_size);
	if (buf_err(&w->old))
		return fail(f, buf_err(&w->old), "record of an element");
	return db_put(w, DB_BEFORE, VAL(to, sizeof(to)), VAL(w->old.p, w->old.n), f);
}

enum err store_el_put(struct store_wtxn *w, const struct admitted *adm, enum element_kind k,
		      struct el_key key, const void *row, struct fail *f)
{
	uint8_t bytes[EL_KEY_BYTES];

	if (BUG(!adm || k >= EL_STORED || !key.body || !key.id))
		return fail(f, ERR_BUG, "element without proof, kind, body or id");
	el_key_put(bytes, key);
	buf_clear(&w->rec);
	pack_entity(&w->rec, element_desc(k), row, PACK_STORE);
	if (buf_err(&w->rec))
		return fail(f, buf_err(&w->rec), "record of an element");
	TRY(keep_before(w, k, key, f)); /* packed by now: a row may be lent */
	return db_put(w, db_of_element(k), VAL(bytes, EL_KEY_BYTES), VAL(w->rec.p, w->rec.n), f);
}

enum err store_el_del(struct store_wtxn *w, enum element_kind k, struct el_key key, struct fail *f)
{
	uint8_t bytes[EL_KEY_BYTES];

	if (BUG(k >= EL_STORED))
		return fail(f, ERR_BUG, "kind %d has no elements", (int)k);
	TRY(keep_before(w, k, key, f));
	el_key_put(bytes, key);
	return db_del(w, db_of_element(k), VAL(bytes, EL_KEY_BYTES), NULL, f);
}
