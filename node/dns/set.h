/*
 * set.h - the zones and keys of a configuration. A reload makes a new set; transfers that run keep
 * the one that they began with.
 */
#pragma once

#include "base/net.h"
#include "base/own.h"
#include "dns/tsig.h"
#include "dns/zone.h"

enum {
	DNS_ZONES_MAX = 256,
	DNS_KEYS_MAX = 256,
	DNS_ZONE_KEYS = 16,
	DNS_ZONE_NETS = 32,
	DNS_ZONE_TARGETS = 32,
};

/* Whom to tell of changes. */
struct dns_target {
	uint8_t ip[16];
	uint16_t port;
	const struct dns_key *key; /* NULL: unsigned */
};

struct dns_zone {
	struct dns_name name;
	char text[DNS_NAME_TEXT];
	char *from; /* which subscription; for whoever gives the source */
	struct dns_zone_source *source;
	/* who may have it: by key, or by address without one */
	const struct dns_key *keys[DNS_ZONE_KEYS];
	struct net open[DNS_ZONE_NETS];
	struct dns_target targets[DNS_ZONE_TARGETS];
	unsigned n_keys, n_open, n_targets;
	struct dns_name ns, mbox;
	uint32_t refresh, retry, expire, minimum, ttl;
};

struct dns_set;

/* An empty set with one reference. NULL when out of memory. */
struct dns_set *dns_set_new(void);
struct dns_set *dns_set_ref(struct dns_set *s);
/* With the last reference keys are wiped and sources released. Any thread. */
void dns_set_unref(struct dns_set *s);
OWN_DEFINE(dns_set, struct dns_set *, dns_set_unref(*p))

/*
 * Add a key: "NAME ALGORITHM FILE". The file holds the secret in Base64, bare or as tsig-keygen and
 * keymgr print it (secret "..."). ERR_CONFIG names what is wrong, never the secret.
 */
MUST_USE enum err dns_set_key(struct dns_set *s, struct str line, struct fail *f);
/*
 * Add a zone: its name, then words as from=SUBSCRIPTION, key=NAME, open=NETWORK,
 * notify=ADDRESS[:PORT][/KEY], ns=NAME, mbox=NAME, refresh=, retry=, expire=, minimum= and ttl=SECONDS.
 * Keys have to be there. The caller sets out->source before the set is served.
 */
MUST_USE enum err dns_set_zone(struct dns_set *s, struct str line, struct dns_zone **out,
			       struct fail *f);

const struct dns_zone *dns_set_find(const struct dns_set *s, const struct dns_name *name);
struct dns_key *dns_set_find_key(struct dns_set *s, const struct dns_name *name);
size_t dns_set_zones(const struct dns_set *s);
struct dns_zone *dns_set_zone_at(struct dns_set *s, size_t i);
/* Take over what `old` knows of requests that were served; call it before the set is served. */
void dns_set_inherit(struct dns_set *s, const struct dns_set *old);
/* May this asker have the zone? `key`: whose signature was good, or NULL. */
bool dns_zone_allows(const struct dns_zone *z, const struct dns_key *key, const uint8_t ip[16]);
/* The SOA record with this serial, its data in `data` of at least 600 bytes. */
void dns_zone_soa(const struct dns_zone *z, uint32_t serial, uint8_t *data, struct dns_record *out);
enum { DNS_SOA_MAX = 600 };
