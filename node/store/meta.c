/*
 * meta.c - what the store knows of itself: format version, node UUID, hash seed, whether ids have
 * gaps, and the last number given out of every kind.
 */
#include "store/internal.h"

#include <stdio.h>

static const char key_format[] = "format", key_node[] = "node", key_seed[] = "seed",
		  key_gaps[] = "gaps";

/* Name of a counter, stable on disk. */
static size_t id_name(unsigned id, char out[64])
{
	int n;

	if (id == ID_SEQ)
		n = snprintf(out, 64, "id/seq");
	else if (id == ID_BODY)
		n = snprintf(out, 64, "id/body");
	else if (id >= ID_EL)
		n = snprintf(out, 64, "id/%s", db_rows[db_of_element(id - ID_EL)].name);
	else
		n = snprintf(out, 64, "id/%s", table_rows[id].name);
	return (size_t)n;
}

static enum err put(struct store *s, MDB_txn *txn, const char *name, const void *p, size_t n,
		    struct fail *f)
{
	MDB_val k = VAL(name, strlen(name)), v = VAL(p, n);
	int rc = mdb_put(txn, s->dbi[DB_META], &k, &v, 0);

	return rc ? db_fail(f, rc, DB_META, name) : ERR_OK;
}

static enum err get(struct store *s, MDB_txn *txn, const char *name, void *p, size_t n,
		    struct fail *f)
{
	MDB_val k = VAL(name, strlen(name)), v;
	int rc = mdb_get(txn, s->dbi[DB_META], &k, &v);

	if (rc)
		return db_fail(f, rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc, DB_META, name);
	if (v.mv_size != n)
		return fail(f, ERR_CORRUPT, "meta %s has %zu bytes", name, v.mv_size);
	memcpy(p, v.mv_data, n);
	return ERR_OK;
}

enum err meta_create(struct store *s, MDB_txn *txn, struct fail *f)
{
	uint8_t seed[8], format[4] = {STORE_FORMAT};
	struct uuid node = uuid_random();
	uint8_t gaps = s->opts.id_gaps;

	be64_put(seed, random_u64());
	TRY(put(s, txn, key_format, format, sizeof(format), f));
	TRY(put(s, txn, key_node, node.b, sizeof(node.b), f));
	TRY(put(s, txn, key_seed, seed, sizeof(seed), f));
	return put(s, txn, key_gaps, &gaps, 1, f);
}

void meta_ids(const struct store *s, MDB_txn *txn, uint64_t ids[ID_COUNT])
{
	for (unsigned id = 0; id < ID_COUNT; id++) {
		char name[64];
		MDB_val k = VAL(name, id_name(id, name)), v;

		ids[id] = mdb_get(txn, s->dbi[DB_META], &k, &v) == 0 && v.mv_size == 8
				  ? be64_get(v.mv_data)
				  : 0;
	}
}

enum err meta_load(struct store *s, MDB_txn *txn, uint32_t *format, struct fail *f)
{
	uint8_t seed[8], version[4], gaps;

	*format = 0;
	TRY(get(s, txn, key_format, version, sizeof(version), f));
	*format = (uint32_t)version[0] | (uint32_t)version[1] << 8 | (uint32_t)version[2] << 16 |
		  (uint32_t)version[3] << 24;
	if (*format > STORE_FORMAT || *format == 0)
		return fail(f, ERR_VERSION,
			    "the store has format %u, this program reads up to %u: use a newer one",
			    *format, STORE_FORMAT);
	TRY(get(s, txn, key_node, s->node.b, sizeof(s->node.b), f));
	TRY(get(s, txn, key_seed, seed, sizeof(seed), f));
	TRY(get(s, txn, key_gaps, &gaps, 1, f));
	s->seed = be64_get(seed);
	s->gaps = gaps != 0;
	meta_ids(s, txn, s->ids);
	atomic_store(&s->seq, s->ids[ID_SEQ]);
	return ERR_OK;
}

enum err meta_keep_ids(struct store_wtxn *w)
{
	bool full = w->quota_full;
	enum err e = ERR_OK;

	w->quota_full = false; /* a handful of bytes, and deletions need it too */
	for (unsigned id = 0; id < ID_COUNT && e == ERR_OK; id++) {
		char name[64];
		uint8_t v[8];

		if (w->ids[id] == w->s->ids[id])
			continue;
		be64_put(v, w->ids[id]);
		e = db_put(w, DB_META, VAL(name, id_name(id, name)), VAL(v, 8), NULL);
	}
	w->quota_full = full;
	return e;
}

uint64_t store_seq(const struct store_rtxn *t)
{
	char name[64];
	MDB_val v;

	if (t->writing)
		return CONTAINER_OF(t, struct store_wtxn, view)->ids[ID_SEQ];
	if (db_get(t, DB_META, VAL(name, id_name(ID_SEQ, name)), &v) != ERR_OK || v.mv_size != 8)
		return 0;
	return be64_get(v.mv_data);
}

unsigned store_format(void)
{
	return STORE_FORMAT;
}

struct uuid store_node_uuid(const struct store *s)
{
	return s->node;
}

uint64_t store_hash_seed(const struct store *s)
{
	return s->seed;
}
