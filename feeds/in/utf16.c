/*
 * utf16.c - see utf16.h.
 */
#include "feeds/in/utf16.h"

static void put(struct buf *out, uint32_t c)
{
	char b[4];
	if (c < 0x80) {
		buf_putc(out, (char)c);
		return;
	}
	unsigned n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (unsigned i = n; i-- > 1; c >>= 6)
		b[i] = (char)(0x80 | (c & 0x3f));
	b[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
	buf_add(out, b, n);
}

static void unit(struct utf16 *u, uint32_t c, struct buf *out)
{
	bool low = c >= 0xdc00 && c <= 0xdfff;
	if (u->high && low) {
		put(out, 0x10000 + ((u->high - 0xd800) << 10) + (c - 0xdc00));
		u->high = 0;
		return;
	}
	if (u->high)
		put(out, 0xfffd);
	u->high = c >= 0xd800 && c <= 0xdbff ? c : 0;
	if (!u->high)
		put(out, low ? 0xfffd : c);
}

/* The mark itself is not passed on. */
static void decide(struct utf16 *u, unsigned char second, struct buf *out)
{
	u->kind = u->held == 0xff && second == 0xfe   ? UTF16_LE
		  : u->held == 0xfe && second == 0xff ? UTF16_BE
						      : UTF16_NONE;
	u->has_held = false;
	if (u->kind == UTF16_NONE) {
		buf_putc(out, (char)u->held);
		buf_putc(out, (char)second);
	}
}

void utf16_add(struct utf16 *u, struct str bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char b = (unsigned char)bytes.p[i];
		if (u->kind == UTF16_NONE) {
			buf_str_add(out, str_sub(bytes, i, bytes.n));
			return;
		}
		if (!u->has_held) {
			u->held = b;
			u->has_held = true;
			continue;
		}
		if (u->kind == UTF16_UNKNOWN) {
			decide(u, b, out);
			continue;
		}
		u->has_held = false;
		unit(u, u->kind == UTF16_LE ? (uint32_t)(b << 8 | u->held) : (uint32_t)(u->held << 8 | b), out);
	}
}

void utf16_end(struct utf16 *u, struct buf *out)
{
	if (u->has_held && u->kind == UTF16_UNKNOWN)
		buf_putc(out, (char)u->held);
	else if (u->has_held || u->high)
		put(out, 0xfffd);
	u->has_held = false;
	u->high = 0;
}
