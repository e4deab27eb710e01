/*
 * spill.c - see spill.h. The file is written in pieces of a MiB, and mapped to be read.
 */
#include "base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY ((size_t)4 << 20)
#define PIECE ((size_t)1 << 20)

void spill_init(struct spill *s, const char *dir, uint64_t max)
{
	*s = (struct spill){.dir = dir, .max = max, .fd = -1};
	buf_init(&s->mem, dir ? 2 * MEMORY + PIECE : (size_t)MIN(max, (uint64_t)SIZE_MAX / 2) + PIECE);
}

/* Where file systems know no O_TMPFILE: made and unlinked at once. */
static int file_new(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(path, sizeof(path), "%s/spill.XXXXXX", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static enum err put(struct spill *s, const char *p, size_t n, struct fail *f)
{
	if (s->fd < 0)
		s->fd = file_new(s->dir);
	if (s->fd < 0)
		return fail_errno(f, ERR_IO, errno, "spool folder");
	while (n) {
		ssize_t w = write(s->fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return fail_errno(f, errno == ENOSPC ? ERR_FULL : ERR_IO, errno, "spool file");
		p += w;
		n -= (size_t)w;
		s->in_file += (uint64_t)w;
	}
	return ERR_OK;
}

static enum err flush(struct spill *s, struct fail *f)
{
	TRY(put(s, s->mem.p, s->mem.n, f));
	buf_clear(&s->mem);
	return ERR_OK;
}

static void unmap(struct spill *s)
{
	if (s->map)
		munmap(s->map, (size_t)s->in_file);
	s->map = NULL;
}

enum err spill_add(struct spill *s, const void *p, size_t n, struct fail *f)
{
	const char *from = p;
	unmap(s);
	if (n > s->max - s->n)
		return fail(f, ERR_LIMIT, "more than %llu bytes", (unsigned long long)s->max);
	s->n += n;
	while (n) {
		size_t part = MIN(n, PIECE);
		buf_add(&s->mem, from, part);
		if (buf_err(&s->mem) != ERR_OK)
			return fail(f, buf_err(&s->mem), "gathering a document");
		if (s->dir && s->mem.n >= MEMORY)
			TRY(flush(s, f));
		from += part;
		n -= part;
	}
	return ERR_OK;
}

enum err spill_all(struct spill *s, struct str *out, struct fail *f)
{
	*out = buf_str(&s->mem);
	if (s->fd < 0 || !s->in_file)
		return ERR_OK;
	if (s->mem.n) {
		unmap(s);
		TRY(flush(s, f));
	}
	if (!s->map) {
		s->map = mmap(NULL, (size_t)s->in_file, PROT_READ, MAP_PRIVATE, s->fd, 0);
		if (s->map == MAP_FAILED) {
			s->map = NULL;
			return fail_errno(f, ERR_IO, errno, "mapping the spool");
		}
	}
	*out = (struct str){s->map, (size_t)s->in_file};
	return ERR_OK;
}

void spill_clear(struct spill *s)
{
	unmap(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->n = s->in_file = 0;
	buf_clear(&s->mem);
}

void spill_free(struct spill *s)
{
	spill_clear(s);
	buf_free(&s->mem);
}
