/*
 * set_stage.c - from contributions to what a consumer is shown, one indicator at a time, in stages: is
 * it there at all, is it within the budget, is it free of a wider entry, is it no twin of another.
 * Each stage tells the next one what comes and what goes, so that a change costs what it changes.
 */
#include <string.h>

#include "base/hash.h"
#include "subs/set_impl.h"

/* ---- what is known of an indicator ---- */

static enum err entry_get(struct set_write *w, const struct ind_key *k, struct entry *out,
			  struct fail *f)
{
	MDB_val v;
	TRY(sdb_get(w, DB_entry, key_val(k), &v, f));
	if (v.mv_size != sizeof(*out))
		return fail(f, ERR_CORRUPT, "set of a subscription: an entry is damaged");
	memcpy(out, v.mv_data, sizeof(*out));
	return ERR_OK;
}

static enum err entry_put(struct set_write *w, const struct ind_key *k, struct entry *e,
			  struct fail *f)
{
	return sdb_put(w, DB_entry, key_val(k), (MDB_val){sizeof(*e), e}, f);
}

static bool key_read(MDB_val v, size_t from, struct ind_key *out)
{
	if (v.mv_size <= from || v.mv_size - from > sizeof(out->b))
		return false;
	out->n = (uint16_t)(v.mv_size - from);
	memcpy(out->b, (const uint8_t *)v.mv_data + from, out->n);
	return true;
}

/* ---- shown ---- */

/* What a format does not write does not make a change. */
static void as_written(const struct set_write *w, const struct entry *e, struct indicator *i)
{
	i->number = e->number;
	if (!w->set->sourced)
		i->attr = i->event = UUID_NIL;
}

/* The record as it is shown, in w->rec. */
static enum err record_make(struct set_write *w, const struct ind_key *k, const struct entry *e,
			    struct fail *f)
{
	struct indicator i;
	TRY(entry_merge(w, k, &i, f));
	as_written(w, e, &i);
	buf_clear(&w->rec);
	ind_pack(&w->rec, &i, true);
	return buf_err(&w->rec);
}

static enum err show(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	enum err made = record_make(w, k, e, f);
	if (made == ERR_NOENT) /* its contributions are gone, and it is to be settled yet */
		return entry_put(w, k, e, f);
	TRY(made);
	TRY(sdb_put(w, DB_shown, key_val(k), (MDB_val){w->rec.n, w->rec.p}, f));
	TRY(log_add(w, SENSOR_COME, k, buf_str(&w->rec), f));
	e->flags |= ENTRY_SHOWN;
	w->head.shown++;
	return entry_put(w, k, e, f);
}

static enum err hide(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	MDB_val v;
	TRY(sdb_get(w, DB_shown, key_val(k), &v, f));
	/* the log moves pages that the record may stand on */
	buf_clear(&w->other);
	buf_add(&w->other, v.mv_data, v.mv_size);
	TRY(buf_err(&w->other));
	TRY(log_add(w, SENSOR_GONE, k, buf_str(&w->other), f));
	TRY(sdb_del(w, DB_shown, key_val(k), f));
	e->flags &= (uint8_t)~ENTRY_SHOWN;
	w->head.shown--;
	return entry_put(w, k, e, f);
}

/* The same text as before, but a record that says more. */
static enum err shown_update(struct set_write *w, const struct ind_key *k, const struct entry *e,
			     struct fail *f)
{
	TRY(record_make(w, k, e, f));
	return sdb_put(w, DB_shown, key_val(k), (MDB_val){w->rec.n, w->rec.p}, f);
}

/* ---- twins: of entries that are written alike only the first is written ---- */

#define TEXT_N 16

static MDB_val twin_key(uint8_t b[TEXT_N + IND_KEY_MAX], const struct ind_key *k, const struct entry *e)
{
	memcpy(b, e->text, TEXT_N);
	memcpy(b + TEXT_N, k->b, k->n);
	return (MDB_val){TEXT_N + (size_t)k->n, b};
}

/* The first of the twins; ERR_NOENT: there are none. */
static enum err twin_first(struct set_write *w, const uint8_t text[TEXT_N], struct ind_key *out,
			   struct fail *f)
{
	MDB_cursor *c;
	MDB_val k = {TEXT_N, (void *)(uintptr_t)text}, v;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_twin], &c), f));
	int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	bool found = rc == 0 && k.mv_size > TEXT_N && memcmp(k.mv_data, text, TEXT_N) == 0 &&
		     key_read(k, TEXT_N, out);
	mdb_cursor_close(c);
	return found ? ERR_OK : rc && rc != MDB_NOTFOUND ? set_err(rc, f) : ERR_NOENT;
}

static enum err twin_come(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	uint8_t b[TEXT_N + IND_KEY_MAX];
	struct ind_key first;
	struct entry other;
	if (!w->set->twins)
		return show(w, k, e, f);
	enum err found = twin_first(w, e->text, &first, f);
	if (found != ERR_NOENT)
		TRY(found);
	TRY(sdb_put(w, DB_twin, twin_key(b, k, e), (MDB_val){0, NULL}, f));
	if (found == ERR_OK && ind_key_cmp(&first, k) < 0)
		return entry_put(w, k, e, f);
	if (found == ERR_OK) {
		TRY(entry_get(w, &first, &other, f));
		if (other.flags & ENTRY_SHOWN)
			TRY(hide(w, &first, &other, f));
	}
	return show(w, k, e, f);
}

static enum err twin_go(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	uint8_t b[TEXT_N + IND_KEY_MAX];
	struct ind_key first;
	struct entry other;
	bool leads = false;
	if (w->set->twins) {
		enum err found = twin_first(w, e->text, &first, f);
		if (found != ERR_NOENT)
			TRY(found);
		leads = found == ERR_OK && ind_key_cmp(&first, k) == 0;
		TRY(sdb_del(w, DB_twin, twin_key(b, k, e), f));
	}
	if (e->flags & ENTRY_SHOWN)
		TRY(hide(w, k, e, f));
	else
		TRY(entry_put(w, k, e, f));
	if (!leads)
		return ERR_OK;
	enum err found = twin_first(w, e->text, &first, f);
	if (found != ERR_OK)
		return found == ERR_NOENT ? ERR_OK : found;
	TRY(entry_get(w, &first, &other, f));
	return show(w, &first, &other, f);
}

/* ---- covers: an entry within another one is left out, where the format asks for that ---- */

static enum err free_come(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	e->flags |= ENTRY_FREE;
	return twin_come(w, k, e, f);
}

static enum err free_go(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	e->flags &= (uint8_t)~ENTRY_FREE;
	return twin_go(w, k, e, f);
}

static enum err is_in(struct set_write *w, const struct ind_key *k, bool *out, struct fail *f)
{
	struct entry e;
	enum err found = entry_get(w, k, &e, f);
	*out = found == ERR_OK && e.flags & ENTRY_IN;
	return found == ERR_NOENT ? ERR_OK : found;
}

/* How many networks of its prefix length are in. */
static uint32_t *nets_of(struct set_write *w, const struct ind_key *k)
{
	return &w->head.nets[k->b[1] == 16][k->b[k->n - 1]];
}

static enum err net_covered(struct set_write *w, const struct ind_key *k, bool *out, struct fail *f)
{
	struct ind_key up = *k;
	unsigned prefix = k->b[k->n - 1];
	*out = false;
	for (unsigned p = prefix; p-- > 0 && !*out;) {
		if (!w->head.nets[k->b[1] == 16][p])
			continue;
		memcpy(up.b, k->b, k->n);
		ind_host_bits_clear(up.b + 2, k->b[1], p);
		up.b[up.n - 1] = (uint8_t)p;
		TRY(is_in(w, &up, out, f));
	}
	return ERR_OK;
}

/* A name within others: each end of a label may be the end of a domain (ind_key). */
static enum err name_covered(struct set_write *w, const struct ind_key *k, bool *out, struct fail *f)
{
	struct ind_key up;
	*out = false;
	for (uint16_t at = 1; at < k->n && !*out; at++) {
		if (k->b[at] != 1)
			continue;
		memcpy(up.b, k->b, at + 1u);
		up.b[at + 1] = 2;
		up.n = (uint16_t)(at + 2);
		if (ind_key_covers(&up, k))
			TRY(is_in(w, &up, out, f));
	}
	return ERR_OK;
}

static enum err is_covered(struct set_write *w, const struct ind_key *k, bool *out, struct fail *f)
{
	*out = false;
	return ind_key_is_net(k)    ? net_covered(w, k, out, f)
	       : ind_key_is_name(k) ? name_covered(w, k, out, f)
				    : ERR_OK;
}

typedef enum err (*within_fn)(struct set_write *w, const struct ind_key *k, struct entry *e,
			      struct fail *f);

/* Entries within `k`, in their order; those stand behind it. `top`: only those that none of the others that
   are in covers. */
static enum err within_each(struct set_write *w, const struct ind_key *k, bool top, within_fn fn,
			    struct fail *f)
{
	MDB_cursor *c;
	MDB_val kv = key_val(k), v;
	struct ind_key at = *k, last = {0};
	enum err e = ERR_OK;
	int rc = 0;
	while (e == ERR_OK) {
		struct entry x;
		/* the callback changes the tree: find the place anew */
		TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_entry], &c), f));
		kv = key_val(&at);
		rc = mdb_cursor_get(c, &kv, &v, MDB_SET_RANGE);
		if (rc == 0 && kv.mv_size == at.n && memcmp(kv.mv_data, at.b, at.n) == 0)
			rc = mdb_cursor_get(c, &kv, &v, MDB_NEXT);
		bool ok = rc == 0 && key_read(kv, 0, &at) && v.mv_size == sizeof(x);
		if (ok)
			memcpy(&x, v.mv_data, sizeof(x));
		mdb_cursor_close(c);
		if (!ok || !ind_key_covers(k, &at))
			break;
		if (!(x.flags & ENTRY_IN) || (top && last.n && ind_key_covers(&last, &at)))
			continue;
		last = at;
		e = fn(w, &at, &x, f);
	}
	return e != ERR_OK ? e : rc && rc != MDB_NOTFOUND ? set_err(rc, f) : ERR_OK;
}

static enum err cover(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	return e->flags & ENTRY_FREE ? free_go(w, k, e, f) : ERR_OK;
}

static enum err uncover(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	return e->flags & ENTRY_FREE ? ERR_OK : free_come(w, k, e, f);
}

static enum err in_come(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	bool covered;
	e->flags |= ENTRY_IN;
	w->head.in++;
	if (!w->set->disjoint)
		return free_come(w, k, e, f);
	if (ind_key_is_net(k))
		++*nets_of(w, k);
	TRY(is_covered(w, k, &covered, f));
	if (covered)
		return entry_put(w, k, e, f);
	TRY(entry_put(w, k, e, f));
	TRY(within_each(w, k, false, cover, f));
	return free_come(w, k, e, f);
}

static enum err in_go(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	e->flags &= (uint8_t)~ENTRY_IN;
	w->head.in--;
	if (w->set->disjoint && ind_key_is_net(k))
		--*nets_of(w, k);
	if (!(e->flags & ENTRY_FREE))
		return entry_put(w, k, e, f);
	TRY(free_go(w, k, e, f));
	return w->set->disjoint ? within_each(w, k, true, uncover, f) : ERR_OK;
}

/* ---- the budget ---- */

enum side { SIDE_IN, SIDE_OUT };

static MDB_val rank_key(uint8_t b[9 + IND_KEY_MAX], enum side s, uint64_t score, const struct ind_key *k)
{
	b[0] = (uint8_t)s;
	be_put(b + 1, score, 8);
	memcpy(b + 9, k->b, k->n);
	return (MDB_val){9 + (size_t)k->n, b};
}

static enum err rank_put(struct set_write *w, enum side s, uint64_t score, const struct ind_key *k,
			 struct fail *f)
{
	uint8_t b[9 + IND_KEY_MAX];
	return sdb_put(w, DB_rank, rank_key(b, s, score, k), (MDB_val){0, NULL}, f);
}

static enum err rank_del(struct set_write *w, enum side s, uint64_t score, const struct ind_key *k,
			 struct fail *f)
{
	uint8_t b[9 + IND_KEY_MAX];
	return sdb_del(w, DB_rank, rank_key(b, s, score, k), f);
}

/* The worst that is in, or the best that is out; ERR_NOENT: none. */
static enum err rank_edge(struct set_write *w, enum side s, uint64_t *score, struct ind_key *out,
			  struct fail *f)
{
	MDB_cursor *c;
	uint8_t side = SIDE_OUT;
	MDB_val k = {1, &side}, v;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_rank], &c), f));
	int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	if (s == SIDE_IN)
		rc = mdb_cursor_get(c, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	bool found = rc == 0 && k.mv_size > 9 && *(uint8_t *)k.mv_data == s && key_read(k, 9, out);
	if (found)
		*score = be_get((uint8_t *)k.mv_data + 1, 8);
	mdb_cursor_close(c);
	return found ? ERR_OK : rc && rc != MDB_NOTFOUND ? set_err(rc, f) : ERR_NOENT;
}

static enum err budget_move(struct set_write *w, const struct ind_key *k, uint64_t score, enum side to,
			    struct fail *f)
{
	struct entry e;
	TRY(rank_del(w, to == SIDE_IN ? SIDE_OUT : SIDE_IN, score, k, f));
	TRY(rank_put(w, to, score, k, f));
	TRY(entry_get(w, k, &e, f));
	return to == SIDE_IN ? in_come(w, k, &e, f) : in_go(w, k, &e, f);
}

static enum err budget_come(struct set_write *w, const struct ind_key *k, struct entry *e,
			    struct fail *f)
{
	struct ind_key worst;
	uint64_t score;
	if (!w->set->budget)
		return in_come(w, k, e, f);
	bool full = w->head.in >= w->set->rules.max_entries;
	if (full) {
		enum err found = rank_edge(w, SIDE_IN, &score, &worst, f);
		if (found != ERR_NOENT)
			TRY(found);
		bool better = found == ERR_OK &&
			      (e->score != score ? e->score < score : ind_key_cmp(k, &worst) < 0);
		if (!better) {
			TRY(rank_put(w, SIDE_OUT, e->score, k, f));
			return entry_put(w, k, e, f);
		}
		TRY(budget_move(w, &worst, score, SIDE_OUT, f));
	}
	TRY(rank_put(w, SIDE_IN, e->score, k, f));
	return in_come(w, k, e, f);
}

static enum err budget_go(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	struct ind_key best;
	uint64_t score;
	if (!w->set->budget)
		return in_go(w, k, e, f);
	if (!(e->flags & ENTRY_IN))
		return rank_del(w, SIDE_OUT, e->score, k, f);
	TRY(rank_del(w, SIDE_IN, e->score, k, f));
	TRY(in_go(w, k, e, f));
	if (w->head.in >= w->set->rules.max_entries)
		return ERR_OK;
	enum err found = rank_edge(w, SIDE_OUT, &score, &best, f);
	if (found != ERR_OK)
		return found == ERR_NOENT ? ERR_OK : found;
	return budget_move(w, &best, score, SIDE_IN, f);
}

/* ---- scores, numbers, texts ---- */

static uint64_t newest_first(int64_t t)
{
	return (uint64_t)(INT64_MAX - MAX(t, 0));
}

static uint64_t score_of(const struct set_rules *r, const struct indicator *i)
{
	uint64_t level = i->threat_level ? MIN(i->threat_level, 7u) : 7;
	if (!r->max_entries)
		return 0;
	if (r->priority == SET_SEVEREST)
		return level << 60 | newest_first(i->changed) >> 4;
	if (r->priority == SET_SEEN_LAST && i->last_seen)
		return newest_first(i->last_seen);
	return newest_first(i->changed);
}

/* By the key, so that who comes back is mostly given the same; the next free one where that is taken. */
static enum err number_take(struct set_write *w, const struct ind_key *k, uint32_t *out, struct fail *f)
{
	uint32_t n = (uint32_t)(hash_64(k->b, k->n, 0) % IND_NUMBERS);
	for (uint32_t tried = 0; tried < IND_NUMBERS; tried++, n = (n + 1) % IND_NUMBERS) {
		uint8_t b[4];
		MDB_val v, nk = {4, b};
		be_put(b, n, 4);
		enum err e = sdb_get(w, DB_number, nk, &v, f);
		if (e == ERR_OK)
			continue;
		if (e != ERR_NOENT)
			return e;
		*out = n;
		return sdb_put(w, DB_number, nk, key_val(k), f);
	}
	return fail(f, ERR_FULL, "no numbers are left");
}

static enum err number_give(struct set_write *w, const struct entry *e, struct fail *f)
{
	uint8_t b[4];
	be_put(b, e->number, 4);
	return w->set->numbered ? sdb_del(w, DB_number, (MDB_val){4, b}, f) : ERR_OK;
}

/* A digest of what the format writes; of formats that are written whole one of all that is known. */
static enum err text_of(struct set_write *w, const struct indicator *i, uint8_t out[TEXT_N])
{
	const struct sensor_format *sf = w->set->rules.format;
	buf_clear(&w->item);
	if (sf->flags & SENSOR_WHOLE) {
		ind_pack(&w->item, i, true);
	} else {
		struct buf none = BUF(1u << 20);
		if (!w->format.format) {
			w->format = (struct sensor_run){
				.format = sf, .opts = &w->set->rules.opts, .out = &none};
			enum err e = sensor_begin(&w->format);
			buf_free(&none);
			TRY(e);
		}
		w->format.out = &w->item;
		TRY(sf->item(&w->format, i));
	}
	TRY(buf_err(&w->item));
	struct sha256 d = hash_sha256(buf_str(&w->item));
	memcpy(out, d.b, TEXT_N);
	return ERR_OK;
}

/* ---- settle ---- */

static enum err entry_come(struct set_write *w, const struct ind_key *k, struct fail *f)
{
	struct indicator i;
	struct entry e;
	memset(&e, 0, sizeof(e)); /* stored as it is */
	if (w->set->numbered)
		TRY(number_take(w, k, &e.number, f));
	TRY(entry_merge(w, k, &i, f));
	as_written(w, &e, &i);
	e.score = score_of(&w->set->rules, &i);
	TRY(text_of(w, &i, e.text));
	w->head.eligible++;
	return budget_come(w, k, &e, f);
}

static enum err entry_go(struct set_write *w, const struct ind_key *k, struct entry *e, struct fail *f)
{
	TRY(budget_go(w, k, e, f));
	TRY(number_give(w, e, f));
	w->head.eligible--;
	return sdb_del(w, DB_entry, key_val(k), f);
}

static enum err entry_change(struct set_write *w, const struct ind_key *k, struct entry *e,
			     struct indicator *i, struct fail *f)
{
	uint8_t text[TEXT_N];
	as_written(w, e, i);
	uint64_t score = score_of(&w->set->rules, i);
	TRY(text_of(w, i, text));
	if (score != e->score || memcmp(text, e->text, TEXT_N) != 0) {
		/* the old place needs the old text and score; what comes back as it was is no change */
		TRY(budget_go(w, k, e, f));
		e->score = score;
		memcpy(e->text, text, TEXT_N);
		return budget_come(w, k, e, f);
	}
	return e->flags & ENTRY_SHOWN ? shown_update(w, k, e, f) : ERR_OK;
}

enum err entry_settle(struct set_write *w, const struct ind_key *k, struct fail *f)
{
	struct indicator i;
	struct entry e;
	enum err had = entry_get(w, k, &e, f), has;
	if (had != ERR_NOENT)
		TRY(had);
	has = entry_merge(w, k, &i, f);
	if (has != ERR_NOENT)
		TRY(has);
	if (has == ERR_NOENT)
		return had == ERR_OK ? entry_go(w, k, &e, f) : ERR_OK;
	return had == ERR_OK ? entry_change(w, k, &e, &i, f) : entry_come(w, k, f);
}
