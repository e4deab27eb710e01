/*
 * name.h - domain names in wire form (RFC 1035 3.1): lengths and labels up to the root's zero.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63, DNS_NAME_TEXT = 1025 };

struct dns_name {
	uint8_t n; /* bytes with the root; 0: no name */
	uint8_t b[DNS_NAME_MAX];
};

/*
 * From text, in lower case: "a.example." as it stands, "a.example" below `origin` (NULL: the root),
 * "@" the origin itself. Knows \. and \DDD. False for what no name can be (empty labels, too long).
 */
bool dns_name_from(struct str text, const struct dns_name *origin, struct dns_name *out);
/* As text with a dot at the end, special characters escaped; `out` of DNS_NAME_TEXT bytes. */
const char *dns_name_text(const struct dns_name *n, char *out);
/*
 * Read the name at `*at` of a message, in lower case; `*at` moves behind it. Pointers go backwards
 * only, so that it ends. False when it is none.
 */
bool dns_name_read(struct str msg, size_t *at, struct dns_name *out);
/* Is this a whole name in wire form, without pointers? */
bool dns_name_ok(struct str wire);
static inline struct str dns_name_str(const struct dns_name *n)
{
	return (struct str){(const char *)n->b, n->n};
}
/* Both in lower case, as everything here makes them. */
static inline bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	return str_eq(dns_name_str(a), dns_name_str(b));
}
