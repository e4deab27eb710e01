/*
 * stix_pattern.c - patterns as lists of comparisons: all joined by AND, or all by OR. Observations that are
 * joined by OR count as one list. Everything else is not read; it is kept as it is by the caller.
 */
#include "feeds/in/stix_impl.h"

struct reader {
	const char *p, *end;
	struct arena *a;
	struct stix_comps *out;
	unsigned depth;
	bool any_and, any_or;
	bool ok;
};

static void blanks(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* A word of the language at hand, taken when it is `w`. */
static bool word(struct reader *r, const char *w)
{
	size_t n = strlen(w);
	blanks(r);
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0)
		return false;
	if (r->p + n < r->end && is_word_char(r->p[n]))
		return false;
	r->p += n;
	return true;
}

static bool sign(struct reader *r, char c)
{
	blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* 'text' with \' and \\ */
static bool literal(struct reader *r, struct str *out)
{
	const char *from = ++r->p;
	bool escaped = false;
	while (r->p < r->end && *r->p != '\'') {
		if (*r->p == '\\') {
			escaped = true;
			r->p++;
		}
		if (r->p < r->end)
			r->p++;
	}
	if (r->p >= r->end)
		return false;
	*out = (struct str){from, (size_t)(r->p - from)};
	r->p++;
	if (!escaped)
		return true;
	char *t = arena_alloc(r->a, out->n + 1);
	size_t n = 0;
	if (!t)
		return false;
	for (size_t i = 0; i < out->n; i++) {
		if (out->p[i] == '\\' && i + 1 < out->n)
			i++;
		t[n++] = out->p[i];
	}
	*out = (struct str){t, n};
	return true;
}

static bool value(struct reader *r, struct str *out)
{
	blanks(r);
	if (r->p == r->end)
		return false;
	if (*r->p == '\'')
		return literal(r, out);
	if (r->end - r->p > 2 && strchr("tbh", *r->p) && r->p[1] == '\'') {
		r->p++;
		return literal(r, out);
	}
	const char *from = r->p;
	while (r->p < r->end && (is_word_char(*r->p) || strchr("+.$", *r->p)) && *r->p)
		r->p++;
	*out = (struct str){from, (size_t)(r->p - from)};
	return out->n != 0;
}

/* type:member.'member'[0].member, as written */
static bool path(struct reader *r, struct str *out)
{
	const char *from;
	bool colon = false;
	blanks(r);
	from = r->p;
	while (r->p < r->end) {
		char c = *r->p;
		struct str quoted;
		if (c == ':' && !colon) {
			colon = true;
		} else if (c == '\'' && colon) {
			if (!literal(r, &quoted))
				return false;
			continue;
		} else if (!is_word_char(c) && !(colon && (c == '.' || c == '[' || c == ']' || c == '*'))) {
			break;
		}
		r->p++;
	}
	*out = (struct str){from, (size_t)(r->p - from)};
	return colon && r->p > from;
}

static bool keep(struct reader *r, struct str p, struct str v)
{
	if (r->out->n == STIX_COMPS_MAX)
		return false;
	r->out->v[r->out->n++] = (struct stix_comp){.path = p, .value = v, .equals = true};
	return true;
}

static bool comparison(struct reader *r)
{
	struct str p, v;
	if (!path(r, &p))
		return false;
	if (word(r, "IN")) {
		bool first = true;
		if (!sign(r, '('))
			return false;
		do {
			if (!value(r, &v) || !keep(r, p, v))
				return false;
			r->any_or |= !first;
			first = false;
		} while (sign(r, ','));
		return sign(r, ')');
	}
	if (!sign(r, '='))
		return false;
	(void)sign(r, '='); /* as some write it */
	return value(r, &v) && keep(r, p, v);
}

static bool comparisons(struct reader *r);

static bool one(struct reader *r)
{
	if (!sign(r, '('))
		return comparison(r);
	if (++r->depth > STIX_DEPTH_MAX || !comparisons(r))
		return false;
	r->depth--;
	return sign(r, ')');
}

static bool comparisons(struct reader *r)
{
	if (!one(r))
		return false;
	for (;;) {
		if (word(r, "AND"))
			r->any_and = true;
		else if (word(r, "OR"))
			r->any_or = true;
		else
			return true;
		if (!one(r))
			return false;
	}
}

static bool observations(struct reader *r);

static bool observation(struct reader *r)
{
	if (sign(r, '('))
		return ++r->depth <= STIX_DEPTH_MAX && observations(r) && r->depth-- && sign(r, ')');
	return sign(r, '[') && comparisons(r) && sign(r, ']');
}

static bool observations(struct reader *r)
{
	if (!observation(r))
		return false;
	while (word(r, "OR")) {
		r->any_or = true;
		if (!observation(r))
			return false;
	}
	return true;
}

bool stix_pattern(struct arena *a, struct str pattern, struct stix_comps *out)
{
	*out = (struct stix_comps){.v = ARENA_ARRAY(a, struct stix_comp, STIX_COMPS_MAX)};
	if (!pattern.n || !out->v)
		return false;
	struct reader r = {pattern.p, pattern.p + pattern.n, a, out, 0, false, false, true};
	bool framed = str_chr(str_sub(str_trim(pattern), 0, 1), '[') == 0 ||
		      str_chr(str_sub(str_trim(pattern), 0, 1), '(') == 0;
	bool ok = framed ? observations(&r) : comparisons(&r); /* templates have no brackets */
	blanks(&r);
	out->join = r.any_and && r.any_or ? JOIN_MIXED
		    : r.any_or		  ? JOIN_OR
		    : out->n > 1	  ? JOIN_AND
					  : JOIN_ONE;
	return ok && r.p == r.end && out->n;
}

/* The next character of a path that counts; 0: its end. */
static char next(struct str s, size_t *i)
{
	while (*i < s.n) {
		char c = s.p[(*i)++];
		if (c == '[') {
			while (*i < s.n && s.p[*i - 1] != ']')
				(*i)++;
			continue;
		}
		if (c == '\'' || c == '"')
			continue;
		return (char)(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return 0;
}

bool stix_path_eq(struct str a, struct str b)
{
	size_t i = 0, k = 0;
	for (;;) {
		char x = next(a, &i), y = next(b, &k);
		if (x != y)
			return false;
		if (!x)
			return true;
	}
}
