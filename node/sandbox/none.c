/*
 * none.c - stands in for seccomp.c where the build has no libseccomp.
 */
#include "sandbox/parts.h"

enum err seccomp_enter(const struct sandbox_plan *plan, struct fail *f)
{
	(void)plan;
	return fail(f, ERR_UNSUPPORTED, "built without libseccomp");
}
