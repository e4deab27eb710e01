/*
 * json_why.h - what is wrong with a JSON text, without the words that stand near the mistake: those may be
 * intelligence, and the texts of errors end in the log.
 */
#pragma once

#include <jansson.h>

#include "base/str.h"

/* View of e->text, cut. */
static inline struct str json_why(const json_error_t *e)
{
	struct str s = str_c(e->text);
	ptrdiff_t at = str_find(s, STR(" near '"));
	return at >= 0 ? str_sub(s, 0, (size_t)at) : s;
}
