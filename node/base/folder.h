/*
 * folder.h - collections of documents in a folder: NAME.json, or NAME/<inner> as in clones of public
 * collections (lists/x/list.json, objects/x/definition.json).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* One document; `path` for messages. An error ends the walk and is returned. */
typedef enum err (*folder_fn)(void *user, const char *path, struct str text, struct fail *f);

/*
 * Each document of the folder, by name, so that the order is the same everywhere: the file `inner` in
 * folders of a document's own, and NAME.json where `flat`. What is neither is passed over.
 * A document that cannot be read (ERR_IO) or has more than `max` bytes (ERR_LIMIT) keeps none of
 * the others away: the first such error is returned, with the path, after the last one.
 */
MUST_USE enum err folder_each(const char *folder, const char *inner, bool flat, size_t max,
			      folder_fn each, void *user, struct fail *f);
