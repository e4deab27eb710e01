/*
 * net.h - networks in CIDR form: which addresses a key may be used from, which proxies are ours.
 *
 * Addresses are 16 bytes, IPv4 ones mapped (::ffff:a.b.c.d), as http_peer has them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct net {
	uint8_t ip[16];
	unsigned bits; /* of the 16 bytes */
};

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120". False on anything else. */
bool net_parse(struct str s, struct net *out);
/* Is the address in it? IPv6 networks wider than /96 hold no IPv4 address: "::/0" is any IPv6. */
bool net_has(const struct net *n, const uint8_t ip[16]);
/* An address alone, as text. */
bool net_address(struct str s, uint8_t out[16]);
bool net_is_v4(const uint8_t ip[16]);
/* The address as text into `out` of at least 46 bytes; IPv4 ones in their own form. */
void net_text(const uint8_t ip[16], char out[46]);
