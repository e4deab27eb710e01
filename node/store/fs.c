/*
 * fs.c - files and folders that must be on disk when a call returns.
 * A file counts as stored when it, and the folder that names it, have been fsynced.
 */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static enum err io_fail(struct fail *f, const char *what, const char *path)
{
	int no = errno;
	bool full = no == ENOSPC || no == EDQUOT || no == EFBIG;

	return fail_errno(f, full ? ERR_FULL : ERR_IO, no, "cannot %s %s", what, path);
}

enum err fs_sync_dir(const char *path, struct fail *f)
{
	OWN(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return io_fail(f, "open", path);
	return fsync(fd) ? io_fail(f, "sync", path) : ERR_OK;
}

/* Make one folder (its parent must exist); the parent knows it durably afterwards. */
enum err fs_make_dir(const char *path, struct fail *f)
{
	OWN(chars) char *parent = strdup(path);
	char *slash;

	if (mkdir(path, 0700)) {
		return errno == EEXIST ? ERR_OK : io_fail(f, "make folder", path);
	}
	if (!parent)
		return fail(f, ERR_NOMEM, "path");
	slash = strrchr(parent, '/');
	while (slash && slash > parent && !slash[1]) { /* a slash at the end */
		*slash = '\0';
		slash = strrchr(parent, '/');
	}
	if (!slash)
		return fs_sync_dir(".", f);
	slash[slash == parent] = '\0';
	return fs_sync_dir(parent, f);
}

enum err fs_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t got = write(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL
										    : ERR_IO;
		at += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

#define CHUNK ((size_t)256 << 10)

/* Read `from` to its end; into `to` unless that is negative. */
static enum err pump(int from, int to, struct sha256 *digest, uint64_t *size)
{
	OWN(mem) void *chunk = malloc(CHUNK);
	struct hash_ctx *h = chunk ? hash_begin() : NULL;
	ssize_t got = 0;
	enum err e = ERR_OK;

	*size = 0;
	if (!h)
		return ERR_NOMEM;
	while (e == ERR_OK && (got = read(from, chunk, CHUNK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			e = ERR_IO;
			break;
		}
		hash_add(h, chunk, (size_t)got);
		*size += (uint64_t)got;
		if (to >= 0)
			e = fs_write_all(to, chunk, (size_t)got);
	}
	*digest = hash_end(h);
	return e;
}

enum err fs_digest(const char *path, struct sha256 *digest, uint64_t *size, struct fail *f)
{
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno, "cannot open %s",
				  path);
	return pump(fd, -1, digest, size) == ERR_OK ? ERR_OK : io_fail(f, "read", path);
}

enum err fs_copy_synced(const char *from, const char *to, struct sha256 *digest, uint64_t *size,
			struct fail *f)
{
	OWN(fd) int in = open(from, O_RDONLY | O_CLOEXEC);
	OWN(fd) int out = -1;

	if (in < 0)
		return io_fail(f, "open", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return io_fail(f, "create", to);
	if (pump(in, out, digest, size) != ERR_OK)
		return io_fail(f, "copy to", to);
	return fsync(out) ? io_fail(f, "sync", to) : ERR_OK;
}

bool fs_dir_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = true;

	if (!d)
		return errno == ENOENT;
	while (empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(d);
	return empty;
}
