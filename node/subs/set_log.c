/*
 * set_log.c - what has changed, by serial: written with the change itself, read as the difference between
 * two serials, cut at the old end.
 */
#include <stdlib.h>
#include <string.h>

#include "subs/set_impl.h"

static void log_key(uint8_t b[12], uint64_t serial, uint32_t n)
{
	be_put(b, serial, 8);
	be_put(b + 8, n, 4);
}

/* Until a set is ready nobody can have an older one. */
enum err log_add(struct set_write *w, enum sensor_op op, const struct ind_key *k, struct str record,
		 struct fail *f)
{
	uint8_t key[12], head[3] = {(uint8_t)op, (uint8_t)(k->n >> 8), (uint8_t)k->n};
	if (!w->head.ready)
		return ERR_OK;
	log_key(key, w->head.serial + 1, w->head.pending++);
	MDB_val mk = {sizeof(key), key}, v = {sizeof(head) + k->n + record.n, NULL};
	TRY(set_err(mdb_put(w->txn, w->set->db[DB_log], &mk, &v, MDB_RESERVE), f));
	char *p = v.mv_data;
	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), k->b, k->n);
	memcpy(p + sizeof(head) + k->n, record.p, record.n);
	w->head.log_n++;
	return ERR_OK;
}

/* Whole serials go, the oldest first; of one that is too long by itself nothing stays. */
enum err log_trim(struct set_write *w, struct fail *f)
{
	struct set_head *h = &w->head;
	MDB_cursor *c;
	MDB_val k, v;
	int rc = 0;
	if (h->log_n <= SET_LOG_MAX)
		return ERR_OK;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_log], &c), f));
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		uint64_t serial = be_get(k.mv_data, 8);
		if (h->log_n <= SET_LOG_MAX && serial > h->oldest)
			break;
		rc = mdb_cursor_del(c, 0);
		if (rc)
			break;
		h->log_n--;
		h->oldest = MAX(h->oldest, serial);
	}
	mdb_cursor_close(c);
	return rc && rc != MDB_NOTFOUND ? set_err(rc, f) : ERR_OK;
}

/* ---- reading ---- */

struct logged {
	struct str key, record;
	uint64_t serial;
	uint32_t n;
	uint8_t op;
};

static bool logged_read(MDB_val k, MDB_val v, struct logged *out)
{
	const uint8_t *p = v.mv_data;
	if (k.mv_size != 12 || v.mv_size < 3)
		return false;
	size_t n = (size_t)p[1] << 8 | p[2];
	if (v.mv_size < 3 + n)
		return false;
	out->serial = be_get(k.mv_data, 8);
	out->n = (uint32_t)be_get((const uint8_t *)k.mv_data + 8, 4);
	out->op = p[0];
	out->key = (struct str){(const char *)p + 3, n};
	out->record = (struct str){(const char *)p + 3 + n, v.mv_size - 3 - n};
	return true;
}

static int by_key_and_time(const void *a, const void *b)
{
	const struct logged *x = a, *y = b;
	int c = str_cmp(x->key, y->key);
	if (c)
		return c;
	return x->serial != y->serial ? (x->serial < y->serial ? -1 : 1)
	       : x->n != y->n	     ? (x->n < y->n ? -1 : 1)
				      : 0;
}

static enum err logged_list(struct set_read *r, uint64_t from, size_t max, struct logged **out,
			    size_t *n)
{
	MDB_cursor *c;
	MDB_val k, v;
	uint8_t key[12];
	size_t cap = 0;
	enum err e = ERR_OK;
	log_key(key, from + 1, 0);
	k = (MDB_val){sizeof(key), key};
	TRY(set_err(mdb_cursor_open(r->txn, r->set->db[DB_log], &c), NULL));
	int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct logged x;
		if (!logged_read(k, v, &x)) {
			e = ERR_CORRUPT;
			break;
		}
		if (x.serial > r->head.serial) /* of a commit that is not shown yet */
			break;
		if (*n == max) {
			e = ERR_STALE;
			break;
		}
		if (*n == cap) {
			cap = cap ? cap * 2 : 256;
			struct logged *more = reallocarray(*out, cap, sizeof(*more));
			if (!more) {
				e = ERR_NOMEM;
				break;
			}
			*out = more;
		}
		(*out)[(*n)++] = x;
	}
	mdb_cursor_close(c);
	return e != ERR_OK ? e : rc && rc != MDB_NOTFOUND ? set_err(rc, NULL) : ERR_OK;
}

/* Of each key the first entry tells how it was, the last how it is. */
static enum err changes_of(struct logged *l, size_t n, struct arena *a, struct set_changes *out)
{
	out->v = ARENA_ARRAY(a, struct set_change, n);
	if (!out->v)
		return ERR_LIMIT;
	qsort(l, n, sizeof(*l), by_key_and_time);
	for (size_t i = 0, j; i < n; i = j) {
		struct set_change c = {STR_NONE, STR_NONE};
		for (j = i + 1; j < n && str_eq(l[j].key, l[i].key);)
			j++;
		if (l[i].op == SENSOR_GONE)
			c.was = l[i].record;
		if (l[j - 1].op == SENSOR_COME)
			c.is = l[j - 1].record;
		if ((c.was.p || c.is.p) && !(c.was.p && c.is.p && str_eq(c.was, c.is)))
			out->v[out->n++] = c;
	}
	return ERR_OK;
}

enum err set_read_changes(struct set_read *r, uint64_t from, size_t max, struct arena *a,
			  struct set_changes *out)
{
	struct logged *l = NULL;
	size_t n = 0;
	*out = (struct set_changes){NULL, 0};
	if (from > r->head.serial || from < r->head.oldest)
		return ERR_STALE;
	enum err e = logged_list(r, from, max, &l, &n);
	if (e == ERR_OK && n)
		e = changes_of(l, n, a, out);
	free(l);
	return e;
}
