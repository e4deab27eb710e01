/*
 * feeds.h - what the endpoints of feeds share.
 */
#pragma once

#include "api/crud.h"
#include "sync/feed_fetch.h"

/* The feed that the path names, in the request's arena; false: answered. */
bool feed_of_path(struct http_req *r, struct misp_feed *d, struct fail *f);
/* What is wrong with a row as the body makes it: an object of errors; absent: nothing. Takes target_event. */
struct str feed_row_fault(struct http_req *r, const json_t *body, struct misp_feed *d);
/* How the caller fetches from a feed. */
struct feed_fetch_opts feed_opts(struct http_req *r, uint64_t feed_id);
/* Members "values", "event_id" and "event_uuid" of the object at hand. */
void values_counts_put(struct jsonw *w, const struct value_event_result *v);
/* {"result":text} */
void feed_answer(struct http_req *r, struct str text);
