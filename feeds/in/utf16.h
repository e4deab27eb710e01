/*
 * utf16.h - a text that begins with UTF-16's byte order mark, as spreadsheets save it, made UTF-8 as it
 * arrives. All other texts pass as they are.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum utf16_kind { UTF16_UNKNOWN, UTF16_NONE, UTF16_LE, UTF16_BE };

struct utf16 {
	enum utf16_kind kind;
	unsigned char held; /* the first byte of a pair */
	bool has_held;
	uint32_t high; /* the first half of a surrogate pair; 0: none */
};
#define UTF16_PIECE 8192u

/* Bytes, at most UTF16_PIECE of them, to `out` (which gets up to twice as many); halves of pairs that stand
   alone become U+FFFD. */
void utf16_add(struct utf16 *u, struct str bytes, struct buf *out);
/* The text ends: what was held back goes out. */
void utf16_end(struct utf16 *u, struct buf *out);
