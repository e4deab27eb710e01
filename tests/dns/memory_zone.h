/*
 * memory_zone.h - a zone source for tests: names that are blocked, with every change ever made.
 *
 * Snapshots are a serial: a record is in one when it was added before and not removed then.
 */
#pragma once

#include <stdbool.h>

#include "dns/zone.h"

struct memory_zone;

/* `from`: "gen:N" makes N domains (two records each); "file:PATH" reads lines "OWNER TARGET". */
struct memory_zone *memory_zone_new(const struct dns_name *zone, const char *from, uint32_t serial);
struct dns_zone_source *memory_zone_source(struct memory_zone *z);
void memory_zone_free(struct memory_zone *z);

/* Changes wait for memory_zone_commit(), which makes them one step. One thread. */
void memory_zone_remove(struct memory_zone *z, const char *owner);
void memory_zone_add(struct memory_zone *z, const char *owner, const char *target);
/* Remove the oldest `n` records that are there and add as many new ones. */
void memory_zone_churn(struct memory_zone *z, unsigned n);
void memory_zone_commit(struct memory_zone *z);
/* One step from any serial to the newest, instead of all steps between. */
void memory_zone_condense(struct memory_zone *z, bool on);
/* Forget what led to this serial and before: resolvers that are older get the whole zone. */
void memory_zone_forget(struct memory_zone *z);
/* Not ready: SERVFAIL. */
void memory_zone_ready(struct memory_zone *z, bool on);
/* Snapshots that are held now. */
unsigned memory_zone_held(struct memory_zone *z);
