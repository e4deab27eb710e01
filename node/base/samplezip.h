/*
 * samplezip.h - files that may be malicious, packed as everybody in this trade packs them: a zip,
 * encrypted with the password "infected" so that scanners and fingers keep off. No secrecy is meant.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Append a zip with two entries, as MISP makes it: the bytes under their MD5, and the file's name
 * under "<MD5>.filename.txt". ERR_LIMIT: more than 4 GiB, or `out` is full.
 */
MUST_USE enum err samplezip_make(struct buf *out, struct str name, struct str bytes);
/* Is it a zip? */
bool samplezip_is(struct str bytes);
