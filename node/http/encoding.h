/*
 * encoding.h - content codings: compressing answers (gzip), decompressing request bodies (gzip,
 * and br and zstd where built in). Output is handed on in small pieces, so bombs meet the sink's
 * cap before they meet memory.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BR, CODING_ZSTD, CODING_UNKNOWN };

/*
 * The coding that Content-Encoding names; exact tokens, as MISP takes them. Absent or empty:
 * identity.
 */
enum coding coding_parse(struct str name);
/* What can be decoded here, as getVersion's request_encoding lists it ("gzip", "br", NULL). */
const char *const *coding_supported(void);

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
/* A gzip encoder; NULL when out of memory. */
struct encoder *encoder_new(void);
void encoder_free(struct encoder *e);
/* Compress `in` and append what comes out; FLUSH_SYNC makes all input readable to the client. */
enum err encoder_add(struct encoder *e, struct str in, enum flush flush, struct buf *out) MUST_USE;
