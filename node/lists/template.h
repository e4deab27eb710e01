/*
 * template.h - what a template demands of a new object (rest-api.md 7.4, recorded in wire/client,
 * objects).
 */
#pragma once

#include "base/arena.h"
#include "lists/lists.h"

/*
 * The template of this UUID and version, or by number when that is not 0, copied into the arena.
 * ERR_NOENT: it is not known here, so nothing is demanded.
 */
MUST_USE enum err lists_template(const struct store_rtxn *t, uint64_t id, struct str uuid,
				 struct str version, struct arena *a, struct misp_template *out);
/*
 * Are its requirements met by attributes with these relations? ERR_INVAL with MISP's text, as a JSON
 * text, when not.
 */
MUST_USE enum err lists_template_check(const struct misp_template *t, const struct str *relations,
				       size_t n, struct fail *f);
