/*
 * line.h - one record as a line of JSON, and the values in such a line (inside node/audit only).
 */
#pragma once

#include "audit/search.h"
#include "base/buf.h"

#define AUDIT_LINE_MAX 4096u
#define AUDIT_VALUE_HEAD 32u /* the line's own digest, before it */
#define AUDIT_KEY_BYTES 9u

/* "2026-11-23T02:50:00Z"; such texts have the order of their times. */
#define AUDIT_TIME_LEN 20u
void audit_time_text(int64_t t, char out[AUDIT_TIME_LEN + 1]);

/* chain number, sequence number */
void audit_key(enum audit_chain c, uint64_t seq, uint8_t out[AUDIT_KEY_BYTES]);
uint64_t audit_key_seq(struct str key);

void audit_line_write(struct buf *out, const struct audit_entry *e, uint64_t seq, int64_t time,
		      const struct sha256 *prev);
/* Terms under which a line is found: kind letter and 8 bytes of hash. */
#define AUDIT_TERM_BYTES 9u
#define AUDIT_TERMS_MAX 6u
struct audit_term {
	uint8_t b[AUDIT_TERM_BYTES];
};
struct audit_term audit_term(char kind, struct str text);
unsigned audit_terms(struct str line, struct audit_term out[AUDIT_TERMS_MAX]);

/* The newest entry of a chain; zeros when there is none. A marker of trimming counts. */
struct audit_tip {
	uint64_t seq;
	struct sha256 hash;
	char hour[14]; /* of its time: "2026-11-23T02" */
};
MUST_USE enum err audit_tip(const struct store_rtxn *t, enum audit_chain c, struct audit_tip *out);
/* verify.c: is a record that the ledger has named still there? */
enum audit_anchor { ANCHOR_HOLDS, ANCHOR_TRIMMED, ANCHOR_GONE, ANCHOR_OTHER };
struct leaf_tip;
MUST_USE enum err audit_anchored(const struct store_rtxn *t, const struct leaf_tip *tip,
				 enum audit_anchor *out);
/* trim.c: what a record of a trimming says. */
void audit_trim_text(enum audit_chain c, uint64_t upto, const struct sha256 *last, char *out, size_t n);
