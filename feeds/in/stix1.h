/*
 * stix1.h - STIX 1.1.1 and 1.2 (XML) to MISP events: each incident with its package is an event, and so is a package
 * without one. UUIDs are those of the ids or made of them: the same document is the same events.
 *
 * The document is a tree (base/xml.h: no document types, no entities, limits). What MISP exported comes back as
 * attributes, objects, tags and clusters; of what others wrote the values come, and what MISP has nothing like
 * is kept as text and counted.
 */
#pragma once

#include "feeds/in/stix.h"

struct stix1_in;
/* Texts of `o` are copied. NULL: no memory. */
struct stix1_in *stix1_in_new(const struct stix_in_opts *o);
/* More bytes. ERR_LIMIT beyond 64 MiB. */
MUST_USE enum err stix1_in_feed(struct stix1_in *s, const void *p, size_t n, struct fail *f);
/* Write all events, as stix_in_end() does. ERR_PARSE with its place: no XML, or no STIX package. */
MUST_USE enum err stix1_in_end(struct stix1_in *s, stix_in_fn fn, void *user, struct fail *f);
struct stix_in_counts stix1_in_counts(const struct stix1_in *s);
void stix1_in_free(struct stix1_in *s);
OWN_DEFINE(stix1_in, struct stix1_in *, stix1_in_free(*p))
