/*
 * fuzz_dns.c - the parser of DNS messages, its names, TSIG on what it read, and lines of zone files.
 */
#include <stdlib.h>

#include "dns/line.h"
#include "dns/tsig.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static bool is_inside(struct str part, struct str whole)
{
	return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_name(const struct dns_name *n)
{
	char text[DNS_NAME_TEXT];
	struct dns_name again;
	CHECK(dns_name_ok(dns_name_str(n)));
	dns_name_text(n, text);
	CHECK(dns_name_from(str_c(text), NULL, &again) && dns_name_eq(n, &again));
}

static void check_tsig(struct str msg, const struct dns_query *q)
{
	struct dns_key key = {.name = q->tsig.key, .secret = "0123456789abcdef", .secret_n = 16};
	struct tsig_chain chain;
	CHECK(q->tsig.at >= DNS_HEAD && q->tsig.at < msg.n);
	CHECK(is_inside(q->tsig.mac, msg) && is_inside(q->tsig.other, msg));
	check_name(&q->tsig.key);
	check_name(&q->tsig.algorithm);
	/* nobody guesses a MAC */
	CHECK(tsig_check(msg, q, &key, 1700000000, &chain) != TSIG_GOOD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[DNS_MSG_MAX];
	static struct dns_suffixes suffixes;
	struct str msg = {(const char *)data, size};
	struct dns_query q;
	struct dns_line line;
	struct dns_msg m;
	if (dns_query_parse(msg, &q) == DNS_PARSED) {
		check_name(&q.name);
		CHECK(is_inside(q.question, msg) && q.question.n >= 5);
		if (q.has_tsig)
			check_tsig(msg, &q);
		dns_msg_begin(&m, out, sizeof(out), &suffixes);
		dns_msg_question(&m, q.question);
		dns_msg_end(&m);
		CHECK(dns_query_parse((struct str){(const char *)out, m.n}, &q) == DNS_PARSED);
	}
	if (dns_line_read(msg, &(struct dns_name){.n = 5, .b = {3, 'r', 'p', 'z', 0}}, 60, &line))
		CHECK(dns_name_ok(line.r.owner) && (line.r.type != DNS_CNAME || dns_name_ok(line.r.rdata)));
	return 0;
}
