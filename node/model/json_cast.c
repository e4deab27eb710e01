/*
 * json_cast.c - what PHP makes of a JSON scalar where MISP expects a number, a truth value, a date.
 *
 * What is of no use counts as absent, so that one odd member does not cost the document. The one
 * exception are small numbers (distribution, threat level ...): nonsense becomes 255, which no rule
 * takes for a default.
 */
#include "model/json_cast.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "model/datetime.h"
#include "model/types.h"

#define NONSENSE_U8 255

/* A whole number: blanks around it, a fraction (cut off) and an exponent are taken, as PHP does. */
static bool whole_number(struct str s, int64_t *out)
{
	char copy[64];
	char *rest;
	bool digits = false;

	if (str_i64(s, out))
		return true;
	s = str_trim(s);
	if (!s.n || s.n >= sizeof(copy))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool digit = s.p[i] >= '0' && s.p[i] <= '9';
		digits |= digit;
		if (!digit && !strchr("+-.eE", s.p[i]))
			return false;
	}
	if (!digits)
		return false;
	struct str head = s;
	ptrdiff_t dot = str_chr(s, '.');
	if (dot > 0 && str_chr(s, 'e') < 0 && str_chr(s, 'E') < 0) {
		for (size_t i = (size_t)dot + 1; i < s.n; i++)
			if (s.p[i] < '0' || s.p[i] > '9')
				return false;
		head.n = (size_t)dot;
		return str_i64(head, out);
	}
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	double d = strtod(copy, &rest);
	if (*rest || !(d > -9e18 && d < 9e18))
		return false;
	*out = (int64_t)d;
	return true;
}

static bool truth(enum json_tok t, struct str text)
{
	if (t == TOK_TRUE || t == TOK_FALSE)
		return t == TOK_TRUE;
	if (t == TOK_NUM) {
		for (size_t i = 0; i < text.n && (text.p[i] | 0x20) != 'e'; i++)
			if (text.p[i] >= '1' && text.p[i] <= '9')
				return true;
		return false;
	}
	/* PHP takes "false" for true; nobody means that */
	return text.n && !str_is(text, "0") && !str_eq_nocase(text, STR("false"));
}

/* Truth value, number or numeric text as a number. */
static bool as_number(enum json_tok t, struct str text, int64_t *v)
{
	*v = t == TOK_TRUE;
	if (t == TOK_TRUE || t == TOK_FALSE)
		return true;
	return whole_number(text, v);
}

static enum cast small_number(const struct field *f, uint8_t *at, enum json_tok t, struct str text)
{
	static const char *const analysis[] = {"Initial", "Ongoing", "Completed"};
	int64_t v;

	if (t == TOK_STR && !text.n)
		return CAST_UNSET;
	if (!as_number(t, text, &v)) {
		v = NONSENSE_U8;
		for (size_t i = 0; i < ARRAY_LEN(analysis); i++)
			if (strcmp(f->key, "analysis") == 0 &&
			    str_eq_nocase(text, str_c(analysis[i])))
				v = (int64_t)i;
	}
	*at = v < 0 || v > NONSENSE_U8 ? NONSENSE_U8 : (uint8_t)v;
	return CAST_SET;
}

static bool two(const char *p, int *out)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (p[0] - '0') * 10 + (p[1] - '0');
	return true;
}

/* "YYYY-MM-DD" at the beginning of `s`. */
static bool civil_date(struct str s, int *year, int *month, int *day)
{
	int high, low;

	if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-' || !two(s.p, &high) || !two(s.p + 2, &low) ||
	    !two(s.p + 5, month) || !two(s.p + 8, day))
		return false;
	*year = high * 100 + low;
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
	return *month >= 1 && *month <= 12 && *day >= 1 &&
	       *day <= days[*month - 1] + (*month == 2 && leap);
}

/* ".123456" at *s, cut to microseconds. */
static bool fraction(struct str *s, int64_t *us)
{
	int64_t unit = 100000;

	*us = 0;
	if (!s->n || *s->p != '.')
		return true;
	*s = str_sub(*s, 1, s->n);
	if (!s->n || *s->p < '0' || *s->p > '9')
		return false;
	for (; s->n && *s->p >= '0' && *s->p <= '9'; *s = str_sub(*s, 1, s->n), unit /= 10)
		*us += (*s->p - '0') * unit;
	return true;
}

/* "Z", "+02:00", "+0200" or nothing. */
static bool zone(struct str s, int *east_minutes)
{
	int h, m;

	*east_minutes = 0;
	if (!s.n || str_is(s, "Z"))
		return true;
	if ((*s.p != '+' && *s.p != '-') || (s.n != 5 && s.n != 6) || (s.n == 6 && s.p[3] != ':') ||
	    !two(s.p + 1, &h) || !two(s.p + s.n - 2, &m) || h > 23 || m > 59)
		return false;
	*east_minutes = (*s.p == '-' ? -1 : 1) * (h * 60 + m);
	return true;
}

bool json_cast_micro(struct str s, int64_t *us)
{
	int year, month, day, hour = 0, minute = 0, second = 0, east = 0;
	int64_t micro = 0;

	if (!civil_date(s, &year, &month, &day))
		goto other;
	struct str rest = str_sub(s, 10, s.n);
	if (rest.n >= 9 && (rest.p[0] == 'T' || rest.p[0] == ' ')) {
		if (rest.p[3] != ':' || rest.p[6] != ':' || !two(rest.p + 1, &hour) ||
		    !two(rest.p + 4, &minute) || !two(rest.p + 7, &second) || hour > 23 ||
		    minute > 59 || second > 60)
			goto other;
		rest = str_sub(rest, 9, rest.n);
		if (!fraction(&rest, &micro))
			goto other;
	}
	if (!zone(rest, &east))
		goto other;
	*us = (clock_from_civil(year, month, day, hour, minute, second) - (int64_t)east * 60) *
		      1000000 +
	      micro;
	return true;
other: /* the rarer forms; a time alone or a word is no point in the past */
	return s.n >= 8 && s.p[0] >= '0' && s.p[0] <= '9' && datetime_read(s, us, &east);
}

static enum cast number_member(const struct field *f, void *at, enum json_tok t, struct str text)
{
	int64_t v;

	if (!as_number(t, text, &v)) {
		/* the expiry of a key is given as a date */
		if (f->kind != F_TIME || !json_cast_micro(text, &v))
			return CAST_UNSET;
		v /= 1000000;
	}
	if (f->kind == F_U64) {
		if (v < 0)
			return CAST_UNSET;
		*(uint64_t *)at = (uint64_t)v;
	} else {
		*(int64_t *)at = v;
	}
	return CAST_SET;
}

static enum cast date_member(uint32_t *at, struct str text)
{
	int year, month, day;

	text = str_trim(text);
	*at = 0;
	if (!text.n)
		return CAST_UNSET;
	if (!civil_date(text, &year, &month, &day))
		return CAST_SET; /* given, but 0: not a date */
	*at = (uint32_t)(year * 10000 + month * 100 + day);
	return CAST_SET;
}

static enum cast uuid_member(const struct field *f, struct uuid *at, struct str text)
{
	/* An empty one is none, and says something only where an edit can clear it. */
	*at = UUID_NIL;
	text = str_trim(text);
	if (!text.n)
		return strcmp(f->key, "extends_uuid") == 0 ? CAST_SET : CAST_UNSET;
	uuid_parse(text, at);
	return CAST_SET; /* given, but nil: not a UUID */
}

/* null says something only where it clears a member. */
static enum cast null_member(const struct field *f, void *at)
{
	if (f->kind == F_MICRO) {
		*(int64_t *)at = MICRO_NONE;
		return CAST_SET;
	}
	if (f->kind == F_UUID)
		return uuid_member(f, at, STR(""));
	return CAST_UNSET;
}

enum cast json_cast(const struct field *f, void *entity, enum json_tok t, struct str text)
{
	void *at = (char *)entity + f->offset;

	if (t == TOK_NULL)
		return null_member(f, at);
	if (t == TOK_TRUE || t == TOK_FALSE)
		text = t == TOK_TRUE ? STR("1") : STR("");
	switch ((enum field_kind)f->kind) {
	case F_STR:
		*(struct str *)at = text;
		return CAST_SET;
	case F_BOOL:
		*(bool *)at = truth(t, text);
		return CAST_SET;
	case F_U8:
		return small_number(f, at, t, text);
	case F_U64:
	case F_I64:
	case F_TIME:
		return number_member(f, at, t, text);
	case F_MICRO:
		if (!text.n)
			return null_member(f, at);
		if (!json_cast_micro(text, at))
			*(int64_t *)at = MICRO_BAD;
		return CAST_SET;
	case F_DATE:
		return date_member(at, text);
	case F_UUID:
		return uuid_member(f, at, text);
	case F_TYPE:
		*(uint16_t *)at = (uint16_t)type_find(text);
		return *(uint16_t *)at ? CAST_SET : CAST_TEXT;
	case F_CATEGORY:
		*(uint8_t *)at = (uint8_t)category_find(text);
		return *(uint8_t *)at ? CAST_SET : CAST_TEXT;
	case F_LIST:
		break;
	}
	return CAST_UNSET;
}
