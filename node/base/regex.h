/*
 * regex.h - regular expressions (PCRE2, compiled just in time), safe on text that a peer chose: a
 * search that costs too much gives up and says so.
 */
#pragma once

#include <stdbool.h>

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

OWN_DEFINE(regex, struct regex *, regex_free(*p))
