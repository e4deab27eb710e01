/*
 * out.c - output queue: gathering writes, sendfile.
 *
 * Knows sockets but not HTTP. Invariant: `bytes` is the sum of the segments' lengths.
 */
#include "http/out.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/own.h"

#define IOV_MAX_USED 32
#define SEG_ROOM 4000u /* with the struct and malloc's header about a page */

struct seg *seg_new(size_t lead, size_t room)
{
	struct seg *s = malloc(sizeof(*s) + lead + room);

	if (!s)
		return NULL;
	*s = (struct seg){.p = s->own + lead, .room = room, .fd = -1};
	return s;
}

void seg_free(struct seg *s)
{
	if (s->hot)
		hotfile_unref(s->hot);
	else if (s->fd >= 0)
		close(s->fd);
	free(s->memory);
	free(s);
}

void outq_seg(struct outq *q, struct seg *s)
{
	s->next = NULL;
	if (q->tail)
		q->tail->next = s;
	else
		q->head = s;
	q->tail = s;
	q->bytes += s->n;
}

void outq_clear(struct outq *q)
{
	while (q->head) {
		struct seg *s = q->head;
		q->head = s->next;
		seg_free(s);
	}
	*q = (struct outq){NULL, NULL, 0};
}

bool outq_copy(struct outq *q, const void *p, size_t n)
{
	struct seg *s = q->tail;

	if (!s || s->room < n) {
		s = seg_new(0, MAX(n, (size_t)SEG_ROOM));
		if (!s)
			return false;
		outq_seg(q, s);
	}
	memcpy((char *)(uintptr_t)s->p + s->n, p, n);
	s->n += n;
	s->room -= n;
	q->bytes += n;
	return true;
}

bool outq_lit(struct outq *q, struct str str)
{
	struct seg *s = seg_new(0, 0);

	if (!s)
		return false;
	s->p = str.p;
	s->n = str.n;
	outq_seg(q, s);
	return true;
}

bool outq_take(struct outq *q, struct buf *b)
{
	struct seg *s;

	if (b->n == 0)
		return true;
	s = seg_new(0, 0);
	if (!s)
		return false;
	s->n = b->n;
	s->p = s->memory = b->p;
	*b = BUF(b->max);
	outq_seg(q, s);
	return true;
}

bool outq_file(struct outq *q, int fd, uint64_t offset, uint64_t n)
{
	struct seg *s = n ? seg_new(0, 0) : NULL;

	if (!s) {
		close(fd);
		return n == 0;
	}
	s->fd = fd;
	s->pos = (off_t)offset;
	s->n = n;
	outq_seg(q, s);
	return true;
}

bool outq_hotfile(struct outq *q, const struct hotfile *h)
{
	struct seg *s = h->size ? seg_new(0, 0) : NULL;

	if (!s) {
		bool empty = !h->size;
		hotfile_unref(h);
		return empty;
	}
	s->hot = h;
	s->p = h->bytes.p;
	s->fd = h->fd;
	s->n = h->size;
	outq_seg(q, s);
	return true;
}

void outq_consume(struct outq *q, size_t n)
{
	q->bytes -= n;
	while (q->head && (n || q->head->n == 0)) {
		struct seg *s = q->head;
		size_t take = MIN(n, s->n);
		s->p += s->fd < 0 ? take : 0;
		s->pos += (off_t)take;
		s->n -= take;
		n -= take;
		if (s->n)
			break;
		q->head = s->next;
		if (!q->head)
			q->tail = NULL;
		seg_free(s);
	}
}

static ssize_t write_file(struct seg *s, int fd)
{
	off_t pos = s->pos;
	ssize_t n = sendfile(fd, s->fd, &pos, MIN(s->n, (size_t)1 << 20));

	if (n == 0) {
		errno = EIO;
		return -1;
	}
	return n;
}

ssize_t outq_write(struct outq *q, int fd)
{
	struct iovec iov[IOV_MAX_USED];
	struct msghdr msg = {.msg_iov = iov};
	ssize_t n;

	if (!q->head)
		return 0;
	if (q->head->fd >= 0) {
		n = write_file(q->head, fd);
	} else {
		struct seg *s = q->head;
		int flags = MSG_NOSIGNAL;
		for (; s && s->fd < 0 && msg.msg_iovlen < IOV_MAX_USED; s = s->next)
			iov[msg.msg_iovlen++] =
				(struct iovec){(void *)(uintptr_t)s->p, s->n};
		if (s)
			flags |= MSG_MORE; /* a file follows: one packet for head and beginning */
		n = sendmsg(fd, &msg, flags);
	}
	if (n > 0)
		outq_consume(q, (size_t)n);
	return n;
}

struct str outq_peek(struct outq *q, char *scratch, size_t max)
{
	size_t n = 0;

	if (q->head && q->head->fd < 0 && (q->head->n >= max || !q->head->next))
		return (struct str){q->head->p, MIN(q->head->n, max)};
	for (struct seg *s = q->head; s && n < max; s = s->next) {
		size_t take = MIN(s->n, max - n);
		if (s->fd < 0) {
			memcpy(scratch + n, s->p, take);
			n += take;
		} else {
			ssize_t got = pread(s->fd, scratch + n, take, s->pos);
			if (got <= 0)
				return n ? (struct str){scratch, n} : STR_NONE;
			n += (size_t)got;
			if ((size_t)got < s->n)
				break;
		}
	}
	return (struct str){scratch, n};
}
