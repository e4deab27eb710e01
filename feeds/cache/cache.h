/*
 * cache.h - the digests of the values that a feed or a peer knows, each with the event it stands in:
 * a sorted file. Looked up in place (mapped), made with bounded memory, replaced whole.
 *
 * Everything here counts as foreign data that its reader may not see unasked: who may look
 * (lookup_visible of a feed, perm_view_feed_correlations) is decided by the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "base/uuid.h"
#include "model/types.h"

#define VALUE_CACHE_MAX 16000000u /* entries of one file */
#define VALUE_CACHES_MAX 1000u /* files that are asked together */

/* Whose values they are: the beginning of the file's name. */
enum value_cache_kind {
	VALUE_CACHE_FEED, /* by the id of a feed's row; filled when its caching is on */
	VALUE_CACHE_SERVER, /* by the id of a peer's row */
	VALUE_CACHE_TAKEN, /* what the last fetch of a feed of values held (sync/value_run.h) */
	VALUE_CACHE_KINDS
};

struct value_cache_entry {
	uint8_t md5[16]; /* of a value */
	struct uuid event; /* that has it; nil: the source has no events (CSV, free text) */
};

/* ---- one of them ---- */

/* A cache that is open for reading; it stays as it is while it is replaced. */
struct value_cache {
	const struct value_cache_entry *v; /* by md5, then event; NULL: none */
	size_t n;
	int64_t time; /* seconds: when it was made */
	enum value_cache_kind kind;
	uint64_t id; /* of the feed or peer */
	void *map;
	size_t bytes;
};

/* ERR_NOENT: there is none. One that is damaged counts as none. */
MUST_USE enum err value_cache_open(const char *dir, enum value_cache_kind k, uint64_t id,
				   struct value_cache *c);
void value_cache_close(struct value_cache *c);
OWN_DEFINE(value_cache, struct value_cache, value_cache_close(p))
/* The feed or peer is gone. */
void value_cache_drop(const char *dir, enum value_cache_kind k, uint64_t id);
/* The entries of a digest: the first, and how many. */
size_t value_cache_find(const struct value_cache *c, const uint8_t md5[16],
			const struct value_cache_entry **first);
/* Different digests; and those among them that `other` has, too. */
size_t value_cache_values(const struct value_cache *c);
size_t value_cache_common(const struct value_cache *c, const struct value_cache *other);
/* Those that any of the others has. */
size_t value_cache_covered(const struct value_cache *c, const struct value_cache *others, size_t n);

/* ---- all of them ---- */

/* The open caches of one kind, by id. Opened for a request and closed behind it. */
struct value_caches {
	struct value_cache *v;
	size_t n;
};
/* ERR_OK with n 0 when there are none. ERR_NOMEM. */
MUST_USE enum err value_caches_open(const char *dir, enum value_cache_kind k,
				    struct value_caches *out);
void value_caches_close(struct value_caches *s);
OWN_DEFINE(value_caches, struct value_caches, value_caches_close(p))

/* ---- what a value is looked up by ---- */

#define VALUE_KEYS_MAX 3u
/*
 * The digests under which an attribute stands in caches, each once: of its whole value (as peers give
 * composites), and of the parts of a composite one (as feeds give them). Returns how many.
 */
size_t value_cache_keys(enum attr_type type, struct str value, uint8_t md5[VALUE_KEYS_MAX][16]);

/* ---- making ---- */

struct value_cache_writer;
/* ERR_BUSY: somebody makes it just now. */
MUST_USE enum err value_cache_writer_new(const char *dir, enum value_cache_kind k, uint64_t id,
					 struct value_cache_writer **out, struct fail *f);
/* In any order, also several times. ERR_LIMIT: more than VALUE_CACHE_MAX. */
MUST_USE enum err value_cache_add(struct value_cache_writer *w, const uint8_t md5[16],
				  struct uuid event, struct fail *f);
/* Sort, and put it in the place of what is there; `n`: entries, may be NULL. Frees the writer. */
MUST_USE enum err value_cache_commit(struct value_cache_writer *w, size_t *n, struct fail *f);
/* Leave what is there as it is. */
void value_cache_writer_free(struct value_cache_writer *w);
OWN_DEFINE(value_cache_writer, struct value_cache_writer *, value_cache_writer_free(*p))
