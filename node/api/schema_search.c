/*
 * schema_search.c - parameters of searches as members of a JSON object, from search/params.inc.
 *
 * Knows names and grammars, no values. Invariant: a parameter that search knows is described.
 */
#include "api/schema.h"

#include "base/own.h"
#include "search/grammar.h"

static const struct {
	const char *name;
	unsigned bit;
} scopes[] = {
	{"events", 1u << SCOPE_EVENTS},
	{"attributes", 1u << SCOPE_ATTRIBUTES},
	{"objects", 1u << SCOPE_OBJECTS},
	{"sightings", 1u << SCOPE_SIGHTINGS},
	{"index", 1u << SCOPE_EVENT_INDEX},
};

static const struct {
	const char *name, *grammar;
	unsigned scopes;
} params[] = {
#define P(name, scopes, extra, grammar, member) {name, #grammar, (scopes) | (extra)},
#include "search/params.inc"
#undef P
};

/* What a grammar is, for people. */
static const struct {
	const char *grammar, *text;
} texts[] = {
	{"generic", "a value, a list of values, or {\"OR\":[],\"AND\":[],\"NOT\":[]}; % at an end is a wildcard"},
	{"value", "as generic; addresses also as CIDR"},
	{"type", "a type, a list, or {\"OR\":[],\"NOT\":[]}"},
	{"eventid", "an id or UUID, a list, ! before one leaves it out"},
	{"level", "1 to 4, or a list"},
	{"piped", "values with | between them; ! before one leaves it out"},
	{"piped_tag", "names or ids with | between them; ! before one leaves it out"},
	{"searchall", "a text in any member; % is a wildcard"},
	{"truth", "0 or 1"},
	{"count", "a number"},
	{"terms", "a list of names"},
	{"order", "\"member asc\" or \"member desc\""},
	{"time", "a time, a span back from now such as \"7d\", or a list of two"},
	{"first_seen", "a time, or a list of two"},
	{"last_seen", "a time, or a list of two"},
	{"date_from", "a date or a time"},
	{"date_to", "a date or a time"},
	{"published", "0, 1, or [0,1]"},
	{"to_ids", "0, 1, \"exclude\", or [0,1]"},
	{"deleted", "0, 1, \"only\", or [0,1]"},
	{"score", "the threshold of decaying models, instead of their own"},
	{"overrides", "threshold, lifetime and decay_speed of decaying models, instead of their own"},
};

static const char *text_of(const char *grammar)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!strcmp(texts[i].grammar, grammar))
			return texts[i].text;
	return "a value";
}

bool schema_search(struct str scope, json_t *properties)
{
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		if (!str_is(scope, scopes[i].name))
			continue;
		for (size_t n = 0; n < ARRAY_LEN(params); n++)
			if (params[n].scopes & scopes[i].bit)
				json_object_set_new(properties, params[n].name,
						    json_pack("{s:s}", "description",
							      text_of(params[n].grammar)));
		return true;
	}
	return false;
}
