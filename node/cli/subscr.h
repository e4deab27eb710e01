/*
 * subscr.h - what the commands about export subscriptions share: the row of one, waiting for its set.
 */
#pragma once

#include "cli/call.h"

/* POST or GET /tocsin/subscriptions/<verb>/<name>; *row gets what stands in {"Subscription":..}, the caller's. */
int subscr_call(struct cli *c, const char *verb, const char *name, json_t *body, json_t **row);
/* Wait until the set is filled, showing how far it is, and tell how it stands; *row is replaced. CLI_FINDING when
   the node cannot fill it. With --no-wait, or when it is off, only told. */
int subscr_wait(struct cli *c, json_t **row);
/* The options of subscription add and edit as members of `row`; `old` is what is there (NULL: a new one). */
int subscr_form(struct cli *c, const json_t *old, json_t *row);
/* "30 d", "36 h": a time in the largest unit that it is a whole number of. "" for 0. */
struct str subscr_age(struct cli *c, json_int_t seconds);
