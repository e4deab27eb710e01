/* test_totp.c - RFC 6238's vectors (the last six digits), the window, codes used once, Base32. */
#include "base/totp.h"

#include "base/own.h"
#include "tests/tap/tap.h"

#define SECRET STR("12345678901234567890")

static void vectors(void)
{
	static const struct {
		int64_t at;
		const char *code;
	} rfc[] = {{59, "287082"},	   {1111111109, "081804"}, {1111111111, "050471"},
		   {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
	char out[TOTP_DIGITS + 1];
	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		totp_code(SECRET, (uint64_t)rfc[i].at / TOTP_STEP_S, out);
		is_str(out, rfc[i].code, "at %lld", (long long)rfc[i].at);
	}
}

static void window(void)
{
	uint64_t step = 0;
	int64_t at = 1111111109; /* step 37037036 ends with this second */
	ok(totp_match(SECRET, STR("081804"), at, 0, &step) && step == 37037036, "now");
	ok(totp_match(SECRET, STR("081 804"), at, 0, &step), "with a blank");
	ok(totp_match(SECRET, STR("081804"), at + 30, 0, &step) && step == 37037036, "a step late");
	ok(totp_match(SECRET, STR("081804"), at - 30, 0, &step) && step == 37037036, "a step early");
	ok(!totp_match(SECRET, STR("081804"), at + 60, 0, &step), "two late");
	ok(!totp_match(SECRET, STR("081804"), at - 60, 0, &step), "two early");
	ok(!totp_match(SECRET, STR("081804"), at, 37037036, &step), "used already");
	ok(totp_match(SECRET, STR("050471"), at, 37037036, &step) && step == 37037037, "the next is new");
	static const char *const bad[] = {"", "08180", "0818041", "81804", "08180x", "081804 0", "-81804"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!totp_match(SECRET, str_c(bad[i]), at, 0, &step), "no code: '%s'", bad[i]);
}

static void base32(void)
{
	static const char *const rfc[][2] = {{"", ""},	       {"f", "MY"},	  {"fo", "MZXQ"},
					     {"foo", "MZXW6"}, {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"},
					     {"foobar", "MZXW6YTBOI"}};
	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		OWN(buf) struct buf b = BUF(64);
		base32_encode(&b, str_c(rfc[i][0]));
		is_view(b.n ? buf_str(&b) : STR(""), rfc[i][1], "Base32 of \"%s\"", rfc[i][0]);
	}
}

int main(void)
{
	vectors();
	window();
	base32();
	return done_testing();
}
