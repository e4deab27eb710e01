/*
 * zone.h - where the records of a zone come from: a table of functions that whoever has them fills.
 *
 * All functions but release() are called on the server's thread, which serves every resolver: they may
 * touch the disk, and must not wait for anything else. Names are wire form, absolute, in lower case.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "dns/name.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_TSIG = 250,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
};

/* Lives until the next call for the same rows. SOA and NS of the zone are the server's, not here. */
struct dns_record {
	struct str owner; /* wire form, below the zone */
	struct str rdata; /* wire form, names in it not compressed */
	uint32_t ttl;
	uint16_t type;
	/* rows of changes only: removed or added on the way to this serial */
	bool removed;
	uint32_t serial;
};

/* The zone as it was at one moment; begins the struct of the source. */
struct dns_snapshot {
	uint32_t serial;
};

/* Rows on their way; begins the struct of the source. */
struct dns_rows {
	struct dns_snapshot *of;
};

struct dns_zone_source;
struct dns_zone_ops {
	/* The serial now; false: nothing to serve yet (SERVFAIL). Cheap: asked with each query. */
	bool (*serial)(struct dns_zone_source *z, uint32_t *out);
	/* Hold the zone as it is now. It stays as it is until close(), whatever changes meanwhile. */
	enum err (*open)(struct dns_zone_source *z, struct dns_snapshot **out, struct fail *f);
	void (*close)(struct dns_zone_source *z, struct dns_snapshot *s);
	/* All records, each once, in any order that is the same for the same snapshot. */
	enum err (*records)(struct dns_snapshot *s, struct dns_rows **out, struct fail *f);
	/*
	 * What changed from serial `from` to the snapshot: step by step (`serial` ascending, each step the
	 * removed before the added) or condensed into one step. ERR_STALE: not known any more, or more
	 * than the zone itself; the resolver is given the whole zone. May be NULL: always that.
	 */
	enum err (*changes)(struct dns_snapshot *s, uint32_t from, struct dns_rows **out, struct fail *f);
	/* The next row; ERR_NOENT behind the last. */
	enum err (*next)(struct dns_rows *r, struct dns_record *out, struct fail *f);
	void (*rows_close)(struct dns_rows *r);
	/* Nobody has the zone any more, since a reload or at the end. Any thread. May be NULL. */
	void (*release)(struct dns_zone_source *z);
};

/* Serials wrap (RFC 1982) and never go back: a resolver that has a later one takes nothing. */
struct dns_zone_source {
	const struct dns_zone_ops *ops;
};

/* RFC 1982 3.2 for 32 bits. Neither is less of two that are 2^31 apart. */
static inline bool dns_serial_lt(uint32_t a, uint32_t b)
{
	return a != b && b - a < UINT32_C(0x80000000);
}
