/*
 * codec.h - content codings: compressing and decompressing piece by piece, and the names that HTTP
 * gives them. Output is handed on in small pieces, so bombs meet the sink's cap before they meet
 * memory.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum coding {
	CODING_IDENTITY,
	CODING_GZIP,
	CODING_DEFLATE, /* decoded only; in its zlib form, or raw as some servers send it */
	CODING_BR,
	CODING_ZSTD,
	CODING_UNKNOWN,
};

/* The coding of this name (any case) that can be decoded here. Absent or empty: identity. */
enum coding coding_parse(struct str name);
/* Its name in HTTP; "identity" for that and for what has none. */
const char *coding_name(enum coding c);
/* What can be decoded here, for an Accept-Encoding header: "gzip, br, zstd, deflate". */
const char *coding_accept(void);
/*
 * The coding for an answer to this Accept-Encoding header (RFC 9110 12.5.3): of those that can be
 * made here the one with the highest quality, of equals the cheapest for its size. Identity when
 * there is none, or the header is absent.
 */
enum coding coding_choose(struct str accept);
/* Does this Accept-Encoding header take `c`? */
bool coding_accepts(struct str accept, enum coding c);

/* Takes decoded bytes, at most 64 KiB a call. An error stops the decoding and is returned. */
typedef enum err (*coding_sink_fn)(void *arg, struct str bytes);

struct decoder;
/* NULL when out of memory or the coding cannot be decoded. */
struct decoder *decoder_new(enum coding c);
void decoder_free(struct decoder *d);
/* ERR_PARSE on invalid data (also on anything behind the end), or the sink's error. */
enum err decoder_feed(struct decoder *d, struct str in, coding_sink_fn sink, void *arg) MUST_USE;
/* ERR_PARSE if the stream has not come to its end. */
enum err decoder_end(const struct decoder *d) MUST_USE;

enum flush { FLUSH_NO, FLUSH_SYNC, FLUSH_END };
struct encoder;
/* gzip, br or zstd at its fastest useful level; NULL when out of memory or for another coding. */
struct encoder *encoder_new(enum coding c);
void encoder_free(struct encoder *e);
/* Compress `in` and append what comes out; FLUSH_SYNC makes all input readable to the other side. */
enum err encoder_add(struct encoder *e, struct str in, enum flush flush, struct buf *out) MUST_USE;

OWN_DEFINE(decoder, struct decoder *, decoder_free(*p))
OWN_DEFINE(encoder, struct encoder *, encoder_free(*p))
