/*
 * impl.h - inside the room: how the lists are kept.
 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/regex.h"
#include "warnlist/warnlist.h"

/* A text of a list of strings or host names, in lower case, in one table for all lists. */
struct warn_text {
	uint64_t hash; /* 0: empty */
	struct str text;
	uint16_t list;
};

/* Addresses as 16 bytes; those of IPv4 as ::ffff:a.b.c.d. */
struct warn_range {
	uint8_t low[16], high[16];
	struct str entry; /* as a list has it, with its length */
	uint32_t above; /* number of the network around it, + 1; 0: none */
};

struct warn_list {
	struct warnlist_info info;
	struct warn_range *ranges; /* ascending, the larger first; two are nested or apart */
	uint32_t n_ranges;
	struct str *parts; /* of a list of substrings, lower case; of expressions, as written */
	struct regex **regexes;
};

struct warnlists {
	atomic_uint refs;
	struct arena *a;
	struct warn_list lists[WARNLIST_MAX];
	size_t n;
	struct warn_text *table;
	size_t n_texts, cap;
	struct hash_ctx *hash;
	char digest[65];
};

/* The text in lower case, in `room` (of `max` bytes); absent when it is longer. */
struct str warn_lower(struct str s, char *room, size_t max);
uint64_t warn_hash(struct str lower);
bool warn_address(struct str s, uint8_t out[16]);
/* "10.0.0.0/8", or one address. */
bool warn_network(struct str s, struct warn_range *out);
