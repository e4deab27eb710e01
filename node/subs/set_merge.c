/*
 * set_merge.c - what several events say of one indicator, as one record: the newest attribute's, with the
 * longest time seen, the severest threat, the strictest marking and every direction. Whatever the
 * order in which they came.
 */
#include <string.h>

#include "subs/set_impl.h"

bool indicator_is_newer(const struct indicator *a, const struct indicator *b)
{
	return a->changed != b->changed ? a->changed > b->changed : uuid_cmp(a->attr, b->attr) < 0;
}

static int64_t known_min(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : MIN(a, b);
}

void indicator_join(struct indicator *into, const struct indicator *other)
{
	into->first_seen = known_min(into->first_seen, other->first_seen);
	into->last_seen = MAX(into->last_seen, other->last_seen);
	into->threat_level = (uint8_t)known_min(into->threat_level, other->threat_level);
	into->tlp = MAX(into->tlp, other->tlp);
	into->direction |= other->direction;
}

int64_t indicator_age_end(const struct set_rules *r, const struct indicator *i)
{
	int64_t at = i->last_seen ? i->last_seen : MAX(i->changed, i->first_seen);
	if (!r->max_age)
		return INT64_MAX;
	/* last_seen may stand anywhere; 1 is long ago */
	return at > INT64_MAX - r->max_age ? INT64_MAX - 1 : MAX(at + r->max_age, 1);
}

enum err entry_merge(struct set_write *w, const struct ind_key *k, struct indicator *out,
		     struct fail *f)
{
	MDB_cursor *c;
	MDB_val wk = key_val(k), v;
	struct indicator i, kept = {0}, sum = {0};
	struct str best = STR_NONE;
	enum err e = ERR_OK;
	unsigned n = 0;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_who], &c), f));
	int rc = mdb_cursor_get(c, &wk, &v, MDB_SET_RANGE);
	for (; rc == 0 && n < SET_MERGE_MAX; rc = mdb_cursor_get(c, &wk, &v, MDB_NEXT)) {
		if (wk.mv_size != k->n + 16u || memcmp(wk.mv_data, k->b, k->n) != 0)
			break;
		struct str rec = str_sub(val_str(v), 8, v.mv_size);
		if (!ind_unpack(rec, &i)) {
			e = fail(f, ERR_CORRUPT, "set of a subscription: a record is damaged");
			break;
		}
		if (!n++)
			sum = i;
		indicator_join(&sum, &i);
		if (!best.p || indicator_is_newer(&i, &kept)) {
			best = rec;
			kept = i;
			memcpy(kept.event.b, (const char *)wk.mv_data + k->n, 16);
		}
	}
	mdb_cursor_close(c);
	if (e == ERR_OK && rc && rc != MDB_NOTFOUND)
		e = set_err(rc, f);
	TRY(e);
	if (!n)
		return ERR_NOENT;
	indicator_join(&kept, &sum);
	*out = kept;
	return ERR_OK;
}
