/*
 * helper.h - the helper process. Private to this room.
 */
#pragma once

#include "mail/mail.h"

/* What the helper is sent over its control socket: one byte, with the message as an open file and the
   socket for the answer (one byte, 0: the program ended well). */
enum { MAIL_FD_MESSAGE, MAIL_FD_ANSWER, MAIL_FDS };

#define MAIL_LIMIT_MS 30000u

/* In the forked process; ends when the daemon does. */
_Noreturn void mail_helper_main(int control, const struct mail_opts *o);
