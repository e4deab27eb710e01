/*
 * search.h - what `tocsin search` and the saved searches share.
 */
#pragma once

#include "cli/cli.h"

#define SEARCH_SHOWN 50 /* unless limit says otherwise */

/* [VALUE] [FILTER=VALUE]... from this argument on; not 0 after telling what is wrong. */
int search_terms(struct cli *c, size_t at, json_t *query);
/* The answer of a search of this scope as a table, or with --json as it is. */
int search_list(struct cli *c, struct str scope, const json_t *answer);
