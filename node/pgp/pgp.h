/*
 * pgp.h - OpenPGP for protected events (sync-protocol.md 3.9): sign with the node's key, verify
 * against the keys of an event and no others.
 *
 * Calls block for as long as gpg takes, with a limit: for workers and threads that may wait. Any
 * thread. When the helper dies it is started again, and only what it was at fails; when that cannot be,
 * or gpg is not there, each call fails with a reason and nothing else suffers.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "model/cryptokey.h"

struct pgp;

struct pgp_opts {
	const char *home; /* folder of the node's key; made when missing, its parent is there */
	const char *key; /* fingerprint or e-mail of the key to sign with; NULL: the oldest usable one */
	unsigned sandbox; /* enum sandbox_mode */
};

/*
 * Start the helper: fork it, before there is a thread, before the sandbox is entered and the store
 * opened. Built without GPGME there is none, and every call says so.
 */
MUST_USE enum err pgp_start(const struct pgp_opts *o, struct pgp **out, struct fail *f);
/* Without a helper: every call is ERR_UNSUPPORTED for this reason. */
MUST_USE enum err pgp_none(const char *why, struct pgp **out, struct fail *f);
/* End the helper and wait for it. */
void pgp_stop(struct pgp *p);

/* The key that signs. */
struct pgp_identity {
	char fingerprint[FINGERPRINT_LEN + 1];
	struct str user_id, armored; /* the public key */
};
/* Texts are allocated from `a`. Kept after the first time. ERR_NOENT: there is no key yet. */
MUST_USE enum err pgp_identity(struct pgp *p, struct arena *a, struct pgp_identity *out,
			       struct fail *f);
/* Changes when another key may be the node's: for whoever remembers what was told of events. */
uint64_t pgp_generation(struct pgp *p);
/* Is one of these keys the node's own, and not revoked? False also when there is none. */
bool pgp_is_ours(struct pgp *p, const struct entity_list *keys);
/* A new key pair for "Name <mail@host>". ERR_EXISTS: there is one. */
MUST_USE enum err pgp_make(struct pgp *p, struct str user_id, struct pgp_identity *out,
			   struct arena *a, struct fail *f);
/* Take over a key pair (armored secret key without a passphrase). */
MUST_USE enum err pgp_import(struct pgp *p, struct str armored, struct pgp_identity *out,
			     struct arena *a, struct fail *f);

/* Sign what an open file holds (spool.h): base64 of a binary detached signature. */
MUST_USE enum err pgp_sign(struct pgp *p, int fd, uint64_t bytes, struct buf *base64,
			   struct fail *f);
/*
 * Was the file signed under one of these keys? Revoked ones do not count. ERR_OK: yes. ERR_PERM: no
 * (bad, expired or revoked, somebody else's; why in f->text). All other errors: could not be asked.
 */
MUST_USE enum err pgp_verify(struct pgp *p, int fd, uint64_t bytes, struct str base64,
			     const struct entity_list *keys, struct fail *f);

/* For status: is there a helper that lives, or is started again when it dies? And the pid of the
   process that starts it (0: none), for tests. */
bool pgp_lives(const struct pgp *p);
int pgp_pid(const struct pgp *p);
