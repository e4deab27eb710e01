/*
 * schema.h - the shapes of bodies: a table of short texts (schemas.inc), read into JSON Schemas.
 *
 * The texts are for people as well; the page of the API shows them. Grammar: top of schemas.inc.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct schema_row {
	const char *name; /* as in endpoint.shape and endpoint.takes */
	const char *media; /* media types, comma between them; the first is the usual one */
	const char *text, *doc;
};
extern const struct schema_row schema_rows[];
extern const size_t schema_rows_n;

/* Row of a name; NULL when there is none. */
const struct schema_row *schema_find(const char *name);
/* The JSON Schema (2020-12) of a text, the caller's. ERR_CONFIG on a text that is none. */
MUST_USE enum err schema_parse(const char *text, json_t **out, struct fail *f);
/* Members of a search in this scope ("events", ...) as properties; false when there is none of that
   name. schema_search.c */
bool schema_search(struct str scope, json_t *properties);
