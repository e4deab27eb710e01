/*
 * seed.h - a store full of random events, changed at random: ground for tests of index and search.
 *
 * Everything follows from the seed, and goes into the store as ingest writes it: rows, elements,
 * changes, in one job each.
 */
#pragma once

#include "store/store.h"

struct seed {
	struct store *s;
	struct admitted *adm;
	uint64_t rng;
	char dir[64];
	uint64_t *events; /* that live */
	size_t n_events;
	bool gaps;
	bool meets; /* addresses, networks, ssdeep hashes; correlation off here and there */
};

enum { SEED_ORGS = 4, SEED_TAGS = 8, SEED_SGS = 2 };

/* A new store in a temporary folder with organisations and tags. */
void seed_open(struct seed *sd, uint64_t rng);
/* Close and open again, as a restart does. */
void seed_reopen(struct seed *sd);
/* Close and remove. */
void seed_close(struct seed *sd);
uint64_t seed_rand(struct seed *sd, uint64_t below);
/* A value from a small pool (0: any of it), so that values meet again. */
struct str seed_value(struct seed *sd, uint16_t *type, char room[128]);

/* One new event with that many attributes (some in objects). Gives its id. */
uint64_t seed_event(struct seed *sd, unsigned attrs);
/* Something random happens to a random event: an edit or removal of something, or of itself. */
void seed_change(struct seed *sd);
/* One group of the writer: new events, some of them changed or removed again, others behind them. */
void seed_burst(struct seed *sd);
