/*
 * admitted.h - the proof that the gate has judged what is about to be stored.
 *
 * The store takes elements and heads only together with an `admitted`. Only gate_admit() makes
 * one (admitted_make.h is granted to gate alone). It carries the judged head and where the
 * elements come from; an element is judged when it is read back (gate_admit_element()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/raw.h"

/* Where something came from; kept with every change. */
enum origin_kind {
	ORIGIN_LOCAL, /* a user of this node, by REST or the tool */
	ORIGIN_PEER, /* a sync link: pulled, or pushed by a user with perm_sync */
	ORIGIN_FEED,
	ORIGIN_SYSTEM, /* the node itself: embargo opening, migration */
};

struct origin {
	enum origin_kind kind;
	uint64_t id; /* user, peer or feed id */
	int64_t time; /* when it was received */
	uint8_t digest[32]; /* SHA-256 of the received bytes; zero when unknown */
};

struct admitted;

/* The judged head (a copy; strings live as long as the admitted). */
const struct misp_event *admitted_head(const struct admitted *a);
const struct origin *admitted_origin(const struct admitted *a);
/* The document whose elements are judged one by one while they are read. */
struct raw_event *admitted_raw(const struct admitted *a);
void admitted_free(struct admitted *a); /* frees the raw document too */
OWN_DEFINE(admitted, struct admitted *, admitted_free(*p))
