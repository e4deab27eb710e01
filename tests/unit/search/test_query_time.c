/* test_query_time.c - every form of MISP's time grammar against hand-made epochs. */
#include "search/query.h"

#include "tests/tap/tap.h"

#define NOW INT64_C(1750000000) /* 2025-06-15 15:06:40 UTC */

int main(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {
		{"1740250000", 1740250000},
		{"1740250000.9", 1740250000},
		{"-5", -5},
		{" 12 ", 12},
		{"1e3", 1000},
		{"20250615", 20250615}, /* eight digits are an epoch, as in MISP */
		{"0", 0},
		{"5h", NOW - 18000},
		{"7D", NOW - 604800},
		{"10m", NOW - 600},
		{"30s", NOW - 30},
		{"0h", NOW},
		{"2025-02-21", 1740096000},
		{"2025/02/21", 1740096000},
		{"2025-02-21 01:02:03", 1740099723},
		{"2025-02-21T01:02:03Z", 1740099723},
		{"2025-02-21T01:02", 1740099720},
		{"2025-02-21T01:02:03.500000+00:00", 1740099723},
		{"2025-02-21T03:02:03+02:00", 1740099723},
		{"2025-02-20T20:02:03-0500", 1740099723},
		{"2024-02-29", 1709164800},
		{"@1740099723", 1740099723},
		{"now", NOW},
		{"today", 1749945600},
		{"midnight", 1749945600},
		{"yesterday", 1749859200},
		{"tomorrow", 1750032000},
		{"yesterday noon", 1749902400},
		{"-3 days", NOW - 259200},
		{"-1 day", NOW - 86400},
		{"+2 hours", NOW + 7200},
		{"+2hours", NOW + 7200},
		{"3 days ago", NOW - 259200},
		{"1 week ago", NOW - 604800},
		{"last week", NOW - 604800},
		{"last month", NOW - 31 * 86400},
		{"next year", NOW + 365 * 86400},
		{"today +1 hour", 1749949200},
		{"10 March 2025", 1741564800},
		{"March 10, 2025", 1741564800},
		{"Mar 10 2025", 1741564800},
	};
	static const char *const bad[] = {
		"",	      "high tide",     "x",	       "d",	     "5w",
		"2025-02-30", "2025-13-01",    "2023-02-29",   "2025-02",    "2025-2-1",
		"2025-02-21T", "2025-02-21 25:00", "2025-02-21 10:61", "ago",  "last",
		"-",	      "1e",	       "31 Foam 2025", "99999999999999d",
		"2025-02-21T10:00:00+25:00", "2025-02-21 junk",
	};
	int64_t t;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool read = query_time(str_c(good[i].text), NOW, &t);

		ok(read, "\"%s\" is read", good[i].text);
		if (read)
			is_int(t, good[i].want, "\"%s\"", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!query_time(str_c(bad[i]), NOW, &t), "\"%s\" is not", bad[i]);
	return done_testing();
}
