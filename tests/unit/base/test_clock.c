/* test_clock.c - the calendar against the C library, and the frozen clock. */
#include "base/clock.h"

#include <time.h>

#include "tests/tap/tap.h"

static void calendar(void)
{
	unsigned wrong = 0, n = 0;

	/* About every 10.7 days from year -400 to 3600, odd steps to meet all hours and days. */
	for (int64_t t = -74790000000; t < 51435000000; t += 924844) {
		struct clock_civil c = clock_to_civil(t);
		time_t tt = (time_t)t;
		struct tm tm;

		gmtime_r(&tt, &tm);
		n++;
		wrong += c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 ||
			 c.day != tm.tm_mday || c.hour != tm.tm_hour || c.minute != tm.tm_min ||
			 c.second != tm.tm_sec || c.weekday != tm.tm_wday ||
			 clock_from_civil(c.year, c.month, c.day, c.hour, c.minute, c.second) != t;
	}
	is_uint(wrong, 0, "%u moments as the C library has them, and back", n);
	is_int(clock_from_civil(2024, 2, 29, 0, 0, 0), 1709164800, "a leap day");
	is_int(clock_from_civil(1970, 1, 1, 0, 0, 0), 0, "the beginning");
}

int main(void)
{
	int64_t a, b;

	calendar();
	a = clock_boot_ms();
	b = clock_now();
	ok(a > 0 && clock_boot_ms() >= a, "boot time goes on");
	ok(b > 1700000000 && b - (int64_t)time(NULL) <= 1, "wall time is the system's");
	clock_freeze(5000000, 77);
	is_int(clock_now(), 5, "frozen");
	is_int(clock_boot_ms(), 77, "both");
	clock_advance(1500000);
	is_int(clock_now_us(), 6500000, "moved");
	is_int(clock_boot_ms(), 1577, "both");
	clock_thaw();
	ok(clock_now() >= b, "thawed");
	return done_testing();
}
