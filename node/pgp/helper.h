/*
 * helper.h - the other process. Private to this room.
 */
#pragma once

#include "pgp/pgp.h"
#include "pgp/wire.h"

/* The helper's life: requests from `control` until the daemon is gone. Only after fork. */
_Noreturn void pgp_helper_main(int control, const struct pgp_opts *o);

/* What a child of the helper works with. */
struct pgp_work {
	const struct pgp_opts *opts;
	char scratch[4200]; /* folder of its own that the helper removes afterwards */
	int data; /* file, or -1 */
};
/*
 * Do what a frame asks for. Parts of the answer are appended to `parts`, their bytes to `room`.
 * work.c with GPGME, work_none.c without.
 */
#define PGP_ANSWER_PARTS 3u
struct pgp_answer {
	struct buf part[PGP_ANSWER_PARTS];
	unsigned n;
};
MUST_USE enum err pgp_work_do(const struct pgp_work *w, const struct pgp_frame *in,
			      struct pgp_answer *out, struct fail *f);
/* Is there a gpg that can be worked with? Before the helper is forked. */
MUST_USE enum err pgp_work_able(struct fail *f);
/* What GPGME finds out once about gpg (versions, folders), for all children to inherit. */
void pgp_work_begin(void);
/* End the key agent of a folder. */
void pgp_work_end(const char *home);
