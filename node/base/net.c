/*
 * net.c - networks in CIDR form.
 */
#include "base/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool net_is_v4(const uint8_t ip[16])
{
	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

/* 4, 6, or 0 for what is no address. */
static int parse(struct str s, uint8_t out[16])
{
	char text[64];
	if (!s.n || s.n >= sizeof(text) || memchr(s.p, 0, s.n))
		return 0;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	memcpy(out, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out + 12) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 6 : 0;
}

bool net_address(struct str s, uint8_t out[16])
{
	return parse(s, out) != 0;
}

bool net_parse(struct str s, struct net *out)
{
	struct str host, rest = str_split(s, '/', &host);
	int family = parse(host, out->ip);
	uint64_t bits = family == 4 ? 32 : 128;
	if (!family || (rest.p && (rest.n > 3 || !str_u64(rest, &bits))) ||
	    bits > (family == 4 ? 32 : 128))
		return false;
	out->bits = (unsigned)bits + (family == 4 ? 96 : 0);
	return true;
}

bool net_has(const struct net *n, const uint8_t ip[16])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (n->bits < 96 && net_is_v4(ip))
		return false;
	if (whole && memcmp(n->ip, ip, whole) != 0)
		return false;
	return !rest || ((n->ip[whole] ^ ip[whole]) >> (8 - rest)) == 0;
}

void net_text(const uint8_t ip[16], char out[46])
{
	const char *done = net_is_v4(ip) ? inet_ntop(AF_INET, ip + 12, out, 46)
					 : inet_ntop(AF_INET6, ip, out, 46);
	if (!done)
		out[0] = 0;
}
