/*
 * zone_source.h - the records of a zone out of an export subscription of the format rpz: a snapshot of its
 * set, item by item; what changed since a serial as one step. Nothing is given of a set that the policy or the
 * row in force now did not fill, also not in the middle of a transfer.
 */
#pragma once

#include "dns/set.h"
#include "subs/subs.h"

#define ZONE_FORMAT "rpz"

/* For the zone and the subscription that it names (`from`); it goes with the set of the zone. The subscription
   need not be there yet. NULL: no memory. */
struct dns_zone_source *zone_source_new(struct subs *subs, const struct dns_zone *zone);
