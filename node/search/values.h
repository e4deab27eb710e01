/*
 * values.h - look up many values: who holds them, of what the audience sees. The latest rows first.
 *
 * What was found out of events, and of values that very many rows hold, is remembered, so that a list
 * costs what its values cost once.
 */
#pragma once

#include "search/search.h"

struct value_eye;
/* `vis` must outlive it. */
struct value_eye *value_eye_new(struct index *ix, const struct search_visible *vis);
void value_eye_free(struct value_eye *e);
OWN_DEFINE(value_eye, struct value_eye *, value_eye_free(*p))

struct value_hits {
	struct search_hit *v; /* in the arena */
	uint32_t n;
	bool more;
};
/*
 * Live attributes of visible events that hold values[i], in either part, at most `limit` (0 is none:
 * only `more` tells) into out[i]. Look-ups of one call are of one snapshot and fetch ahead.
 */
MUST_USE enum err value_eye_look(struct value_eye *e, const struct store_rtxn *t,
				 const struct str *values, size_t n, uint32_t limit,
				 struct arena *a, struct value_hits *out, struct fail *f);
