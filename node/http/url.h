/*
 * url.h - taking request targets apart: percent-decoding, path segments, MISP's named parameters,
 * queries. Pure functions over an arena.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/req.h"

/*
 * Decode %XX, and '+' to a space when `plus` is set (MISP does so in paths too, and PyMISP relies
 * on it). Returns a view of `s` itself when there is nothing to decode. False for a broken escape,
 * %00, or out of memory.
 */
bool url_decode(struct arena *a, struct str s, bool plus, struct str *out) MUST_USE;

/* Next non-empty segment of a path (undecoded); false at the end. Call with *path shrinking. */
bool url_segment(struct str *path, struct str *segment);

/* Most pairs that one query or path may have. */
#define URL_PAIRS_MAX 1024

/* Split "a=1&b=2". ERR_INVAL on broken escapes, ERR_LIMIT on too many pairs. */
enum err url_query(struct arena *a, struct str query, struct http_pairs *out) MUST_USE;

/* Is this segment "name:value"? Splits at the first colon (the name may end in "[]"). */
bool url_named(struct str segment, struct http_pair *out);
