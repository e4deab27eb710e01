/*
 * pack.h - the compact binary form of entities, for storage and for spools. No outward format.
 *
 * A record is a sequence of (tag byte, value); members that are zero, absent or MICRO_NONE are
 * left out. Tags that a reader does not know are skipped, so older and newer nodes can read each
 * other's records. Integers are little-endian base-128.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/desc.h"

enum pack_mode {
	PACK_STORE, /* FORM_BOTH and FORM_STORE fields */
	PACK_SPOOL, /* all fields and the `has` bits */
};

/* Append the record of `entity` (a struct described by `d`) to `out`; errors stick in `out`. */
void pack_entity(struct buf *out, const struct entity_desc *d, const void *entity,
		 enum pack_mode mode);
/*
 * Read a record into `entity`, which is initialised first. Strings point into `bytes`; lists are
 * allocated from `a` (NULL: lists are skipped). ERR_CORRUPT when the bytes are not a record.
 */
MUST_USE enum err unpack_entity(struct str bytes, const struct entity_desc *d, struct arena *a,
				void *entity);
/* A copy of `from` in `to` whose strings and lists live in `a`. ERR_LIMIT when it is full. */
MUST_USE enum err entity_copy(struct arena *a, const struct entity_desc *d, const void *from,
			      void *to);
