/*
 * shelf.h - inside the room: how documents of a kind become rows.
 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "lists/lists.h"

struct shelf {
	const char *name; /* in the log */
	const char *inner; /* the file in a folder of a document's own */
	enum store_table table;
	const struct entity_desc *desc;
	/* Fill a zeroed row; texts in the arena. ERR_CONFIG: not such a document. */
	enum err (*read)(struct arena *a, const json_t *doc, void *row, struct fail *f);
	/* Is it the same thing? Then `row` takes over what belongs to the site, and its number. */
	bool (*same)(const void *stored, const void *row);
	uint64_t (*version)(const void *row);
	void (*keep)(const void *stored, void *row);
};
extern const struct shelf shelves[LIST_KINDS];
