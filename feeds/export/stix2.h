/*
 * stix2.h - released events as STIX 2.0 or 2.1 objects, one after another. Only objects come out of here: who
 * frames them (a bundle, an envelope of TAXII) says what stands between them, and which are wanted.
 */
#pragma once

#include "feeds/export/export.h"

enum stix2_version { STIX2_0, STIX2_1 };

/* An object that is about to be written. */
struct stix2_object {
	const char *type; /* "indicator" */
	struct uuid uuid;
	int64_t modified_us; /* since 1970; of what has no version (observables, markings) its creation or 0 */
};

/*
 * Asked before each object, with what has been written so far: true lets it be written behind that (so
 * here is the place to write the comma), false leaves it out. What others refer to it by stays.
 */
typedef bool (*stix2_want_fn)(void *user, struct buf *b, const struct stix2_object *o);

struct stix2;
/*
 * A writer. Identities and clusters come once in its life. `o` is borrowed; scope EXPORT_ATTRIBUTES leaves
 * the report of the event out. NULL when out of memory.
 */
struct stix2 *stix2_new(const struct export_opts *o, enum stix2_version v, stix2_want_fn want,
			void *user);
void stix2_free(struct stix2 *w);
/* "2.0" and "2.1", also "2"; absent: 2.1. False: no such version. */
bool stix2_version_parse(struct str s, enum stix2_version *v);

/* As the callbacks of an exporter (export.h), in their order. Errors stick in `b`. */
enum err stix2_event(struct stix2 *w, struct buf *b, const struct rel_event *e);
enum err stix2_element(struct stix2 *w, struct buf *b, const struct rel_event *e,
		       const struct rel_element *el);
/* An object is written when its last attribute has come: now it has. */
void stix2_settle(struct stix2 *w, struct buf *b);
enum err stix2_event_end(struct stix2 *w, struct buf *b, const struct rel_event *e);
/* Relationships and the report, a slice in each call, until *more is false. */
enum err stix2_event_more(struct stix2 *w, struct buf *b, bool *more);
