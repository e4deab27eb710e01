/*
 * mail.h - a message to people, handed to the operator's program.
 *
 * mail_send() blocks for as long as the program takes, with a limit: for workers. Any thread. Without a
 * program every call says so.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct mail;

#define MAIL_TO_MAX 200
#define MAIL_TEXT_MAX (64u << 10)

struct mail_opts {
	const char *const *argv; /* program with its path, arguments; NULL-terminated; may be NULL */
	const char *from;	 /* address */
	const char *home;	 /* the program's only place to write */
	unsigned sandbox;	 /* enum sandbox_mode */
	unsigned limit_ms;	 /* time of the program; 0: 30 seconds */
};

/* Fork the helper: before there is a thread and before the sandbox is entered. Without a program there is
   none. ERR_CONFIG: no path, or no address to send from. */
MUST_USE enum err mail_start(const struct mail_opts *o, struct mail **out, struct fail *f);
/* End the helper, and what it is at. */
void mail_stop(struct mail *m);
bool mail_able(const struct mail *m);

struct mail_message {
	const struct str *to; /* addresses, checked; those that are none are left out */
	size_t n_to;
	struct str reply_to; /* absent: nobody */
	struct str subject, text; /* UTF-8 */
};

/* Is this an address that can stand in a message? ASCII, one @, no white space and no quoting. */
bool mail_address_ok(struct str s);
/* The message as text. ERR_INVAL: nobody to send it to. ERR_LIMIT. */
MUST_USE enum err mail_compose(struct buf *out, struct str from, const struct mail_message *msg,
			       int64_t now, struct fail *f);
/* ERR_UNSUPPORTED: there is no program. ERR_INVAL: nobody to send it to. ERR_AGAIN: not now. ERR_IO: the
   program failed. */
MUST_USE enum err mail_send(struct mail *m, const struct mail_message *msg, struct fail *f);
