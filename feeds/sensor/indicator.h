/*
 * indicator.h - what one value of an attribute means to a sensor, in the form in which two of them are
 * compared: names in lower case and ASCII without a last dot, networks without host bits, digests in
 * lower case. Values that are none of their kind (a name that no resolver can hold, a digest of the
 * wrong length) are no indicators.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/uuid.h"
#include "model/types.h"

enum ind_kind {
#define K(ident, ...) IND_##ident,
#include "feeds/sensor/kinds.inc"
#undef K
	IND_KINDS
};
/* Sets of kinds are bits. */
#define IND_BIT(ident) (UINT64_C(1) << IND_##ident)
#define IND_NAMES (IND_BIT(DOMAIN) | IND_BIT(HOST))

enum ind_direction { IND_FROM = 1, IND_TO = 2 }; /* ip-src, ip-dst: bits */

struct indicator {
	enum ind_kind kind;
	struct str value; /* canonical; of networks with the prefix length */
	/* IP and IP_PORT: */
	uint8_t addr[16], addr_n, prefix; /* addr_n: 4 or 16 */
	uint16_t port;
	uint8_t direction; /* bits of enum ind_direction */
	uint8_t threat_level; /* of the event, as in MISP: 1 high to 3 low, 4 undefined; 0: not told */
	uint8_t tlp; /* 0: not marked, 1: clear to 5: red */
	attr_type_id type;
	attr_category_id category;
	int64_t first_seen, last_seen, changed; /* seconds; 0: not known */
	struct uuid attr, event; /* under which they leave for the audience */
	/* A number of its own that stays the same, 0 to IND_NUMBERS - 1, for formats that ask for it. */
	uint32_t number;
	/* Only for formats that ask for context; tags one a line. */
	struct str comment, info, org, tags;
};
#define IND_NUMBERS (UINT32_C(1) << 28)

const char *ind_kind_name(enum ind_kind k);
const char *ind_kind_doc(enum ind_kind k);
/* Kinds that an attribute type can give, as bits; 0: none. */
uint64_t ind_kinds_of(attr_type_id type);

/*
 * The indicators of one value: up to IND_PARTS rows of `out` get kind, value and what follows from
 * them, the rest is zero. *bad counts those that are none of their kind. Values live in `a` or in
 * `value`. ERR_NOMEM: the arena is full.
 */
#define IND_PARTS 2
MUST_USE enum err ind_of_value(struct arena *a, attr_type_id type, struct str value,
			       struct indicator out[IND_PARTS], unsigned *n, unsigned *bad);
/* Of a value of one kind, from anywhere. False: it is none of this kind, or the arena is full. */
bool ind_make(struct arena *a, enum ind_kind kind, struct str value, struct indicator *out);

/* Of an address of n bytes: all bits behind the first `prefix` become 0. */
void ind_host_bits_clear(uint8_t *addr, unsigned n, unsigned prefix);

/*
 * Keys in the order of sets: networks stand before what they hold, names before what is below them.
 * Equal keys are the same indicator.
 */
#define IND_KEY_MAX 440
struct ind_key {
	uint16_t n;
	uint8_t b[IND_KEY_MAX];
};
void ind_key(const struct indicator *i, struct ind_key *out);
int ind_key_cmp(const struct ind_key *a, const struct ind_key *b);
/* Is what has key `b` within what has key `a` (a network, or a name with all below it), not itself? */
bool ind_key_covers(const struct ind_key *a, const struct ind_key *b);
/* Only networks cover networks, and names names: {family, address, prefix length} behind the first byte,
   or labels from last to first, each with a byte 1 behind it, and 2 for a domain or 3 for a host. */
bool ind_key_is_net(const struct ind_key *k);
bool ind_key_is_name(const struct ind_key *k);

/* What a tag says, 0 when it is none of TLP; and "clear" to "red", "" for 0. */
uint8_t ind_tlp_of(struct str tag);
const char *ind_tlp_name(uint8_t tlp);

/* A record of it, and back; views into `rec`. False: no record of ours. */
void ind_pack(struct buf *out, const struct indicator *i, bool context);
bool ind_unpack(struct str rec, struct indicator *out);
