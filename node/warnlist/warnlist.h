/*
 * warnlist.h - warning lists in MISP's format: values that are known and mostly harmless.
 *
 * A set is immutable and reference-counted, for any number of threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "model/types.h"

#define WARNLIST_MAX 1024u /* lists of a set */
#define WARNLIST_WORDS ((ATTR_TYPE_LIMIT + 63) / 64)

enum warnlist_type {
	WARNLIST_STRING = 0, /* the value, without regard to case */
	WARNLIST_SUBSTRING, /* stands in the value */
	WARNLIST_HOSTNAME, /* the host of the value, or a domain above it */
	WARNLIST_CIDR, /* the address lies in the network */
	WARNLIST_REGEX,
	WARNLIST_TYPES
};

struct warnlist_info {
	uint64_t number; /* the caller's own, see warnlist_add() */
	struct str name, description, category;
	uint64_t version;
	enum warnlist_type type;
	uint32_t n_entries;
	uint64_t types[WARNLIST_WORDS]; /* attribute types that it is about; all, if it names none */
};

struct warnlists;

/*
 * Read each NAME.json of the folders, and each NAME/list.json in them. ERR_CONFIG with file and
 * reason when one cannot be read as a list: no set is better than one that lacks something.
 */
MUST_USE enum err warnlist_load(const struct str *folders, size_t n, struct warnlists **out,
				struct fail *f);
/* From text alone: one list. */
MUST_USE enum err warnlist_from_text(struct str json, struct warnlists **out, struct fail *f);
/* A set list by list: begin (NULL: no memory), add, end. Until its end a set belongs to one thread
   and answers nothing. ERR_CONFIG when the text is no list. */
struct warnlists *warnlist_begin(void);
MUST_USE enum err warnlist_add(struct warnlists *w, struct str json, uint64_t number, struct fail *f);
void warnlist_end(struct warnlists *w);
struct warnlists *warnlist_ref(struct warnlists *w);
void warnlist_unref(struct warnlists *w);
OWN_DEFINE(warnlists, struct warnlists *, warnlist_unref(*p))

size_t warnlist_count(const struct warnlists *w);
const struct warnlist_info *warnlist_at(const struct warnlists *w, size_t i);
/* SHA-256 of all lists, hex: changes with any of them. */
const char *warnlist_digest(const struct warnlists *w);

/*
 * The lists that an attribute's value stands on, by their numbers (ascending, each once), at most
 * `max`; returns how many. Composite values are looked at part by part. *sure is false when an
 * expression gave up: the value may then stand on that list, too, and it is among the answer.
 */
size_t warnlist_match(const struct warnlists *w, uint16_t type, struct str value, uint16_t *hits,
		      size_t max, bool *sure);

/* A list, the entry that was found (a network as "8.8.8.8/32", an expression as it is written), and
   the value or the part of it that was looked up. */
struct warnlist_hit {
	uint16_t list;
	struct str entry, part;
};
/*
 * The same for people: with the entries, of nested networks the smallest. As MISP looks (recorded):
 * names of hosts in their own case against entries in lower case. `type` ATTR_NONE: lists of all
 * types. Views of the set and of `value`.
 */
size_t warnlist_hits(const struct warnlists *w, uint16_t type, struct str value,
		     struct warnlist_hit *hits, size_t max);
