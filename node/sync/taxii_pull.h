/*
 * taxii_pull.h - a TAXII 2.1 collection elsewhere as a source: its STIX objects since the last time, as events.
 *
 * Pages are read until they are as long as a batch; then what is complete is taken in, the rest waits for what is
 * still to come. A pull that breaks off goes on where its last batch ended. Objects that are gone there stay here:
 * TAXII does not tell of them.
 */
#pragma once

#include <jansson.h>

#include "base/secretbox.h"
#include "feeds/in/stix.h"
#include "sync/intake.h"
#include "sync/taxii_http.h"

struct taxii_pull_opts {
	const struct ingest_env *in;
	uint64_t server_id; /* row of T_TAXII */
	uint64_t org_id, user_id; /* who takes it in (user_id may be 0) */
	struct client_opts client;
	const struct secret_key *key; /* of the stored credentials */
	bool disabled_too; /* somebody asked for it by hand */
	bool again; /* from the beginning */
	uint64_t batch_bytes; /* [256 MiB] */
	const atomic_bool *cancelled; /* NULL: never */
};
struct taxii_pull_result {
	uint64_t pages, bytes;
	struct stix_in_counts stix; /* left_out_types is not set */
	struct intake_result n;
};
/* Blocking. The row's state says how it went. ERR_NOENT: no such row; ERR_PERM: it is switched off. */
MUST_USE enum err taxii_pull(const struct taxii_pull_opts *o, struct taxii_pull_result *out,
			     struct fail *f);

/* What the row's state says, in seconds; 0: never. */
struct taxii_state {
	char added_after[48];
	int64_t last_try, last_success;
	char last_error[256];
};
void taxii_state_read(struct str state, struct taxii_state *out);
/* The state of a row that begins anew. */
static inline struct str taxii_state_none(void)
{
	return STR("");
}

/* One small document of a server: discovery ("") or what stands below an API root ("collections/"). The
   caller's (json_decref). `row` may be one that is not stored yet, its api_key in the clear. */
MUST_USE enum err taxii_ask(const struct taxii_pull_opts *o, const struct misp_taxii *row, bool clear_key,
			    const char *path, json_t **out, struct fail *f);
