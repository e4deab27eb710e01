/* follow.h - long work of the daemon, told line by line: progress, problems, result. */
#pragma once

#include "cli/cli.h"

/*
 * POST to `path` (which asks for ?progress=1) and show what comes. *result gets the result object
 * with its problems in "problems", the caller's. CLI_FINDING when single things failed.
 */
int follow(struct cli *c, struct str path, const char *what, json_t **result);
/* The same, each {"item":..} and {"problem":..} handed to `each` and not told nor counted. */
typedef void (*follow_each_fn)(void *user, const json_t *item);
int follow_each_body(struct cli *c, struct str path, struct str body, const char *what,
		     follow_each_fn each, void *user, json_t **result);
int follow_each(struct cli *c, struct str path, const char *what, follow_each_fn each, void *user,
		json_t **result);
