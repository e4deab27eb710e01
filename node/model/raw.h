/*
 * raw.h - what came in and has not been judged: a typed document that may be nonsense.
 *
 * A raw_event is a head and a spool of elements in document order. Small documents stay in
 * memory; larger ones go to an unlinked temporary file, so that an event with a million
 * attributes needs bounded memory. The JSON reader (json_read.h) and the feed readers make it,
 * gate_admit() judges it.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "model/misp.h"

enum raw_root {
	RAW_EVENT, /* a whole event, or a partial one for an edit */
	RAW_ATTRS, /* one attribute or a list, for attributes/add and edit */
	RAW_OBJECT, /* one object with its attributes, for objects/add and edit */
	RAW_ELEMENTS, /* made by a program: any elements */
	RAW_CLUSTERS, /* galaxy clusters with their galaxies, as peers send them */
};

struct raw_limits {
	size_t memory_bytes; /* spool beyond this goes to a file (default 4 MiB) */
	uint64_t spool_bytes; /* ERR_LIMIT beyond (default 4 GiB) */
	uint64_t elements; /* ERR_LIMIT beyond (default 10 M) */
	size_t string_bytes; /* longest string but `data` (default 16 MiB) */
	size_t data_bytes; /* longest attachment in base64 (default 64 MiB) */
	unsigned depth; /* nesting of the document (default 32) */
};
extern const struct raw_limits raw_limits_default;

struct raw_event;

/*
 * A new, empty document. `spool_dir` holds the temporary file if one is needed; without one (NULL)
 * elements beyond `memory_bytes` are ERR_LIMIT. Returns NULL when out of memory.
 */
struct raw_event *raw_new(enum raw_root root, const struct raw_limits *lim, const char *spool_dir);
void raw_free(struct raw_event *r);
OWN_DEFINE(raw, struct raw_event *, raw_free(*p))

enum raw_root raw_root(const struct raw_event *r);
/* The head; members that the document did not give have no `has` bit. Strings live as long as r. */
struct misp_event *raw_head(struct raw_event *r);
/* Arena of the head's strings. */
struct arena *raw_arena(struct raw_event *r);
/* How many elements of a kind. */
uint64_t raw_count(const struct raw_event *r, enum element_kind k);
/* Did RAW_ATTRS hold a list (even of one)? Answers differ in form. */
bool raw_is_list(const struct raw_event *r);
void raw_set_list(struct raw_event *r, bool is_list);
/* Bytes of the packed elements: small (below `memory_bytes`) ones can be merged in one step. */
uint64_t raw_spool_size(const struct raw_event *r);

/*
 * The bytes that the document was read from, when its reader keeps them (json_read_opts.keep_source):
 * from "{" to "}", small ones in memory, others in a file without a name.
 */
MUST_USE enum err raw_source_add(struct raw_event *r, const void *p, size_t n, struct fail *f);
/* All of them, mapped where they are in a file; live as long as `r`. ERR_NOENT: they were not kept. */
MUST_USE enum err raw_source(struct raw_event *r, struct str *out, struct fail *f);

/* Are all elements in memory? Then the views of raw_next() live as long as `r`. */
bool raw_in_memory(const struct raw_event *r);

/* Append an element (packed into the spool; the views in it need not live on). */
MUST_USE enum err raw_add(struct raw_event *r, const struct element *e, struct fail *f);

/* Read the elements back in order. Several cursors may be open when nothing is added any more. */
struct raw_cursor;
struct raw_cursor *raw_cursor_new(struct raw_event *r);
void raw_cursor_free(struct raw_cursor *c);
OWN_DEFINE(raw_cursor, struct raw_cursor *, raw_cursor_free(*p))
/*
 * Next element; ERR_NOENT at the end. Views in `out` live until the next call; lists are
 * allocated from `a`, which the caller rewinds.
 */
MUST_USE enum err raw_next(struct raw_cursor *c, struct arena *a, struct element *out,
			   struct fail *f);
