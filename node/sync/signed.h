/*
 * signed.h - protected events over a link, both ways (sync-protocol.md 3.6, 4.4.11, 12.2 15-16).
 */
#pragma once

#include "sync/document.h"
#include "sync/intake.h"
#include "sync/pass.h"

/*
 * A pulled document: an event that is protected here is edited only if it was signed under one of the
 * keys stored here, a new protected one must be signed under one of its own (trust on first use).
 * Sets the facts. ERR_PERM: not signed so; ERR_BLOCKED: this node cannot verify at all; others: not
 * now.
 */
MUST_USE enum err signed_check(const struct ingest_env *in, struct raw_event *raw,
			       struct intake_signed *sig, struct admit_facts *facts,
			       struct fail *f);

/*
 * May this protected event go out over the link? ERR_WITHHELD: the peer is too old for it, or it would
 * refuse what this node signs. Others: this node cannot sign (now).
 */
MUST_USE enum err signed_may_go(const struct pass *p, uint64_t event_id, struct fail *f);
#define SIGNED_LINE_MAX (64u << 10)
/* The header line with the signature of a finished document, which is rewound. */
MUST_USE enum err signed_line(const struct pass *p, struct document *d, struct buf *line,
			      struct fail *f);
