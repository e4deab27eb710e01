/*
 * query.h - what stands in a message that came: a question, EDNS, TSIG, the serial of an IXFR.
 *
 * The parser walks every record of every section; what it does not understand is no query. Nothing is
 * kept beyond what the struct names, and views are into the message.
 */
#pragma once

#include "dns/name.h"

enum { DNS_QUERY, DNS_NOTIFY = 4 }; /* opcodes */
enum dns_rcode {
	RCODE_NOERROR,
	RCODE_FORMERR,
	RCODE_SERVFAIL,
	RCODE_NXDOMAIN,
	RCODE_NOTIMP,
	RCODE_REFUSED,
	RCODE_NOTAUTH = 9,
	RCODE_BADVERS = 16, /* with EDNS */
};
enum { DNS_IN = 1, DNS_ANY = 255, DNS_HEAD = 12 };

struct dns_tsig {
	struct dns_name key, algorithm;
	uint64_t time;
	uint16_t fudge, original_id, error;
	struct str mac, other;
	size_t at; /* where the record begins in the message: behind the rest of it */
};

struct dns_query {
	uint16_t id;
	uint8_t opcode, rcode;
	bool response, recursion_desired;
	struct dns_name name;
	uint16_t type, class;
	struct str question; /* as it came, for the answer */
	bool has_soa;	     /* IXFR: in the authority section; NOTIFY: in the answer */
	uint32_t serial;
	bool has_edns;
	uint8_t edns_version;
	uint16_t edns_size;
	bool has_tsig;
	struct dns_tsig tsig;
};

/* How far it was understood. */
enum dns_parsed {
	DNS_PARSED,
	DNS_NO_MESSAGE, /* shorter than a head: no answer */
	DNS_MALFORMED,	/* id, opcode and `response` are set: FORMERR */
};
enum dns_parsed dns_query_parse(struct str msg, struct dns_query *out);
