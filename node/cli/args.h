/* args.h - reading the command line. */
#pragma once

#include "cli/cli.h"

/* Fill cmd (NULL: none named), options and arguments. CLI_USAGE, and told, when it is wrong. */
int args_parse(struct cli *c, int argc, char **argv);
