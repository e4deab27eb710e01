/*
 * ledger_note.h - the node's signing key, and checkpoints: the size and root of the log as a signed text
 * that others can keep (the form of C2SP's signed notes and tlog checkpoints). No store.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/uuid.h"

#define NOTE_ORIGIN_MAX 100
#define NOTE_BYTES_MAX 1024

struct note_key {
	uint8_t seed[32]; /* the private key; zero where only the public one is known */
	uint8_t pub[32];
	char origin[NOTE_ORIGIN_MAX]; /* name of the log, and of the key */
};

/* Where a node's log is from: "tocsin/<node uuid>/ledger". */
void note_origin(struct uuid node, char out[NOTE_ORIGIN_MAX]);
/* Read the key file, or make it (0600, on disk before this returns) when it is missing. ERR_CORRUPT:
   another size; ERR_PERM: others may read it. `origin` has been set. */
MUST_USE enum err note_key_load(const char *path, struct note_key *k, struct fail *f);
/* The public key as others take it: "<origin>+<8 hex digits>+<base64>". */
void note_key_print(const struct note_key *k, struct buf *out);
/* ERR_PARSE: it is no such text. */
MUST_USE enum err note_key_parse(struct str text, struct note_key *out, struct fail *f);

struct checkpoint {
	uint64_t size;
	struct sha256 root;
};
/* Append the signed text. */
MUST_USE enum err note_sign(const struct note_key *k, const struct checkpoint *c, struct buf *out,
			    struct fail *f);
/* Read a text and check its signature. ERR_PARSE: no checkpoint; ERR_AUTH: not signed by this key. */
MUST_USE enum err note_check(const struct note_key *k, struct str text, struct checkpoint *out,
			     struct fail *f);
