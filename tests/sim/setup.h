/*
 * setup.h - nodes that know each other, made once and copied for each scenario: organisations, a sync
 * user of each on each other, and the links.
 */
#pragma once

#include "tests/sim/sim.h"

/* A galaxy that every node has. */
#define SETUP_GALAXY "99999999-0000-4000-8000-000000000009"

struct setup {
	char dir[100];
	bool made;
	unsigned org[HOSTS_MAX]; /* of each node */
	char org_id[HOSTS_MAX][HOSTS_MAX][24]; /* of [which organisation] on [which node] */
	char key[HOSTS_MAX][HOSTS_MAX][KEY_LEN + 1]; /* of [whose] sync user [on which node] */
};

/* With `family` the first two nodes belong to one organisation, and their links are internal. */
void setup_make(struct setup *u, bool family);
void setup_free(struct setup *u);
/* Fresh copies of the first s->n nodes, running. Skews are kept. */
void setup_hosts(const struct setup *u, struct sim *s);
/* Row of the link `at` has to `to`. */
uint64_t setup_peer_id(unsigned at, unsigned to);
