/*
 * regex.h - regular expressions (PCRE2, compiled just in time), safe on text that a peer chose: a
 * search that costs too much gives up and says so.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

struct regex;

enum regex_answer { REGEX_NO = 0, REGEX_YES, REGEX_GAVE_UP };

/* Compile; immutable afterwards, for any number of threads. ERR_INVAL with the place in the pattern
   in the text and f->offset. */
MUST_USE enum err regex_new(struct str pattern, bool nocase, struct regex **out, struct fail *f);
void regex_free(struct regex *r);
/* Does it match anywhere in `subject`? Bytes that are no UTF-8 match nothing. */
enum regex_answer regex_find(const struct regex *r, struct str subject);

/* Every match put in other words ($1 or \\1: what a group matched), appended. ERR_INVAL: `with` is no
   replacement, or the text no UTF-8; ERR_LIMIT: it costs or makes too much. Nothing is appended then. */
MUST_USE enum err regex_replace(const struct regex *r, struct str subject, struct str with,
				struct buf *out);

OWN_DEFINE(regex, struct regex *, regex_free(*p))
