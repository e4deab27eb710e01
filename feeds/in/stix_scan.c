/*
 * stix_scan.c - JSON seen from above: where values begin and end. What stands in them is read by jansson,
 * one member at a time, so that a list of a million references is never a tree.
 */
#include "feeds/in/stix_impl.h"

static void blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

/* Behind the closing quote; s->p is at the opening one. */
static bool string_end(struct scan *s)
{
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '\\') {
			s->p++;
		} else if (*s->p == '"') {
			s->p++;
			return true;
		}
	}
	return false;
}

static bool container_end(struct scan *s)
{
	uint64_t depth = 0;
	while (s->p < s->end) {
		char c = *s->p;
		if (c == '"') {
			if (!string_end(s))
				return false;
			continue;
		}
		s->p++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return true;
	}
	return false;
}

bool scan_value(struct scan *s, struct str *out)
{
	blanks(s);
	const char *from = s->p;
	bool ok = s->p < s->end;
	if (!ok)
		return false;
	if (*s->p == '"') {
		ok = string_end(s);
	} else if (*s->p == '{' || *s->p == '[') {
		ok = container_end(s);
	} else {
		while (s->p < s->end && !strchr(",]} \t\r\n", *s->p))
			s->p++;
		ok = s->p > from;
	}
	*out = (struct str){from, (size_t)(s->p - from)};
	return ok;
}

bool scan_enter(struct scan *s, char open)
{
	blanks(s);
	if (s->p == s->end || *s->p != open)
		return false;
	s->p++;
	blanks(s);
	return true;
}

/* s->p is behind the opening bracket or behind a value. */
bool scan_next(struct scan *s, struct str *key, struct str *value, bool *end)
{
	blanks(s);
	if (s->p == s->end)
		return false;
	char close = key ? '}' : ']';
	*end = *s->p == close;
	if (*end) {
		s->p++;
		return true;
	}
	if (*s->p == ',') {
		s->p++;
		blanks(s);
	}
	if (key) {
		if (s->p == s->end || *s->p != '"' || !scan_value(s, key))
			return false;
		blanks(s);
		if (s->p == s->end || *s->p != ':')
			return false;
		s->p++;
	}
	return scan_value(s, value);
}

bool scan_is_end(struct scan *s)
{
	blanks(s);
	return s->p == s->end;
}

struct str scan_text(struct str value)
{
	if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
		return STR_NONE;
	struct str s = str_sub(value, 1, value.n - 2);
	return str_chr(s, '\\') >= 0 ? STR_NONE : s;
}

/* How many values there are, at most. */
static uint64_t nodes(struct str v)
{
	uint64_t n = 1;
	for (size_t i = 0; i < v.n; i++)
		n += v.p[i] == ',' || v.p[i] == '[' || v.p[i] == '{';
	return n;
}

static json_t *member_tree(struct str value, struct fail *f)
{
	json_error_t e;
	json_t *j = json_loadb(value.p, value.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	if (!j)
		fail_at(f, ERR_PARSE, (uint32_t)MAX(e.line, 0), (uint32_t)MAX(e.column, 0),
			(uint64_t)MAX(e.position, 0), "a STIX object is malformed");
	return j;
}

/* Commas are checked here, since members are read one by one. */
static bool is_separated(const struct scan *s, bool first)
{
	struct scan at = *s;
	blanks(&at);
	if (at.p == at.end || *at.p == '}')
		return true;
	if (first != (*at.p != ','))
		return false;
	if (first)
		return true;
	at.p++;
	blanks(&at);
	return at.p < at.end && *at.p == '"';
}

json_t *stix_tree(struct str object, struct str *refs, bool *too_large, struct fail *f)
{
	struct scan s = {object.p, object.p + object.n};
	struct str key, value;
	uint64_t n = 0;
	bool end = false, first = true;
	json_t *j = json_object();
	*refs = STR_NONE;
	*too_large = false;
	if (!j || !scan_enter(&s, '{'))
		goto bad;
	for (;; first = false) {
		if (!is_separated(&s, first) || !scan_next(&s, &key, &value, &end))
			goto bad;
		if (end)
			break;
		if (str_is(key, "\"object_refs\"") && value.p[0] == '[') {
			*refs = value;
			continue;
		}
		n += nodes(value);
		if (n > STIX_NODES_MAX) {
			*too_large = true;
			goto out;
		}
		json_t *k = member_tree(key, f), *v = k ? member_tree(value, f) : NULL;
		if (!v || json_string_length(k) != strlen(json_string_value(k))) {
			json_decref(k);
			json_decref(v);
			goto bad;
		}
		json_object_set_new(j, json_string_value(k), v);
		json_decref(k);
	}
	return j;
bad:
	if (f && f->code == ERR_OK)
		fail(f, ERR_PARSE, "a STIX object is malformed");
out:
	json_decref(j);
	return NULL;
}
