/*
 * chunk.c - the chunked body decoder.
 *
 * Knows nothing of connections. Invariant: every byte is looked at once; framing bytes are bounded
 * in total, so that tiny chunks with long extensions cannot keep a server busy for ever.
 */
#include "http/chunk.h"

#include <stdbool.h>

#include "base/own.h"
#include "http/parse.h"

#define OVERHEAD_MAX 65536u

enum state {
	SIZE,	     /* hex digits */
	EXT,	     /* after ';' to the CR */
	EXT_QUOTED,  /* inside a quoted extension value */
	SIZE_LF,     /* LF after the size line */
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,     /* at the beginning of a trailer line */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,  /* LF that ends a trailer line */
	END_LF,      /* LF of the empty line */
	END,
	BAD,
};

static int hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_text(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum state size_byte(struct chunk_dec *d, unsigned char c)
{
	int v = hex(c);

	if (v >= 0) {
		/* 15 digits stay far from overflow and are more than anybody sends */
		if (++d->digits > 15)
			return BAD;
		d->left = d->left * 16 + (uint64_t)v;
		return SIZE;
	}
	if (d->digits == 0)
		return BAD;
	return c == ';' ? EXT : c == '\r' ? SIZE_LF : BAD;
}

/* One framing byte; the state that follows. */
static enum state step(struct chunk_dec *d, enum state s, unsigned char c)
{
	switch (s) {
	case SIZE:
		return size_byte(d, c);
	case EXT:
		return c == '\r' ? SIZE_LF : c == '"' ? EXT_QUOTED : is_text(c) ? EXT : BAD;
	case EXT_QUOTED:
		/* an escaped quote would only confuse; nobody sends one */
		return c == '"' ? EXT : is_text(c) && c != '\\' ? EXT_QUOTED : BAD;
	case SIZE_LF:
		return c != '\n' ? BAD : d->left ? DATA : TRAILER;
	case DATA_CR:
		return c == '\r' ? DATA_LF : BAD;
	case DATA_LF:
		d->digits = 0;
		return c == '\n' ? SIZE : BAD;
	case TRAILER:
		return c == '\r' ? END_LF : http_is_token_char(c) ? TRAILER_NAME : BAD;
	case TRAILER_NAME:
		return c == ':' ? TRAILER_VALUE : http_is_token_char(c) ? TRAILER_NAME : BAD;
	case TRAILER_VALUE:
		return c == '\r' ? TRAILER_LF : is_text(c) ? TRAILER_VALUE : BAD;
	case TRAILER_LF:
		return c == '\n' ? TRAILER : BAD;
	case END_LF:
		return c == '\n' ? END : BAD;
	case DATA:
	case END:
	case BAD:
		return s;
	}
	return BAD;
}

enum chunk_result chunk_feed(struct chunk_dec *d, struct str in, size_t *used, struct str *data)
{
	enum state s = (enum state)d->state;
	size_t i = 0;

	*data = STR_NONE;
	while (i < in.n && s != END && s != BAD) {
		if (s == DATA) {
			size_t n = MIN(d->left, in.n - i);
			*data = (struct str){in.p + i, n};
			d->left -= n;
			d->state = d->left ? DATA : DATA_CR;
			*used = i + n;
			return CHUNK_DATA;
		}
		if (s == EXT || s == EXT_QUOTED || s == TRAILER_NAME || s == TRAILER_VALUE)
			if (++d->overhead > OVERHEAD_MAX)
				s = BAD;
		s = step(d, s, (unsigned char)in.p[i++]);
	}
	d->state = s;
	*used = i;
	return s == END ? CHUNK_END : s == BAD ? CHUNK_BAD : CHUNK_MORE;
}
