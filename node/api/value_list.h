/*
 * value_list.h - the values in a request body: a JSON list of texts, NDJSON, or plain lines.
 *
 * The body is kept as it comes, in memory while it is short, else in a file without a name; values
 * are then read one after the other, so millions need no more memory than one.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "egress/egress.h"

#define VALUE_LIST_VALUE_MAX 65535 /* as long as a value may be */

struct value_list;
/* `media` is the Content-Type: text/plain has lines that are taken as they are; otherwise a body that
   begins with [ is a list, and lines may be JSON texts. */
struct value_list *value_list_new(struct str media, const char *spool_dir);
void value_list_free(struct value_list *l);
OWN_DEFINE(value_list, struct value_list *, value_list_free(*p))
MUST_USE enum err value_list_add(struct value_list *l, struct str bytes, struct fail *f);
/* struct lookup_source: the next value (blank lines are none); false at the end. */
bool value_list_next(void *list, struct arena *a, struct lookup_value *out);
