/*
 * totp.h - one-time codes by time (RFC 6238: SHA-1, six digits, 30 seconds), and Base32 (RFC 4648).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define TOTP_SECRET 20u /* bytes */
#define TOTP_STEP_S 30u
#define TOTP_DIGITS 6u

/* The code of a step, six digits and a NUL. */
void totp_code(struct str secret, uint64_t step, char out[TOTP_DIGITS + 1]);
/*
 * Is `code` that of now, of the step before or of the next, and newer than `last_step`? *step becomes
 * the step it belongs to, which the caller keeps: a code is good once. Blanks in `code` do not matter.
 */
bool totp_match(struct str secret, struct str code, int64_t now_s, uint64_t last_step,
		uint64_t *step);
/* Base32 without padding. */
void base32_encode(struct buf *out, struct str bytes);
