/*
 * farm.h - a store full of canaries, and those who look at it.
 */
#pragma once

#include "tests/unit/feeds_out/world.h"

/* In the order of the letters in canaries.inc. */
enum who {
	NOBODY,
	FEED,
	EXPORT,
	STREAM,
	SENSOR, /* export of class own */
	PEER_TECHNICAL, /* a peer without a row */
	PEER_PARTNER,
	PEER_FULL,
	OTHER, /* member of another local organisation */
	HOST,
	OWN,
	OPERATOR,
	WHO_COUNT
};
extern const char *const who_names[WHO_COUNT];

enum farm_policy { POLICY_DEFAULT, POLICY_MISP, POLICY_STRICT, POLICY_COUNT };
extern const char *const policy_names[POLICY_COUNT];

struct farm {
	struct world w;
	struct search_hit events[32], attrs[96], objects[16];
	struct search_hit parts[64]; /* proposals, sightings, reports */
	unsigned n_events, n_attrs, n_objects, n_parts;
	uint64_t clusters[16], galaxies[4];
	unsigned n_clusters, n_galaxies;
};

/* With all canaries; without those that only the owner may see, when `twin`. */
void farm_open(struct farm *f, bool twin);
void farm_close(struct farm *f);
/* farm_clusters.c: galaxies and clusters with canaries; those that only the owner sees come last. */
enum err farm_put_clusters(struct store_wtxn *w, bool twin, struct fail *f);
void farm_policy(struct farm *f, enum farm_policy p);
struct audience farm_audience(const struct farm *f, enum who w);
