/*
 * taxii_sent.c - see taxii_sent.h. Keys: "taxii/sent/", row and target as 16 hex digits, UUID -> note; the same with
 * generation and number of a piece -> lines. New ids are a new generation, so that a crash leaves the old ones.
 */
#include "sync/taxii_sent.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "taxii/sent/"
#define KEY_MAX 96
#define PIECE (16u << 10)
#define PIECES_AT_ONCE 64u /* in one job */
#define SWEEP_AT_ONCE 1000u

static struct str target_key(struct taxii_target to, char out[KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, PREFIX "%016llx/%016llx/", (unsigned long long)to.row,
			 (unsigned long long)to.where);
	return (struct str){out, (size_t)n};
}

static struct str note_key(struct taxii_target to, struct uuid u, char out[KEY_MAX])
{
	struct str k = target_key(to, out);
	memcpy(out + k.n, u.b, sizeof(u.b));
	return (struct str){out, k.n + sizeof(u.b)};
}

static struct str piece_key(struct taxii_target to, struct uuid u, uint8_t generation, uint32_t nth,
			    char out[KEY_MAX])
{
	struct str k = note_key(to, u, out);
	const uint8_t tail[5] = {generation, (uint8_t)(nth >> 24), (uint8_t)(nth >> 16), (uint8_t)(nth >> 8),
				 (uint8_t)nth};
	memcpy(out + k.n, tail, sizeof(tail));
	return (struct str){out, k.n + sizeof(tail)};
}

static enum err note_read(struct str v, struct taxii_sent *out)
{
	if (v.n != sizeof(*out))
		return ERR_CORRUPT;
	memcpy(out, v.p, sizeof(*out));
	return ERR_OK;
}

enum err taxii_sent_get(const struct store_rtxn *t, struct taxii_target to, struct uuid u,
			struct taxii_sent *out)
{
	char key[KEY_MAX];
	struct str v;
	TRY(store_kv_get(t, note_key(to, u, key), &v));
	return note_read(v, out);
}

enum err taxii_sent_next(const struct store_rtxn *t, struct taxii_target to, struct uuid *u,
			 struct taxii_sent *out)
{
	char prefix[KEY_MAX], last[KEY_MAX];
	OWN(buf) struct buf key = BUF(512);
	struct str p = target_key(to, prefix), v;
	if (!uuid_is_nil(*u)) { /* behind its pieces */
		buf_str_add(&key, note_key(to, *u, last));
		buf_add(&key, "\xff\xff\xff\xff\xff\xff", 6);
	}
	do
		TRY(store_kv_next(t, p, &key, &v));
	while (key.n != p.n + sizeof(u->b));
	memcpy(u->b, key.p + p.n, sizeof(u->b));
	return note_read(v, out);
}

enum err taxii_sent_ids(const struct store_rtxn *t, struct taxii_target to, struct uuid u,
			const struct taxii_sent *s, struct buf *out)
{
	char key[KEY_MAX];
	struct str v;
	for (uint32_t i = 0; i < s->pieces; i++) {
		TRY(store_kv_get(t, piece_key(to, u, s->generation, i, key), &v));
		buf_str_add(out, v);
	}
	return buf_err(out);
}

/* ---- writing ---- */

struct put {
	struct taxii_target to;
	struct uuid u;
	const struct taxii_sent *note; /* NULL: not yet */
	struct str ids;
	uint32_t from, to_nth; /* pieces */
	uint8_t generation;
};

static enum err pieces_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct put *p = arg;
	char key[KEY_MAX];
	for (uint32_t i = p->from; i < p->to_nth; i++)
		TRY(store_kv_put(w, piece_key(p->to, p->u, p->generation, i, key),
				 str_sub(p->ids, (size_t)i * PIECE, PIECE), f));
	if (!p->note)
		return ERR_OK;
	return store_kv_put(w, note_key(p->to, p->u, key),
			    (struct str){(const char *)p->note, sizeof(*p->note)}, f);
}

static enum err drop_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct put *p = arg;
	char key[KEY_MAX];
	for (uint32_t i = p->from; i < p->to_nth; i++) {
		enum err e = store_kv_del(w, piece_key(p->to, p->u, p->generation, i, key), f);
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return ERR_OK;
}

/* In jobs of a bounded size; the note goes with the last one. */
static enum err in_jobs(struct store *s, store_run_fn run, struct put *p, uint32_t pieces,
			const struct taxii_sent *note, struct fail *f)
{
	for (p->from = 0;; p->from = p->to_nth) {
		p->to_nth = MIN(p->from + PIECES_AT_ONCE, pieces);
		p->note = p->to_nth == pieces ? note : NULL;
		TRY(store_run(s, run, p, f));
		if (p->to_nth == pieces)
			return ERR_OK;
	}
}

enum err taxii_sent_put(struct store *s, struct taxii_target to, struct uuid u,
			struct taxii_sent *note, const struct buf *ids, struct fail *f)
{
	struct put p = {.to = to, .u = u, .generation = note->generation};
	uint32_t old = note->pieces;
	if (!ids)
		return in_jobs(s, pieces_run, &p, 0, note, f);
	p.ids = buf_str(ids);
	p.generation = ++note->generation;
	note->pieces = (uint32_t)((ids->n + PIECE - 1) / PIECE);
	TRY(in_jobs(s, pieces_run, &p, note->pieces, note, f));
	p.generation = (uint8_t)(note->generation - 1);
	return old ? in_jobs(s, drop_run, &p, old, NULL, f) : ERR_OK;
}

struct sweep {
	struct str prefix; /* all below it, but for what begins with `but` */
	struct str but;
	bool rows; /* only of rows that are gone */
	struct buf *key;
	bool more;
};

static bool row_is_there(struct store_wtxn *w, struct str key)
{
	struct misp_taxii row;
	unsigned long long id = 0;
	char hex[17];
	snprintf(hex, sizeof(hex), "%.*s", STR_ARG(str_sub(key, sizeof(PREFIX) - 1, 16)));
	if (sscanf(hex, "%llx", &id) != 1)
		return false;
	return store_get(store_view(w), T_TAXII, id, NULL, &row) == ERR_OK;
}

static enum err sweep_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct sweep *x = arg;
	struct str v;
	enum err e = ERR_OK;
	for (unsigned n = 0; n < SWEEP_AT_ONCE; n++) {
		e = store_kv_next(store_view(w), x->prefix, x->key, &v);
		if (e != ERR_OK)
			break;
		struct str key = buf_str(x->key);
		if ((x->but.n && str_has_prefix(key, x->but)) || (x->rows && row_is_there(w, key))) {
			x->key->n = x->but.n ? x->but.n : sizeof(PREFIX) - 1 + 17;
			buf_putc(x->key, '\xff'); /* past all of it */
			continue;
		}
		TRY(store_kv_del(w, key, f));
	}
	x->more = e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err sweep(struct store *s, struct sweep *x, struct fail *f)
{
	OWN(buf) struct buf key = BUF(512);
	x->key = &key;
	x->more = true;
	while (x->more)
		TRY(store_run(s, sweep_run, x, f));
	return ERR_OK;
}

enum err taxii_sent_sweep(struct store *s, struct taxii_target to, struct fail *f)
{
	char own[KEY_MAX];
	struct str but = target_key(to, own);
	struct sweep rows = {.prefix = STR(PREFIX), .rows = true},
		     targets = {.prefix = str_sub(but, 0, sizeof(PREFIX) - 1 + 17), .but = but};
	TRY(sweep(s, &rows, f));
	return sweep(s, &targets, f);
}

enum err taxii_sent_del(struct store *s, struct taxii_target to, struct uuid u, struct fail *f)
{
	char key[KEY_MAX];
	struct sweep x = {.prefix = note_key(to, u, key)};
	return sweep(s, &x, f);
}
