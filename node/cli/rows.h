/* rows.h - MISP's lists of things ([{"Feed":{..}},..]) and how one is named on the command line. */
#pragma once

#include "cli/cli.h"

/* GET the list; the caller's. */
int rows_get(struct cli *c, const char *path, json_t **list);
/* The row of that id, UUID, or value of one of `names` (ends with NULL); told when there is none or
   several. Borrowed from the list. */
int rows_find(struct cli *c, const json_t *list, const char *wrapper, const char *const *names,
	      const char *what, const json_t **row);
/* POST `path`/ID; prints the answer with --json. */
int rows_post(struct cli *c, const char *path, struct str id);
