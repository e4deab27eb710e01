/*
 * grammar.h - how the values of search parameters are read; params.inc says which name has which.
 *
 * A grammar reads one JSON value leniently, as PHP does, into a member of struct query. It fails
 * only for a time list that is no range; what it cannot use is left out.
 */
#pragma once

#include "search/query.h"

/* Scopes of a parameter, as params.inc names them. */
enum {
	S_E = 1 << SCOPE_EVENTS,
	S_A = 1 << SCOPE_ATTRIBUTES,
	S_O = 1 << SCOPE_OBJECTS,
	S_S = 1 << SCOPE_SIGHTINGS,
	S_I = 1 << SCOPE_EVENT_INDEX,
	S_EAO = S_E | S_A | S_O,
	S_REST = S_EAO | S_S,
	S_ALL = S_REST | S_I,
};

/* What a parse carries along. */
struct parse {
	struct query *q;
	struct arena *a;
	int64_t now;
	bool extra, nomem;
	/* sightings: from and to count only together */
	bool sight_from, sight_to, sight_last;
	int64_t from, to;
	struct str direction;
};

/* The value as text, trimmed; numbers in decimal, booleans as 0 and 1; absent for the rest. */
struct str grammar_as_text(struct parse *p, const json_t *v);
/* Cut a range to [from, to]; one that was not set begins open. */
void grammar_cut(struct query_range *r, int64_t from, int64_t to);

/* clang-format off */
#define GRAMMARS(G)                                                                         \
	G(generic) G(value) G(type) G(eventid) G(level) G(piped) G(piped_tag) G(exact)      \
	G(text) G(searchall) G(truth) G(count) G(terms) G(order) G(sort) G(direction)       \
	G(published) G(to_ids) G(deleted) G(time) G(first_seen) G(last_seen) G(date_from)   \
	G(date_to) G(sight_last) G(sight_from) G(sight_to) G(score) G(overrides)
/* clang-format on */

typedef enum err (*grammar_fn)(struct parse *p, const json_t *v, void *member, struct fail *f);
#define G(name)                                                                                    \
	enum err grammar_##name(struct parse *p, const json_t *v, void *member, struct fail *f);
GRAMMARS(G)
#undef G
