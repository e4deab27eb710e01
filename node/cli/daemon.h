/* daemon.h - running tocsind on the folder of the store, for work that is not the daemon's own. */
#pragma once

#include "cli/cli.h"

/*
 * Run `tocsind ARG...` (the list ends with NULL; -c FILE is added when there is a file) and wait.
 * With `out` its standard output is kept there, else it is ours. Returns its exit code, or after
 * telling why CLI_FINDING.
 */
int daemon_run(struct cli *c, const char *const *args, struct buf *out);
