/*
 * impl.h - the form of the files: a head as long as an entry, then entries in order.
 */
#pragma once

#include "feeds/cache/cache.h"

#define CACHE_MAGIC "tocsin feed cache 1 \n\n\n\n\n\n\n\n\n\n\n\n"
#define CACHE_ENTRY sizeof(struct value_cache_entry)
_Static_assert(sizeof(CACHE_MAGIC) == CACHE_ENTRY + 1, "the head is one entry long");
#define CACHE_NAME_MAX 4200u

/* "<dir>/feed-7.cache<end>" */
void value_cache_name(char to[CACHE_NAME_MAX], const char *dir, enum value_cache_kind k, uint64_t id,
		      const char *end);
/* The id in the name of a file of this kind; false: it is none. */
bool value_cache_id(const char *name, enum value_cache_kind k, uint64_t *id);
