/*
 * value_set.h - values by a keyed 60-bit hash with four marks: 8 bytes each, so that a million of them take
 * 16 MiB. Two values of the same hash count as one: among ten million that happens once in 20,000 runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "base/str.h"

enum value_mark {
	VALUE_LIVE = 1, /* the event has it */
	VALUE_GONE = 2, /* the event has it, deleted */
	VALUE_SEEN = 4, /* the text has it */
	VALUE_BACK = 8, /* it is to be restored */
	VALUE_MARKS = 15
};

struct value_set {
	uint64_t *v; /* hash and marks; 0: free */
	size_t n, cap;
	uint64_t seed;
};

#define VALUE_SET_MAX 20000000u

/* Room for `n`; false: no memory. */
bool value_set_init(struct value_set *s, size_t n);
void value_set_free(struct value_set *s);
OWN_DEFINE(value_set, struct value_set, value_set_free(p))
/* The place of a value, with no marks when it is new; NULL: no memory, or too many. Valid until the next
   call. */
uint64_t *value_set_at(struct value_set *s, struct str value);
/* The marks of a value; 0: it is not there. */
unsigned value_set_marks(const struct value_set *s, struct str value);
