/* password.h - passwords of accounts: what is good enough, and digests with bounded cost. */
#pragma once

#include "api/api.h"

/* What is wrong with a new password, in MISP's words; NULL: nothing. */
const char *password_fault(const struct api *api, struct str password, struct str email);
/* The digest to be stored, in the arena. ERR_BUSY: too many at a time. */
MUST_USE enum err password_hash(struct api *api, struct str password, struct arena *a,
				struct str *out, struct fail *f);
/*
 * Is it the password? ERR_AUTH: no; also, after the same time, when `stored` is empty: the account has
 * none, or there is no such account. ERR_BUSY: too many at a time. *stale: to be stored anew.
 */
MUST_USE enum err password_check(struct api *api, struct str password, struct str stored,
				 bool *stale, struct fail *f);
