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
	bool is_compartment; /* not of an audience: it must stand in can_reach */
	struct place place;
	struct pending_name *next;
};
struct pending {
	struct pending_name *first;
	unsigned files; /* included so far */
	struct place lists; /* where folders of warning lists are named; line 0: nowhere */
	struct place pseudonyms; /* where a field is pseudonymised; line 0: nowhere */
	struct place same_uuid; /* of the profile that is read: where it says so */
	uint64_t reach_named; /* compartments that can_reach names */
};

struct loader {
	struct policy *p;
	void *doc; /* of libyaml */
	const char *file;
	unsigned depth;
	bool may_include;
	const struct policy_file *given; /* files at hand; NULL: they are read */
	size_t n_given;
	struct pending *pending;
	size_t key; /* of node_map(): which key of its table is read */
	const void *key_node; /* and where it stands */
	void *reading; /* policy_profile.c: what is read */
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
/* A list of attribute types: bit `type` of the words at `bits`, which hold all of them, is set. */
MUST_USE enum err policy_read_types(struct loader *l, const void *node, uint64_t *bits);
/* Conditions of a rule (policy_when.c). Those of `to` that its level does not have are an error at
   their place. */
MUST_USE enum err policy_read_when(struct loader *l, const void *node, struct policy_when *to);
MUST_USE enum err policy_check_when(const struct loader *l, const struct policy_when *w,
				    enum policy_level level);
/* Own strip profiles (policy_profile.c); read before whatever names them. */
MUST_USE enum err policy_read_profiles(struct loader *l, const void *n, void *to);
MUST_USE enum err policy_read_profile_name(struct loader *l, const void *n, uint8_t *out);
MUST_USE enum err policy_check_profiles(const struct loader *l);
/* Values that several keys have (policy_keys.c). */
MUST_USE enum err read_bool(struct loader *l, const void *n, bool *out);
MUST_USE enum err read_uuid(struct loader *l, const void *n, struct uuid *out);
MUST_USE enum err read_duration(struct loader *l, const void *n, int64_t *out);
MUST_USE enum err read_text(struct loader *l, const void *n, struct str *out, size_t max);
/* `had` old items of `size` bytes with space for `more`; NULL: too many. */
void *read_room(struct loader *l, const void *old, uint32_t had, size_t more, size_t size);
#define READ_BAD(l, n, ...) at_place((l), &(struct place[]){node_place((l), (n))}[0], __VA_ARGS__)
#define READ_TOO_MANY(l, n)                                                                        \
	READ_BAD((l), (n), "more than %u entries, or the policy is too large", POLICY_MAX_ROWS)
/* policy_admission.c: the key admission. */
MUST_USE enum err policy_read_admission(struct loader *l, const void *n, void *to);
/* policy_classes.c: the key classes, read before whatever names one; and the error of who names none. */
MUST_USE enum err policy_read_classes(struct loader *l, const void *n, void *to);
MUST_USE enum err policy_bad_class(const struct loader *l, const void *n);
/* policy_vuln.c: the key vuln_rules. */
MUST_USE enum err policy_read_vuln(struct loader *l, const void *n, void *to);
/* All names in rules are known? */
MUST_USE enum err policy_check_names(struct loader *l);

enum err at_place(const struct loader *l, const struct place *p, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_USE;
struct place node_place(const struct loader *l, const void *node);
bool node_is_list(const void *node);
bool node_is_map(const void *node);
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
