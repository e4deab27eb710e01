/* perms.c - the permission table and what follows from it. */
#include "model/perms.h"

const struct perm_row perm_rows[PERM_COUNT] = {
#define P(flag, roles) {#flag, flag, roles},
#include "model/perms.inc"
#undef P
};

uint32_t perms_of_stock_role(unsigned role_id)
{
	uint32_t bits = 0;
	if (role_id >= 32)
		return 0;
	for (unsigned i = 0; i < PERM_COUNT; i++)
		if (perm_rows[i].stock_roles & (1u << role_id))
			bits |= perm_rows[i].bit;
	return bits;
}

const char *stock_role_name(unsigned role_id)
{
	static const char *const names[] = {NULL,	 "admin",     "Org Admin", "User",
					    "Publisher", "Sync user", "Read Only"};
	return role_id < sizeof(names) / sizeof(names[0]) ? names[role_id] : NULL;
}

unsigned perms_level(uint32_t perms)
{
	if (perms & perm_publish)
		return 3;
	if (perms & perm_modify_org)
		return 2;
	return perms & perm_add ? 1 : 0;
}
