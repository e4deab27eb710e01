/*
 * line.h - a record out of a line of a zone file, for sources whose rows are such lines.
 */
#pragma once

#include "dns/zone.h"

/* A record with its own memory; `r` points into it. Do not copy. */
struct dns_line {
	struct dns_record r;
	struct dns_name owner, target;
	uint8_t address[16];
};

/*
 * "OWNER [TTL] [IN] CNAME|A|AAAA DATA". Names without a dot at their end are below `zone`; `ttl` where
 * there is none. False for everything else: other types, comments, directives, what no zone can hold.
 */
bool dns_line_read(struct str line, const struct dns_name *zone, uint32_t ttl, struct dns_line *out);
