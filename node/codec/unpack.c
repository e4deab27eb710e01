/*
 * unpack.c - see unpack.h. Of a zip only local headers are read, in their order, so nothing has to be kept;
 * its directory at the end is not looked at, and files behind the first one are passed over.
 */
#include "codec/unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/own.h"

#define PIECE 65536u
#define HEAD 30u
#define FOLDERS_MAX 1000u
#define LATER 8u /* flag: sizes and checksum come behind the data */

enum at {
	AT_BEGIN, /* the first four bytes */
	AT_PLAIN,
	AT_GZIP,
	AT_GZIP_NEXT, /* behind a part: another one, or zeros */
	AT_HEAD, /* of a file in a zip */
	AT_NAME, /* its name and extra fields */
	AT_STORED,
	AT_DEFLATED,
	AT_CHECK, /* the checksum that comes behind */
	AT_DONE,
};

struct unpack {
	enum at at;
	z_stream z;
	bool inflating;
	uint8_t have[HEAD]; /* of what is being gathered */
	size_t n_have;
	uint16_t flags, method;
	uint32_t crc, crc_wanted;
	uint64_t packed, plain, written; /* sizes as the header says; bytes told */
	size_t name_left, extra_left;
	uint8_t last_of_name;
	uint8_t extra[64]; /* the beginning of the extra fields */
	size_t n_extra;
	unsigned folders;
	uint8_t *out; /* PIECE bytes, when there is something to inflate: most files are plain */
};

struct unpack *unpack_new(void)
{
	return calloc(1, sizeof(struct unpack));
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->inflating)
		inflateEnd(&u->z);
	free(u->out);
	free(u);
}

const char *unpack_kind(const struct unpack *u)
{
	return u->at <= AT_PLAIN ? "" : u->at <= AT_GZIP_NEXT ? "gzip" : "zip";
}

static uint32_t little(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;
	while (n--)
		v = v << 8 | p[n];
	return v;
}

static uint64_t little8(const uint8_t *p)
{
	return (uint64_t)little(p + 4, 4) << 32 | little(p, 4);
}

/* Take bytes until `want` are there. */
static bool gather(struct unpack *u, struct str *in, size_t want)
{
	size_t n = MIN(want - u->n_have, in->n);
	if (n)
		memcpy(u->have + u->n_have, in->p, n);
	u->n_have += n;
	*in = str_sub(*in, n, in->n);
	return u->n_have == want;
}

/* ---- inflating ---- */

static enum err inflate_begin(struct unpack *u, int bits, struct fail *f)
{
	if (!u->out)
		u->out = malloc(PIECE);
	if (!u->out)
		return fail(f, ERR_NOMEM, "no memory to unpack with");
	int rc = u->inflating ? inflateReset2(&u->z, bits) : inflateInit2(&u->z, bits);
	u->inflating = u->inflating || rc == Z_OK;
	return rc == Z_OK ? ERR_OK : fail(f, ERR_NOMEM, "no memory to unpack with");
}

static enum err give(struct unpack *u, struct str bytes, coding_sink_fn sink, void *arg)
{
	u->written += bytes.n;
	u->crc = (uint32_t)crc32(u->crc, (const Bytef *)bytes.p, (uInt)bytes.n);
	return bytes.n ? sink(arg, bytes) : ERR_OK;
}

/* As far as the input goes; *ended: the stream is whole, what is left of the input is behind it. */
static enum err inflate_some(struct unpack *u, struct str *in, coding_sink_fn sink, void *arg, bool *ended,
			     struct fail *f)
{
	*ended = false;
	while (in->n && !*ended) {
		size_t n = MIN(in->n, (size_t)1 << 30);
		u->z.next_in = (Bytef *)(uintptr_t)in->p;
		u->z.avail_in = (uInt)n;
		int rc = Z_OK;
		do {
			u->z.next_out = u->out;
			u->z.avail_out = PIECE;
			rc = inflate(&u->z, Z_NO_FLUSH);
			if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
				return fail(f, rc == Z_MEM_ERROR ? ERR_NOMEM : ERR_PARSE,
					    "the packed data is damaged");
			TRY(give(u, (struct str){(char *)u->out, PIECE - u->z.avail_out}, sink, arg));
		} while (rc != Z_STREAM_END && u->z.avail_out == 0);
		*ended = rc == Z_STREAM_END;
		if (!*ended && u->z.avail_in == n)
			return fail(f, ERR_PARSE, "the packed data is damaged");
		*in = str_sub(*in, n - u->z.avail_in, in->n);
	}
	return ERR_OK;
}

/* ---- zip ---- */

static enum err zip_head(struct unpack *u, struct fail *f)
{
	const uint8_t *h = u->have;
	if (little(h, 4) == 0x06054b50 || little(h, 4) == 0x02014b50)
		return fail(f, ERR_PARSE, "the zip holds no file");
	if (little(h, 4) != 0x04034b50)
		return fail(f, ERR_PARSE, "the zip is damaged");
	u->flags = (uint16_t)little(h + 6, 2);
	u->method = (uint16_t)little(h + 8, 2);
	u->crc_wanted = little(h + 14, 4);
	u->packed = little(h + 18, 4);
	u->plain = little(h + 22, 4);
	u->name_left = little(h + 26, 2);
	u->extra_left = little(h + 28, 2);
	u->n_extra = 0;
	u->last_of_name = 0;
	if (u->flags & 1)
		return fail(f, ERR_UNSUPPORTED, "the zip is encrypted");
	return ERR_OK;
}

/* Sizes of 8 bytes stand in an extra field. */
static void zip_long_sizes(struct unpack *u)
{
	for (size_t i = 0; i + 4 <= u->n_extra;) {
		uint32_t id = little(u->extra + i, 2), n = little(u->extra + i + 2, 2);
		if (id == 1 && n >= 16 && i + 20 <= u->n_extra) {
			u->plain = little8(u->extra + i + 4);
			u->packed = little8(u->extra + i + 12);
		}
		i += 4 + n;
	}
}

static enum err zip_file(struct unpack *u, struct fail *f)
{
	if (u->packed == UINT32_MAX || u->plain == UINT32_MAX)
		zip_long_sizes(u);
	u->crc = (uint32_t)crc32(0, NULL, 0);
	u->written = 0;
	if (u->last_of_name == '/' && !u->packed && !(u->flags & LATER)) {
		u->at = AT_HEAD; /* a folder */
		return u->folders++ < FOLDERS_MAX ? ERR_OK : fail(f, ERR_PARSE, "the zip holds no file");
	}
	if (u->method == 8) {
		u->at = AT_DEFLATED;
		return inflate_begin(u, -MAX_WBITS, f);
	}
	if (u->method != 0 || (u->flags & LATER))
		return fail(f, ERR_UNSUPPORTED, "the zip is packed in a way that is not read here");
	u->at = AT_STORED;
	return ERR_OK;
}

static void zip_name(struct unpack *u, struct str *in)
{
	size_t n = MIN(u->name_left, in->n);
	if (n)
		u->last_of_name = (uint8_t)in->p[n - 1];
	u->name_left -= n;
	*in = str_sub(*in, n, in->n);
	n = u->name_left ? 0 : MIN(u->extra_left, in->n);
	size_t keep = MIN(n, sizeof(u->extra) - u->n_extra);
	if (keep)
		memcpy(u->extra + u->n_extra, in->p, keep);
	u->n_extra += keep;
	u->extra_left -= n;
	*in = str_sub(*in, n, in->n);
}

static enum err zip_check(struct unpack *u, bool sizes_known, struct fail *f)
{
	u->at = AT_DONE;
	if (u->crc != u->crc_wanted || (sizes_known && u->written != u->plain))
		return fail(f, ERR_PARSE, "the packed data is damaged (checksum)");
	return ERR_OK;
}

static enum err zip_end(struct unpack *u, struct fail *f)
{
	if (!(u->flags & LATER) && u->last_of_name == '/' && !u->written && u->folders++ < FOLDERS_MAX) {
		u->at = AT_HEAD; /* a folder, packed like a file */
		u->n_have = 0;
		return ERR_OK;
	}
	if (!(u->flags & LATER))
		return zip_check(u, true, f);
	u->at = AT_CHECK;
	u->n_have = 0;
	return ERR_OK;
}

static enum err zip_stored(struct unpack *u, struct str *in, coding_sink_fn sink, void *arg,
			   struct fail *f)
{
	uint64_t left = u->packed - u->written;
	struct str now = str_sub(*in, 0, left < in->n ? (size_t)left : in->n);
	*in = str_sub(*in, now.n, in->n);
	while (now.n) {
		struct str piece = str_sub(now, 0, PIECE);
		TRY(give(u, piece, sink, arg));
		now = str_sub(now, piece.n, now.n);
	}
	return u->written == u->packed ? zip_check(u, false, f) : ERR_OK;
}

/* ---- what it is ---- */

static enum err begin(struct unpack *u, bool whole, coding_sink_fn sink, void *arg, struct fail *f)
{
	struct str have = {(char *)u->have, u->n_have};
	if (have.n >= 2 && u->have[0] == 0x1f && u->have[1] == 0x8b) {
		bool ended;
		u->at = AT_GZIP;
		TRY(inflate_begin(u, MAX_WBITS + 16, f));
		return inflate_some(u, &have, sink, arg, &ended, f);
	}
	if (whole && u->have[0] == 'P' && u->have[1] == 'K' && u->have[2] < 8) {
		u->at = AT_HEAD; /* its first bytes are gathered already */
		return ERR_OK;
	}
	u->at = AT_PLAIN;
	return have.n ? sink(arg, have) : ERR_OK;
}

/* Behind a part of a gzip: another one, zeros that fill a block, or nothing that belongs here. */
static enum err gzip_next(struct unpack *u, struct str *in, struct fail *f)
{
	if (!u->n_have && in->p[0] == 0) {
		*in = str_sub(*in, 1, in->n);
		return ERR_OK;
	}
	if (!gather(u, in, 2))
		return ERR_OK;
	if (u->have[0] != 0x1f || u->have[1] != 0x8b)
		return fail(f, ERR_PARSE, "there is something behind the packed data");
	u->at = AT_GZIP;
	TRY(inflate_begin(u, MAX_WBITS + 16, f));
	struct str head = {(char *)u->have, 2};
	bool ended;
	return inflate_some(u, &head, NULL, NULL, &ended, f);
}

static enum err step(struct unpack *u, struct str *in, coding_sink_fn sink, void *arg, struct fail *f)
{
	bool ended = false;
	switch (u->at) {
	case AT_BEGIN:
		return gather(u, in, 4) ? begin(u, true, sink, arg, f) : ERR_OK;
	case AT_PLAIN: {
		struct str now = str_sub(*in, 0, PIECE);
		*in = str_sub(*in, now.n, in->n);
		return sink(arg, now);
	}
	case AT_GZIP:
		TRY(inflate_some(u, in, sink, arg, &ended, f));
		if (ended) {
			u->at = AT_GZIP_NEXT;
			u->n_have = 0;
		}
		return ERR_OK;
	case AT_GZIP_NEXT:
		return gzip_next(u, in, f);
	case AT_HEAD:
		if (!gather(u, in, HEAD))
			return ERR_OK;
		u->n_have = 0;
		u->at = AT_NAME;
		TRY(zip_head(u, f));
		return u->name_left + u->extra_left ? ERR_OK : zip_file(u, f);
	case AT_NAME:
		zip_name(u, in);
		return u->name_left + u->extra_left ? ERR_OK : zip_file(u, f);
	case AT_STORED:
		return zip_stored(u, in, sink, arg, f);
	case AT_DEFLATED:
		TRY(inflate_some(u, in, sink, arg, &ended, f));
		return ended ? zip_end(u, f) : ERR_OK;
	case AT_CHECK:
		if (!gather(u, in, 8))
			return ERR_OK;
		u->crc_wanted = little(u->have + (little(u->have, 4) == 0x08074b50 ? 4 : 0), 4);
		return zip_check(u, false, f);
	case AT_DONE:
		*in = str_sub(*in, in->n, 0);
		return ERR_OK;
	}
	return ERR_BUG;
}

enum err unpack_feed(struct unpack *u, struct str in, coding_sink_fn sink, void *arg, struct fail *f)
{
	while (in.n)
		TRY(step(u, &in, sink, arg, f));
	return ERR_OK;
}

enum err unpack_end(struct unpack *u, coding_sink_fn sink, void *arg, struct fail *f)
{
	if (u->at == AT_BEGIN)
		TRY(begin(u, false, sink, arg, f));
	if (u->at == AT_STORED && !u->packed)
		TRY(zip_check(u, false, f));
	if (u->at == AT_PLAIN || u->at == AT_DONE || (u->at == AT_GZIP_NEXT && !u->n_have))
		return ERR_OK;
	return fail(f, ERR_PARSE, "the packed data ends too early");
}
