/*
 * follow_state.h - what a follower has to know after a restart, in a file that is replaced whole, and the
 * lines and events that it tells.
 */
#pragma once

#include "cli/follow_target.h"

struct follow_state {
	bool known; /* the consumer was given `serial` */
	uint64_t serial;
	struct sha256 digest; /* of the last whole set, while nothing changed it; else zeros */
	char mark[FOLLOW_MARK_MAX]; /* of the consumer, see follow_target.h */
	bool reload_due; /* --reload has not worked since */
};

/* Hold the file for this process: nobody else may follow with it. CLI code, told. */
int follow_state_lock(struct follow *f);
/* What is in it, if it is of this export, address and target. */
void follow_state_load(struct follow *f, const char *where, struct follow_state *st);
enum err follow_state_save(struct follow *f, const char *where, const struct follow_state *st);

/* ---- what is told: a line on standard error, or with --json an object a line on standard output ---- */

/* `members` (taken over) go into the object; the text is for people. Quiet ones say nothing with --quiet. */
enum follow_tell { FOLLOW_TELL, FOLLOW_PROBLEM };
void follow_tell(struct follow *f, enum follow_tell how, const char *event, json_t *members,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);
/* READY=1, STATUS=.. for the service manager; nothing without one. */
void follow_notify(const char *fmt, ...) PRINTF_LIKE(1, 2);
