/* seal_write.h - how an exporter writes: bytes appended to what will be sealed. */
#pragma once

#include "base/buf.h"

struct seal_writer;

/* The buffer to append to. Bounded: an element must fit (ERR_LIMIT sticks in the buffer). */
struct buf *seal_buf(struct seal_writer *w);
/* Count what is written, for the receipt and X-Result-Count. */
void seal_count(struct seal_writer *w, unsigned events, unsigned attributes);
