/*
 * ep_search.h - what answers with a search's result share: restSearch and the downloads of old clients.
 */
#pragma once

#include <jansson.h>

#include "api/rest.h"
#include "search/query.h"

#define SEARCH_BODY_MAX (16u << 20)

/* What is told beside the body of an answer. */
typedef void (*search_headers_fn)(struct http_req *r, const struct exporter *x, const struct query *q,
				  const struct search_result *found);
/* As restSearch tells it: counts, format, and in event scope a file name. */
void search_headers(struct http_req *r, const struct exporter *x, const struct query *q,
		    const struct search_result *found);
/* Search with restSearch's parameters and answer, also when they are wrong. `params` live as long as
   the request. */
MUST_USE enum err search_answer(struct http_req *r, enum search_scope scope, json_t *params,
				search_headers_fn headers, struct fail *f);
