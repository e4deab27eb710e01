/* test_tsig.c - signatures: the digests of RFC 8945 put together by hand, the window, replays. */
#include "dns/tsig.h"

#include "base/own.h"
#include "tests/tap/tap.h"

#define NOW 1700000000

static uint8_t space[DNS_MSG_MAX];
static struct dns_key key = {.alg = HASH_MAC_SHA256, .secret = "0123456789abcdef", .secret_n = 16};

static struct str message(struct dns_msg *m)
{
	return (struct str){(const char *)m->p, m->n};
}

static void make(struct dns_msg *m)
{
	dns_msg_begin(m, space, sizeof(space), NULL);
	dns_msg_head(m, 0x4711, 0);
	dns_msg_question(m, (struct str){"\3rpz\4test\0\0\xfc\0\1", 14});
	dns_msg_end(m);
}

/* Sign as a client does, check as the server does. */
static enum tsig_error exchange(int64_t signed_at, int64_t now, int flip, struct tsig_chain *out)
{
	struct dns_msg m;
	struct dns_query q;
	struct tsig_chain chain = {.key = &key};
	make(&m);
	tsig_sign(&m, &chain, signed_at, TSIG_GOOD, NULL);
	if (flip >= 0)
		space[flip] ^= 1;
	if (dns_query_parse(message(&m), &q) != DNS_PARSED)
		bail_out("not a message");
	return tsig_check(message(&m), &q, &key, now, out);
}

static void requests(void)
{
	struct tsig_chain c;
	is_int(exchange(NOW, NOW, -1, &c), TSIG_GOOD, "good");
	ok(c.key == &key && c.mac_n == 32, "ready to sign the answer");
	is_int(exchange(NOW, NOW + 300, -1, &c), TSIG_GOOD, "five minutes old");
	is_int(exchange(NOW, NOW + 301, -1, &c), TSIG_BADTIME, "older");
	ok(c.key == &key, "whose answer is signed");
	is_int(exchange(NOW + 301, NOW, -1, &c), TSIG_BADTIME, "from the future");
	is_int(exchange(NOW, NOW, 2, &c), TSIG_BADSIG, "another head");
	is_int(exchange(NOW, NOW, 14, &c), TSIG_BADSIG, "another question");
	ok(!c.key, "whose answer is not signed");
	is_int(exchange(NOW, NOW, 0, &c), TSIG_GOOD, "the id on the way does not count");
}

/* A request whose MAC is the first half, or less. */
static void truncated(void)
{
	static const struct {
		size_t n;
		enum tsig_error want;
	} rows[] = {{31, TSIG_BADTRUNC}, {16, TSIG_BADTRUNC}, {15, TSIG_FORMERR}, {0, TSIG_FORMERR}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_msg m;
		struct dns_query q;
		struct tsig_chain chain = {.key = &key};
		make(&m);
		tsig_sign(&m, &chain, NOW, TSIG_GOOD, NULL);
		if (dns_query_parse(message(&m), &q) != DNS_PARSED)
			bail_out("not a message");
		q.tsig.mac.n = rows[i].n;
		is_int(tsig_check(message(&m), &q, &key, NOW, &chain), rows[i].want, "%zu bytes of MAC",
		       rows[i].n);
	}
}

static void other_keys(void)
{
	struct dns_msg m;
	struct dns_query q;
	struct tsig_chain chain = {.key = &key};
	struct dns_key other = key;
	make(&m);
	tsig_sign(&m, &chain, NOW, TSIG_GOOD, NULL);
	if (dns_query_parse(message(&m), &q) != DNS_PARSED)
		bail_out("not a message");
	is_int(tsig_check(message(&m), &q, NULL, NOW, &chain), TSIG_BADKEY, "no such key");
	other.alg = HASH_MAC_SHA512;
	is_int(tsig_check(message(&m), &q, &other, NOW, &chain), TSIG_BADKEY, "another algorithm");
	other = key;
	other.secret[3] ^= 1;
	is_int(tsig_check(message(&m), &q, &other, NOW, &chain), TSIG_BADSIG, "another secret");
}

/* RFC 8945 4.3.3 and 5.3.1: what is under the MAC of the second message of an answer. */
static void by_hand(void)
{
	struct dns_msg m;
	struct dns_query q;
	struct tsig_chain chain = {.key = &key, .mac_n = 32}; /* the request's MAC: zeros */
	uint8_t first[32], want[32];
	make(&m);
	tsig_sign(&m, &chain, NOW, TSIG_GOOD, NULL);
	memcpy(first, chain.mac, 32);
	make(&m);
	size_t n = m.n;
	OWN(buf) struct buf b = BUF(1 << 16);
	buf_add(&b, "\0\x20", 2);
	buf_add(&b, first, 32);
	buf_add(&b, space, n);
	buf_add(&b, "\0\0\x65\x53\xf1\x00\x01\x2c", 8); /* 1700000000, 300 */
	struct sha256 mac = hash_hmac((struct str){(char *)key.secret, key.secret_n}, buf_str(&b));
	tsig_sign(&m, &chain, NOW, TSIG_GOOD, NULL);
	is_mem(chain.mac, mac.b, 32, "later messages cover the MAC before and the times");
	if (dns_query_parse(message(&m), &q) != DNS_PARSED)
		bail_out("not a message");
	is_mem(q.tsig.mac.p, mac.b, 32, "and carry it");
	/* the first one: with the whole of the variables */
	buf_clear(&b);
	make(&m);
	memset(want, 0, sizeof(want));
	buf_add(&b, "\0\x20", 2);
	buf_add(&b, want, 32);
	buf_add(&b, space, n);
	buf_add(&b, "\1k\0\0\xff\0\0\0\0\x0bhmac-sha256\0\0\0\x65\x53\xf1\x00\x01\x2c\0\0\0\0", 34);
	mac = hash_hmac((struct str){(char *)key.secret, key.secret_n}, buf_str(&b));
	is_mem(first, mac.b, 32, "the first one covers all of the record");
}

static void replays(void)
{
	static struct tsig_replays r;
	uint8_t mac[32] = {1};
	struct dns_tsig t = {.time = NOW, .mac = {(char *)mac, 32}};
	ok(tsig_first_time(&r, &t), "new");
	ok(!tsig_first_time(&r, &t), "again");
	mac[0] = 2;
	ok(tsig_first_time(&r, &t), "another one of that second");
	for (unsigned i = 0; i < TSIG_REPLAYS; i++) {
		memcpy(mac, &i, sizeof(i));
		mac[8] = 9;
		t.time = NOW + 1 + i / 100;
		if (!tsig_first_time(&r, &t))
			bail_out("lost its way");
	}
	mac[0] = 1;
	mac[8] = 0;
	t.time = NOW;
	ok(!tsig_first_time(&r, &t), "what was forgotten is not taken either");
	r = (struct tsig_replays){.floor = NOW + 1};
	ok(!tsig_first_time(&r, &t), "signed before we were there");
}

static void algorithms(void)
{
	enum hash_mac_alg a;
	ok(tsig_alg(STR("HMAC-SHA512"), &a) && a == HASH_MAC_SHA512, "by name");
	ok(!tsig_alg(STR("hmac-md5.sig-alg.reg.int"), &a) && !tsig_alg(STR("hmac-sha1"), &a), "no weak ones");
	struct tsig_chain c;
	for (unsigned i = HASH_MAC_SHA256; i <= HASH_MAC_SHA512; i++) {
		key.alg = (enum hash_mac_alg)i;
		is_int(exchange(NOW, NOW, -1, &c), TSIG_GOOD, "%s", tsig_alg_name(key.alg));
	}
	key.alg = HASH_MAC_SHA256;
}

int main(void)
{
	dns_name_from(STR("k."), NULL, &key.name);
	requests();
	truncated();
	other_keys();
	by_hand();
	replays();
	algorithms();
	return done_testing();
}
