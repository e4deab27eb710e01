/*
 * blob.c - attachments as files named by their SHA-256, in two levels of folders.
 * A file gets its name only after it has been written and fsynced; equal contents are one file.
 * Nothing is deleted here: the sweep of check.c removes what no record names.
 */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BLOBS "blobs"

void blob_path(const char *dir, const uint8_t digest[32], char *out, size_t n)
{
	char hex[65];

	hash_hex(digest, 32, hex);
	snprintf(out, n, "%s/" BLOBS "/%.2s/%.2s/%s", dir, hex, hex + 2, hex);
}

/* The folders above a blob, each durable before anything stands in it. */
static enum err folders_make(const char *dir, const char *path, struct fail *f)
{
	OWN(chars) char *p = strdup(path);

	if (!p)
		return fail(f, ERR_NOMEM, "path");
	for (char *slash = p + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		TRY(fs_make_dir(p, f));
		*slash = '/';
	}
	return ERR_OK;
}

static enum err temp_fill(const char *temp, struct str bytes, struct fail *f)
{
	OWN(fd) int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum err e;

	if (fd < 0)
		return fail_errno(f, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, errno,
				  "cannot create an attachment");
	e = fs_write_all(fd, bytes.p, bytes.n);
	if (e != ERR_OK)
		return fail_errno(f, e, errno, "cannot write an attachment");
	return fsync(fd) ? fail_errno(f, ERR_IO, errno, "cannot sync an attachment") : ERR_OK;
}

enum err blob_write(const char *dir, struct str bytes, const uint8_t digest[32], struct fail *f)
{
	static atomic_uint serial;
	char path[4096], temp[4160], *slash;
	enum err e;

	blob_path(dir, digest, path, sizeof(path));
	TRY(folders_make(dir, path, f));
	snprintf(temp, sizeof(temp), "%s.%u.%u.tmp", path, (unsigned)getpid(),
		 atomic_fetch_add(&serial, 1));
	e = temp_fill(temp, bytes, f);
	if (e == ERR_OK && rename(temp, path))
		e = fail_errno(f, ERR_IO, errno, "cannot name an attachment");
	if (e != ERR_OK) {
		unlink(temp);
		return e;
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	return fs_sync_dir(path, f);
}

enum err store_blob_put(struct store *s, struct str bytes, uint8_t digest[32], struct fail *f)
{
	struct sha256 d = hash_sha256(bytes);
	char path[4096];
	struct stat st;
	bool known;

	memcpy(digest, d.b, 32);
	if (s->opts.read_only)
		return fail(f, ERR_UNSUPPORTED, "the store is open for reading only");
	blob_path(s->dir, digest, path, sizeof(path));
	/* The new time keeps the sweep away until a record names the file. */
	pthread_mutex_lock(&s->blob_lock);
	known = stat(path, &st) == 0 && (uint64_t)st.st_size == bytes.n &&
		utimensat(AT_FDCWD, path, NULL, 0) == 0;
	pthread_mutex_unlock(&s->blob_lock);
	return known ? ERR_OK : blob_write(s->dir, bytes, digest, f);
}

enum err store_blob_get(struct store *s, struct str digest, struct buf *out, struct fail *f)
{
	char path[4096], *p;
	struct sha256 d;
	struct stat st;
	ssize_t got;

	if (digest.n != 32)
		return fail(f, ERR_NOENT, "no attachment has a digest of %zu bytes", digest.n);
	blob_path(s->dir, (const uint8_t *)digest.p, path, sizeof(path));
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno,
				  "cannot open an attachment");
	buf_clear(out);
	if (fstat(fd, &st) || st.st_size < 0)
		return fail_errno(f, ERR_IO, errno, "cannot look at an attachment");
	p = buf_reserve(out, (size_t)st.st_size);
	if (!p)
		return fail(f, buf_err(out), "attachment of %lld bytes", (long long)st.st_size);
	while (out->n < (size_t)st.st_size) {
		got = read(fd, p + out->n, (size_t)st.st_size - out->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buf_commit(out, (size_t)got);
	}
	d = hash_sha256(buf_str(out));
	if (memcmp(d.b, digest.p, 32) != 0)
		return fail(f, ERR_CORRUPT, "attachment %s is damaged", strrchr(path, '/') + 1);
	return ERR_OK;
}

enum err store_blob_open(struct store *s, struct str digest, int *fd, struct fail *f)
{
	char path[4096];

	if (digest.n != 32)
		return fail(f, ERR_NOENT, "no attachment has a digest of %zu bytes", digest.n);
	blob_path(s->dir, (const uint8_t *)digest.p, path, sizeof(path));
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd >= 0 ? ERR_OK :
			  fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno,
				     "cannot open an attachment");
}

/* ---- walking -------------------------------------------------------------------------------- */

struct walk {
	enum err (*fn)(void *user, const char *path, const uint8_t digest[32]);
	void *user;
	struct fail *f;
};

static enum err walk_dir(const struct walk *w, const char *path, unsigned level)
{
	DIR *d = opendir(path);
	struct dirent *e;
	enum err err = ERR_OK;

	if (!d)
		return errno == ENOENT ? ERR_OK
				       : fail_errno(w->f, ERR_IO, errno, "cannot list %s", path);
	while (err == ERR_OK && (e = readdir(d))) {
		char sub[4096];
		uint8_t digest[32];

		if (e->d_name[0] == '.' ||
		    snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) >= (int)sizeof(sub))
			continue;
		if (level < 2)
			err = walk_dir(w, sub, level + 1);
		else
			err = w->fn(w->user, sub,
				    hash_unhex(str_c(e->d_name), digest, 32) ? digest : NULL);
	}
	closedir(d);
	return err;
}

/* Every file below blobs/; digest is NULL for what is no blob (a temporary file left over). */
enum err blob_each(const char *dir,
		   enum err (*fn)(void *user, const char *path, const uint8_t digest[32]),
		   void *user, struct fail *f)
{
	struct walk w = {fn, user, f};
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" BLOBS, dir) >= (int)sizeof(path))
		return fail(f, ERR_INVAL, "path of the store is too long");
	return walk_dir(&w, path, 0);
}
