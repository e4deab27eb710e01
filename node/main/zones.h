/*
 * zones.h - the DNS server of the node: the policy zones of the configuration, each out of an export
 * subscription, and the record of who was given which.
 */
#pragma once

#include "audit/log.h"
#include "base/jsonw.h"
#include "conf/conf.h"
#include "subs/subs.h"

struct zones;

/* Are dns.keys and dns.zones in order, files of keys included? ERR_CONFIG says what is not. */
MUST_USE enum err zones_check(const struct conf *c, struct fail *f);
/* Open the sockets of dns.listen. *out is NULL where the node serves no DNS. */
MUST_USE enum err zones_new(const struct conf *c, struct zones **out, struct fail *f);
/* Serve the zones of `c` from here on; the subscriptions outlive the zones. `z` may be NULL. */
MUST_USE enum err zones_start(struct zones *z, const struct conf *c, struct subs *subs,
			      struct audit_queue *audit, struct fail *f);
/* Zones and keys of another configuration, read first and taken later; one caller at a time. */
MUST_USE enum err zones_read(struct zones *z, const struct conf *c, struct fail *f);
void zones_take(struct zones *z);
/* A subscription has changed: tell resolvers. Any thread. NULL is fine, as below. */
void zones_changed(struct zones *z);
/* Small duties, each half minute or so. */
void zones_tick(struct zones *z);
/* An array: zones, serials, and who was given which last. Any thread. */
void zones_status(struct zones *z, struct jsonw *w);
/* When no subscription tells of changes any more. */
void zones_stop(struct zones *z);
