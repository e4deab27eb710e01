/*
 * decode.c - decompressing: gzip and deflate by isa-l, br and zstd where built in.
 *
 * Does not know HTTP. Invariant: the memory of a decoder does not depend on what the peer sends.
 */
#include "codec/codec.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#ifdef HAVE_BROTLI
#include <brotli/decode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/own.h"

#define PIECE 65536u
#define ZSTD_WINDOW_LOG 23 /* 8 MiB, the most that RFC 9659 lets a sender use */

struct decoder {
	enum coding coding;
	bool ended;
	bool gz_known; /* deflate: it is known whether in zlib's form or raw */
	struct inflate_state gz;
#ifdef HAVE_BROTLI
	BrotliDecoderState *br;
#endif
#ifdef HAVE_ZSTD
	ZSTD_DStream *zs;
#endif
	uint8_t out[PIECE];
};

struct decoder *decoder_new(enum coding c)
{
	struct decoder *d;
	bool good = c == CODING_GZIP || c == CODING_DEFLATE;

	if (c == CODING_IDENTITY || c == CODING_UNKNOWN)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->coding = c;
	if (good) {
		isal_inflate_init(&d->gz);
		d->gz.crc_flag = c == CODING_GZIP ? ISAL_GZIP : ISAL_ZLIB;
		d->gz_known = c == CODING_GZIP;
	}
#ifdef HAVE_BROTLI
	if (c == CODING_BR) {
		d->br = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		good = d->br != NULL;
	}
#endif
#ifdef HAVE_ZSTD
	if (c == CODING_ZSTD) {
		d->zs = ZSTD_createDStream();
		good = d->zs && !ZSTD_isError(ZSTD_DCtx_setParameter(
					d->zs, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
	}
#endif
	if (!good) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
#ifdef HAVE_BROTLI
	if (d->br)
		BrotliDecoderDestroyInstance(d->br);
#endif
#ifdef HAVE_ZSTD
	ZSTD_freeDStream(d->zs);
#endif
	free(d);
}

/*
 * "deflate" is zlib's form (RFC 9110 8.4.1.2), but some servers leave its head out. The first byte
 * tells: 8 in its low half (zlib's method) would be a stored block with padding that is not zero.
 */
static void see_zlib(struct decoder *d, struct str in)
{
	if (!d->gz_known && (in.p[0] & 0x0f) != 8)
		d->gz.crc_flag = ISAL_DEFLATE;
	d->gz_known = true;
}

static enum err feed_gzip(struct decoder *d, struct str in, coding_sink_fn sink, void *arg)
{
	d->gz.next_in = (uint8_t *)(uintptr_t)in.p;
	d->gz.avail_in = (uint32_t)in.n;
	do {
		int rc;
		d->gz.next_out = d->out;
		d->gz.avail_out = PIECE;
		rc = isal_inflate(&d->gz);
		if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT && rc != ISAL_OUT_OVERFLOW)
			return ERR_PARSE;
		if (d->gz.avail_out < PIECE)
			TRY(sink(arg, (struct str){(char *)d->out, PIECE - d->gz.avail_out}));
		d->ended = d->gz.block_state == ISAL_BLOCK_FINISH;
	} while (!d->ended && (d->gz.avail_in || d->gz.avail_out == 0));
	return d->ended && d->gz.avail_in ? ERR_PARSE : ERR_OK;
}

#ifdef HAVE_BROTLI
static enum err feed_br(struct decoder *d, struct str in, coding_sink_fn sink, void *arg)
{
	const uint8_t *next_in = (const uint8_t *)in.p;
	size_t avail_in = in.n;
	BrotliDecoderResult rc;

	do {
		uint8_t *next_out = d->out;
		size_t avail_out = PIECE;
		rc = BrotliDecoderDecompressStream(d->br, &avail_in, &next_in, &avail_out,
						   &next_out, NULL);
		if (rc == BROTLI_DECODER_RESULT_ERROR)
			return ERR_PARSE;
		if (avail_out < PIECE)
			TRY(sink(arg, (struct str){(char *)d->out, PIECE - avail_out}));
	} while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
	d->ended = rc == BROTLI_DECODER_RESULT_SUCCESS;
	return d->ended && avail_in ? ERR_PARSE : ERR_OK;
}
#endif

#ifdef HAVE_ZSTD
static enum err feed_zstd(struct decoder *d, struct str in, coding_sink_fn sink, void *arg)
{
	ZSTD_inBuffer from = {in.p, in.n, 0};
	ZSTD_outBuffer to;

	do {
		size_t rc;
		to = (ZSTD_outBuffer){d->out, PIECE, 0};
		rc = ZSTD_decompressStream(d->zs, &to, &from);
		if (ZSTD_isError(rc))
			return ERR_PARSE;
		if (to.pos)
			TRY(sink(arg, (struct str){(char *)d->out, to.pos}));
		d->ended = rc == 0;
	} while (!d->ended && (from.pos < from.size || to.pos == to.size));
	return d->ended && from.pos < from.size ? ERR_PARSE : ERR_OK;
}
#endif

enum err decoder_feed(struct decoder *d, struct str in, coding_sink_fn sink, void *arg)
{
	if (in.n == 0)
		return ERR_OK;
	if (d->ended)
		return ERR_PARSE;
	switch (d->coding) {
	case CODING_DEFLATE:
		see_zlib(d, in);
		return feed_gzip(d, in, sink, arg);
	case CODING_GZIP:
		return feed_gzip(d, in, sink, arg);
	case CODING_BR:
#ifdef HAVE_BROTLI
		return feed_br(d, in, sink, arg);
#endif
	case CODING_ZSTD:
#ifdef HAVE_ZSTD
		return feed_zstd(d, in, sink, arg);
#endif
	case CODING_IDENTITY:
	case CODING_UNKNOWN:
		break;
	}
	return ERR_UNSUPPORTED;
}

enum err decoder_end(const struct decoder *d)
{
	return d->ended ? ERR_OK : ERR_PARSE;
}
