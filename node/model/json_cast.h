/*
 * json_cast.h - JSON scalars to members of entities, cast as PHP would where MISP does so.
 */
#pragma once

#include "model/desc.h"
#include "model/json_scan.h"

enum cast {
	CAST_SET,    /* the member has a value */
	CAST_UNSET,  /* absent: null, or of no use */
	CAST_TEXT,   /* a type or category by a name that nobody knows; the member is 0 */
};

/*
 * Set the member `f` of `entity` from a scalar token (TOK_STR to TOK_NULL); `text` is kept as a
 * view by text members.
 */
enum cast json_cast(const struct field *f, void *entity, enum json_tok t, struct str text);

/* "2024-05-02T10:11:12.123456+02:00" and shorter forms of ISO 8601 to microseconds since 1970. */
bool json_cast_micro(struct str s, int64_t *us);
