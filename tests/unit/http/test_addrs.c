/* test_addrs.c - connection counts by address. */
#include "http/addrs.h"

#include <string.h>

#include "tests/tap/tap.h"

int main(void)
{
	struct addrs *a = addrs_new();
	uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1};
	uint8_t other[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 2};
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [15] = 1};
	uint8_t neighbour[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [15] = 2};
	uint8_t other_net[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 2, [15] = 1};

	ok(addrs_enter(a, v4, 2) && addrs_enter(a, v4, 2), "two");
	ok(!addrs_enter(a, v4, 2), "not three");
	ok(addrs_enter(a, other, 2), "another IPv4 address counts by itself");
	addrs_leave(a, v4);
	ok(addrs_enter(a, v4, 2), "one left, one more may come");
	ok(addrs_enter(a, v6, 1), "IPv6");
	ok(!addrs_enter(a, neighbour, 1), "the same /64");
	ok(addrs_enter(a, other_net, 1), "another /64");
	addrs_leave(a, neighbour);
	ok(addrs_enter(a, v6, 1), "counted together");
	addrs_leave(a, v6);
	addrs_leave(a, v6); /* one too many must not count below zero */
	ok(addrs_enter(a, v6, 1) && !addrs_enter(a, v6, 1), "never below zero");
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(v4 + 12, &i, 4);
		if (!addrs_enter(a, v4, 1))
			ok(false, "many addresses");
	}
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(v4 + 12, &i, 4);
		addrs_leave(a, v4);
	}
	addrs_free(a);
	return done_testing();
}
