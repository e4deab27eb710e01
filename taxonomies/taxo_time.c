/*
 * taxo_time.c - RFC 3339 date and time, strictly.
 *
 * Embargoes hang on this reader: whatever it does not understand must be refused, and it never
 * gives a time earlier than the one written.
 */
#include "taxonomies/taxo.h"

#include "base/clock.h"

/* Read exactly `n` digits at s[*at]. */
static bool digits(struct str s, size_t *at, unsigned n, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++, (*at)++) {
		if (*at >= s.n || s.p[*at] < '0' || s.p[*at] > '9')
			return false;
		*out = *out * 10 + (s.p[*at] - '0');
	}
	return true;
}

static bool one_of(struct str s, size_t *at, const char *set)
{
	if (*at >= s.n || s.p[*at] == '\0' || !strchr(set, s.p[*at]))
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* ".123": microseconds, rounded up. True also when there is no fraction. */
static bool fraction(struct str s, size_t *at, int64_t *us)
{
	int64_t unit = 100000;
	bool rest = false;
	size_t from;

	*us = 0;
	if (!one_of(s, at, "."))
		return true;
	for (from = *at; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++) {
		*us += (s.p[*at] - '0') * unit;
		rest |= unit == 0 && s.p[*at] != '0';
		unit /= 10;
	}
	*us += rest;
	return *at > from;
}

/* "Z" or "+08:00", as seconds to subtract. */
static bool offset(struct str s, size_t *at, int64_t *seconds)
{
	int hours, minutes;
	bool west;

	*seconds = 0;
	if (one_of(s, at, "Zz"))
		return true;
	west = *at < s.n && s.p[*at] == '-';
	if (!one_of(s, at, "+-") || !digits(s, at, 2, &hours) || !one_of(s, at, ":") ||
	    !digits(s, at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = (hours * 60 + minutes) * 60;
	if (west)
		*seconds = -*seconds;
	return true;
}

bool taxo_time(struct str s, int64_t *us)
{
	int year, month, day, hour, minute, second;
	int64_t micro, east;
	size_t at = 0;

	*us = 0;
	if (!digits(s, &at, 4, &year) || !one_of(s, &at, "-") || !digits(s, &at, 2, &month) ||
	    !one_of(s, &at, "-") || !digits(s, &at, 2, &day) || !one_of(s, &at, "Tt ") ||
	    !digits(s, &at, 2, &hour) || !one_of(s, &at, ":") || !digits(s, &at, 2, &minute) ||
	    !one_of(s, &at, ":") || !digits(s, &at, 2, &second) || !fraction(s, &at, &micro) ||
	    !offset(s, &at, &east) || at != s.n)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return false;
	*us = (clock_from_civil(year, month, day, hour, minute, 0) + second - east) * 1000000 +
	      micro;
	return true;
}
