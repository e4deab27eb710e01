/*
 * clock.c - the clocks and the calendar. The frozen clock is for tests; it is atomic so that
 * threads under test may read it while the test moves it.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static atomic_bool frozen;
static _Atomic int64_t frozen_wall_us, frozen_boot_us;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return atomic_load(&frozen) ? atomic_load(&frozen_wall_us) : read_us(CLOCK_REALTIME);
}

int64_t clock_now(void)
{
	return clock_now_us() / 1000000;
}

int64_t clock_boot_ms(void)
{
	return (atomic_load(&frozen) ? atomic_load(&frozen_boot_us) : read_us(CLOCK_BOOTTIME)) /
	       1000;
}

void clock_freeze(int64_t wall_us, int64_t boot_ms)
{
	atomic_store(&frozen_wall_us, wall_us);
	atomic_store(&frozen_boot_us, boot_ms * 1000);
	atomic_store(&frozen, true);
}

void clock_advance(int64_t us)
{
	atomic_fetch_add(&frozen_wall_us, us);
	atomic_fetch_add(&frozen_boot_us, us);
}

void clock_thaw(void)
{
	atomic_store(&frozen, false);
}

/*
 * Days since 1970-01-01 and back. Years begin in March here, so that the leap day is a year's
 * last; 400 years have 146097 days whichever they are.
 */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, year_of_era, day_of_year;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	year_of_era = y - era * 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

int64_t clock_from_civil(int year, int month, int day, int hour, int minute, int second)
{
	return days_from_civil(year, month, day) * 86400 + (int64_t)hour * 3600 +
	       (int64_t)minute * 60 + second;
}

struct clock_civil clock_to_civil(int64_t seconds)
{
	int64_t days = seconds / 86400, rest = seconds % 86400, era, doe, yoe, doy, mp;
	struct clock_civil c;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	c.weekday = (int)(((days % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c.year = (int)(yoe + era * 400 + (c.month <= 2));
	c.hour = (int)(rest / 3600);
	c.minute = (int)(rest / 60 % 60);
	c.second = (int)(rest % 60);
	return c;
}

static int64_t parse(struct str s, const char *format)
{
	struct tm tm = {0};
	char text[64];
	snprintf(text, sizeof(text), "%.*s", (int)(s.n < sizeof(text) ? s.n : 0), s.n ? s.p : "");
	if (!strptime(text, format, &tm))
		return 0;
	return clock_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
				tm.tm_sec);
}

int64_t clock_from_http(struct str s)
{
	return parse(s, "%a, %d %b %Y %H:%M:%S GMT");
}

int64_t clock_from_iso(struct str s)
{
	return parse(s, "%Y-%m-%dT%H:%M:%S");
}
