/*
 * jsonw.h - append JSON to a buffer. Knows commas and nesting; checks neither keys nor depth
 * beyond 64. Slashes and non-ASCII characters are written as they are (MISP's form); bytes that
 * are not UTF-8 become U+FFFD. Errors stick in the buffer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/uuid.h"

struct jsonw {
	struct buf *out;
	uint64_t has_item; /* one bit a level: does the container hold something already? */
	unsigned depth;
	bool after_key;
};

static inline struct jsonw jsonw_on(struct buf *b)
{
	return (struct jsonw){b, 0, 0, false};
}
void jsonw_obj(struct jsonw *w);
void jsonw_obj_end(struct jsonw *w);
void jsonw_arr(struct jsonw *w);
void jsonw_arr_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_key_str(struct jsonw *w, struct str key);
void jsonw_str(struct jsonw *w, struct str s); /* an absent string is null */
void jsonw_c(struct jsonw *w, const char *s);  /* NULL is null */
void jsonw_uuid(struct jsonw *w, struct uuid u);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_uint(struct jsonw *w, uint64_t v);
/* A number in quotes, as MISP writes its ids. */
void jsonw_int_str(struct jsonw *w, int64_t v);
void jsonw_uint_str(struct jsonw *w, uint64_t v);
/* Bytes that are JSON already. */
void jsonw_raw(struct jsonw *w, struct str json);
/* Just the escaped text in quotes, without comma handling. */
void json_quote(struct buf *out, struct str s);

/* key and value in one call */
#define JSONW_KV(w, fn, key, ...)                                                                  \
	do {                                                                                       \
		jsonw_key((w), (key));                                                             \
		fn((w), __VA_ARGS__);                                                              \
	} while (0)
/* The same document indented by four spaces, as MISP prints it for browsers. */
enum err json_pretty(struct buf *out, struct str json) MUST_USE;
