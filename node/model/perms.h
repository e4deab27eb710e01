/* perms.h - role permission flags as bits, and MISP's six stock roles. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum perm_bit {
#define P(flag, roles) BIT_##flag,
#include "model/perms.inc"
#undef P
	PERM_COUNT
};

enum perm {
#define P(flag, roles) flag = 1u << BIT_##flag,
#include "model/perms.inc"
#undef P
};

struct perm_row {
	const char *name;
	uint32_t bit;
	uint32_t stock_roles; /* bit n: stock role id n has it */
};

extern const struct perm_row perm_rows[PERM_COUNT];

/* Bits of a stock role (1..6), 0 for others. */
uint32_t perms_of_stock_role(unsigned role_id);
const char *stock_role_name(unsigned role_id);
/* `permission` number 0..3 (read only, manage own, manage org, publish) of a set of bits. */
unsigned perms_level(uint32_t perms);
