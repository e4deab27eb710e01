/* rows.h - MISP's lists of things ([{"Feed":{..}},..]) and how one is named on the command line. */
#pragma once

#include "cli/cli.h"

/* GET the list; the caller's. */
int rows_get(struct cli *c, const char *path, json_t **list);
/* The row of that id, UUID, or value of one of `names` (ends with NULL); told when there is none or
   several. Borrowed from the list. */
int rows_find(struct cli *c, const json_t *list, const char *wrapper, const char *const *names,
	      const char *what, const json_t **row);
/* Id of the row of the list at `path`; told when there is none. */
int rows_id(struct cli *c, const char *path, const char *wrapper, const char *const *names,
	    const char *what, struct str *id);
/* POST `path`/ID; prints the answer with --json. */
int rows_post(struct cli *c, const char *path, struct str id);

/* Things of one kind that can be taken from (feeds, peers). */
struct rows_kind {
	const char *index, *wrapper, *remove; /* paths, and what a row is wrapped in */
	const char *on; /* member that says whether it is done when none is named */
	const char *removed; /* told once it is gone */
	const char *const *names; /* as in rows_find() */
};
/* Do `one` for each row named by the arguments, or without any for all that are on. What it adds to
   `results` is printed with --json. The worst exit code. */
int rows_each(struct cli *c, const struct rows_kind *k,
	      int (*one)(struct cli *c, const json_t *row, json_t *results));
/* Remove the row that the one argument names. */
int rows_remove(struct cli *c, const struct rows_kind *k);
/* How long ago a second was: "45s", "12m", "6h", "3d"; absent for 0. In c->arena. */
struct str rows_age(struct cli *c, int64_t seconds);
/* A count in an answer; 0 when it is not there. */
uint64_t rows_count(const json_t *j, const char *key);
