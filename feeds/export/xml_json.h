/*
 * xml_json.h - MISP's XML from the JSON that the other writers made: an element for each member, one
 * more for each item of a list. Reads only JSON of our own.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct xml_form {
	const char *const *skip; /* members of the outermost object that are left out; NULL-terminated */
	bool plain_quotes; /* " and ' stand for themselves */
};

/* The members of the object `json` as elements, without one around them. ERR_BUG: not such JSON. */
MUST_USE enum err xml_members(struct buf *out, struct str json, const struct xml_form *form);
/* The same in an element. */
MUST_USE enum err xml_object(struct buf *out, const char *name, struct str json,
			     const struct xml_form *form);
