/*
 * follow_proc.h - waiting for signals, and running the consumer's programs with a file on standard input.
 */
#pragma once

#include "cli/follow_target.h"

/* ---- signals: TERM and INT end us, HUP asks for a whole set ---- */

/* From here on they are taken from a descriptor; false when that does not work. */
bool follow_signals(void);
/* The descriptor, to be polled for reading; -1 before follow_signals(). */
int follow_signal_fd(void);
/* Take in what came. */
bool follow_stopping(void);
/* Was a whole set asked for? Once. */
bool follow_hup(void);
/* Has any of them come that nobody has looked at? */
bool follow_called(void);
/* For so long, or until a signal comes. */
void follow_sleep(int64_t ms);

/* ---- programs ---- */

struct follow_var {
	const char *name, *value;
};

/*
 * Run argv (searched in PATH) in a process group of its own with `input` (from its beginning; -1: nothing)
 * on standard input. What it prints, as far as it fits, goes to `said` (may be NULL). ERR_OK: it ended with 0.
 * Else f->fail tells what happened and what it said. After f->timeout_s it is ended.
 */
enum err follow_proc(struct follow *f, const char *const *argv, int input, const struct follow_var *vars,
		     struct buf *said);
/* A command of the operator's, by sh -c. */
enum err follow_shell(struct follow *f, const char *command, int input, const struct follow_var *vars);
/* A file without a name, for what a program shall read. -1, and told. */
int follow_scratch(struct follow *f);
/* All of the buffer to the file, and empty it. */
enum err follow_put(struct follow *f, int fd, struct buf *b);
