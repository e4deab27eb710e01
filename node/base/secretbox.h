/*
 * secretbox.h - small secrets (API keys of peers) encrypted at rest: AES-256-GCM under a key file.
 *
 * A copy of the store without the key file gives nothing away.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct secret_key {
	uint8_t b[32];
};

/* Read the key file, or make it (mode 0600, on disk before this returns) when it is missing.
   ERR_CORRUPT when it has another size, ERR_PERM when others than its owner may read it, ERR_IO. */
MUST_USE enum err secret_key_load(const char *path, struct secret_key *out, struct fail *f);
/* Append nonce, ciphertext and check value. `bound` says what the secret belongs to; opening wants
   the same. ERR_BUG when OpenSSL fails. */
MUST_USE enum err secret_seal(const struct secret_key *k, struct str secret, struct str bound,
			      struct buf *out, struct fail *f);
/* Append the secret. ERR_CORRUPT: another key, another `bound`, or damaged. */
MUST_USE enum err secret_open(const struct secret_key *k, struct str sealed, struct str bound,
			      struct buf *out, struct fail *f);
