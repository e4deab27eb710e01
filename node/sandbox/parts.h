/*
 * parts.h - the two halves of the sandbox. Private to this room.
 */
#pragma once

#include "sandbox/sandbox.h"

/* Newest Landlock ABI of the running kernel that we know of; 0 if there is none. */
int landlock_abi(void);
MUST_USE enum err landlock_enter(const struct sandbox_plan *plan, int abi, struct fail *f);

/* ERR_UNSUPPORTED when built without libseccomp or the kernel has no filters. */
MUST_USE enum err seccomp_enter(const struct sandbox_plan *plan, struct fail *f);
