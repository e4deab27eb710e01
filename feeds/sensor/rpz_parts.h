/* rpz_parts.h - what every response policy zone says the same way: owners, actions, names that fit. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct rpz_policy {
	const char *name, *target, *explanation; /* target NULL: the walled garden */
};
/* By name without regard to case; NULL: none. */
const struct rpz_policy *rpz_policy_find(struct str name);
bool rpz_is_policy(struct str name);

/* Owner of a network's record without the trigger's name: "24.0.2.0.192", "48.zz.1.db8.2001". */
void rpz_ip_put(struct buf *b, const uint8_t *addr, unsigned addr_n, unsigned prefix);

/*
 * Can `name` and "*.name" stand in a zone whose name has `zone_n` bytes? Letters, digits, hyphens and
 * underscores in labels of 1 to 63, all of it within 253; a dot last is passed over. A last label that
 * begins with "rpz-" would make a trigger of it that nobody meant, and a bad one stops the zone.
 */
bool rpz_is_name(struct str name, size_t zone_n);

/* A word of a zone file: no space, quotes, brackets, semicolons or backslashes. */
bool rpz_is_word(struct str v);
