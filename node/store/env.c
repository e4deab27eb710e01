/*
 * env.c - opening and closing: one process at a time for writing, a map as large as the address
 * space gives, every database of dbi.inc, recovery of what a crash left, then the writer.
 * The environment is never opened twice in a process nor used after fork.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"

#define MAP_DEFAULT ((uint64_t)1 << 40)
#define MAP_LEAST ((uint64_t)64 << 20)
#define READERS_DEFAULT 256u
#define READERS_SPARE 32u /* the room's own, and tools beside the daemon */

static enum err lock_take(struct store *s, struct fail *f)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/lock", s->dir) >= (int)sizeof(path))
		return fail(f, ERR_INVAL, "path of the store is too long");
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot open %s", path);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	if (errno == EWOULDBLOCK)
		return fail(f, ERR_BUSY, "the store in %s is in use by another process", s->dir);
	return fail_errno(f, ERR_IO, errno, "cannot lock %s", path);
}

static enum err folder_ready(const struct store_opts *o, struct fail *f)
{
	char path[4096];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/data.mdb", o->dir) >= (int)sizeof(path))
		return fail(f, ERR_INVAL, "path of the store is too long");
	if (stat(path, &st) == 0)
		return ERR_OK;
	if (errno != ENOENT && errno != ENOTDIR)
		return fail_errno(f, ERR_IO, errno, "cannot look at %s", path);
	if (!o->create || o->read_only)
		return fail(f, ERR_NOENT, "there is no store in %s", o->dir);
	return fs_make_dir(o->dir, f);
}

/* Room for a quota, and above it for the deletions that bring a full store below it. */
static uint64_t map_wanted(const struct store_opts *o)
{
	uint64_t size = o->map_size ? o->map_size : MAP_DEFAULT;

	if (o->quota)
		size = MIN(size, o->quota + MAX(o->quota / 4, MAP_LEAST));
	return (size + 65535) & ~UINT64_C(65535);
}

static enum err env_try(struct store *s, uint64_t size, unsigned flags, int *rc)
{
	*rc = mdb_env_create(&s->env);
	if (*rc)
		return ERR_STORE;
	if ((*rc = mdb_env_set_mapsize(s->env, size)) ||
	    (*rc = mdb_env_set_maxreaders(s->env, s->opts.readers + READERS_SPARE)) ||
	    (*rc = mdb_env_set_maxdbs(s->env, DB_COUNT)) ||
	    (*rc = mdb_env_open(s->env, s->dir, flags, 0600))) {
		mdb_env_close(s->env);
		s->env = NULL;
		return ERR_STORE;
	}
	return ERR_OK;
}

/*
 * Reading a mapped page behind the end of the file kills the process. Pages at the end that were
 * never written are normal (allocated and freed in one transaction), pages cut off are not; in a
 * hole both read as zeros, which LMDB reports as damage where it expects a page.
 */
static enum err file_reaches(struct store *s, struct fail *f)
{
	MDB_envinfo info;
	struct stat st;
	uint64_t need;
	int fd;

	if (mdb_env_info(s->env, &info) || mdb_env_get_fd(s->env, &fd) || fstat(fd, &st))
		return fail(f, ERR_IO, "cannot look at data.mdb");
	need = (info.me_last_pgno + 1) * (uint64_t)s->page_size;
	if ((uint64_t)st.st_size >= need)
		return ERR_OK;
	if (s->opts.read_only) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/data.mdb", s->dir);
		return truncate(path, (off_t)need)
			       ? fail(f, ERR_CORRUPT, "data.mdb is shorter than its pages")
			       : ERR_OK;
	}
	return ftruncate(fd, (off_t)need) ? fail_errno(f, ERR_IO, errno, "cannot extend data.mdb")
					  : ERR_OK;
}

static enum err env_make(struct store *s, struct fail *f)
{
	unsigned flags = MDB_NOTLS | (s->opts.read_only ? MDB_RDONLY : 0);
	uint64_t size = map_wanted(&s->opts);
	MDB_stat ms;
	int rc, fd, dead = 0;

	while (env_try(s, size, flags, &rc) != ERR_OK) {
		if (rc == ENOMEM && size > MAP_LEAST) {
			size /= 2; /* a limit on address space */
			continue;
		}
		if ((rc == EROFS || rc == EACCES) && s->opts.read_only && !(flags & MDB_NOLOCK)) {
			flags |= MDB_NOLOCK;
			continue;
		}
		return fail(f, rc == MDB_VERSION_MISMATCH || rc == MDB_INVALID ? ERR_CORRUPT
									       : db_err(rc),
			    "cannot open %s/data.mdb: %s", s->dir, mdb_strerror(rc));
	}
	if (mdb_env_get_fd(s->env, &fd) == 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	mdb_reader_check(s->env, &dead);
	if (dead)
		log_info(ROOM, "dead_readers=%d cleared", dead);
	if (mdb_env_stat(s->env, &ms) == 0)
		s->page_size = ms.ms_psize;
	return file_reaches(s, f);
}

static enum err dbs_open(struct store *s, MDB_txn *txn, struct fail *f)
{
	unsigned create = s->opts.read_only ? 0 : MDB_CREATE;

	for (unsigned i = 0; i < DB_COUNT; i++) {
		int rc = mdb_dbi_open(txn, db_rows[i].name, db_rows[i].flags | create, &s->dbi[i]);

		if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
			return fail(f, ERR_CORRUPT, "database %s is missing or of another kind",
				    db_rows[i].name);
		if (rc)
			return db_fail(f, rc, (enum db)i, "open");
	}
	return ERR_OK;
}

/* One transaction opens everything; a new store gets its identity, an old one its migrations. */
static enum err contents_open(struct store *s, struct fail *f)
{
	MDB_txn *txn;
	MDB_stat st;
	uint32_t format;
	enum err e;
	int rc;

	rc = mdb_txn_begin(s->env, NULL, s->opts.read_only ? MDB_RDONLY : 0, &txn);
	if (rc)
		return db_fail(f, rc, DB_COUNT, "begin");
	e = dbs_open(s, txn, f);
	if (e == ERR_OK && !s->opts.read_only && mdb_stat(txn, s->dbi[DB_META], &st) == 0 &&
	    st.ms_entries == 0) {
		e = mdb_stat(txn, s->dbi[DB_CHANGES], &st) == 0 && st.ms_entries
			    ? fail(f, ERR_CORRUPT, "the store has no format version")
			    : meta_create(s, txn, f);
	}
	if (e == ERR_OK)
		e = meta_load(s, txn, &format, f);
	if (e == ERR_OK && format < STORE_FORMAT)
		e = s->opts.read_only ? fail(f, ERR_VERSION, "format %u: open it for writing first",
					     format)
				      : store_migrate(s, txn, format, f);
	if (e != ERR_OK) {
		mdb_txn_abort(txn);
		return e;
	}
	rc = mdb_txn_commit(txn);
	return rc ? db_fail(f, rc, DB_COUNT, "open") : ERR_OK;
}

static enum err recover(struct store *s, struct fail *f)
{
	struct store_wtxn w;
	uint64_t n;
	enum err e;

	memset(&w, 0, sizeof(w));
	e = wtxn_open(s, &w, f);
	if (e == ERR_OK) {
		w.quota_full = false;
		e = stages_recover(&w, &n, f);
		if (e == ERR_OK)
			e = wtxn_commit(&w, f);
		else
			wtxn_abort(&w);
	}
	if (e == ERR_OK && n)
		log_info(ROOM, "stages_left=%llu to be deleted", (unsigned long long)n);
	wtxn_free(&w);
	return e;
}

static enum err open_steps(struct store *s, struct fail *f)
{
	TRY(folder_ready(&s->opts, f));
	if (!s->opts.read_only)
		TRY(lock_take(s, f));
	TRY(env_make(s, f));
	TRY(contents_open(s, f));
	if (s->opts.read_only)
		return ERR_OK;
	TRY(fs_sync_dir(s->dir, f));
	TRY(recover(s, f));
	return writer_start(s, f);
}

enum err store_open(const struct store_opts *o, struct store **out, struct fail *f)
{
	struct store *s = calloc(1, sizeof(*s));
	enum err e;

	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "store");
	s->opts = *o;
	s->lock_fd = -1;
	s->dir = strdup(o->dir);
	pthread_mutex_init(&s->pool_lock, NULL);
	pthread_mutex_init(&s->blob_lock, NULL);
	pthread_mutex_init(&s->care_lock, NULL);
	s->opts.dir = s->dir;
	if (!s->opts.readers)
		s->opts.readers = READERS_DEFAULT;
	e = s->dir ? open_steps(s, f) : fail(f, ERR_NOMEM, "store");
	if (e != ERR_OK) {
		store_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	writer_stop(s);
	rtxn_pool_free(s);
	if (s->env)
		mdb_env_close(s->env);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_mutex_destroy(&s->pool_lock);
	pthread_mutex_destroy(&s->blob_lock);
	pthread_mutex_destroy(&s->care_lock);
	free(s->dir);
	free(s);
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}

void store_stats(struct store *s, struct store_stats *out)
{
	struct store_rtxn *t;
	MDB_envinfo info;
	struct stat st;
	MDB_stat ms;
	int fd;

	memset(out, 0, sizeof(*out));
	if (mdb_env_info(s->env, &info) == 0) {
		out->map_used = (info.me_last_pgno + 1) * (uint64_t)s->page_size;
		out->readers = info.me_numreaders;
	}
	if (mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &st) == 0)
		out->file_size = (uint64_t)st.st_size;
	out->commits = atomic_load(&s->commits);
	out->jobs = atomic_load(&s->jobs);
	out->seq = atomic_load(&s->seq);
	out->queue = writer_queue(s);
	if (store_read(s, &t, NULL) != ERR_OK)
		return;
	for (enum store_table tab = 0; tab < STORE_TABLE_COUNT; tab++)
		out->rows[tab] = store_count(t, tab);
	for (enum element_kind k = 0; k < EL_STORED; k++)
		if (mdb_stat(t->txn, s->dbi[db_of_element(k)], &ms) == 0)
			out->elements[k] = ms.ms_entries;
	store_read_end(t);
}
