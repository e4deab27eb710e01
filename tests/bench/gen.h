/*
 * gen.h - seeded invented attributes and events for the benchmarks.
 *
 * Everything follows from (seed, number): two programs agree on value 123456 without talking.
 * Addresses are private ones or end in .example; by default every tenth value repeats one.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"

#define GEN_VALUE_MAX 160
#define GEN_TAGS 20	    /* tags of attributes: bench:mark="0" ... */
#define GEN_GROUPS 50	    /* tags of events: bench:group="0" ... */
#define GEN_EPOCH 1700000000 /* 2023-11-14, the first timestamp */

struct gen {
	uint64_t seed;
	unsigned repeat_permille; /* values that repeat an earlier one */
	unsigned tagged_permille; /* attributes with a tag of their own, in full form */
};

/* Type and value of attribute `i`; returns the MISP type, writes a NUL-terminated value. */
const char *gen_value(const struct gen *g, uint64_t i, char out[GEN_VALUE_MAX]);
/* A UUID (version 4 form, 36 characters and NUL) for number `i` of kind `kind`. */
void gen_uuid(const struct gen *g, uint64_t kind, uint64_t i, char out[37]);
/* Number of the tag of attribute `i` (0 to GEN_TAGS - 1), or -1: it has none. */
int gen_tag(const struct gen *g, uint64_t i);
/* Size of event `i`: a power law from 5 to 50000 attributes, mean about 50. */
uint64_t gen_event_size(const struct gen *g, uint64_t i);
/* Event `ev` as far as its attributes: `{"Event":{...,"Attribute":[`. */
void gen_event_head(struct buf *b, const struct gen *g, uint64_t ev);
/* One attribute: all members that MISP writes (about 410 bytes), or only what a client sends. */
void gen_attribute(struct buf *b, const struct gen *g, uint64_t i, int full);
/* Close what gen_event_head() opened. */
void gen_event_tail(struct buf *b);
/* Manifest entry of event `ev`: `"UUID":{...}`. */
void gen_manifest_entry(struct buf *b, const struct gen *g, uint64_t ev);
