/*
 * xml.h - an XML document as a tree, made as its bytes arrive; expat does the reading.
 *
 * There is no document type: a document that brings one is refused, so that no entity is ever expanded
 * but the five of XML itself, and nothing is fetched. Bytes, memory, depth and nodes are limited.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct xml_attr {
	struct str name, value;
	struct xml_attr *next;
};

/* Texts are UTF-8 and live in the arena of the reader. */
struct xml_node {
	struct str name; /* as written, with its prefix */
	struct str text; /* of the element itself, white space at its ends taken off; "" when there is none */
	struct xml_attr *attrs;
	struct xml_node *parent, *first, *last, *next;
	uint32_t children;
};

/* Zero means the default, given in brackets. */
struct xml_limits {
	uint64_t bytes; /* of the document [32 MiB] */
	uint32_t nodes; /* elements [500,000] */
	unsigned depth; /* elements in each other [64] */
};

struct xml_read;
/* The tree is made in `a`, which must outlive it and whose maximum counts. NULL: no memory. */
struct xml_read *xml_read_new(struct arena *a, const struct xml_limits *limits);
/* Feed bytes. ERR_PARSE with line, column and offset, ERR_LIMIT; the reader stays failed. */
MUST_USE enum err xml_read_feed(struct xml_read *x, struct str bytes, struct fail *f);
/* The input ends; ERR_PARSE when the document is not complete. */
MUST_USE enum err xml_read_end(struct xml_read *x, struct xml_node **root, struct fail *f);
void xml_read_free(struct xml_read *x);
OWN_DEFINE(xml_read, struct xml_read *, xml_read_free(*p))

/* The whole of it. */
MUST_USE enum err xml_parse(struct arena *a, struct str document, const struct xml_limits *limits,
			    struct xml_node **root, struct fail *f);
/* A name without its prefix. */
struct str xml_local(struct str name);
/* The first child of this local name, or NULL. */
struct xml_node *xml_child(const struct xml_node *n, const char *name);
/* Value of an attribute by its local name; absent when there is none. */
struct str xml_get(const struct xml_node *n, const char *attr);
