/* test_query.c - the parser: what is a question, what is malformed, and every way to cut it short. */
#include "dns/query.h"

#include "base/own.h"
#include "dns/zone.h"
#include "tests/tap/tap.h"

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define QUESTION(type) "\3rpZ\4test\0\0" type "\0\1"
#define SOA_RR "\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define OPT_RR "\0\0\x29\4\xd0\0\0\0\0\0\0"
#define TSIG_RR                                                                                    \
	"\1K\0\0\xfa\0\xff\0\0\0\0\0\x23\xbHMAC-sha256\0\0\0\x69\0\0\1\1\x2c\0\4mac!\x12\x35\0\0\0\2xy"

static const struct vector {
	const char *name;
	struct str msg;
	enum dns_parsed want;
} vectors[] = {
	{"SOA", {HEAD("\1\0", "\1", "\0", "\0", "\0") QUESTION("\6"), 26}, DNS_PARSED},
	{"a byte behind it", {HEAD("\1\0", "\1", "\0", "\0", "\0") QUESTION("\6") "x", 27}, DNS_MALFORMED},
	{"no question", {HEAD("\1\0", "\0", "\0", "\0", "\0"), 12}, DNS_MALFORMED},
	{"two questions", {HEAD("\1\0", "\2", "\0", "\0", "\0") QUESTION("\6") QUESTION("\6"), 40},
	 DNS_MALFORMED},
	{"eleven bytes", {HEAD("\1\0", "\1", "\0", "\0", "\0"), 11}, DNS_NO_MESSAGE},
	{"OPT in the answer", {HEAD("\1\0", "\1", "\1", "\0", "\0") QUESTION("\6") OPT_RR, 37},
	 DNS_MALFORMED},
	{"two OPT", {HEAD("\1\0", "\1", "\0", "\0", "\2") QUESTION("\6") OPT_RR OPT_RR, 48},
	 DNS_MALFORMED},
	{"TSIG before OPT", {HEAD("\1\0", "\1", "\0", "\0", "\2") QUESTION("\6") TSIG_RR OPT_RR, 86},
	 DNS_MALFORMED},
};

static void run_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct dns_query q;
		is_int(dns_query_parse(vectors[i].msg, &q), vectors[i].want, "%s", vectors[i].name);
	}
}

static const char whole[] =
	HEAD("\1\0", "\1", "\0", "\1", "\2") QUESTION("\xfb") SOA_RR OPT_RR TSIG_RR;

static void everything(void)
{
	struct str msg = {whole, sizeof(whole) - 1};
	struct dns_query q;
	char text[DNS_NAME_TEXT];
	is_int(dns_query_parse(msg, &q), DNS_PARSED, "an IXFR with EDNS and TSIG");
	ok(q.id == 0x1234 && !q.response && q.opcode == DNS_QUERY && q.recursion_desired, "head");
	is_str(dns_name_text(&q.name, text), "rpz.test.", "name, in lower case");
	ok(q.type == DNS_IXFR && q.class == DNS_IN && q.question.n == 14, "question");
	ok(memcmp(q.question.p, "\3rpZ", 4) == 0, "as it came");
	ok(q.has_soa && q.serial == 7, "serial");
	ok(q.has_edns && q.edns_size == 1232 && q.edns_version == 0, "EDNS");
	is_str(dns_name_text(&q.tsig.key, text), "k.", "key");
	is_str(dns_name_text(&q.tsig.algorithm, text), "hmac-sha256.", "algorithm");
	ok(q.has_tsig && q.tsig.time == 0x69000001 && q.tsig.fudge == 300 && q.tsig.original_id == 0x1235,
	   "times");
	ok(str_is(q.tsig.mac, "mac!") && str_is(q.tsig.other, "xy"), "MAC and other data");
	is_uint(q.tsig.at, 26 + 34 + 11, "where it begins");
}

/* Copies of exact size, so that a sanitizer sees a byte too many. */
static void cut_anywhere(void)
{
	unsigned wrong = 0;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		struct dns_query q;
		char *copy = malloc(n ? n : 1);
		memcpy(copy, whole, n);
		wrong += dns_query_parse((struct str){copy, n}, &q) == DNS_PARSED;
		free(copy);
	}
	is_uint(wrong, 0, "no shorter one is whole");
}

static void flip_bytes(void)
{
	size_t n = sizeof(whole) - 1;
	char *copy = malloc(n);
	unsigned parsed = 0;
	for (size_t i = 0; i < n; i++)
		for (int v = 0; v < 256; v++) {
			struct dns_query q;
			memcpy(copy, whole, n);
			copy[i] = (char)v;
			if (dns_query_parse((struct str){copy, n}, &q) == DNS_PARSED) {
				parsed++;
				if (q.has_tsig && q.tsig.at > n)
					bail_out("TSIG outside");
			}
		}
	ok(parsed > 256, "%u of them are messages", parsed);
	free(copy);
}

int main(void)
{
	run_vectors();
	everything();
	cut_anywhere();
	flip_bytes();
	return done_testing();
}
