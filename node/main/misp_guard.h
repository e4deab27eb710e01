/*
 * misp_guard.h - a misp-guard configuration as a part of a policy (gate.md section 3, field.md 5).
 */
#pragma once

#include <stdio.h>

#include "base/err.h"

/*
 * Write the rules of `instance` (NULL: the only one) and the compartments as YAML. misp-guard applies
 * to what leaves an instance that instance's own rules, so this node's are wanted. ERR_CONFIG with
 * what is wrong where; nothing is written then.
 */
MUST_USE enum err misp_guard_write(const char *file, const char *instance, FILE *out,
				   struct fail *f);
