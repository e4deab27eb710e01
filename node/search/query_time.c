/*
 * query_time.c - MISP's time grammar: epochs, "7d" distances and what PHP's strtotime() reads.
 *
 * Not all of strtotime: ISO dates and times, words for days, signed units, "10 March 2025".
 * What is not read is reported, and a caller then matches nothing, never everything.
 */
#include "search/query.h"

#include <math.h>

#include "base/clock.h"
#include "base/own.h"

/* PHP's is_numeric(), without white space at the end: sign, digits, fraction, exponent. */
static bool numeric(struct str s, int64_t *out)
{
	double v = 0, scale = 1, frac = 0;
	size_t i = 0, digits = 0;
	int exp = 0;
	bool neg = false, exp_neg = false;

	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
		neg = s.p[i++] == '-';
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++)
		v = v * 10 + (s.p[i] - '0');
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++)
			frac += (s.p[i] - '0') * (scale /= 10);
	if (!digits)
		return false;
	if (i < s.n && (s.p[i] | 32) == 'e') {
		size_t from = ++i;

		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			exp_neg = s.p[i++] == '-', from++;
		for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && exp < 1000; i++)
			exp = exp * 10 + (s.p[i] - '0');
		if (i == from)
			return false;
	}
	if (i != s.n)
		return false;
	v = (v + frac) * pow(10, exp_neg ? -exp : exp);
	if (!(v < 9e15))
		v = 9e15;
	*out = neg ? -(int64_t)v : (int64_t)v;
	return true;
}

static bool distance(struct str s, int64_t now, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	uint64_t n;

	if (s.n < 2 || !str_u64(str_sub(s, 0, s.n - 1), &n) || n > UINT64_C(100000000000))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if ((s.p[s.n - 1] | 32) == units[i].unit) {
			*out = now - (int64_t)n * units[i].seconds;
			return true;
		}
	return false;
}

/* Exactly `n` digits at *i. */
static bool digits(struct str s, size_t *i, size_t n, int *out)
{
	*out = 0;
	for (size_t k = 0; k < n; k++, ++*i) {
		if (*i >= s.n || s.p[*i] < '0' || s.p[*i] > '9')
			return false;
		*out = *out * 10 + (s.p[*i] - '0');
	}
	return true;
}

static bool civil_ok(int y, int m, int d)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] && (m != 2 || d < 29 || leap);
}

/* Zone at the end: nothing, Z, UTC, GMT, +hh[:]mm. */
static bool zone(struct str s, size_t i, int64_t *offset)
{
	struct str z = str_trim(str_sub(s, i, s.n));
	int h, m = 0;
	size_t k = 1;

	*offset = 0;
	if (!z.n || str_eq_nocase(z, STR("z")) || str_eq_nocase(z, STR("utc")) ||
	    str_eq_nocase(z, STR("gmt")))
		return true;
	if ((z.p[0] != '+' && z.p[0] != '-') || !digits(z, &k, 2, &h))
		return false;
	if (k < z.n && z.p[k] == ':')
		k++;
	if (k < z.n && !digits(z, &k, 2, &m))
		return false;
	*offset = (h * 3600 + m * 60) * (z.p[0] == '-' ? -1 : 1);
	return k == z.n && h <= 23 && m <= 59;
}

/* "YYYY-MM-DD" or with slashes, then optionally a time and a zone. */
static bool iso(struct str s, int64_t *out)
{
	int y, mo, d, h = 0, mi = 0, se = 0;
	int64_t offset = 0;
	size_t i = 0;

	if (!digits(s, &i, 4, &y) || i >= s.n || (s.p[i] != '-' && s.p[i] != '/'))
		return false;
	i++;
	if (!digits(s, &i, 2, &mo) || i >= s.n || s.p[i] != s.p[4])
		return false;
	i++;
	if (!digits(s, &i, 2, &d) || !civil_ok(y, mo, d))
		return false;
	if (i < s.n && (s.p[i] == 'T' || s.p[i] == 't' || s.p[i] == ' ')) {
		i++;
		if (!digits(s, &i, 2, &h) || i >= s.n || s.p[i++] != ':' ||
		    !digits(s, &i, 2, &mi))
			return false;
		if (i < s.n && s.p[i] == ':') {
			i++;
			if (!digits(s, &i, 2, &se))
				return false;
			if (i < s.n && (s.p[i] == '.' || s.p[i] == ','))
				for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
					;
		}
	}
	if (h > 24 || mi > 59 || se > 60 || !zone(s, i, &offset))
		return false;
	*out = clock_from_civil(y, mo, d, h, mi, se) - offset;
	return true;
}

static struct str word(struct str *s)
{
	struct str w;
	size_t i = 0;

	*s = str_trim(*s);
	while (i < s->n && s->p[i] != ' ' && s->p[i] != ',')
		i++;
	w = str_sub(*s, 0, i);
	*s = str_sub(*s, i + (i < s->n), s->n);
	return w;
}

/* English month name, whole or its first three letters: 1..12, else 0. */
static int month_of(struct str w)
{
	static const char *const names[] = {"january", "february", "march",	"april",
					    "may",     "june",	   "july",	"august",
					    "september", "october", "november", "december"};

	for (int m = 0; m < 12; m++)
		if (w.n >= 3 && (str_eq_nocase(w, str_c(names[m])) ||
				 str_eq_nocase(w, str_sub(str_c(names[m]), 0, 3))))
			return m + 1;
	return 0;
}

/* "10 March 2025" and "March 10, 2025". */
static bool english(struct str s, int64_t *out)
{
	struct str a = word(&s), b = word(&s), c = word(&s);
	int m = month_of(b);
	uint64_t d, y;

	if (!m) {
		struct str t = a;

		m = month_of(a);
		a = b;
		b = t;
	}
	if (!c.n)
		c = word(&s);
	if (!m || str_trim(s).n || !str_u64(a, &d) || !str_u64(c, &y) || y > 9999 || d > 31 ||
	    !civil_ok((int)y, m, (int)d))
		return false;
	*out = clock_from_civil((int)y, m, (int)d, 0, 0, 0);
	return true;
}

static bool add_unit(int64_t *t, struct str unit, int64_t n)
{
	static const struct {
		const char *name;
		int64_t seconds;
		int months;
	} units[] = {{"sec", 1, 0},	  {"second", 1, 0},   {"min", 60, 0},
		     {"minute", 60, 0},	  {"hour", 3600, 0},  {"day", 86400, 0},
		     {"week", 604800, 0}, {"fortnight", 1209600, 0}, {"month", 0, 1},
		     {"year", 0, 12}};

	if (unit.n > 1 && (unit.p[unit.n - 1] | 32) == 's')
		unit.n--;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct clock_civil c;
		int64_t months;

		if (!str_eq_nocase(unit, str_c(units[i].name)))
			continue;
		if (n > 10000000 || n < -10000000)
			return false;
		if (!units[i].months) {
			*t += n * units[i].seconds;
			return true;
		}
		c = clock_to_civil(*t);
		months = c.year * INT64_C(12) + c.month - 1 + n * units[i].months;
		if (months < 0 || months > 9999 * 12)
			return false;
		/* days over the end of the month run into the next, as in PHP */
		*t = clock_from_civil((int)(months / 12), (int)(months % 12) + 1, 1, c.hour,
				      c.minute, c.second) +
		     (c.day - 1) * INT64_C(86400);
		return true;
	}
	return false;
}

/* Words: "yesterday", "-3 days", "2 weeks ago", "last month", "today +1 hour". */
static bool relative(struct str s, int64_t now, int64_t *out)
{
	static const struct {
		const char *name;
		bool midnight;
		int64_t add;
	} days[] = {{"now", false, 0},	      {"today", true, 0},     {"midnight", true, 0},
		    {"yesterday", true, -86400}, {"tomorrow", true, 86400}, {"noon", true, 43200}};
	int64_t t = now, last = 0;
	struct str last_unit = STR_NONE;
	bool any = false;

	while (str_trim(s).n) {
		struct str w = word(&s);
		bool known = false;
		int64_t n;

		for (size_t i = 0; i < ARRAY_LEN(days) && !known; i++)
			if (str_eq_nocase(w, str_c(days[i].name))) {
				if (days[i].midnight)
					t -= ((t % 86400) + 86400) % 86400;
				t += days[i].add;
				known = true;
			}
		if (!known && str_eq_nocase(w, STR("ago")) && last_unit.n) {
			known = add_unit(&t, last_unit, -2 * last);
			last_unit = STR_NONE;
		} else if (!known) {
			struct str num = w;
			size_t i = 0;

			if (str_eq_nocase(w, STR("last")) || str_eq_nocase(w, STR("previous"))) {
				n = -1;
			} else if (str_eq_nocase(w, STR("next"))) {
				n = 1;
			} else {
				if (num.n && num.p[0] == '+')
					num = str_sub(num, 1, num.n);
				while (i < num.n && ((num.p[i] >= '0' && num.p[i] <= '9') ||
						     (i == 0 && num.p[i] == '-')))
					i++;
				if (!str_i64(str_sub(num, 0, i), &n))
					return false;
			}
			last = n;
			last_unit = i && i < num.n ? str_sub(num, i, num.n) : word(&s);
			known = add_unit(&t, last_unit, n);
		}
		if (!known)
			return false;
		any = true;
	}
	*out = t;
	return any;
}

bool query_time(struct str s, int64_t now, int64_t *out)
{
	s = str_trim(s);
	if (!s.n || s.n > 64)
		return false;
	if (numeric(s, out) || distance(s, now, out))
		return true;
	if (s.p[0] == '@')
		return str_i64(str_sub(s, 1, s.n), out);
	return iso(s, out) || english(s, out) || relative(s, now, out);
}
