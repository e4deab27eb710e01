/*
 * datetime.c - read dates and times leniently, write them strictly.
 *
 * A text is read left to right as date, time and zone, each optional but in that order.
 */
#include "model/datetime.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/own.h"
#include "model/ascii.h"

struct scan {
	struct str s;
	size_t at;
};

struct moment {
	int year, month, day, hour, minute, second, micro;
	int east_minutes;
	bool has_date, has_time;
};

static char peek(const struct scan *c)
{
	return c->at < c->s.n ? c->s.p[c->at] : '\0';
}

static bool take(struct scan *c, char want)
{
	if (c->at >= c->s.n || c->s.p[c->at] != want)
		return false;
	c->at++;
	return true;
}

static void skip_blanks(struct scan *c)
{
	while (c->at < c->s.n && (ascii_space(c->s.p[c->at]) || c->s.p[c->at] == ','))
		c->at++;
}

/* Digits from here on: their number, and the value of at most nine of them. */
static unsigned run_of_digits(const struct scan *c, int *value)
{
	unsigned n = 0;

	*value = 0;
	while (c->at + n < c->s.n && ascii_digit(c->s.p[c->at + n])) {
		if (n < 9)
			*value = *value * 10 + (c->s.p[c->at + n] - '0');
		n++;
	}
	return n;
}

/* A number of `min` to `max` digits. */
static bool number(struct scan *c, unsigned min, unsigned max, int *value)
{
	unsigned n = run_of_digits(c, value);

	if (n < min || n > max)
		return false;
	c->at += n;
	return true;
}

/* Exactly `n` digits, whatever follows. */
static bool fixed(struct scan *c, unsigned n, int *value)
{
	struct scan part = {str_sub(c->s, 0, c->at + n), c->at};

	if (!number(&part, n, n, value))
		return false;
	c->at += n;
	return true;
}

/* ASCII letters from here on. */
static struct str word_here(const struct scan *c)
{
	size_t n = 0;

	while (c->at + n < c->s.n && ascii_alnum(c->s.p[c->at + n]) &&
	       !ascii_digit(c->s.p[c->at + n]))
		n++;
	return str_sub(c->s, c->at, n);
}

/* Position in a list of names, whole or cut to three letters; -1 when it is none. */
static int name_index(struct str word, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (word.n >= 3 &&
		    str_eq_nocase(word, str_sub(str_c(names[i]), 0,
						word.n == 3 ? 3 : strlen(names[i]))))
			return i;
	return -1;
}

static bool month_name(struct scan *c, int *month)
{
	static const char *const names[] = {"January",	 "February", "March",	 "April",
					    "May",	 "June",     "July",	 "August",
					    "September", "October",  "November", "December"};
	struct str word = word_here(c);
	int i = name_index(word, names, 12);

	if (i < 0)
		return false;
	c->at += word.n;
	take(c, '.');
	*month = i + 1;
	return true;
}

static void skip_weekday(struct scan *c)
{
	static const char *const names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
					    "Friday", "Saturday", "Sunday"};
	struct str word = word_here(c);

	if (name_index(word, names, 7) >= 0) {
		c->at += word.n;
		take(c, '.');
		skip_blanks(c);
	}
}

static bool is_date(const struct moment *m)
{
	return m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= 31;
}

/* "31 December 2024", "31-Dec-2024", "December 31, 2024" */
static bool date_in_words(struct scan *c, struct moment *m)
{
	struct scan t = *c;

	skip_weekday(&t);
	if (month_name(&t, &m->month)) {
		skip_blanks(&t);
		if (!number(&t, 1, 2, &m->day))
			return false;
		skip_blanks(&t);
		if (!number(&t, 4, 4, &m->year))
			return false;
	} else {
		if (!number(&t, 1, 2, &m->day))
			return false;
		if (!take(&t, '-'))
			skip_blanks(&t);
		if (!month_name(&t, &m->month))
			return false;
		if (!take(&t, '-'))
			skip_blanks(&t);
		if (!number(&t, 4, 4, &m->year))
			return false;
	}
	*c = t;
	return is_date(m);
}

/* Order and separator of the three numbers of a date. */
static bool date_in_numbers(struct scan *c, struct moment *m)
{
	struct scan t = *c;
	int first;
	unsigned n = run_of_digits(&t, &first);
	char sep = t.at + n < t.s.n ? t.s.p[t.at + n] : '\0';

	if (n == 8) {
		if (!fixed(&t, 4, &m->year) || !fixed(&t, 2, &m->month) || !fixed(&t, 2, &m->day))
			return false;
	} else if (n == 4 && (sep == '-' || sep == '/')) {
		t.at += 5;
		m->year = first;
		m->day = 1;
		if (!number(&t, 1, 2, &m->month))
			return false;
		if (take(&t, sep) ? !number(&t, 1, 2, &m->day) : sep == '/')
			return false;
	} else if ((n == 1 || n == 2) && (sep == '/' || sep == '-' || sep == '.')) {
		int *second = sep == '/' ? &m->day : &m->month;

		*(sep == '/' ? &m->month : &m->day) = first;
		t.at += n + 1;
		if (!number(&t, 1, 2, second) || !take(&t, sep) || !number(&t, 4, 4, &m->year))
			return false;
	} else {
		return false;
	}
	*c = t;
	return is_date(m);
}

/* yesterday, now, ...: the day and, but for "now", its beginning. */
static bool date_by_name(struct scan *c, struct moment *m)
{
	static const struct {
		const char *name;
		int days, hour;
	} words[] = {{"now", 0, -1},   {"today", 0, 0},	    {"midnight", 0, 0},
		     {"noon", 0, 12},  {"yesterday", -1, 0}, {"tomorrow", 1, 0}};
	struct str word = word_here(c);

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		int64_t us = clock_now_us();
		struct clock_civil d;

		if (!str_eq_nocase(word, str_c(words[i].name)))
			continue;
		d = clock_to_civil(us / 1000000 + words[i].days * 86400);
		*m = (struct moment){.year = d.year, .month = d.month, .day = d.day,
				     .hour = words[i].hour, .has_time = words[i].hour != 0};
		if (words[i].hour < 0) {
			m->hour = d.hour;
			m->minute = d.minute;
			m->second = d.second;
			m->micro = (int)(us % 1000000);
		}
		c->at += word.n;
		return true;
	}
	return false;
}

static void fraction(struct scan *c, int *micro)
{
	int unit = 100000;

	for (*micro = 0; ascii_digit(peek(c)); c->at++, unit /= 10)
		*micro += (peek(c) - '0') * unit;
}

static void half_of_day(struct scan *c, struct moment *m)
{
	struct scan t = *c;
	struct str word;
	bool pm;

	skip_blanks(&t);
	word = word_here(&t);
	pm = str_eq_nocase(word, STR("pm"));
	if (m->hour < 1 || m->hour > 12 || (!pm && !str_eq_nocase(word, STR("am"))))
		return;
	m->hour = m->hour % 12 + (pm ? 12 : 0);
	t.at += 2;
	*c = t;
}

/* 07:08, 07:08:09.123, 070809; false when there is a time that cannot be. */
static bool time_of_day(struct scan *c, struct moment *m)
{
	int first;
	unsigned n = run_of_digits(c, &first);

	if (n == 0)
		return true;
	if (n == 6 || n == 4) {
		if (!fixed(c, 2, &m->hour) || !fixed(c, 2, &m->minute) ||
		    (n == 6 && !fixed(c, 2, &m->second)))
			return false;
	} else {
		if (!number(c, 1, 2, &m->hour) || !take(c, ':') || !number(c, 2, 2, &m->minute) ||
		    (take(c, ':') && !number(c, 1, 2, &m->second)))
			return false;
	}
	if (take(c, '.'))
		fraction(c, &m->micro);
	half_of_day(c, m);
	m->has_time = true;
	return m->hour <= 24 && m->minute <= 59 && m->second <= 60;
}

static bool zone(struct scan *c, struct moment *m)
{
	struct str word;
	int hours, minutes = 0;
	char sign;

	skip_blanks(c);
	word = word_here(c);
	if (str_eq_nocase(word, STR("Z")) || str_eq_nocase(word, STR("UTC")) ||
	    str_eq_nocase(word, STR("GMT")))
		c->at += word.n;
	sign = peek(c);
	if (sign != '+' && sign != '-')
		return true;
	c->at++;
	if (!fixed(c, 2, &hours))
		return false;
	if (take(c, ':') || ascii_digit(peek(c)))
		if (!fixed(c, 2, &minutes))
			return false;
	m->east_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return hours <= 14 && minutes <= 59;
}

/* "@1700000000.5" */
static bool epoch(struct str s, int64_t *us)
{
	struct scan c = {s, 0};
	struct str whole;
	int micro = 0;

	if (!take(&c, '@'))
		return false;
	str_split(str_sub(s, 1, s.n), '.', &whole);
	c.at += whole.n;
	if (!str_i64(whole, us) || *us > INT32_MAX * 64ll || *us < -INT32_MAX * 64ll)
		return false;
	if (take(&c, '.'))
		fraction(&c, &micro);
	*us = *us * 1000000 + micro;
	return c.at == s.n;
}

bool datetime_read(struct str s, int64_t *us, int *east_minutes)
{
	struct scan c = {str_trim(s), 0};
	struct moment m = {0};

	*us = 0;
	*east_minutes = 0;
	if (epoch(c.s, us))
		return true;
	m.has_date = date_in_numbers(&c, &m) || date_in_words(&c, &m) || date_by_name(&c, &m);
	if (!m.has_date) {
		struct clock_civil d = clock_to_civil(clock_now());

		if (!ascii_has(c.s, ':'))
			return false;
		m = (struct moment){.year = d.year, .month = d.month, .day = d.day};
	}
	skip_blanks(&c);
	if (m.has_date && (peek(&c) == 'T' || peek(&c) == 't') && c.at + 1 < c.s.n &&
	    ascii_digit(c.s.p[c.at + 1]))
		c.at++;
	if (!time_of_day(&c, &m) || (!m.has_date && !m.has_time) || !zone(&c, &m))
		return false;
	skip_blanks(&c);
	if (c.at != c.s.n)
		return false;
	*east_minutes = m.east_minutes;
	*us = (clock_from_civil(m.year, m.month, 1, 0, 0, 0) + (m.day - 1) * 86400ll +
	       m.hour * 3600ll + m.minute * 60ll + m.second - m.east_minutes * 60ll) *
		      1000000 +
	      m.micro;
	return true;
}

/* Common part of both forms; returns its length. */
static int write_civil(int64_t us, char *out, size_t size)
{
	int64_t second = us / 1000000, micro = us % 1000000;
	struct clock_civil d;

	if (micro < 0) {
		micro += 1000000;
		second--;
	}
	d = clock_to_civil(second);
	return snprintf(out, size, "%04u-%02u-%02uT%02u:%02u:%02u.%06u",
			(unsigned)d.year % 10000, (unsigned)d.month % 100, (unsigned)d.day % 100,
			(unsigned)d.hour % 100, (unsigned)d.minute % 100, (unsigned)d.second % 100,
			(unsigned)micro);
}

char *datetime_seen(int64_t us, char out[DATETIME_SEEN_LEN + 1])
{
	int n = write_civil(us, out, DATETIME_SEEN_LEN + 1);

	memcpy(out + n, "+00:00", 7);
	return out;
}

char *datetime_value(int64_t us, int east_minutes, char out[DATETIME_VALUE_LEN + 1])
{
	unsigned off = (unsigned)(east_minutes < 0 ? -east_minutes : east_minutes);
	int n = write_civil(us + east_minutes * 60000000ll, out, DATETIME_VALUE_LEN + 1);

	snprintf(out + n, (size_t)(DATETIME_VALUE_LEN + 1 - n), "%c%02u%02u",
		 east_minutes < 0 ? '-' : '+', off / 60 % 100, off % 60);
	return out;
}

bool datetime_is_value(struct str s)
{
	static const char form[] = "0000-00-00T00:00:00.000000+0000";

	if (s.n != DATETIME_VALUE_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (form[i] == '0' ? !ascii_digit(s.p[i])
				   : s.p[i] != form[i] && !(form[i] == '+' && s.p[i] == '-'))
			return false;
	return true;
}
