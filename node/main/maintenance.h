/* maintenance.h - work on the folder of a store without, or beside, the daemon. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct maintenance {
	const char *command; /* check, backup, restore, compact, ledger */
	const char *argument; /* folder or file, or NULL */
	const char *trust; /* public key of a ledger's text, or NULL */
	const char *store_dir;
	uint64_t map_size;
};

MUST_USE enum err maintenance_run(const struct maintenance *m, struct fail *f);
