/* follow.h - long work of the daemon, told line by line: progress, problems, result. */
#pragma once

#include "cli/call.h"

/*
 * POST to `path` (which asks for ?progress=1) and show what comes. *result gets the result object
 * with its problems in "problems", the caller's. CLI_FINDING when single things failed.
 */
int follow(struct cli *c, struct str path, const char *what, json_t **result);
/* The same, each {"item":..} and {"problem":..} handed to `each` and not told nor counted. */
typedef void (*follow_each_fn)(void *user, const json_t *item);
int follow_each_body(struct cli *c, struct str path, struct str body, const char *what,
		     follow_each_fn each, void *user, json_t **result);
/* Any call whose answer is such lines; its sink and user are set here. */
int follow_call(struct cli *c, struct call *k, const char *what, follow_each_fn each, void *user,
		json_t **result);
int follow_each(struct cli *c, struct str path, const char *what, follow_each_fn each, void *user,
		json_t **result);
