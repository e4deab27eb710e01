/*
 * peer_pull.h - pulls from a MISP or another tocsin in MISP's dialect (sync-protocol.md 2 and 3): who
 * are you, what have you, and then only what is new or newer.
 */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "base/secretbox.h"
#include "sync/intake.h"

struct peer_pull_opts {
	const struct ingest_env *in;
	const struct secret_key *key; /* opens the row's API key */
	uint64_t peer_id; /* row of T_PEER */
	uint64_t user_id; /* who asked for it, may be 0 */
	struct client_opts client; /* proxy and time limits; TLS and agent come from the row */
	const char *node_version; /* for the User-Agent */
	unsigned parallel; /* events at a time [4], at most 16 */
	bool full; /* the whole index, whatever the cursor says */
	struct uuid only; /* just this event, without index; nil: all */
	uint64_t max_event_bytes; /* [1 GiB] */
	const atomic_bool *cancelled; /* NULL: never */
	/* Told from any of the working threads, one at a time; may be NULL. */
	intake_progress_fn progress;
	intake_problem_fn problem;
	void *user;
};

struct peer_pull_result {
	char version[32]; /* the peer's */
	bool whole_index; /* asked for everything, not only for what was published since */
	uint64_t local; /* made here: never overwritten by a pull */
	uint64_t blocked; /* event or creator on a block list */
	struct intake_result n;
};

/*
 * Pull once, blocking. What is stored is not fetched again, so an interrupted run goes on where it
 * was. An event that fails does not hold up the others and is tried again the next time, without
 * being in the index; one that is refused is asked for again when the peer has it newer. Distribution
 * is lowered as MISP does, unless the link is internal. The row's last_try, last_success (the cursor:
 * the peer's clock when its index was asked for), last_error and failures are kept.
 * ERR_OK also when single events failed. ERR_NOENT: no such row; ERR_AUTH: the peer refuses the key;
 * ERR_NET, ERR_TIMEOUT, ERR_PEER; ERR_CANCELLED.
 */
MUST_USE enum err peer_pull_run(const struct peer_pull_opts *o, struct peer_pull_result *out,
				struct fail *f);

/* The API key of a peer, sealed for its row and opened again. */
MUST_USE enum err peer_key_seal(const struct secret_key *k, uint64_t peer_id, struct str key,
				struct buf *out, struct fail *f);
MUST_USE enum err peer_key_open(const struct secret_key *k, const struct misp_peer *row,
				struct buf *out, struct fail *f);
/* Is the peer there, and what is it? Fills version. Errors as above. */
MUST_USE enum err peer_hello(const struct peer_pull_opts *o, struct peer_pull_result *out,
			     struct fail *f);
