/* test_rates.c - searches in a window. */
#include "api/rates.h"

#include "tests/tap/tap.h"

static void one_account(void)
{
	struct rates *r = rates_new();
	uint64_t left;
	int64_t reset;
	ok(rates_take(r, 7, 2, 1000, &left, &reset), "the first");
	is_uint(left, 1, "one is left");
	is_int(reset, 900, "of this window");
	ok(rates_take(r, 7, 2, 1100, &left, &reset), "the second");
	is_int(reset, 800, "the window does not move");
	ok(!rates_take(r, 7, 2, 1899, &left, &reset) && left == 0 && reset == 1, "no third");
	ok(rates_take(r, 8, 2, 1899, &left, &reset), "another account has its own");
	ok(rates_take(r, 7, 2, 1900, &left, &reset) && left == 1, "the next window");
	ok(rates_take(r, 7, 5, 1901, &left, &reset) && left == 3, "a raised limit counts at once");
	ok(rates_take(r, 7, 5, 100, &left, &reset) && left == 4, "a clock set back begins anew");
	rates_free(r);
}

static void many(void)
{
	struct rates *r = rates_new();
	uint64_t left, bad = 0;
	int64_t reset;
	for (uint64_t round = 0; round < 4; round++)
		for (uint64_t id = 1; id <= 5000; id++)
			bad += rates_take(r, id, 3, 1000, &left, &reset) != (round < 3);
	is_uint(bad, 0, "5,000 accounts, each with its own count");
	rates_free(r);
}

int main(void)
{
	one_account();
	many();
	return done_testing();
}
