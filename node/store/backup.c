/*
 * backup.c - a consistent copy while the daemon runs, reading it back, and compaction.
 * A backup is data.mdb, the attachments, and last the manifest: a folder without a manifest is
 * no backup. What is read back is verified before it gets the name of a store.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define MANIFEST "MANIFEST"
#define MANIFEST_MAX 4096
#define POLL_MS 100

/* ---- the environment ------------------------------------------------------------------------ */

struct copy {
	MDB_env *env;
	int fd, rc;
	atomic_bool done;
};

static void *copy_main(void *arg)
{
	struct copy *c = arg;

	c->rc = mdb_env_copyfd2(c->env, c->fd, MDB_CP_COMPACT);
	atomic_store(&c->done, true);
	return NULL;
}

/* Copy without free pages; progress is told on the caller's thread. */
static enum err env_copy(struct store *s, const char *path, store_progress_fn progress, void *user,
			 struct fail *f)
{
	OWN(fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct copy c = {.env = s->env, .fd = fd};
	struct timespec pause = {0, POLL_MS * 1000000L};
	MDB_envinfo info;
	pthread_t thread;
	struct stat st;
	uint64_t total;

	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot create %s", path);
	total = mdb_env_info(s->env, &info) ? 0 : (info.me_last_pgno + 1) * (uint64_t)s->page_size;
	if (pthread_create(&thread, NULL, copy_main, &c))
		return fail(f, ERR_NOMEM, "cannot start a thread");
	while (progress && !atomic_load(&c.done)) {
		if (fstat(fd, &st) == 0)
			progress(user, "data", (uint64_t)st.st_size, total);
		nanosleep(&pause, NULL);
	}
	pthread_join(thread, NULL);
	if (c.rc)
		return fail(f, db_err(c.rc), "cannot copy the data: %s", mdb_strerror(c.rc));
	return fsync(fd) ? fail_errno(f, ERR_IO, errno, "cannot sync %s", path) : ERR_OK;
}

/* ---- attachments -------------------------------------------------------------------------------- */

struct blob_copy {
	const char *to;
	uint64_t n;
	store_progress_fn progress;
	void *user;
	struct fail *f;
};

static enum err blob_copy_one(void *user, const char *path, const uint8_t digest[32])
{
	struct blob_copy *c = user;
	OWN(buf) struct buf bytes = BUF((size_t)1 << 30);
	OWN(fd) int fd = -1;
	struct stat st;
	struct sha256 d;
	ssize_t got;

	if (!digest)
		return ERR_OK; /* a temporary file */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return fail_errno(c->f, ERR_IO, errno, "cannot read %s", path);
	if (!buf_reserve(&bytes, (size_t)st.st_size + 1))
		return fail(c->f, buf_err(&bytes), "attachment %s", path);
	while ((got = read(fd, bytes.p + bytes.n, (size_t)st.st_size - bytes.n)) > 0)
		buf_commit(&bytes, (size_t)got);
	d = hash_sha256(buf_str(&bytes));
	if (got < 0 || memcmp(d.b, digest, 32) != 0)
		return fail(c->f, ERR_CORRUPT, "attachment %s is damaged", path);
	TRY(blob_write(c->to, buf_str(&bytes), digest, c->f));
	if (c->progress && ++c->n % 64 == 0)
		c->progress(c->user, "attachments", c->n, 0);
	return ERR_OK;
}

static enum err blobs_copy(const char *from, const char *to, store_progress_fn progress,
			   void *user, struct fail *f)
{
	struct blob_copy c = {.to = to, .progress = progress, .user = user, .f = f};

	return blob_each(from, blob_copy_one, &c, f);
}

/* ---- backup ---------------------------------------------------------------------------------------- */

static enum err path_of(char *out, size_t n, const char *dir, const char *name, struct fail *f)
{
	return snprintf(out, n, "%s/%s", dir, name) < (int)n ? ERR_OK
							     : fail(f, ERR_INVAL, "path too long");
}

static enum err file_put(const char *dir, const char *name, struct str text, struct fail *f)
{
	char path[4096], temp[4096];
	enum err e;

	TRY(path_of(path, sizeof(path), dir, name, f));
	TRY(path_of(temp, sizeof(temp), dir, "manifest.tmp", f));
	OWN(fd) int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot create %s", temp);
	e = fs_write_all(fd, text.p, text.n);
	if (e != ERR_OK || fsync(fd) || rename(temp, path))
		return fail_errno(f, e != ERR_OK ? e : ERR_IO, errno, "cannot write %s", path);
	return fs_sync_dir(dir, f);
}

static enum err manifest_put(struct store *s, const char *dir, const struct sha256 *d,
			     uint64_t size, struct fail *f)
{
	OWN(buf) struct buf b = BUF(MANIFEST_MAX);
	char hex[65], node[UUID_TEXT_LEN + 1];

	buf_printf(&b, "tocsin-backup 1\n");
	buf_printf(&b, "format %u\n", STORE_FORMAT);
	buf_printf(&b, "node %s\n", uuid_format(s->node, node));
	buf_printf(&b, "time %lld\n", (long long)clock_now());
	buf_printf(&b, "size %llu\n", (unsigned long long)size);
	buf_printf(&b, "sha256 %s\n", hash_hex(d->b, 32, hex));
	TRY(buf_err(&b));
	return file_put(dir, MANIFEST, buf_str(&b), f);
}

static enum err backup_steps(struct store *s, const char *to, store_progress_fn progress,
			     void *user, struct fail *f)
{
	char data[4096];
	struct sha256 d;
	uint64_t size;

	TRY(path_of(data, sizeof(data), to, "data.mdb", f));
	TRY(fs_make_dir(to, f));
	TRY(env_copy(s, data, progress, user, f));
	TRY(blobs_copy(s->dir, to, progress, user, f));
	TRY(fs_digest(data, &d, &size, f));
	TRY(manifest_put(s, to, &d, size, f));
	if (progress)
		progress(user, "done", size, size);
	return ERR_OK;
}

enum err store_backup(struct store *s, const char *to_dir, store_progress_fn progress, void *user,
		      struct fail *f)
{
	enum err e;

	if (!fs_dir_empty(to_dir))
		return fail(f, ERR_EXISTS, "%s is not an empty folder", to_dir);
	pthread_mutex_lock(&s->care_lock); /* no sweep meanwhile */
	e = backup_steps(s, to_dir, progress, user, f);
	pthread_mutex_unlock(&s->care_lock);
	return e;
}

/* ---- restore ----------------------------------------------------------------------------------------- */

static enum err manifest_get(const char *dir, struct sha256 *want, struct fail *f)
{
	char path[4096], text[MANIFEST_MAX];
	struct str rest, line;
	bool is_backup = false, has_digest = false;
	ssize_t n;

	TRY(path_of(path, sizeof(path), dir, MANIFEST, f));
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(f, ERR_NOENT, "%s is not a finished backup: it has no " MANIFEST, dir);
	n = read(fd, text, sizeof(text));
	rest = (struct str){text, n > 0 ? (size_t)n : 0};
	while (rest.n) {
		rest = str_split(rest, '\n', &line);
		if (str_is(line, "tocsin-backup 1"))
			is_backup = true;
		if (str_has_prefix(line, STR("sha256 ")))
			has_digest = hash_unhex(str_sub(line, 7, 64), want->b, 32);
	}
	if (!is_backup || !has_digest)
		return fail(f, ERR_CORRUPT, "%s is not a manifest of a backup", path);
	return ERR_OK;
}

static void tell_log(void *user, const char *problem)
{
	(void)user;
	log_error(ROOM, "restore=problem detail=%s", log_val(str_c(problem)));
}

static enum err verify(const char *dir, store_progress_fn progress, void *user, struct fail *f)
{
	struct store_opts o = {.dir = dir};
	struct store_report r;
	struct store *s;
	enum err e;

	TRY(store_open(&o, &s, f));
	e = store_check(s, progress, tell_log, user, &r, f);
	store_close(s);
	return e;
}

enum err store_restore(const char *from_dir, const char *to_dir, store_progress_fn progress,
		       void *user, struct fail *f)
{
	char from[4096], part[4096], data[4096];
	struct sha256 want, got;
	uint64_t size;
	enum err e;

	TRY(path_of(from, sizeof(from), from_dir, "data.mdb", f));
	TRY(path_of(part, sizeof(part), to_dir, "data.mdb.part", f));
	TRY(path_of(data, sizeof(data), to_dir, "data.mdb", f));
	if (!fs_dir_empty(to_dir))
		return fail(f, ERR_EXISTS, "%s is not an empty folder", to_dir);
	TRY(manifest_get(from_dir, &want, f));
	TRY(fs_make_dir(to_dir, f));
	if (progress)
		progress(user, "data", 0, 0);
	TRY(fs_copy_synced(from, part, &got, &size, f));
	if (memcmp(want.b, got.b, 32) != 0)
		return fail(f, ERR_CORRUPT, "data.mdb of the backup is damaged");
	TRY(blobs_copy(from_dir, to_dir, progress, user, f));
	if (rename(part, data))
		return fail_errno(f, ERR_IO, errno, "cannot name %s", data);
	TRY(fs_sync_dir(to_dir, f));
	e = verify(to_dir, progress, user, f);
	if (e != ERR_OK && rename(data, part)) /* not to be taken for a store */
		log_error(ROOM, "restore=failed errno=%d", errno);
	return e;
}

/* ---- compaction ---------------------------------------------------------------------------------------- */

static enum err compact_steps(struct store *s, store_progress_fn progress, void *user,
			      struct fail *f)
{
	struct timespec pause = {0, 10 * 1000000L};
	char data[4096], fresh[4096];

	TRY(path_of(data, sizeof(data), s->dir, "data.mdb", f));
	TRY(path_of(fresh, sizeof(fresh), s->dir, "data.mdb.new", f));
	while (atomic_load(&s->drops)) /* what waits to be deleted need not be copied */
		nanosleep(&pause, NULL);
	unlink(fresh); /* of an attempt that was cut off */
	TRY(env_copy(s, fresh, progress, user, f));
	writer_stop(s);
	rtxn_pool_free(s);
	mdb_env_close(s->env);
	s->env = NULL;
	if (rename(fresh, data))
		return fail_errno(f, ERR_IO, errno, "cannot name %s", data);
	return fs_sync_dir(s->dir, f);
}

enum err store_compact(const char *dir, store_progress_fn progress, void *user, struct fail *f)
{
	struct store_opts o = {.dir = dir};
	struct store *s;
	enum err e;

	TRY(store_open(&o, &s, f));
	e = compact_steps(s, progress, user, f);
	store_close(s); /* gives the lock back only now */
	return e;
}
