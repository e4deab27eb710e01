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
	return wtxn_next_id(w, ID_EL + (unsigned)k, w->s->gaps && (k == EL_ATTR || k == EL_OBJECT));
}

uint64_t store_new_body(struct store_wtxn *w)
{
	return wtxn_next_id(w, ID_BODY, false);
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
	return db_put(w, db_of_element(k), VAL(bytes, EL_KEY_BYTES), VAL(w->rec.p, w->rec.n), f);
}

enum err store_el_del(struct store_wtxn *w, enum element_kind k, struct el_key key, struct fail *f)
{
	uint8_t bytes[EL_KEY_BYTES];

	if (BUG(k >= EL_STORED))
		return fail(f, ERR_BUG, "kind %d has no elements", (int)k);
	el_key_put(bytes, key);
	return db_del(w, db_of_element(k), VAL(bytes, EL_KEY_BYTES), NULL, f);
}
