/*
 * bench_tally.c - where the bytes of a store are: for each table its pages, keys, records and what is left over.
 * `bench_tally STORE-FOLDER` (the folder of data.mdb; the node may run). Reads all of it once.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sum {
	unsigned long long entries, keys, values, leaf, branch, overflow, big;
};

static MDB_env *env;
static MDB_txn *txn;
static unsigned page;

static void must(int rc, const char *what)
{
	if (rc) {
		fprintf(stderr, "bench_tally: %s: %s\n", what, mdb_strerror(rc));
		exit(1);
	}
}

/* A record needs 8 bytes of head, 2 of the page's list, and begins at an even byte; a page has a head of 16. */
static unsigned long long in_pages(const MDB_val *k, const MDB_val *v)
{
	size_t n = 8 + k->mv_size + v->mv_size;
	return 2 + n + (n & 1);
}

static struct sum tally(MDB_dbi dbi, unsigned long long *nodes)
{
	struct sum s = {0};
	MDB_cursor *c;
	MDB_stat st;
	MDB_val k, v;
	must(mdb_stat(txn, dbi, &st), "stat");
	s.entries = st.ms_entries;
	s.leaf = st.ms_leaf_pages;
	s.branch = st.ms_branch_pages;
	s.overflow = st.ms_overflow_pages;
	must(mdb_cursor_open(txn, dbi, &c), "cursor");
	while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		s.keys += k.mv_size;
		s.values += v.mv_size;
		if (v.mv_size + k.mv_size + 8 > page / 2 - 16)
			s.big += v.mv_size; /* on pages of its own */
		else
			*nodes += in_pages(&k, &v);
	}
	mdb_cursor_close(c);
	return s;
}

static void print(const char *name, const struct sum *s, unsigned long long nodes)
{
	unsigned long long pages = s->leaf + s->branch + s->overflow;
	printf("| %s | %llu | %.1f | %.1f | %.1f | %.0f %% |\n", name, s->entries, (double)pages * page / 1e6,
	       s->entries ? (double)s->keys / (double)s->entries : 0.0,
	       s->entries ? (double)s->values / (double)s->entries : 0.0,
	       s->leaf ? 100.0 * (double)nodes / (double)(s->leaf * (page - 16)) : 0.0);
}

static unsigned long long free_pages(void)
{
	unsigned long long n = 0;
	MDB_cursor *c;
	MDB_val k, v;
	must(mdb_cursor_open(txn, 0, &c), "free list");
	while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0)
		n += *(const size_t *)v.mv_data;
	mdb_cursor_close(c);
	return n;
}

int main(int argc, char **argv)
{
	MDB_cursor *c;
	MDB_envinfo info;
	MDB_stat st;
	MDB_dbi top;
	MDB_val k, v;
	if (argc != 2) {
		fprintf(stderr, "usage: bench_tally STORE-FOLDER\n");
		return 2;
	}
	must(mdb_env_create(&env), "environment");
	must(mdb_env_set_maxdbs(env, 1024), "tables");
	must(mdb_env_open(env, argv[1], MDB_RDONLY | MDB_NOTLS, 0600), argv[1]);
	must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "transaction");
	must(mdb_env_stat(env, &st), "stat");
	must(mdb_env_info(env, &info), "info");
	page = st.ms_psize;
	must(mdb_dbi_open(txn, NULL, 0, &top), "tables");
	must(mdb_cursor_open(txn, top, &c), "tables");
	printf("| table | entries | MB | key | record | pages full |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
	while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		char name[256];
		MDB_dbi dbi;
		unsigned long long nodes = 0;
		if (k.mv_size >= sizeof(name))
			continue;
		memcpy(name, k.mv_data, k.mv_size);
		name[k.mv_size] = '\0';
		if (mdb_dbi_open(txn, name, 0, &dbi))
			continue; /* a record of the main table */
		struct sum s = tally(dbi, &nodes);
		if (s.entries)
			print(name, &s, nodes);
	}
	mdb_cursor_close(c);
	printf("\nfile %.1f MB, of it free pages %.1f MB\n", (double)(info.me_last_pgno + 1) * page / 1e6,
	       (double)free_pages() * page / 1e6);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return 0;
}
