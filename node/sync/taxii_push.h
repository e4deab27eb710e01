/*
 * taxii_push.h - published events to a TAXII 2.1 collection elsewhere, as the audience of its row may have them.
 *
 * One envelope for each event, when it has changed since the last push (change log, digests); what the server has
 * of events that are gone or may not be there any more is revoked. The ledger knows before the first byte.
 */
#pragma once

#include "egress/egress.h"
#include "ingest/ingest.h"
#include "sync/taxii_http.h"

#define TAXII_PROBLEMS_MAX 50u

struct taxii_push_opts {
	const struct ingest_env *in; /* of the store and the spool folder */
	const struct egress_env *out;
	uint64_t server_id; /* row of T_TAXII */
	struct client_opts client;
	const struct secret_key *key; /* of the stored credentials */
	bool disabled_too; /* somebody asked for it by hand */
	bool again; /* all events, also those that the server has */
	unsigned wait_ms; /* for a status to be complete [60 000] */
	const atomic_bool *cancelled; /* NULL: never */
};
struct taxii_push_result {
	uint64_t looked, sent, unchanged, revoked, refused; /* events */
	uint64_t objects, success, failure, pending; /* as the server's statuses say */
	uint64_t bytes;
	char problems[TAXII_PROBLEMS_MAX][256];
	unsigned n_problems;
};
/*
 * Blocking. ERR_OK also when the server refused single events (`refused`); other errors end the push, and the
 * next one goes on there. ERR_NOENT: no such row, or no such audience; ERR_PERM: it is switched off; ERR_BUSY:
 * one is under way.
 */
MUST_USE enum err taxii_push(const struct taxii_push_opts *o, struct taxii_push_result *out,
			     struct fail *f);

/* How the last one went, in seconds; 0: never. */
struct taxii_push_state {
	uint64_t seq; /* of the change log, up to which all went */
	uint64_t where; /* of taxii_target */
	bool owes; /* something could not be revoked */
	int64_t last_try, last_success;
	char policy[200], last_error[256];
};
void taxii_push_state(const struct store_rtxn *t, uint64_t server_id, struct taxii_push_state *out);
