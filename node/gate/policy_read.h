/*
 * policy_read.h - inside the gate: between the YAML reader (policy_load.c) and the meaning of the
 * policy's keys (policy_keys.c). Nodes are opaque here, so that only the reader knows libyaml.
 */
#pragma once

#include "gate/policy_impl.h"

struct place {
	const char *file;
	uint32_t line, column;
	uint64_t offset;
};

/* Names in rules that must be those of audiences, looked at when all files are read. */
struct pending_name {
	struct str name;
	struct place place;
	struct pending_name *next;
};
struct pending {
	struct pending_name *first;
	unsigned files; /* included so far */
};

struct loader {
	struct policy *p;
	void *doc; /* of libyaml */
	const char *file;
	unsigned depth;
	bool may_include;
	struct pending *pending;
	struct fail *f;
};

struct key {
	const char *name;
	enum err (*read)(struct loader *l, const void *node, void *to);
	bool must;
};
/* The keys of the file itself; `to` is the policy. */
extern const struct key policy_keys[];
extern const size_t policy_n_keys;
/* All names in rules are known? */
MUST_USE enum err policy_check_names(struct loader *l);

enum err at_place(const struct loader *l, const struct place *p, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_USE;
struct place node_place(const struct loader *l, const void *node);
bool node_is_list(const void *node);
/* Items of a list; anything else is a list of one (itself). Mappings count their pairs. */
size_t node_count(const void *node);
const void *node_item(const struct loader *l, const void *node, size_t i);
/* Views into the document, which dies with the file: copy what is kept. */
MUST_USE enum err node_scalar(const struct loader *l, const void *node, struct str *out);
MUST_USE enum err node_map(struct loader *l, const void *node, const struct key *keys, size_t n,
			   void *to);
MUST_USE enum err node_each_pair(struct loader *l, const void *node,
				 enum err (*fn)(struct loader *l, struct str name, const void *key,
						const void *value));
MUST_USE enum err policy_read_file(const char *path, struct buf *out, struct fail *f);
