/*
 * map.c - files mapped shared that grow in place.
 *
 * Invariant: [p, p + len) is backed by blocks of the file; [p + len, p + reserve) is address space
 * without access.
 */
#include "index/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/own.h"

#define GRAIN ((size_t)64 << 10)
#define RESERVE_LEAST ((size_t)64 << 20)
#define SUM_WHOLE ((size_t)64 << 20)
#define SUM_PIECE ((size_t)4 << 10)

static size_t round_up(size_t n)
{
	return (n + GRAIN - 1) / GRAIN * GRAIN;
}

static enum err extend(struct ix_map *m, size_t to, bool fresh, struct fail *f)
{
	int e = fresh ? posix_fallocate(m->fd, (off_t)m->len, (off_t)(to - m->len)) : 0;

	if (e)
		return fail_errno(f, e == ENOSPC || e == EDQUOT ? ERR_FULL : ERR_IO, e,
				  "cannot extend an index file to %zu bytes", to);
	if (mmap(m->p + m->len, to - m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->fd,
		 (off_t)m->len) == MAP_FAILED)
		return fail_errno(f, ERR_NOMEM, errno, "cannot map an index file");
	m->len = to;
	return ERR_OK;
}

enum err map_open(struct ix_map *m, int dirfd, const char *name, size_t reserve, bool keep,
		  struct fail *f)
{
	struct stat st;
	void *p;

	*m = IX_MAP_NONE;
	reserve = round_up(reserve);
	/* a new inode, not a truncated one: a reader may still have the old one mapped */
	if (!keep && unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
		return fail_errno(f, ERR_IO, errno, "cannot remove index file %s", name);
	m->fd = openat(dirfd, name, O_RDWR | O_CLOEXEC | (keep ? 0 : O_CREAT | O_EXCL), 0600);
	if (m->fd < 0)
		return fail_errno(f, keep && errno == ENOENT ? ERR_NOENT : ERR_IO, errno,
				  "cannot open index file %s", name);
	if (fstat(m->fd, &st) != 0 || (size_t)st.st_size % GRAIN || (size_t)st.st_size > reserve) {
		map_close(m);
		return fail(f, ERR_CORRUPT, "index file %s has a strange size", name);
	}
	/* where address space is limited, take what there is */
	while ((p = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0)) == MAP_FAILED &&
	       errno == ENOMEM && reserve / 2 >= RESERVE_LEAST && reserve / 2 > (size_t)st.st_size)
		reserve = round_up(reserve / 2);
	if (p == MAP_FAILED) {
		map_close(m);
		return fail_errno(f, ERR_NOMEM, errno, "no address space for index file %s", name);
	}
	m->p = p;
	m->reserve = reserve;
	if (st.st_size && extend(m, (size_t)st.st_size, false, f) != ERR_OK) {
		map_close(m);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

enum err map_grow(struct ix_map *m, size_t bytes, struct fail *f)
{
	size_t to;

	if (bytes <= m->len)
		return ERR_OK;
	if (bytes > m->reserve)
		return fail(f, ERR_LIMIT, "an index file would exceed %zu bytes", m->reserve);
	to = round_up(MAX(bytes, m->len + m->len / 8));
	return extend(m, MIN(to, m->reserve), true, f);
}

void map_trim(struct ix_map *m, size_t bytes)
{
	size_t to = round_up(bytes);

	if (m->fd < 0 || to >= m->len)
		return;
	/* the addresses stay reserved; a file that cannot be cut is only longer than it need be */
	if (mmap(m->p + to, m->len - to, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return;
	m->len = to;
	(void)!ftruncate(m->fd, (off_t)to);
}

enum err map_sync(struct ix_map *m, struct fail *f)
{
	/* fdatasync() also writes what was changed through a shared mapping */
	if (m->fd >= 0 && fdatasync(m->fd) != 0)
		return fail_errno(f, ERR_IO, errno, "cannot write an index file");
	return ERR_OK;
}

void map_close(struct ix_map *m)
{
	if (m->p)
		munmap(m->p, m->reserve);
	if (m->fd >= 0)
		close(m->fd);
	*m = IX_MAP_NONE;
}

uint64_t map_sum(const struct ix_map *m, size_t bytes)
{
	uint64_t sum = bytes;
	size_t step = SUM_PIECE;

	if (bytes > m->len)
		return 0;
	if (bytes > SUM_WHOLE)
		step = bytes / (SUM_WHOLE / SUM_PIECE) / SUM_PIECE * SUM_PIECE;
	step = MAX(step, SUM_PIECE);
	if (step == SUM_PIECE)
		return bytes ? hash_64(m->p, bytes, sum) : sum;
	for (size_t at = 0; at < bytes; at += step)
		sum = hash_64(m->p + at, MIN(SUM_PIECE, bytes - at), sum);
	return hash_64(m->p + bytes - SUM_PIECE, SUM_PIECE, sum);
}
