/*
 * otp.h - the second factor of an account: a shared secret, encrypted at rest, the last code that was
 * taken, and recovery codes of which digests are kept.
 */
#pragma once

#include "api/api.h"

#define OTP_RECOVERY 10u /* codes */
#define OTP_RECOVERY_LEN 19u /* "xxxx-xxxx-xxxx-xxxx" */

/* In the clear, for the one answer that shows them. */
struct otp_shown {
	char secret[40]; /* Base32 */
	char recovery[OTP_RECOVERY][OTP_RECOVERY_LEN + 1];
};

/* ERR_NOENT: the account has none. */
MUST_USE enum err otp_get(const struct store_rtxn *t, uint64_t user_id, struct arena *a,
			  struct misp_otp *out);
/* In a job: make a secret in place of an unconfirmed one. ERR_EXISTS: there is a confirmed one. */
MUST_USE enum err otp_make(struct store_wtxn *w, const struct api *api, uint64_t user_id,
			   struct otp_shown *shown, struct fail *f);
/* In a job: with a code of it the secret holds from now on (an absent code is not asked for), recovery
   codes are made. ERR_AUTH: another code. ERR_NOENT: nothing waits to be confirmed. */
MUST_USE enum err otp_confirm(struct store_wtxn *w, const struct api *api, uint64_t user_id,
			      struct str code, struct otp_shown *shown, struct fail *f);
/* In a job: take a code or a recovery code, once. ERR_AUTH: it is none, or was used. */
MUST_USE enum err otp_use(struct store_wtxn *w, const struct api *api, uint64_t user_id,
			  struct str code, struct fail *f);
/* In a job: the account logs in without codes again. */
MUST_USE enum err otp_remove(struct store_wtxn *w, uint64_t user_id, struct fail *f);
/* "otpauth://totp/..." for authenticator programs, in the arena. */
struct str otp_uri(struct arena *a, struct str issuer, struct str account, const char *secret);
