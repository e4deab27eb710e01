/*
 * vocab.h - vocabularies (MISP's taxonomies) in memory: those that are built in, and those in folders of
 * the configuration (`taxonomies`), read at start and again with the policy. A folder's vocabulary goes
 * over a built-in one of the same namespace; the gate's own reading of tlp, pap, embargo and rmsv does
 * not change by that.
 *
 * Immutable once loaded; readers hold a reference. Numbers, and whether one is enabled, are kept in the
 * store by namespace.
 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

struct vocab_entry {
	struct str tag, expanded, description, colour, numerical_value;
	struct str expanded_zh;
	bool free_value; /* a value of one's own belongs behind it: no tag by itself */
};

struct vocab {
	uint64_t id;
	struct str ns, description, version;
	bool exclusive;
	struct vocab_entry *entries;
	uint32_t n;
	json_t *json; /* the file */
};

struct vocabs {
	struct vocab *v; /* by namespace */
	size_t n;
	/* private */
	_Atomic unsigned refs;
	struct arena *arena;
};

struct vocab_flags {
	bool enabled, required, highlighted;
};

/*
 * Read all. A file that is no vocabulary is left out and logged; so is a folder that cannot be read.
 * New namespaces get a number. Only memory and the store make it fail.
 */
MUST_USE enum err vocabs_load(struct store *s, const char *const *folders, size_t n_folders,
			      struct vocabs **out, struct fail *f);
struct vocabs *vocabs_ref(struct vocabs *v);
void vocabs_unref(struct vocabs *v);
OWN_DEFINE(vocabs, struct vocabs *, vocabs_unref(*p))

/* By number or namespace (in any case); NULL: there is none. */
const struct vocab *vocabs_find(const struct vocabs *v, struct str id_or_ns);
/* What is kept of it in the store. */
struct vocab_flags vocab_flags(const struct store_rtxn *t, const struct vocab *v);
MUST_USE enum err vocab_flags_put(struct store_wtxn *w, const struct vocab *v,
				  const struct vocab_flags *flags, struct fail *f);
