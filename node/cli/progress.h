/*
 * progress.h - one line on standard error that tells how far long work is. Only on a terminal.
 */
#pragma once

#include "cli/cli.h"

struct progress {
	bool on, shown;
	const char *what;
	int64_t start_ms, last_ms;
};

void progress_begin(struct progress *p, const struct cli *c, const char *what);
/* Is it time to show something again (ten times a second)? */
bool progress_due(const struct progress *p);
/* `done` of `total` bytes (or things, when `things` names them); total 0: unknown. `tail` may be "". */
void progress_show(struct progress *p, uint64_t done, uint64_t total, const char *things,
		   const char *tail);
/* Clear the line. */
void progress_end(struct progress *p);
