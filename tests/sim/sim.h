/*
 * sim.h - one scenario: nodes, the links between them, the network with its faults, the model of what
 * must come of it, and the trace that tells the story when it did not.
 */
#pragma once

#include "sync/client_curl.h"
#include "sync/pass.h"
#include "tests/sim/host.h"
#include "tests/sim/model.h"
#include "tests/sim/rng.h"

#define LINKS_MAX 6

/* A link as the client has it: `at` pulls from `to`, or pushes to it. */
struct link_row {
	unsigned at, to;
	uint64_t peer_id; /* row on `at` */
	bool pull, push;
};

/* How often what goes wrong, of 1000 requests. */
struct faults {
	unsigned lost, /* the request does not arrive */
		unanswered, /* it is worked off, the answer is lost */
		cut, /* the answer breaks off in the middle */
		twice, /* it arrives twice, the second answer counts */
		gateway, /* a proxy answers 502 */
		edit, /* somebody edits something while the request is under way */
		client_crash, server_crash;
};

struct sim;

/* The network as one host sees it. */
struct wire {
	struct net net; /* first */
	struct sim *sim;
	unsigned from;
};

/* What was asked for, since the last wire_reset(). */
struct wire_count {
	unsigned requests, views, writes; /* writes: anything that changes the other side */
	uint64_t bytes;
};

/* An edit whose host crashed before it answered. */
struct pending {
	bool set, is_new;
	unsigned i;
	struct m_event next;
	int64_t ts;
};

/* A document that came whole. */
struct seen {
	unsigned by;
	uint64_t digest;
};
#define SEEN_MAX 2000

struct setup;

struct sim {
	uint64_t seed;
	bool family; /* the first two nodes belong to one organisation */
	const struct setup *setup;
	struct rng rng;
	struct host host[HOSTS_MAX];
	unsigned n;
	char key[HOSTS_MAX][HOSTS_MAX][KEY_LEN + 1]; /* of [whose] sync user [on which node] */
	struct wire wire[HOSTS_MAX];
	struct link_row link[LINKS_MAX];
	unsigned n_links;
	enum pass_technique push_technique; /* when it is calm; by chance before */
	bool partition[HOSTS_MAX][HOSTS_MAX];
	struct faults faults;
	bool calm; /* no faults any more */
	bool in_edit; /* an edit in the middle of a request is not disturbed by another */
	int64_t now_us, boot_ms; /* true time */
	struct model model;
	struct pending pending[HOSTS_MAX];
	struct wire_count count;
	struct seen seen[SEEN_MAX];
	unsigned n_seen;
	bool repeats_ok; /* this run was told to ask for everything again */
	struct buf trace;
	unsigned wrong; /* invariants that do not hold */
	unsigned crashes, faulty, edits, runs; /* told at the end */
};

/* ---- test_sim.c ---- */
void sim_note(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sim_wrong(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Time passes; then the clocks show this host's time. */
void sim_pass(struct sim *s, int64_t us);
void sim_clock_of(struct sim *s, const struct host *h);
int64_t sim_clock(const struct sim *s, const struct host *h);

/* ---- wire.c ---- */
void wire_setup(struct sim *s);
void wire_reset(struct sim *s);
/* The host has crashed: what it was given may be gone with it. */
void wire_forget(struct sim *s, unsigned host);

/* ---- acts.c: what people and schedules do ---- */
/* A random edit on a random host that is alive, remembered in the model when acknowledged. */
void act_edit(struct sim *s);
/* The last edit of events that were edited on both sides, by their owners, newer than everything; and
   everything is published. */
void act_settle(struct sim *s);
/* A run of a link; number of things that came or went, -1 when it failed. */
int act_run(struct sim *s, const struct link_row *l, enum pass_direction d);
/* Somebody deletes an event, or takes another organisation into a group. */
void act_delete(struct sim *s);
void act_group(struct sim *s);
/* A UUID by the seed. */
void act_uuid(struct sim *s, char out[37]);
/* Hosts that crashed come up again. */
void act_recover(struct sim *s);

/* ---- things.c: sightings, proposals, clusters, notes ---- */
void act_thing(struct sim *s);
/* The links of the scenario as ways that data takes. */
struct ways {
	struct m_link l[2 * LINKS_MAX];
	unsigned n;
};
static inline bool ways_push(const struct ways *w)
{
	bool yes = false;
	for (unsigned i = 0; i < w->n; i++)
		yes |= w->l[i].push;
	return yes;
}
void look_things(struct sim *s, const struct ways *w);

/* ---- look.c: what the nodes show against what the model says ---- */
void look_all(struct sim *s);
