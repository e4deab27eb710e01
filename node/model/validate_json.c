/*
 * validate_json.c - is a value a JSON document? For attributes of type cortex.
 *
 * No tree, no allocation; nesting is bounded, because values come from outside.
 */
#include "model/ascii.h"
#include "model/validate.h"

#define DEPTH_MAX 256

struct json {
	const char *p, *end;
	unsigned depth;
};

static bool value(struct json *j);

static void blanks(struct json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
}

static bool take(struct json *j, char c)
{
	if (j->p == j->end || *j->p != c)
		return false;
	j->p++;
	return true;
}

static bool literal(struct json *j, struct str word)
{
	if ((size_t)(j->end - j->p) < word.n || memcmp(j->p, word.p, word.n) != 0)
		return false;
	j->p += word.n;
	return true;
}

static bool escape(struct json *j)
{
	char c;

	if (j->p == j->end)
		return false;
	c = *j->p++;
	if (c != 'u')
		return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
	for (int i = 0; i < 4; i++, j->p++)
		if (j->p == j->end || !ascii_hex(*j->p))
			return false;
	return true;
}

static bool string(struct json *j)
{
	if (!take(j, '"'))
		return false;
	while (j->p < j->end) {
		char c = *j->p++;

		if (c == '"')
			return true;
		if ((unsigned char)c < ' ' || (c == '\\' && !escape(j)))
			return false;
	}
	return false;
}

static bool digits(struct json *j)
{
	const char *from = j->p;

	while (j->p < j->end && ascii_digit(*j->p))
		j->p++;
	return j->p > from;
}

static bool number(struct json *j)
{
	take(j, '-');
	if (!take(j, '0') && !digits(j))
		return false;
	if (take(j, '.') && !digits(j))
		return false;
	if (take(j, 'e') || take(j, 'E')) {
		if (!take(j, '-'))
			take(j, '+');
		return digits(j);
	}
	return true;
}

/* What is between `close` and the opening bracket, which has been read. */
static bool members(struct json *j, bool object, char close)
{
	blanks(j);
	if (take(j, close))
		return true;
	do {
		blanks(j);
		if (object) {
			if (!string(j))
				return false;
			blanks(j);
			if (!take(j, ':'))
				return false;
		}
		if (!value(j))
			return false;
	} while (take(j, ','));
	return take(j, close);
}

/* A value with the blanks around it. */
static bool value(struct json *j)
{
	bool good;

	if (++j->depth > DEPTH_MAX)
		return false;
	blanks(j);
	if (take(j, '{'))
		good = members(j, true, '}');
	else if (take(j, '['))
		good = members(j, false, ']');
	else if (j->p < j->end && *j->p == '"')
		good = string(j);
	else if (j->p < j->end && (*j->p == '-' || ascii_digit(*j->p)))
		good = number(j);
	else
		good = literal(j, STR("true")) || literal(j, STR("false")) ||
		       literal(j, STR("null"));
	blanks(j);
	j->depth--;
	return good;
}

bool value_is_json(struct str s)
{
	struct json j = {s.p, s.p + s.n, 0};

	return s.n && value(&j) && j.p == j.end;
}
