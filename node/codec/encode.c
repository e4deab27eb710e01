/*
 * encode.c - compressing: gzip by isa-l, br and zstd where built in, each at level 1.
 *
 * Does not know HTTP. Invariant: memory is fixed when the encoder is made.
 */
#include "codec/codec.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#ifdef HAVE_BROTLI
#include <brotli/encode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/own.h"

#define BR_WINDOW_LOG 18 /* 256 KiB: level 1 looks no further back, and each answer has its own */

struct encoder {
	enum coding coding;
	struct isal_zstream gz;
#ifdef HAVE_BROTLI
	BrotliEncoderState *br;
#endif
#ifdef HAVE_ZSTD
	ZSTD_CCtx *zs;
#endif
	uint8_t level[ISAL_DEF_LVL1_SMALL]; /* of gz, not cleared */
};

static bool start(struct encoder *e)
{
#ifdef HAVE_BROTLI
	if (e->coding == CODING_BR) {
		e->br = BrotliEncoderCreateInstance(NULL, NULL, NULL);
		return e->br && BrotliEncoderSetParameter(e->br, BROTLI_PARAM_QUALITY, 1) &&
		       BrotliEncoderSetParameter(e->br, BROTLI_PARAM_LGWIN, BR_WINDOW_LOG);
	}
#endif
#ifdef HAVE_ZSTD
	if (e->coding == CODING_ZSTD) {
		e->zs = ZSTD_createCCtx();
		return e->zs && !ZSTD_isError(ZSTD_CCtx_setParameter(
					e->zs, ZSTD_c_compressionLevel, 1));
	}
#endif
	if (e->coding != CODING_GZIP)
		return false;
	isal_deflate_init(&e->gz);
	e->gz.level = 1;
	e->gz.level_buf = e->level;
	e->gz.level_buf_size = sizeof(e->level);
	e->gz.gzip_flag = IGZIP_GZIP;
	return true;
}

struct encoder *encoder_new(enum coding c)
{
	struct encoder *e = malloc(sizeof(*e));

	if (!e)
		return NULL;
	e->coding = c;
#ifdef HAVE_BROTLI
	e->br = NULL;
#endif
#ifdef HAVE_ZSTD
	e->zs = NULL;
#endif
	if (!start(e)) {
		encoder_free(e);
		return NULL;
	}
	return e;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
#ifdef HAVE_BROTLI
	if (e->br)
		BrotliEncoderDestroyInstance(e->br);
#endif
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(e->zs);
#endif
	free(e);
}

static size_t room_for(struct str in)
{
	return MAX(in.n / 4, (size_t)4096);
}

static enum err add_gzip(struct encoder *e, struct str in, enum flush flush, struct buf *out)
{
	e->gz.next_in = (uint8_t *)(uintptr_t)in.p;
	e->gz.avail_in = (uint32_t)in.n;
	e->gz.end_of_stream = flush == FLUSH_END;
	e->gz.flush = flush == FLUSH_SYNC ? SYNC_FLUSH : NO_FLUSH;
	do {
		size_t room = room_for(in);
		char *to = buf_reserve(out, room);
		if (!to)
			return buf_err(out);
		e->gz.next_out = (uint8_t *)to;
		e->gz.avail_out = (uint32_t)room;
		if (isal_deflate(&e->gz) != COMP_OK)
			return ERR_BUG;
		buf_commit(out, room - e->gz.avail_out);
	} while (e->gz.avail_out == 0);
	return ERR_OK;
}

#ifdef HAVE_BROTLI
static enum err add_br(struct encoder *e, struct str in, enum flush flush, struct buf *out)
{
	static const BrotliEncoderOperation operation[] = {
		[FLUSH_NO] = BROTLI_OPERATION_PROCESS,
		[FLUSH_SYNC] = BROTLI_OPERATION_FLUSH,
		[FLUSH_END] = BROTLI_OPERATION_FINISH,
	};
	const uint8_t *next_in = (const uint8_t *)in.p;
	size_t avail_in = in.n;

	do {
		size_t room = room_for(in), avail = room;
		uint8_t *to = (uint8_t *)buf_reserve(out, room);
		if (!to)
			return buf_err(out);
		if (!BrotliEncoderCompressStream(e->br, operation[flush], &avail_in, &next_in,
						 &avail, &to, NULL))
			return ERR_BUG;
		buf_commit(out, room - avail);
	} while (avail_in || BrotliEncoderHasMoreOutput(e->br));
	return ERR_OK;
}
#endif

#ifdef HAVE_ZSTD
static enum err add_zstd(struct encoder *e, struct str in, enum flush flush, struct buf *out)
{
	static const ZSTD_EndDirective directive[] = {
		[FLUSH_NO] = ZSTD_e_continue,
		[FLUSH_SYNC] = ZSTD_e_flush,
		[FLUSH_END] = ZSTD_e_end,
	};
	ZSTD_inBuffer from = {in.p, in.n, 0};
	size_t left;

	do {
		size_t room = room_for(in);
		ZSTD_outBuffer to = {buf_reserve(out, room), room, 0};
		if (!to.dst)
			return buf_err(out);
		left = ZSTD_compressStream2(e->zs, &to, &from, directive[flush]);
		if (ZSTD_isError(left))
			return ERR_NOMEM; /* all else would be a parameter of ours */
		buf_commit(out, to.pos);
	} while (from.pos < from.size || (flush != FLUSH_NO && left));
	return ERR_OK;
}
#endif

enum err encoder_add(struct encoder *e, struct str in, enum flush flush, struct buf *out)
{
#ifdef HAVE_BROTLI
	if (e->coding == CODING_BR)
		return add_br(e, in, flush, out);
#endif
#ifdef HAVE_ZSTD
	if (e->coding == CODING_ZSTD)
		return add_zstd(e, in, flush, out);
#endif
	return add_gzip(e, in, flush, out);
}
