/* export.h - an answer of any length, to standard output or into a file that is complete or not there. */
#pragma once

#include "cli/call.h"

/* Run the call (method, path and body) and write its answer; `file` NULL or "-": standard output. */
int export_run(struct cli *c, const struct call *what, const char *file);
