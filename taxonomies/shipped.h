/*
 * shipped.h - the vocabularies of this folder as they are built into the node, in MISP's taxonomy format.
 */
#pragma once

#include <stddef.h>

struct shipped_vocabulary {
	const char *name; /* of its folder here */
	const char *json;
};
/* In the order of their names; `*n` of them. */
const struct shipped_vocabulary *taxo_shipped(size_t *n);
