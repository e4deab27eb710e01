/*
 * feed_form.h - the options of feed add and feed edit as members of MISP's row of a feed.
 */
#pragma once

#include "cli/cli.h"

/* `old` is what is there (NULL: a new one). Asks the node for what options name (tag, organisation, event). */
int feed_form(struct cli *c, const json_t *old, json_t *feed);
/* A URL, or the full path of what is on this machine (the daemon has another working folder). */
int feed_place(struct cli *c, const char *given, json_t *feed);
