/* test_net.c - CIDR, both families and mapped forms. */
#include "base/net.h"

#include "base/own.h"
#include "tests/tap/tap.h"

static bool in(const char *net, const char *address)
{
	struct net n;
	uint8_t ip[16];
	return net_parse(str_c(net), &n) && net_address(str_c(address), ip) && net_has(&n, ip);
}

static void parsing(void)
{
	static const char *const good[] = {"192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32",
					   "::1", "::ffff:192.0.2.0/120", "::/0", "10.0.0.1/32"};
	static const char *const bad[] = {"", "/", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1",
					  "192.0.2.1/ 8", "192.0.2", "192.0.2.256", "::/129", "fog",
					  "192.0.2.1/8/8", "2001:db8::/0032", " 192.0.2.1",
					  "fe80::1%eth0", "10.0.0.0/+8"};
	struct net n;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ok(net_parse(str_c(good[i]), &n), "a network: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!net_parse(str_c(bad[i]), &n), "none: '%s'", bad[i]);
	ok(!net_parse((struct str){"10.0.0.1\0", 9}, &n), "nor with a NUL");
}

static void membership(void)
{
	ok(in("192.0.2.0/24", "192.0.2.255") && !in("192.0.2.0/24", "192.0.3.0"), "/24");
	ok(in("192.0.2.128/25", "192.0.2.129") && !in("192.0.2.128/25", "192.0.2.127"), "/25");
	ok(in("192.0.2.77/24", "192.0.2.1"), "bits of the host do not matter");
	ok(in("10.0.0.1", "10.0.0.1") && !in("10.0.0.1", "10.0.0.2"), "one address");
	ok(in("10.0.0.1", "::ffff:10.0.0.1") && in("::ffff:10.0.0.0/104", "10.200.0.1"),
	   "mapped addresses are IPv4 ones");
	ok(in("0.0.0.0/0", "203.0.113.9") && !in("0.0.0.0/0", "2001:db8::1"), "any IPv4 is no IPv6");
	ok(in("::/0", "2001:db8::1") && !in("::/0", "203.0.113.9"), "and the other way round");
	ok(in("2001:db8::/33", "2001:db8:7fff::1") && !in("2001:db8::/33", "2001:db8:8000::"), "/33");
	ok(in("::1", "::1") && !in("::1", "127.0.0.1"), "loopback has two");
}

static void texts(void)
{
	char t[46];
	uint8_t ip[16];
	ok(net_address(STR("::ffff:192.0.2.7"), ip) && net_is_v4(ip), "mapped");
	net_text(ip, t);
	is_str(t, "192.0.2.7", "shown as IPv4");
	ok(net_address(STR("2001:DB8:0::1"), ip) && !net_is_v4(ip), "IPv6");
	net_text(ip, t);
	is_str(t, "2001:db8::1", "in its short form");
}

int main(void)
{
	parsing();
	membership();
	texts();
	return done_testing();
}
