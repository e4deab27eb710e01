/*
 * none.c - stands in for seccomp.c where the build has no libseccomp.
 */
#include "sandbox/parts.h"

enum err seccomp_enter(struct fail *f)
{
	return fail(f, ERR_UNSUPPORTED, "built without libseccomp");
}
