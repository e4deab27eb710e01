/* test_pwhash.c - Argon2id against RFC 9106's vector of its parameters, PHC texts, older digests. */
#include "base/pwhash.h"

#include "base/own.h"
#include "tests/tap/tap.h"

static const struct pwhash_cost cheap = {.memory_kib = 64, .passes = 2, .lanes = 2};

static void round_trip(void)
{
	OWN(buf) struct buf a = BUF(512), b = BUF(512);
	struct str pw = STR("correct horse"), secret = STR("of the node");
	is_ok(pwhash_make(pw, secret, &cheap, &a, NULL), "a digest");
	is_ok(pwhash_make(pw, secret, &cheap, &b, NULL), "another");
	ok(str_has_prefix(buf_str(&a), STR("$argon2id$v=19$m=64,t=2,p=2$")), "in PHC's form");
	ok(!str_eq(buf_str(&a), buf_str(&b)), "salted");
	is_ok(pwhash_check(pw, secret, buf_str(&a), NULL), "the password");
	is_err(pwhash_check(STR("correct horsf"), secret, buf_str(&a), NULL), ERR_AUTH, "another");
	is_err(pwhash_check(STR(""), secret, buf_str(&a), NULL), ERR_AUTH, "none");
	is_err(pwhash_check(pw, STR("of another"), buf_str(&a), NULL), ERR_AUTH,
	       "another node's secret");
}

/* Made by the reference implementation's tool: argon2 somesalt12345678 -id -t 2 -k 256 -p 1 -l 32 */
static void reference(void)
{
	struct str stored = STR("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$"
				"gRDhFl6w4RFO431f8BdXO6AIS4NmtBCNtEdJlUuNmHE");
	is_ok(pwhash_check(STR("password"), STR_NONE, stored, NULL), "the reference's digest");
}

/* A salt and a digest. */
#define ZEROS "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void damaged(void)
{
	static const char *const bad[] = {
		"", "x", "$", "$argon2id$", "$argon2i$v=19$m=64,t=2,p=2$AAAAAAAAAAAAAAAAAAAAAA$AA",
		"$argon2id$v=16$m=64,t=2,p=2" ZEROS,
		"$argon2id$v=19$m=4294967295,t=2,p=2" ZEROS,
		"$argon2id$v=19$m=64,t=0,p=2" ZEROS,
		"$argon2id$v=19$m=64,t=2,p=2$AAAA$AA",
		"$argon2id$v=19$m=64,t=2,p=2" ZEROS "$",
		"pbkdf2$0$00$00", "pbkdf2$99999999999$00$00", "pbkdf2$1$zz$zz"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		is_err(pwhash_check(STR("x"), STR_NONE, str_c(bad[i]), NULL), ERR_AUTH,
		       "no digest: %.40s", bad[i]);
}

static void older(void)
{
	/* hashlib.pbkdf2_hmac("sha256", b"An old password 1", bytes(range(16)), 1000) */
	struct str stored = STR("pbkdf2$1000$000102030405060708090a0b0c0d0e0f$"
				"5997cee91dc321753b1984a943bb6d6c615b02fdfd1b226ed40a42043d9493ca");
	is_ok(pwhash_check(STR("An old password 1"), STR("x"), stored, NULL), "PBKDF2 is known");
	is_err(pwhash_check(STR("An old password 2"), STR("x"), stored, NULL), ERR_AUTH,
	       "and tells the wrong one");
	ok(pwhash_is_stale(stored, &cheap), "it is to be made anew");
}

static void staleness(void)
{
	OWN(buf) struct buf a = BUF(512);
	struct pwhash_cost more = cheap;
	is_ok(pwhash_make(STR("x"), STR_NONE, &cheap, &a, NULL), "a digest");
	ok(!pwhash_is_stale(buf_str(&a), &cheap), "as configured");
	more.passes++;
	ok(pwhash_is_stale(buf_str(&a), &more), "passes were raised");
	more = cheap;
	more.memory_kib *= 2;
	ok(pwhash_is_stale(buf_str(&a), &more), "memory was");
	ok(pwhash_is_stale(STR("fog"), &cheap), "what is none is stale");
}

int main(void)
{
	round_trip();
	reference();
	damaged();
	older();
	staleness();
	return done_testing();
}
