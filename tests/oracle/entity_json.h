/*
 * entity_json.h - any entity of model/fields.inc from and to a JSON object, by its descriptor. For
 * the second opinion: cases come as JSON, and what the gate let through is told as JSON.
 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "model/desc.h"

/*
 * Fill a zeroed entity. Members without a row, and lists other than "Tag" and the parts of a sharing
 * group, are for the caller. Strings are borrowed from `j`. False: a member is not what its row says.
 */
bool entity_from_json(const struct entity_desc *d, const json_t *j, void *entity, struct arena *a);
/* Every member that is not empty, under its JSON name; a new reference. */
json_t *entity_to_json(const struct entity_desc *d, const void *entity);
