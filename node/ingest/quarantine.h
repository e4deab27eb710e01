/*
 * quarantine.h - documents that wait for a decision: kept whole, with who sent them and why they wait.
 *
 * Nothing of them is indexed, searched or sent. Keys of the book: 'q' number -> row, 'u' UUID, sender -> state
 * of the newest version that he sent, 'b' digest number -> empty (the attachment file that holds the bytes is in
 * use), 's' -> totals. A row: format, fields as written by quarantine.c.
 */
#pragma once

#include "audit/log.h"
#include "ingest/ingest.h"

struct quarantine_row {
	uint64_t number;
	int64_t time; /* when it came */
	struct origin origin; /* with the digest of what came, where it is known */
	struct uuid uuid; /* nil: it names none */
	int64_t timestamp; /* its version; 0: none */
	uint64_t bytes, attributes, objects, reports;
	struct sha256 digest; /* of the bytes kept */
	struct str rules; /* of the policy, by which it waits */
	struct str sender; /* name of the peer or feed, e-mail of the user */
	struct str info, creator; /* of the event: for the operator's eyes */
	struct str content; /* the bytes; absent: in the attachment `digest` */
	/* how it came, to judge it again */
	uint32_t flags;
	uint8_t kind, default_event_distribution, default_attr_distribution;
	uint64_t org_id, user_id, peer_id;
	struct uuid org, peer_org;
	struct sha256 signed_by;
	struct str url, head; /* of the peer; head as prepared by who fetched it, packed */
};

struct quarantine_totals {
	uint64_t documents, bytes, last;
};

/* Do readers have to keep the bytes of what comes in, by the policy in force? */
bool ingest_keeps_source(const struct ingest_env *env);
/* Put a document there that the gate lets wait. ERR_BLOCKED and its text when it is done; ERR_BUSY when
   there is no room: the sender may try again. */
MUST_USE enum err ingest_quarantine_put(const struct ingest_env *env, struct raw_event *raw,
					const struct origin *o, const struct admit_facts *facts,
					const struct admit_decision *why, struct fail *f);
/* Was ERR_BLOCKED said because the document waits, or one that is as new does? */
bool ingest_quarantine_waits(const struct fail *f);
/* Does this version, or a newer one, of this sender (peer, feed, or user) wait, or was it rejected? */
bool ingest_quarantine_remembers(const struct store_rtxn *t, struct uuid u, int64_t timestamp,
				 const struct origin *o, uint64_t user_id);

/* What became of it, by the newest version that he sent: waits, was rejected, or neither. */
enum ingest_quarantine_state { QUARANTINE_NONE, QUARANTINE_WAITS, QUARANTINE_REJECTED };
enum ingest_quarantine_state ingest_quarantine_state(const struct store_rtxn *t, struct uuid u,
						     const struct origin *o, uint64_t user_id);

/* Next row with a number above *number (begin with 0); texts borrowed from the transaction. */
MUST_USE enum err ingest_quarantine_next(const struct store_rtxn *t, uint64_t *number,
					 struct quarantine_row *out);
MUST_USE enum err ingest_quarantine_get(const struct store_rtxn *t, uint64_t number,
					struct quarantine_row *out);
struct quarantine_totals ingest_quarantine_totals(const struct store_rtxn *t);
/* Its bytes, in pieces. */
typedef enum err (*quarantine_bytes_fn)(void *user, const void *p, size_t n, struct fail *f);
MUST_USE enum err ingest_quarantine_read(const struct ingest_env *env, uint64_t number,
					 quarantine_bytes_fn fn, void *user, struct fail *f);

/*
 * Decisions, with who made them for the audit log. Accepting judges the document again, without the
 * rules that let wait, and merges it as from its sender; refused, it stays where it is and `f` says why.
 * Rejecting forgets it, but for its UUID and version, so that these do not come again.
 */
MUST_USE enum err ingest_quarantine_accept(const struct ingest_env *env, uint64_t number,
					   const struct audit_who *who, struct arena *a,
					   struct ingest_result *out, struct fail *f);
MUST_USE enum err ingest_quarantine_reject(const struct ingest_env *env, uint64_t number,
					   const struct audit_who *who, struct fail *f);
