/*
 * shipped.c - the text of the vocabularies, put into rows by the build (taxonomies/room.am). No file has
 * to be installed or found for them.
 */
#include "taxonomies/shipped.h"

static const struct shipped_vocabulary rows[] = {
#define SHIPPED(name, json) {name, json},
#include "taxonomies/shipped.inc"
#undef SHIPPED
};

const struct shipped_vocabulary *taxo_shipped(size_t *n)
{
	*n = sizeof(rows) / sizeof(rows[0]);
	return rows;
}
