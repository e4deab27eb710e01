/*
 * fold.h - equality and search without regard to case, accents and trailing blanks.
 *
 * Two values are the same to MISP when its database's collation says so: simple case folding, base
 * letters without their combining marks (e for e-acute), no trailing spaces. Letters that are not a
 * base letter with a mark stay apart (ae and Ae-ligature, o and o-slash).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * Append the folded form. A folded value is never longer than twice its input; equal values have
 * equal folded bytes. Bytes that are not UTF-8 are kept as they are.
 */
void value_fold(struct buf *out, struct str value);
/*
 * The folded form without a buffer of its own: `value` itself (without trailing blanks) when it is
 * folded already, otherwise written to `room`, which must hold 2 * value.n bytes.
 */
struct str value_fold_into(struct str value, char *room);
/* Are the two the same value? Needs no memory. */
bool value_same(struct str a, struct str b);
/* Does `value` hold `part` somewhere, both folded? `part` must have been folded by the caller. */
bool value_holds(struct str value, struct str folded_part);
/* Hash of the folded form under the node's seed: the key of the value index. */
uint64_t value_hash_key(struct str value, uint64_t seed);
