/*
 * taxii_envelope.h - `more` and `next` of a TAXII envelope, found while it streams by. What else there is is
 * not looked at; that it is JSON at all is asked by who reads the objects.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define TAXII_NEXT_MAX 2000u

struct taxii_envelope {
	unsigned depth;
	bool begun, in_text, escaped, is_value;
	bool too_long, odd; /* of the text at hand */
	char key[16], text[TAXII_NEXT_MAX + 1];
	size_t n_text;
	/* the result */
	unsigned long long objects; /* in lists of the outermost object */
	bool more, broken; /* broken: a member is of another type, or a token cannot be one */
	char next[TAXII_NEXT_MAX + 1]; /* "": none */
};
/* Begin with zeroes; pieces are cut anywhere. */
void taxii_envelope_feed(struct taxii_envelope *e, const char *p, size_t n);
/* All has come: was it an object, and are the members that count of their types? */
bool taxii_envelope_ok(const struct taxii_envelope *e);
