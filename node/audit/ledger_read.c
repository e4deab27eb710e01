/*
 * ledger_read.c - questions to the ledger: who was given what, leaves, roots, proofs. Reads only.
 */
#include "audit/ledger_impl.h"

#define KEY_ROOM 64

/* The first entry of a book whose key is >= `from` and begins with `prefix`. */
static enum err seek(const struct store_rtxn *t, enum store_book b, struct str prefix,
		     const struct lkey *from, struct buf *key, struct str *value)
{
	enum err e = store_book_get(t, b, lkey_str(from), value);
	buf_clear(key);
	buf_add(key, from->b, from->n);
	return e == ERR_NOENT ? store_book_next(t, b, prefix, key, value) : e;
}

/* ---- audiences ---- */

enum err ledger_audience_find(const struct store_rtxn *t, const struct ledger_audience *a,
			      uint32_t *number)
{
	struct ledger_audience cut = *a;
	struct str v;
	cut.name.n = MIN(cut.name.n, (size_t)LEAF_TEXT_MAX);
	struct lkey k = key_aud_name(&cut);
	TRY(store_book_get(t, BOOK_LEDGER_AUDIENCE, lkey_str(&k), &v));
	if (v.n != 4)
		return ERR_CORRUPT;
	*number = be32_of(v.p);
	return ERR_OK;
}

enum err ledger_audience_get(const struct store_rtxn *t, uint32_t number, struct ledger_known *out)
{
	struct lkey k = key_aud(number);
	struct str v;
	TRY(store_book_get(t, BOOK_LEDGER_AUDIENCE, lkey_str(&k), &v));
	out->number = number;
	return audience_unpack(v, &out->a);
}

enum err ledger_audience_next(const struct store_rtxn *t, uint32_t *number,
			      struct ledger_known *out)
{
	if (*number == AUDIENCE_NONE - 1)
		return ERR_NOENT;
	++*number; /* they are numbered without gaps */
	return ledger_audience_get(t, *number, out);
}

/* ---- what was given ---- */

enum err ledger_last(const struct store_rtxn *t, uint32_t audience, enum ledger_thing thing,
		     uint64_t id, struct ledger_given *out)
{
	struct lkey k = key_given(audience, thing, id);
	struct str v;
	TRY(store_book_get(t, BOOK_LEDGER_EVENT, lkey_str(&k), &v));
	TRY(given_unpack(v, thing, id, out));
	out->audience = audience;
	return ERR_OK;
}

enum err ledger_audiences_of(const struct store_rtxn *t, enum ledger_thing thing, struct uuid u,
			     ledger_given_fn each, void *user)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	struct lkey prefix = key_id(thing, u, 0);
	struct ledger_given g;
	struct ledger_known who;
	struct str v;
	enum err e;
	prefix.n = KEY_ID_PREFIX;
	while ((e = store_book_next(t, BOOK_LEDGER_EVENT, lkey_str(&prefix), &key, &v)) == ERR_OK) {
		if (key.n != KEY_ID_PREFIX + 8)
			return ERR_CORRUPT;
		uint64_t id = be64_of(key.p + KEY_ID_PREFIX);
		uint32_t number = AUDIENCE_NONE;
		while ((e = ledger_audience_next(t, &number, &who)) == ERR_OK) {
			e = ledger_last(t, number, thing, id, &g);
			if (e == ERR_NOENT)
				continue;
			TRY(e);
			TRY(each(user, &who, &g));
		}
		if (e != ERR_NOENT)
			return e;
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err ledger_given_next(const struct store_rtxn *t, uint32_t audience, struct ledger_given *g)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	struct lkey from = key_given(audience, g->sent.thing, g->sent.id + 1), prefix = from;
	struct str v;
	prefix.n = 5;
	TRY(seek(t, BOOK_LEDGER_EVENT, lkey_str(&prefix), &from, &key, &v));
	if (key.n != from.n)
		return ERR_CORRUPT;
	TRY(given_unpack(v, g->sent.thing, be64_of(key.p + 5), g));
	g->audience = audience;
	return ERR_OK;
}

/* ---- the log ---- */

enum err ledger_size(const struct store_rtxn *t, uint64_t *size)
{
	struct head h;
	TRY(head_get(t, &h));
	*size = h.tree.size;
	return ERR_OK;
}

enum err ledger_leaf_get(const struct store_rtxn *t, uint64_t seq, struct str *bytes)
{
	struct lkey k = key_leaf(seq);
	return store_book_get(t, BOOK_LEDGER, lkey_str(&k), bytes);
}

enum err ledger_closed_by(const struct store_rtxn *t, uint64_t first, uint64_t *seq)
{
	struct lkey k = key_closed(first);
	struct str v;
	TRY(store_book_get(t, BOOK_LEDGER_AUDIENCE, lkey_str(&k), &v));
	if (v.n != 8)
		return ERR_CORRUPT;
	*seq = be64_of(v.p);
	return ERR_OK;
}

enum err ledger_leaf_of(const struct store_rtxn *t, uint32_t audience, bool back, uint64_t *seq)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	struct lkey from = key_aud_leaf(audience, *seq), prefix = from;
	struct str v;
	prefix.n = 5;
	enum err e = store_book_get(t, BOOK_LEDGER_AUDIENCE, lkey_str(&from), &v);
	if (e != ERR_NOENT)
		return e;
	buf_add(&key, from.b, from.n);
	TRY(back ? store_book_prev(t, BOOK_LEDGER_AUDIENCE, lkey_str(&prefix), &key, &v)
		 : store_book_next(t, BOOK_LEDGER_AUDIENCE, lkey_str(&prefix), &key, &v));
	if (key.n != from.n)
		return ERR_CORRUPT;
	*seq = be64_of(key.p + 5);
	return ERR_OK;
}

/* ---- checkpoints ---- */

/* Nodes and checkpoints stand in one book: go on until one ends with the checkpoint's level. */
static bool is_checkpoint(const struct buf *key)
{
	return key->n == 9 && (uint8_t)key->p[8] == LEVEL_CHECKPOINT;
}

enum err ledger_checkpoint_at(const struct store_rtxn *t, uint64_t *size, struct str *text)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	struct head h;
	TRY(head_get(t, &h));
	if (!*size)
		*size = 1;
	if (h.signed_size < *size)
		return ERR_NOENT;
	struct lkey from = key_node(*size - 1, LEVEL_CHECKPOINT);
	enum err e = seek(t, BOOK_LEDGER_NODE, STR_NONE, &from, &key, text);
	while (e == ERR_OK && !is_checkpoint(&key))
		e = store_book_next(t, BOOK_LEDGER_NODE, STR_NONE, &key, text);
	if (e == ERR_OK)
		*size = be64_of(key.p) + 1;
	return e;
}

enum err ledger_checkpoint_last(const struct store_rtxn *t, uint64_t *size, struct str *text)
{
	struct head h;
	TRY(head_get(t, &h));
	*size = h.signed_size;
	if (!h.signed_size)
		return ERR_NOENT;
	struct lkey k = key_node(h.signed_size - 1, LEVEL_CHECKPOINT);
	return store_book_get(t, BOOK_LEDGER_NODE, lkey_str(&k), text);
}

/* ---- proofs ---- */

static enum err get_node(void *user, uint64_t last, unsigned level, struct sha256 *out)
{
	const struct store_rtxn *t = user;
	struct lkey k = key_node(last, level);
	struct str v;
	if (!level) {
		enum err e = ledger_leaf_get(t, last, &v);
		if (e == ERR_OK)
			*out = tree_leaf(v);
		return e == ERR_NOENT ? ERR_CORRUPT : e;
	}
	enum err e = store_book_get(t, BOOK_LEDGER_NODE, lkey_str(&k), &v);
	if (e != ERR_OK || v.n != 32)
		return e == ERR_OK || e == ERR_NOENT ? ERR_CORRUPT : e;
	memcpy(out->b, v.p, 32);
	return ERR_OK;
}

static enum err within(const struct store_rtxn *t, uint64_t size)
{
	uint64_t all;
	TRY(ledger_size(t, &all));
	return size > all ? ERR_NOENT : ERR_OK;
}

static void *reader(const struct store_rtxn *t)
{
	return (void *)(uintptr_t)t;
}

enum err ledger_root(const struct store_rtxn *t, uint64_t size, struct sha256 *out)
{
	TRY(within(t, size));
	return tree_root_at(size, get_node, reader(t), out);
}

enum err ledger_prove(const struct store_rtxn *t, uint64_t seq, uint64_t size,
		      struct tree_path *out)
{
	TRY(within(t, size));
	return tree_include(seq, size, get_node, reader(t), out);
}

enum err ledger_prove_growth(const struct store_rtxn *t, uint64_t from, uint64_t size,
			     struct tree_path *out)
{
	TRY(within(t, size));
	return tree_extend(from, size, get_node, reader(t), out);
}
