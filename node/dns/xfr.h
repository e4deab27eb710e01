/*
 * xfr.h - one zone transfer: messages are made one by one, as the reader takes them.
 *
 * It holds a snapshot of the zone, the set that it came from, and one row.
 */
#pragma once

#include "dns/server.h"

struct xfr;

struct xfr_start {
	struct dns_set *set;
	const struct dns_zone *zone;
	const struct dns_query *query;
	const char *address;
	struct tsig_chain chain; /* key NULL: unsigned */
	size_t message_max;
	struct dns_suffixes *suffixes; /* lent for each message; shared by all transfers of a thread */
	const struct dns_hooks *hooks;
};

/*
 * Begin. `*out` is NULL when the asker has the newest serial already: then one SOA is the answer.
 * The hook `begin` has agreed when this succeeds.
 */
MUST_USE enum err xfr_open(const struct xfr_start *start, struct xfr **out, struct fail *f);
/* Make the next message in `p` (DNS_MSG_MAX bytes). `*last`: nothing follows. */
MUST_USE enum err xfr_next(struct xfr *x, uint8_t *p, size_t *n, bool *last, struct fail *f);
/* Tell the hook `end`, the log and the metrics, and free. `result`: how it went. NULL is fine. */
void xfr_close(struct xfr *x, enum err result);
