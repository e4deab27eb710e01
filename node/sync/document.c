/*
 * document.c - memory first, then O_TMPFILE. The file has no name: a crash leaves nothing behind.
 */
#include "sync/document.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static enum err spill(struct document *d, const char *dir, struct fail *f)
{
	const char *p = d->head.p;
	size_t n = d->head.n;
	if (d->fd < 0)
		d->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return fail_errno(f, ERR_IO, errno, "spool folder");
	while (n) {
		ssize_t w = write(d->fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return fail_errno(f, errno == ENOSPC ? ERR_FULL : ERR_IO, errno, "spool file");
		p += w;
		n -= (size_t)w;
	}
	buf_clear(&d->head);
	return ERR_OK;
}

enum err document_make(struct document *d, struct sealed **s, const char *spool_dir, uint64_t max,
		       struct fail *f)
{
	bool end = false;
	enum err e = ERR_OK;
	sealed_hold(*s);
	/* one element may be large: an attachment in base64 */
	d->head.max = (size_t)MIN(max, (uint64_t)SIZE_MAX / 2);
	while (e == ERR_OK && !end) {
		size_t before = d->head.n;
		e = sealed_pull(*s, &d->head, CHUNK, &end, f);
		d->size += d->head.n - before;
		if (e == ERR_OK && d->size > max)
			e = fail(f, ERR_LIMIT, "the document is larger than %llu bytes",
				 (unsigned long long)max);
		if (e == ERR_OK && (d->head.n > DOCUMENT_MEMORY || (end && d->fd >= 0)))
			e = spill(d, spool_dir, f);
	}
	if (e == ERR_OK) {
		d->attributes = sealed_totals(*s)->attributes;
		memcpy(d->digest, sealed_totals(*s)->digest, sizeof(d->digest));
		d->receipt = sealed_receipt(*s);
	}
	sealed_free(MOVE(*s));
	return e == ERR_OK ? document_rewind(d, f) : e;
}

enum err document_read(void *user, void *p, size_t cap, size_t *n, struct fail *f)
{
	struct document *d = user;
	ssize_t r;
	if (d->fd < 0) {
		*n = MIN(cap, d->head.n - (size_t)d->at);
		if (*n)
			memcpy(p, d->head.p + d->at, *n);
		d->at += *n;
		return ERR_OK;
	}
	do
		r = read(d->fd, p, cap);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return fail_errno(f, ERR_IO, errno, "spool file");
	*n = (size_t)r;
	return ERR_OK;
}

enum err document_rewind(void *user, struct fail *f)
{
	struct document *d = user;
	d->at = 0;
	if (d->fd >= 0 && lseek(d->fd, 0, SEEK_SET) < 0)
		return fail_errno(f, ERR_IO, errno, "spool file");
	return ERR_OK;
}

enum err document_text(struct sealed **s, struct buf *out, struct receipt **receipt,
		       struct fail *f)
{
	OWN(sealed) struct sealed *mine = MOVE(*s);
	bool end = false;
	*receipt = NULL;
	sealed_hold(mine);
	while (!end) {
		TRY(sealed_pull(mine, out, 1u << 20, &end, f));
		TRY(buf_err(out));
	}
	*receipt = sealed_receipt(mine);
	return ERR_OK;
}

void document_free(struct document *d)
{
	receipt_end(MOVE(d->receipt), SENT_NOTHING);
	buf_free(&d->head);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
