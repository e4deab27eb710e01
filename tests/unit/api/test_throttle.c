/* test_throttle.c - back-off: free tries, doubling, forgetting, full tables. */
#include "api/throttle.h"

#include <stdio.h>

#include "base/net.h"
#include "base/own.h"
#include "tests/tap/tap.h"

#define FREE 5 /* of LOGIN_ACCOUNT */
#define S 1000

static struct str name(unsigned n)
{
	static char text[32];
	return (struct str){text, (size_t)snprintf(text, sizeof(text), "who %u", n)};
}

static void backing_off(void)
{
	struct throttle *t = throttle_new();
	struct str a = STR("ann@example.org"), b = STR("bob@example.org");
	int64_t now = 1000 * S;
	for (unsigned i = 0; i < FREE; i++)
		is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now), 0, "free try %u", i);
	is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now), 0, "one more is heard");
	is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now), 2, "then two seconds");
	is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now + 1500), 1,
		"trying does not make it longer");
	is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, b, now), 0, "others are free");
	is_uint(throttle_take(t, THROTTLE_LOGIN_DEVICE, a, now), 0, "and so is another kind");
	is_uint(throttle_waiting(t, now), 1, "one waits");
	unsigned want[] = {4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		now += 1000 * (i ? want[i - 1] : 2);
		is_uint(throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now), 0, "after the wait");
		unsigned w = throttle_wait(t, THROTTLE_LOGIN_ACCOUNT, a, now);
		/* one is forgotten every half hour */
		ok(w <= want[i] && w * 2 >= want[i], "the next is longer: %u of %u", w, want[i]);
	}
	throttle_success(t, THROTTLE_LOGIN_ACCOUNT, a);
	is_uint(throttle_wait(t, THROTTLE_LOGIN_ACCOUNT, a, now), 0, "success forgets");
	is_uint(throttle_waiting(t, now), 0, "nobody waits");
	throttle_free(t);
}

static void undoing(void)
{
	struct throttle *t = throttle_new();
	struct str a = STR("10.0.0.1");
	for (unsigned i = 0; i < 1000; i++) {
		if (throttle_take(t, THROTTLE_LOGIN_ADDRESS, a, 5 * S))
			break;
		throttle_undo(t, THROTTLE_LOGIN_ADDRESS, a, 5 * S);
	}
	is_uint(throttle_wait(t, THROTTLE_LOGIN_ADDRESS, a, 5 * S), 0, "successes cost nothing");
	throttle_free(t);
}

static void forgetting(void)
{
	struct throttle *t = throttle_new();
	struct str a = STR("10.0.0.1");
	int64_t now = 7 * S;
	/* one failure a minute, for a day: a large NAT with clumsy people */
	for (unsigned i = 0; i < 1440; i++, now += 60 * S)
		if (throttle_take(t, THROTTLE_LOGIN_ADDRESS, a, now))
			break;
	is_int(now, (7 + 1440 * 60) * S, "what comes slowly never waits");
	for (unsigned i = 0; i < 100; i++)
		(void)!throttle_take(t, THROTTLE_LOGIN_ADDRESS, a, now);
	ok(throttle_wait(t, THROTTLE_LOGIN_ADDRESS, a, now) > 0, "what comes fast does");
	is_uint(throttle_wait(t, THROTTLE_LOGIN_ADDRESS, a, now + 86400 * S), 0, "not for ever");
	throttle_free(t);
}

/* Names of strangers do not push out who waits. */
static void crowded(void)
{
	struct throttle *t = throttle_new();
	struct str a = STR("victim");
	int64_t now = 9 * S;
	for (unsigned i = 0; i < 60; i++, now += 900 * S)
		(void)!throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now);
	for (unsigned i = 0; i < 20; i++)
		(void)!throttle_take(t, THROTTLE_LOGIN_ACCOUNT, a, now);
	unsigned before = throttle_wait(t, THROTTLE_LOGIN_ACCOUNT, a, now);
	for (unsigned i = 0; i < 200000; i++)
		(void)!throttle_take(t, THROTTLE_LOGIN_ACCOUNT, name(i), now);
	ok(before > 0, "somebody waits");
	is_uint(throttle_wait(t, THROTTLE_LOGIN_ACCOUNT, a, now), before,
		"200,000 others later still");
	throttle_free(t);
}

static void addresses(void)
{
	uint8_t a[16], b[16], c[16], d[16];
	ok(net_address(STR("2001:db8:1:2::1"), a) && net_address(STR("2001:db8:1:2:ffff::9"), b) &&
		   net_address(STR("192.0.2.1"), c) && net_address(STR("192.0.2.2"), d),
	   "addresses");
	ok(str_eq(throttle_address(a), throttle_address(b)), "an IPv6 /64 is one");
	ok(!str_eq(throttle_address(c), throttle_address(d)), "IPv4 addresses are each their own");
	is_uint(throttle_take(NULL, THROTTLE_KEY_ADDRESS, STR("x"), 0), 0, "no table, no wait");
}

int main(void)
{
	backing_off();
	undoing();
	forgetting();
	crowded();
	addresses();
	return done_testing();
}
