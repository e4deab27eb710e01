/*
 * unpack.h - files that may be packed, as they arrive: gzip (also several parts), the first file of a zip, or
 * anything else as it is. Told apart by their first bytes; memory does not depend on what they say.
 */
#pragma once

#include "codec/codec.h"

struct unpack;
/* NULL when out of memory. */
struct unpack *unpack_new(void);
void unpack_free(struct unpack *u);
OWN_DEFINE(unpack, struct unpack *, unpack_free(*p))
/* ERR_PARSE, ERR_UNSUPPORTED (encrypted, a method that is not deflate), both said in f; or the sink's error. */
MUST_USE enum err unpack_feed(struct unpack *u, struct str in, coding_sink_fn sink, void *arg,
			      struct fail *f);
/* The file has ended. ERR_PARSE: too early. */
MUST_USE enum err unpack_end(struct unpack *u, coding_sink_fn sink, void *arg, struct fail *f);
/* "gzip", "zip" or "": what it turned out to be. */
const char *unpack_kind(const struct unpack *u);
