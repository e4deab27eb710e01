/*
 * out.h - the queue of bytes that a connection has still to send: copied bytes, handed-over
 * memory, literals and stretches of files. Belongs to one I/O thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/hotfile.h"
#include "base/str.h"

/* A piece of output. Bytes are at p; memory belongs to the segment unless `borrowed`. */
struct seg {
	struct seg *next;
	const char *p;
	size_t n;      /* bytes left at p */
	size_t room;   /* unused bytes behind p + n, when the bytes are the segment's own */
	char *memory;  /* free() this with the segment */
	int fd;	       /* >= 0: `n` bytes of this file from `pos` on; closed with the segment */
	const struct hotfile *hot; /* what p or fd belongs to; or NULL */
	off_t pos;
	char own[];
};

struct outq {
	struct seg *head, *tail;
	uint64_t bytes;
};

/* A segment with room for `room` bytes at own + lead, length 0. NULL when out of memory. */
struct seg *seg_new(size_t lead, size_t room);
void seg_free(struct seg *s);

void outq_clear(struct outq *q);
/* Append; false (and nothing appended) when out of memory. */
bool outq_copy(struct outq *q, const void *p, size_t n) MUST_USE;
bool outq_lit(struct outq *q, struct str s) MUST_USE;
bool outq_take(struct outq *q, struct buf *b) MUST_USE;
bool outq_file(struct outq *q, int fd, uint64_t offset, uint64_t n) MUST_USE; /* takes fd */
bool outq_hotfile(struct outq *q, const struct hotfile *h) MUST_USE; /* all of it; takes the reference */
void outq_seg(struct outq *q, struct seg *s);
/* Write to a socket. Bytes written, or -1 with errno (EAGAIN; EIO when a file got shorter). */
ssize_t outq_write(struct outq *q, int fd);
/* The first bytes in one piece: a view, or gathered in `scratch`. p == NULL: a file failed. */
struct str outq_peek(struct outq *q, char *scratch, size_t max);
void outq_consume(struct outq *q, size_t n);
