/*
 * document.h - a sealed document made ready to be sent: in memory while it is small, else in a nameless
 * file of the spool folder, so that it has a length, can be sent again, and costs bounded memory.
 */
#pragma once

#include "base/buf.h"
#include "gate/sealed.h"

#define DOCUMENT_MEMORY (1u << 20)

struct document {
	struct buf head; /* the whole document when fd is -1, else empty */
	int fd;
	uint64_t size, at;
	uint8_t digest[32]; /* SHA-256 */
	uint64_t attributes; /* that it holds, deleted ones too */
	struct receipt *receipt; /* to be intended before it is sent */
};
/* What came of sending: who answered has read it; else some of it may have arrived. */
static inline enum sent_outcome sent_outcome_of(enum err e)
{
	return e == ERR_NET || e == ERR_TIMEOUT || e == ERR_CANCELLED ? SENT_BROKEN : SENT_WHOLE;
}
#define DOCUMENT ((struct document){.head = BUF(DOCUMENT_MEMORY * 2), .fd = -1})

/* Pull all of *s into `d` (a fresh DOCUMENT), held. The length is at most `max` (ERR_LIMIT). Frees *s. */
MUST_USE enum err document_make(struct document *d, struct sealed **s, const char *spool_dir,
				uint64_t max, struct fail *f);
/* As client_req wants it; `user` is a struct document *. */
enum err document_read(void *user, void *p, size_t cap, size_t *n, struct fail *f);
enum err document_rewind(void *user, struct fail *f);
/* A document that was intended and whose receipt has not ended was not sent. */
void document_free(struct document *d);
/* A small one into a buffer; *receipt as of a document. Frees *s. */
MUST_USE enum err document_text(struct sealed **s, struct buf *out, struct receipt **receipt,
				struct fail *f);
OWN_DEFINE(document, struct document, document_free(p))
