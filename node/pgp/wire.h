/*
 * wire.h - what daemon and helper say to each other. Private to this room.
 *
 * Control socket (packets): a header with the time limit, and with it one end of a fresh pair for
 * this request and, for some, the file with the data. On the pair: one frame there, one back.
 * Neither side trusts a length.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum pgp_op {
	PGP_OP_IDENTITY = 1, /* [wanted key] -> fingerprint, user id, armored public key */
	PGP_OP_MAKE, /* user id -> fingerprint */
	PGP_OP_IMPORT, /* armored secret key -> fingerprint */
	PGP_OP_SIGN, /* [wanted key], file -> signature */
	PGP_OP_VERIFY, /* signature, (fingerprint, armored key)..., file -> fingerprint */
	PGP_OP_LIMIT
};

#define PGP_PARTS_MAX 132u
#define PGP_FRAME_BYTES_MAX (1u << 20)
/* Longest texts: a user id, a signature. */
#define PGP_USER_ID_MAX 255u
#define PGP_SIGNATURE_MAX (32u << 10)

/* A frame as read: `code` is an enum pgp_op on the way there, an enum err on the way back. */
struct pgp_frame {
	uint32_t code;
	unsigned n;
	struct str part[PGP_PARTS_MAX]; /* views into `bytes` */
	struct buf bytes;
};
#define PGP_FRAME ((struct pgp_frame){.bytes = BUF(PGP_FRAME_BYTES_MAX)})
static inline void pgp_frame_free(struct pgp_frame *fr)
{
	buf_free(&fr->bytes);
}
OWN_DEFINE(pgp_frame, struct pgp_frame, pgp_frame_free(p))

/* Part, or absent. */
static inline struct str pgp_part(const struct pgp_frame *fr, unsigned i)
{
	return i < fr->n ? fr->part[i] : STR_NONE;
}

/* Milliseconds that only go forward, for deadlines. */
int64_t pgp_now_ms(void);
/* ERR_TIMEOUT at the deadline; ERR_NET: the other side has gone; ERR_LIMIT: too large. */
MUST_USE enum err pgp_frame_send(int fd, uint32_t code, const struct str *parts, unsigned n,
				 int64_t deadline_ms, struct fail *f);
MUST_USE enum err pgp_frame_recv(int fd, struct pgp_frame *out, int64_t deadline_ms,
				 struct fail *f);

/* Header on the control socket. */
struct pgp_call {
	uint32_t magic, limit_ms;
};
#define PGP_MAGIC 0x31706770u
#define PGP_CALL_FDS 2u

/* Hand over a request: its socket, and the data's file or -1. */
MUST_USE enum err pgp_call_send(int control, uint32_t limit_ms, int request, int data,
				int64_t deadline_ms, struct fail *f);
/* Take one; the descriptors are the caller's (data -1: none). ERR_NET: the daemon has gone;
   ERR_AGAIN: nothing there; ERR_INVAL: not a request (nothing was taken). */
MUST_USE enum err pgp_call_recv(int control, uint32_t *limit_ms, int *request, int *data);
