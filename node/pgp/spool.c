/*
 * spool.c - the file behind a signature. Written through a small buffer; never has a name.
 */
#include "pgp/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define ROOM_BYTES 65536u

struct pgp_spool {
	int fd;
	bool strip;
	uint64_t n, max;
	enum err err;
	size_t fill;
	char room[ROOM_BYTES];
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t pgp_strip(char *to, const char *from, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		to[kept] = from[i];
		kept += !is_space(from[i]);
	}
	return kept;
}

/* Where file systems know no O_TMPFILE: made and unlinked at once. */
static int open_nameless(const char *dir)
{
	char path[4200];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/pgp.XXXXXX", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum err pgp_spool_new(const char *dir, uint64_t max, bool strip, struct pgp_spool **out,
		       struct fail *f)
{
	struct pgp_spool *s = malloc(sizeof(*s));

	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	*s = (struct pgp_spool){.fd = open_nameless(dir), .strip = strip, .max = max};
	if (s->fd < 0) {
		free(s);
		return fail_errno(f, ERR_IO, errno, "cannot make a file in %s", dir);
	}
	*out = s;
	return ERR_OK;
}

static enum err flush(struct pgp_spool *s, struct fail *f)
{
	size_t done = 0;

	while (s->err == ERR_OK && done < s->fill) {
		ssize_t n = write(s->fd, s->room + done, s->fill - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			s->err = fail_errno(f, errno == ENOSPC ? ERR_FULL : ERR_IO, errno,
					    "cannot spool what is signed");
		else
			done += (size_t)n;
	}
	s->fill = 0;
	return s->err;
}

enum err pgp_spool_add(struct pgp_spool *s, struct str bytes, struct fail *f)
{
	while (s->err == ERR_OK && bytes.n) {
		size_t n = MIN(bytes.n, sizeof(s->room) - s->fill), kept = n;

		if (s->strip)
			kept = pgp_strip(s->room + s->fill, bytes.p, n);
		else
			memcpy(s->room + s->fill, bytes.p, n);
		s->fill += kept;
		s->n += kept;
		bytes.p += n;
		bytes.n -= n;
		if (s->n > s->max)
			s->err = fail(f, ERR_LIMIT, "too large to be signed");
		else if (s->fill == sizeof(s->room))
			TRY(flush(s, f));
	}
	return s->err;
}

enum err pgp_spool_end(struct pgp_spool *s, int *fd, uint64_t *n, struct fail *f)
{
	*fd = -1;
	TRY(flush(s, f));
	if (lseek(s->fd, 0, SEEK_SET) != 0)
		return s->err = fail_errno(f, ERR_IO, errno, "cannot rewind a spool");
	*fd = s->fd;
	*n = s->n;
	return ERR_OK;
}

void pgp_spool_free(struct pgp_spool *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}
