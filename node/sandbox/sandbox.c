/*
 * sandbox.c - the order of entering, and what is fatal.
 */
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <sys/prctl.h>

#include "sandbox/parts.h"

/* Is this the only thread? Unknown (no /proc) counts as yes; TSan has one of its own. */
static bool is_alone(void)
{
#ifdef __SANITIZE_THREAD__
	return true;
#endif
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	if (!d)
		return true;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n <= 1;
}

enum err sandbox_enter(const struct sandbox_plan *plan, struct sandbox_report *report,
		       struct fail *f)
{
	struct sandbox_report own, *r = report ? report : &own;
	enum err e;

	*r = (struct sandbox_report){0};
	if (plan->mode == SANDBOX_OFF)
		return ERR_OK;
	/* Threads that run already would stay outside, and nobody would notice. */
	if (!is_alone())
		return fail(f, ERR_BUG, "sandbox: threads were started before it was entered");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail_errno(f, ERR_UNSUPPORTED, errno, "no_new_privs");
	r->landlock_abi = landlock_abi();
	if (!r->landlock_abi && plan->mode == SANDBOX_REQUIRED)
		return fail(f, ERR_UNSUPPORTED,
			    "sandbox: required, but this kernel has no Landlock");
	if (r->landlock_abi)
		TRY(landlock_enter(plan, r->landlock_abi, f));
	r->has_bind_rules = r->landlock_abi >= 4 && !plan->bind_any;
	e = seccomp_enter(plan, f);
	r->has_seccomp = e == ERR_OK;
	return e == ERR_UNSUPPORTED ? ERR_OK : e;
}
