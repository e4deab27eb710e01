/*
 * peer_schedule.h - when peers are pulled from and pushed to without anybody asking: each direction
 * by its interval, after a failure later and later, and a push soon after something was published.
 */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "sync/state.h"

/* One run, on a thread of the schedule; returns when it is done and its state is written. ERR_BUSY:
   somebody else works on the peer. `stop` asks it to end. */
typedef enum err (*peer_run_fn)(void *user, uint64_t peer_id, enum pass_direction d,
				const atomic_bool *stop);

struct peer_schedule_opts {
	struct store *store;
	peer_run_fn run;
	void (*stamp)(void *user, char out[65]); /* policy_stamp() of now; NULL: not looked at */
	void *user;
	uint64_t interval_s; /* of rows that have none of their own; 0: they run when asked for */
	unsigned push_delay_ms; /* from a publication to the pushes; 0: it starts none */
	unsigned parallel; /* runs at a time [4], at most 16 */
	unsigned tick_ms; /* how often is looked [1000] */
};

enum peer_due_why {
	PEER_DUE_OFF, /* the direction is switched off */
	PEER_DUE_ASKED, /* only when somebody asks for it */
	PEER_DUE_SUSPENDED,
	PEER_DUE_FIRST, /* it never ran */
	PEER_DUE_INTERVAL,
	PEER_DUE_RETRY, /* the last run failed */
};
struct peer_due {
	int64_t at; /* INT64_MAX: not of itself */
	enum peer_due_why why;
};
/*
 * When the next run of a direction is due by itself. Pure. `since`: when the peer was first seen, for
 * one that never ran. Waits are longer or shorter by up to a tenth, the same for the same last run,
 * so that many nodes do not come at once and status tells what the schedule does.
 */
struct peer_due peer_due(const struct misp_peer *row, const struct misp_peerstate *s,
			 enum pass_direction d, uint64_t interval_s, int64_t since, int64_t now);
/* Nothing has changed here (change log at `seq`, policy_stamp()) since the last push, and nothing is left
   of it: a push whose time has come waits for a change. */
bool peer_push_idle(const struct misp_peerstate *s, uint64_t seq, const char *stamp, int64_t now);
/* Seconds to wait after so many failures in a row: a minute, doubled each time, six hours at most. */
uint64_t peer_back_off_s(uint64_t failures);

struct peer_schedule;
MUST_USE enum err peer_schedule_start(const struct peer_schedule_opts *o,
				      struct peer_schedule **out, struct fail *f);
/* Ask what runs to end, wait for it, free. NULL is fine. */
void peer_schedule_stop(struct peer_schedule *s);
OWN_DEFINE(peer_schedule, struct peer_schedule *, peer_schedule_stop(*p))
