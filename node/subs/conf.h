/*
 * conf.h - what a row of the table of subscriptions asks for, read and checked. Never changes; who uses
 * one holds a reference.
 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "model/misp.h"
#include "search/query.h"
#include "subs/set.h"

#define SUB_NAME_MAX 64

struct sub_conf {
	atomic_uint refs;
	uint64_t id;
	char name[SUB_NAME_MAX + 1], audience[SUB_NAME_MAX + 1];
	char path[SUB_NAME_MAX + 1]; /* file to keep in the folder of exports; empty: none */
	const struct sensor_row *format;
	json_t *options, *filter; /* objects */
	uint64_t decay_model; /* 0: none */
	bool warninglists;
	char base_url[512], source[256]; /* of this node, as they stand in the file */
	struct set_rules rules;
	char digest[65]; /* of all that decides what is in the set */
};

/*
 * Read a row. ERR_INVAL: `f` says what is wrong, and *member (may be NULL) with which member of the row.
 * The audience is not looked up: policies change.
 */
MUST_USE enum err sub_conf_read(const struct misp_subscr *row, struct str base_url, struct str source,
				struct sub_conf **out, const char **member, struct fail *f);
struct sub_conf *sub_conf_ref(const struct sub_conf *c);
void sub_conf_unref(struct sub_conf *c);
OWN_DEFINE(sub_conf, struct sub_conf *, sub_conf_unref(*p))

/* The query for some of the events, in `a`: what the filter says, and what a sensor's set is by itself
   (published, to_ids; types that the format can hold). `params` is the caller's, and must outlive `q`. */
MUST_USE enum err sub_query(const struct sub_conf *c, const uint64_t *events, size_t n, int64_t now,
			    struct arena *a, struct query *q, json_t **params, struct fail *f);
