/*
 * files.c - writing files of a feed atomically: temporary name, fsync, rename. zlib's home here:
 * its gzip header carries no time, so that the same contents make the same file.
 */
#include "feeds/out/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK 65536

struct outfile {
	int dirfd, fd, gz_fd;
	char name[FILE_NAME_MAX], tmp[FILE_NAME_MAX + 8], gz[FILE_NAME_MAX + 4],
		gz_tmp[FILE_NAME_MAX + 12];
	z_stream z;
	bool z_open, placed;
};

static enum err tmp_open(int dirfd, const char *name, int *fd, struct fail *f)
{
	unlinkat(dirfd, name, 0); /* left over from an interrupted run */
	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	return *fd >= 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot make %s", name);
}

enum err outfile_new(int dirfd, const char *name, int level, struct outfile **out, struct fail *f)
{
	struct outfile *o = calloc(1, sizeof(*o));
	*out = o;
	if (!o)
		return fail(f, ERR_NOMEM, "no memory");
	o->dirfd = dirfd;
	o->fd = o->gz_fd = -1;
	if (BUG(strlen(name) >= FILE_NAME_MAX))
		return ERR_BUG;
	snprintf(o->name, sizeof(o->name), "%s", name);
	snprintf(o->tmp, sizeof(o->tmp), ".new-%s", name);
	snprintf(o->gz, sizeof(o->gz), "%s.gz", name);
	snprintf(o->gz_tmp, sizeof(o->gz_tmp), ".new-%s.gz", name);
	TRY(tmp_open(dirfd, o->tmp, &o->fd, f));
	if (!level)
		return ERR_OK;
	TRY(tmp_open(dirfd, o->gz_tmp, &o->gz_fd, f));
	if (deflateInit2(&o->z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return fail(f, ERR_NOMEM, "no memory to compress");
	o->z_open = true;
	return ERR_OK;
}

static enum err put(int fd, const void *p, size_t n, struct fail *f)
{
	const char *at = p;
	while (n) {
		ssize_t k = write(fd, at, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return fail_errno(f, errno == ENOSPC ? ERR_FULL : ERR_IO, errno,
					  "cannot write to the feed");
		at += k;
		n -= (size_t)k;
	}
	return ERR_OK;
}

static enum err gz_put(struct outfile *o, const void *p, size_t n, int flush, struct fail *f)
{
	unsigned char chunk[CHUNK];
	const unsigned char *at = p;
	int z;
	do {
		uInt part = (uInt)MIN(n, (size_t)1 << 30);
		o->z.next_in = (z_const Bytef *)at;
		o->z.avail_in = part;
		at += part;
		n -= part;
		do {
			o->z.next_out = chunk;
			o->z.avail_out = sizeof(chunk);
			z = deflate(&o->z, n ? Z_NO_FLUSH : flush);
			if (z == Z_STREAM_ERROR)
				return fail(f, ERR_BUG, "compression failed");
			TRY(put(o->gz_fd, chunk, sizeof(chunk) - o->z.avail_out, f));
		} while (o->z.avail_out == 0);
	} while (n);
	return ERR_OK;
}

enum err outfile_write(struct outfile *o, const void *p, size_t n, struct fail *f)
{
	TRY(put(o->fd, p, n, f));
	return o->z_open && n ? gz_put(o, p, n, Z_NO_FLUSH, f) : ERR_OK;
}

enum err outfile_end(struct outfile *o, struct fail *f)
{
	if (!o->z_open)
		return ERR_OK;
	TRY(gz_put(o, "", 0, Z_FINISH, f));
	deflateEnd(&o->z); /* its windows are large, and many files wait at a time */
	o->z_open = false;
	return ERR_OK;
}

void outfile_leave(struct outfile *o)
{
	int *fd[] = {&o->fd, &o->gz_fd};
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		if (*fd[i] < 0)
			continue;
		/* on its way to the disk, so that syncing has little left to do */
		sync_file_range(*fd[i], 0, 0, SYNC_FILE_RANGE_WRITE);
		close(*fd[i]);
		*fd[i] = -1;
	}
}

bool outfile_is_same(const struct outfile *o)
{
	char a[CHUNK], b[CHUNK];
	struct stat mine, theirs;
	off_t at = 0;
	OWN(fd) int fd = openat(o->dirfd, o->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &theirs) < 0 || fstat(o->fd, &mine) < 0 ||
	    mine.st_size != theirs.st_size || !S_ISREG(theirs.st_mode))
		return false;
	if (o->gz_fd >= 0 && faccessat(o->dirfd, o->gz, R_OK, 0) < 0)
		return false;
	while (at < mine.st_size) {
		ssize_t n = pread(o->fd, a, sizeof(a), at), k = pread(fd, b, sizeof(b), at);
		if (n <= 0 || n != k || memcmp(a, b, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

enum err outfile_sync(struct outfile *o, struct fail *f)
{
	if (fsync(o->fd) < 0 || (o->gz_fd >= 0 && fsync(o->gz_fd) < 0))
		return fail_errno(f, ERR_IO, errno, "cannot write %s to disk", o->name);
	return ERR_OK;
}

enum err outfile_place(struct outfile *o, struct fail *f)
{
	if ((o->gz_fd >= 0 && renameat(o->dirfd, o->gz_tmp, o->dirfd, o->gz) < 0) ||
	    renameat(o->dirfd, o->tmp, o->dirfd, o->name) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot rename to %s", o->name);
	o->placed = true;
	return ERR_OK;
}

void outfile_free(struct outfile *o)
{
	if (!o)
		return;
	if (o->z_open)
		deflateEnd(&o->z);
	if (o->fd >= 0)
		close(o->fd);
	if (o->gz_fd >= 0)
		close(o->gz_fd);
	if (!o->placed) {
		unlinkat(o->dirfd, o->tmp, 0);
		unlinkat(o->dirfd, o->gz_tmp, 0);
	}
	free(o);
}

bool outfile_remove(int dirfd, const char *name)
{
	char gz[FILE_NAME_MAX + 4];
	snprintf(gz, sizeof(gz), "%s.gz", name);
	unlinkat(dirfd, gz, 0);
	return unlinkat(dirfd, name, 0) == 0;
}
