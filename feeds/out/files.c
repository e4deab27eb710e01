/*
 * files.c - writing files of a feed atomically: temporary name, fsync, rename. What is written goes
 * through one buffer in blocks of one size, so that the same contents make the same .gz (whose
 * header carries no time).
 */
#include "feeds/out/files.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536
#define LEVEL 2

struct packer {
	struct outfile *busy; /* one file at a time */
	size_t n; /* bytes in the block */
	struct isal_zstream z;
	uint8_t block[BLOCK], packed[BLOCK], compare[BLOCK], level[ISAL_DEF_LVL2_MEDIUM];
};

struct outfile {
	struct packer *packer; /* until its end */
	int dirfd, fd, gz_fd;
	char name[FILE_NAME_MAX], tmp[FILE_NAME_MAX + 8], gz[FILE_NAME_MAX + 4],
		gz_tmp[FILE_NAME_MAX + 12];
	bool placed;
};

struct packer *packer_new(void)
{
	struct packer *p = malloc(sizeof(*p)); /* not cleared: it is large, and filled when used */
	if (p)
		p->busy = NULL;
	return p;
}

void packer_free(struct packer *p)
{
	free(p);
}

static void packer_begin(struct packer *p, struct outfile *o)
{
	p->busy = o;
	p->n = 0;
	isal_deflate_init(&p->z);
	p->z.level = LEVEL;
	p->z.level_buf = p->level;
	p->z.level_buf_size = sizeof(p->level);
	p->z.gzip_flag = IGZIP_GZIP;
	p->z.flush = NO_FLUSH;
	o->packer = p;
}

static enum err tmp_open(int dirfd, const char *name, int *fd, struct fail *f)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	*fd = openat(dirfd, name, flags, 0644);
	if (*fd < 0 && errno == EEXIST && unlinkat(dirfd, name, 0) == 0) /* of an interrupted run */
		*fd = openat(dirfd, name, flags, 0644);
	return *fd >= 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot make %s", name);
}

enum err outfile_new(int dirfd, const char *name, struct packer *packer, struct outfile **out,
		     struct fail *f)
{
	struct outfile *o = calloc(1, sizeof(*o));
	*out = o;
	if (!o)
		return fail(f, ERR_NOMEM, "no memory");
	o->dirfd = dirfd;
	o->fd = o->gz_fd = -1;
	if (BUG(strlen(name) >= FILE_NAME_MAX || packer->busy))
		return ERR_BUG;
	snprintf(o->name, sizeof(o->name), "%s", name);
	snprintf(o->tmp, sizeof(o->tmp), ".new-%s", name);
	snprintf(o->gz, sizeof(o->gz), "%s.gz", name);
	snprintf(o->gz_tmp, sizeof(o->gz_tmp), ".new-%s.gz", name);
	TRY(tmp_open(dirfd, o->tmp, &o->fd, f));
	TRY(tmp_open(dirfd, o->gz_tmp, &o->gz_fd, f));
	packer_begin(packer, o);
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

/* The block, into both files. */
static enum err block_put(struct outfile *o, bool end, struct fail *f)
{
	struct packer *p = o->packer;
	TRY(put(o->fd, p->block, p->n, f));
	p->z.next_in = p->block;
	p->z.avail_in = (uint32_t)p->n;
	p->z.end_of_stream = end;
	p->n = 0;
	do {
		p->z.next_out = p->packed;
		p->z.avail_out = sizeof(p->packed);
		if (isal_deflate(&p->z) != COMP_OK)
			return fail(f, ERR_BUG, "compression failed");
		TRY(put(o->gz_fd, p->packed, sizeof(p->packed) - p->z.avail_out, f));
	} while (p->z.avail_out == 0);
	return ERR_OK;
}

enum err outfile_write(struct outfile *o, const void *from, size_t n, struct fail *f)
{
	struct packer *p = o->packer;
	const char *at = from;
	while (n) {
		size_t k = MIN(n, sizeof(p->block) - p->n);
		memcpy(p->block + p->n, at, k);
		p->n += k;
		at += k;
		n -= k;
		if (p->n == sizeof(p->block))
			TRY(block_put(o, false, f));
	}
	return ERR_OK;
}

static void packer_end(struct outfile *o)
{
	if (o->packer)
		o->packer->busy = NULL;
	o->packer = NULL;
}

enum err outfile_end(struct outfile *o, struct fail *f)
{
	enum err e = block_put(o, true, f);
	packer_end(o);
	return e;
}

void outfile_leave(struct outfile *o)
{
	int *fd[] = {&o->fd, &o->gz_fd};
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		if (*fd[i] < 0)
			continue;
		close(*fd[i]);
		*fd[i] = -1;
	}
}

bool outfile_is_same(const struct outfile *o, struct packer *p)
{
	uint8_t *a = p->block, *b = p->compare;
	struct stat mine, theirs;
	off_t at = 0;
	if (BUG(p->busy))
		return false;
	OWN(fd) int fd = openat(o->dirfd, o->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &theirs) < 0 || fstat(o->fd, &mine) < 0 ||
	    mine.st_size != theirs.st_size || !S_ISREG(theirs.st_mode))
		return false;
	if (faccessat(o->dirfd, o->gz, R_OK, 0) < 0)
		return false;
	while (at < mine.st_size) {
		ssize_t n = pread(o->fd, a, BLOCK, at), k = pread(fd, b, BLOCK, at);
		if (n <= 0 || n != k || memcmp(a, b, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

int outfile_read(const struct outfile *o, uint64_t *bytes)
{
	struct stat st;
	if (fstat(o->fd, &st) < 0 || lseek(o->fd, 0, SEEK_SET) < 0)
		return -1;
	*bytes = (uint64_t)st.st_size;
	return fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
}

enum err outfile_sync(struct outfile *o, struct fail *f)
{
	if (fsync(o->fd) < 0 || fsync(o->gz_fd) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s to disk", o->name);
	return ERR_OK;
}

enum err outfile_place(struct outfile *o, struct fail *f)
{
	if (renameat(o->dirfd, o->gz_tmp, o->dirfd, o->gz) < 0 ||
	    renameat(o->dirfd, o->tmp, o->dirfd, o->name) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot rename to %s", o->name);
	o->placed = true;
	return ERR_OK;
}

void outfile_free(struct outfile *o)
{
	if (!o)
		return;
	packer_end(o);
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
