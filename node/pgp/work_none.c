/*
 * work_none.c - built without GPGME: there is no helper, and callers are told why.
 */
#include "pgp/helper.h"

#include "base/own.h"

enum err pgp_work_able(struct fail *f)
{
	return fail(f, ERR_UNSUPPORTED,
		    "this node was built without GPGME: protected events are refused");
}

enum err pgp_work_do(const struct pgp_work *w, const struct pgp_frame *in, struct pgp_answer *out,
		     struct fail *f)
{
	(void)w;
	(void)in;
	(void)out;
	return pgp_work_able(f);
}

void pgp_work_begin(void)
{
}

void pgp_work_end(const char *home)
{
	(void)home;
}
