/*
 * query.c - search parameters to struct query, driven by params.inc.
 *
 * Reads JSON leniently, as PHP does: numbers and numeric strings, 0/1/"0"/"1"/true/false, one value
 * or a list. Never fails for a strange value of a known name, except a time list that is no range.
 */
#include "search/query.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/own.h"

enum {
	S_E = 1 << SCOPE_EVENTS,
	S_A = 1 << SCOPE_ATTRIBUTES,
	S_O = 1 << SCOPE_OBJECTS,
	S_S = 1 << SCOPE_SIGHTINGS,
	S_I = 1 << SCOPE_EVENT_INDEX,
	S_EAO = S_E | S_A | S_O,
	S_REST = S_EAO | S_S,
	S_ALL = S_REST | S_I,
};

/* What a parse carries along. */
struct parse {
	struct query *q;
	struct arena *a;
	int64_t now;
	bool extra, nomem;
	/* sightings: from and to count only together */
	bool sight_from, sight_to, sight_last;
	int64_t from, to;
	struct str direction;
};

typedef enum err (*param_fn)(struct parse *p, const json_t *v, void *member, struct fail *f);

static struct str text_of(struct parse *p, const json_t *v)
{
	struct str s = STR_NONE;

	if (json_is_string(v))
		return str_trim((struct str){json_string_value(v), json_string_length(v)});
	if (json_is_integer(v))
		s = arena_printf(p->a, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		s = arena_printf(p->a, "%.15g", json_real_value(v));
	else if (json_is_true(v))
		return STR("1");
	else if (json_is_false(v))
		return STR("0");
	else
		return s;
	p->nomem |= s.p == NULL;
	return s;
}

/* Room for `n` more terms. */
static bool terms_room(struct parse *p, struct query_terms *t, size_t n)
{
	struct str *v;

	if (n > UINT32_MAX - t->n || !(v = ARENA_ARRAY(p->a, struct str, t->n + n))) {
		p->nomem = true;
		return false;
	}
	if (t->n)
		memcpy(v, t->v, t->n * sizeof(*v));
	t->v = v;
	return true;
}

/* A fresh list is grown by doubling: MISP users send lists of many thousand values. */
static void terms_add(struct parse *p, struct query_terms *t, struct str s)
{
	if ((t->n & (t->n - 1)) == 0 && !terms_room(p, t, t->n ? t->n : 1))
		return;
	t->v[t->n++] = s;
}

/* A piece that may begin with '!'. */
static void filter_item(struct parse *p, struct query_filter *g, struct str s)
{
	if (s.n && s.p[0] == '!') {
		if (s.n > 1)
			terms_add(p, &g->none, str_sub(s, 1, s.n));
	} else if (s.n) {
		terms_add(p, &g->any, s);
	}
}

/* Cut at `sep` (one or two equal characters) and add the pieces. */
static void filter_split(struct parse *p, struct query_filter *g, struct str s, struct str sep)
{
	for (;;) {
		ptrdiff_t at = str_find(s, sep);

		filter_item(p, g, str_trim(at < 0 ? s : str_sub(s, 0, (size_t)at)));
		if (at < 0)
			return;
		s = str_sub(s, (size_t)at + sep.n, s.n);
	}
}

static void group_add(struct parse *p, struct query_terms *t, const json_t *v)
{
	const json_t *item;
	struct str s;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			if ((s = text_of(p, item)).n)
				terms_add(p, t, s);
	} else if ((s = text_of(p, v)).n) {
		terms_add(p, t, s);
	}
}

static void filter_dict(struct parse *p, struct query_filter *g, const json_t *v)
{
	static const char *const any[] = {"OR", "or"}, *const all[] = {"AND", "and"},
			  *const none[] = {"NOT", "not"};
	const json_t *item;
	const char *key;
	bool found = false;

	for (int i = 0; i < 2; i++) {
		if ((item = json_object_get(v, any[i])))
			group_add(p, &g->any, item), found = true;
		if ((item = json_object_get(v, all[i])))
			group_add(p, &g->all, item), found = true;
		if ((item = json_object_get(v, none[i])))
			group_add(p, &g->none, item), found = true;
	}
	/* PHP sees no difference between a list and an object with other keys */
	if (!found)
		json_object_foreach((json_t *)v, key, item)
			filter_item(p, g, text_of(p, item));
}

static enum err done_filter(struct query_filter *g)
{
	g->set = g->any.n || g->all.n || g->none.n;
	return ERR_OK;
}

static enum err parse_generic(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	const json_t *item;
	struct str s;
	size_t i;

	(void)f;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			filter_item(p, g, text_of(p, item));
	} else if (json_is_object(v)) {
		filter_dict(p, g, v);
	} else if (!json_is_false(v)) {
		s = text_of(p, v);
		/* "a||b" is a list; at the very beginning it is text */
		if (json_is_string(v) && str_find(s, STR("||")) > 0)
			filter_split(p, g, s, STR("||"));
		else if (json_is_string(v))
			filter_split(p, g, s, STR("&&"));
		else
			filter_item(p, g, s);
	}
	return done_filter(g);
}

/* IPv6 literals are stored in their short form, so they are looked for in it. */
static void compress_ipv6(struct parse *p, struct query_terms *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		char in[INET6_ADDRSTRLEN], out[INET6_ADDRSTRLEN];
		struct in6_addr addr;

		if (t->v[i].n >= sizeof(in) || str_chr(t->v[i], ':') < 0)
			continue;
		memcpy(in, t->v[i].p, t->v[i].n);
		in[t->v[i].n] = '\0';
		if (inet_pton(AF_INET6, in, &addr) != 1 ||
		    !inet_ntop(AF_INET6, &addr, out, sizeof(out)))
			continue;
		t->v[i] = arena_str(p->a, str_c(out));
		p->nomem |= !t->v[i].p;
	}
}

static enum err parse_value(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(parse_generic(p, v, member, f));
	compress_ipv6(p, &g->any);
	compress_ipv6(p, &g->all);
	compress_ipv6(p, &g->none);
	/* Recorded: excluding by value excludes nothing (correction 53). */
	if (!p->extra)
		g->none = (struct query_terms){0};
	return done_filter(g);
}

static enum err parse_type(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(parse_generic(p, v, member, f));
	for (uint32_t i = 0; i < g->any.n; i++)
		if (str_is(g->any.v[i], "email-src") || str_is(g->any.v[i], "email-dst")) {
			terms_add(p, &g->any, STR("email"));
			break;
		}
	return done_filter(g);
}

static enum err parse_eventid(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	if (json_is_string(v) && str_is(text_of(p, v), "all"))
		return ERR_OK;
	return parse_generic(p, v, member, f);
}

/* MISP casts to a number, so "!1" becomes 0 and finds nothing (correction 53). */
static enum err parse_level(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(parse_generic(p, v, member, f));
	if (!p->extra && g->none.n) {
		for (uint32_t i = 0; i < g->none.n; i++)
			terms_add(p, &g->any, STR("0"));
		g->none = (struct query_terms){0};
	}
	return done_filter(g);
}

static enum err parse_piped(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	const json_t *item;
	size_t i;

	(void)f;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			filter_item(p, g, text_of(p, item));
	} else if (json_is_object(v)) {
		filter_dict(p, g, v);
	} else if (!json_is_false(v)) {
		filter_split(p, g, text_of(p, v), STR("|"));
	}
	return done_filter(g);
}

static enum err parse_piped_tag(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	struct query_filter both = {0};
	struct str s = text_of(p, v);

	if (!json_is_string(v) || str_chr(s, '&') < 0 || str_chr(s, '|') >= 0)
		return parse_piped(p, v, member, f);
	filter_split(p, &both, s, STR("&"));
	for (uint32_t i = 0; i < both.any.n; i++)
		terms_add(p, &g->all, both.any.v[i]);
	for (uint32_t i = 0; i < both.none.n; i++)
		terms_add(p, &g->none, both.none.v[i]);
	return done_filter(g);
}

static enum err parse_exact(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	(void)f;
	group_add(p, &g->any, v);
	compress_ipv6(p, &g->any);
	return done_filter(g);
}

static enum err parse_text(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str s = text_of(p, v);

	(void)f;
	if (s.n && !json_is_boolean(v))
		*(struct str *)member = s;
	return ERR_OK;
}

static enum err parse_searchall(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	if (json_is_false(v) || str_is(text_of(p, v), "0"))
		return ERR_OK;
	if (json_is_true(v)) {
		*(struct str *)member = STR("1");
		return ERR_OK;
	}
	return parse_text(p, v, member, f);
}

static bool truthy(struct parse *p, const json_t *v)
{
	struct str s;

	if (json_is_boolean(v) || json_is_null(v))
		return json_is_true(v);
	if (json_is_array(v) || json_is_object(v))
		return json_array_size(v) + json_object_size(v) > 0;
	s = text_of(p, v);
	return s.n && !str_is(s, "0") && !str_eq_nocase(s, STR("false"));
}

static enum err parse_truth(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)f;
	*(bool *)member = truthy(p, v);
	return ERR_OK;
}

static enum err parse_count(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str s = text_of(p, v);
	uint64_t n = 0;

	(void)f;
	*(uint64_t *)member = !json_is_boolean(v) && str_u64(s, &n) ? n : 0;
	return ERR_OK;
}

static enum err parse_terms(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)f;
	if (!json_is_boolean(v))
		group_add(p, member, v);
	return ERR_OK;
}

static enum err parse_order(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str *order = member;
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return parse_text(p, v, member, f);
	json_array_foreach(v, i, item) {
		struct str s = text_of(p, item);

		if (s.n)
			*order = order->n ? arena_printf(p->a, "%.*s,%.*s", STR_ARG(*order),
							 STR_ARG(s))
					  : s;
	}
	return ERR_OK;
}

static enum err parse_sort(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return parse_text(p, v, member, f);
}

static enum err parse_direction(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->direction = text_of(p, v);
	return ERR_OK;
}

/* ---- flags --------------------------------------------------------------------------------- */

/* Bit 1 for 1, bit 0 for 0; words by the caller's table. */
static query_flag flag_of(struct parse *p, const json_t *v, const char *word, query_flag word_is)
{
	struct str s = text_of(p, v);

	if (word && str_eq_nocase(s, str_c(word)))
		return word_is;
	if (str_is(s, "1") || str_eq_nocase(s, STR("true")))
		return 2;
	if (str_is(s, "0") || str_eq_nocase(s, STR("false")))
		return 1;
	return str_is(s, "2") ? 3 : 0;
}

static query_flag flags_of(struct parse *p, const json_t *v, const char *word, query_flag word_is)
{
	query_flag r = 0;
	const json_t *item;
	size_t i;

	if (json_is_object(v) && (item = json_object_get(v, "OR")))
		v = item;
	if (!json_is_array(v))
		return flag_of(p, v, word, word_is);
	json_array_foreach(v, i, item)
		r |= flag_of(p, item, word, word_is);
	return r;
}

static enum err parse_published(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, NULL, 0);

	(void)f;
	*(query_flag *)member = r;
	if (member == &p->q->published)
		p->q->published_given = r != 0;
	return ERR_OK;
}

static enum err parse_to_ids(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, "exclude", 1);

	(void)f;
	*(query_flag *)member = r;
	p->q->to_ids_given = r != 0;
	/* the attributes shown follow unless the value is "empty" to PHP; 0 as a number is not */
	if (!json_is_false(v) && !(json_is_string(v) && str_is(text_of(p, v), "0")))
		p->q->to_ids_output = r;
	return ERR_OK;
}

static enum err parse_deleted(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, "only", 2);

	(void)f;
	*(query_flag *)member = r;
	p->q->deleted_given = r != 0;
	return ERR_OK;
}

/* ---- times --------------------------------------------------------------------------------- */

static void range_cut(struct query_range *r, int64_t from, int64_t to)
{
	if (!r->set) {
		r->set = true;
		r->from = INT64_MIN;
		r->to = INT64_MAX;
	}
	r->from = MAX(r->from, from);
	r->to = MIN(r->to, to);
}

static void range_never(struct query_range *r)
{
	range_cut(r, INT64_MIN, INT64_MAX);
	r->never = true;
}

static bool time_of(struct parse *p, const json_t *v, int64_t *out)
{
	if (json_is_integer(v)) {
		*out = (int64_t)json_integer_value(v);
		return true;
	}
	return query_time(text_of(p, v), p->now, out);
}

/* A list of two is a range in either order; a lower bound of 0 is open. */
static enum err time_list(struct parse *p, const json_t *v, struct query_range *r, int64_t unit,
			  struct fail *f)
{
	int64_t a, b;

	if (json_array_size(v) != 2)
		return fail(f, ERR_INVAL, "a time range has two ends, not %zu",
			    json_array_size(v));
	if (!time_of(p, json_array_get(v, 0), &a) || !time_of(p, json_array_get(v, 1), &b)) {
		range_never(r);
		return ERR_OK;
	}
	if (a > b) {
		int64_t t = a;

		a = b;
		b = t;
	}
	range_cut(r, a == 0 ? INT64_MIN : a * unit, b * unit);
	return ERR_OK;
}

static enum err time_param(struct parse *p, const json_t *v, struct query_range *r, int64_t unit,
			   bool upper, struct fail *f)
{
	int64_t t;

	/* [x] is a fault 500 in MISP; we read it as x */
	if (json_is_array(v) && json_array_size(v) == 1)
		v = json_array_get(v, 0);
	if (json_is_array(v) && json_array_size(v))
		return time_list(p, v, r, unit, f);
	if (json_is_array(v) || json_is_object(v) || json_is_boolean(v) ||
	    (json_is_string(v) && !text_of(p, v).n))
		return ERR_OK;
	if (!time_of(p, v, &t))
		range_never(r);
	else if (t != 0 && upper)
		range_cut(r, INT64_MIN, t * unit);
	else if (t != 0)
		range_cut(r, t * unit, INT64_MAX);
	return ERR_OK;
}

static enum err parse_time(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1, false, f);
}

static enum err parse_first_seen(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1000000, false, f);
}

static enum err parse_last_seen(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1000000, true, f);
}

/* from and to take epochs and dates; "400d" and other words are ignored (correction 51). */
static bool plain_date(struct parse *p, const json_t *v, int64_t *out)
{
	struct str s = text_of(p, v);

	if (!s.n || json_is_boolean(v))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || strchr("-:/T +.Z", s.p[i])))
			return false;
	return query_time(s, p->now, out) && *out != 0;
}

static enum err parse_date_from(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	int64_t t;

	(void)f;
	if (plain_date(p, v, &t))
		range_cut(member, t, INT64_MAX);
	return ERR_OK;
}

static enum err parse_date_to(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	int64_t t;

	(void)f;
	if (plain_date(p, v, &t))
		range_cut(member, INT64_MIN, t);
	return ERR_OK;
}

static enum err parse_sight_last(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	p->sight_last = true;
	return time_param(p, v, member, 1, false, f);
}

static enum err parse_sight_from(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->sight_from = time_of(p, v, &p->from);
	return ERR_OK;
}

static enum err parse_sight_to(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->sight_to = time_of(p, v, &p->to);
	return ERR_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct param {
	const char *name;
	uint8_t scopes, extra;
	param_fn parse;
	uint16_t offset;
} params[] = {
#define P(name, scopes, extra, grammar, member)                                                    \
	{name, scopes, extra, parse_##grammar, offsetof(struct query, member)},
#include "search/params.inc"
#undef P
};

static const struct param *param_find(enum search_scope scope, struct str name, bool extra)
{
	if (scope == SCOPE_EVENT_INDEX && str_has_prefix(name, STR("search")))
		name = str_sub(name, 6, name.n);
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		if ((params[i].scopes | (extra ? params[i].extra : 0)) & 1u << scope &&
		    str_is(name, params[i].name))
			return &params[i];
	return NULL;
}

bool query_knows(enum search_scope scope, struct str name)
{
	return param_find(scope, name, false) != NULL;
}

/* What depends on several parameters. */
static void finish(struct parse *p)
{
	struct query *q = p->q;

	/* wildcard mode takes its pattern from `value` when that is given */
	if (q->searchall.n && q->value.any.n)
		q->searchall = q->value.any.v[0];
	if (q->scope == SCOPE_SIGHTINGS) {
		if (p->sight_from && p->sight_to) {
			q->sighted = (struct query_range){0};
			range_cut(&q->sighted, MIN(p->from, p->to), MAX(p->from, p->to));
		} else if (!p->sight_last) {
			range_cut(&q->sighted, p->now - 30 * INT64_C(86400), INT64_MAX);
		}
	}
	if (q->scope == SCOPE_EVENT_INDEX && q->order.n && p->direction.n) {
		q->order = arena_printf(p->a, "%.*s %.*s", STR_ARG(q->order),
					STR_ARG(p->direction));
		p->nomem |= !q->order.p;
	}
	if (!q->limit)
		q->page = 0;
	else if (!q->page)
		q->page = 1;
}

static enum err parse_all(struct query *q, enum search_scope scope, const json_t *in,
			  struct arena *a, int64_t now, bool extra, struct fail *f)
{
	struct parse p = {.q = q, .a = a, .now = now, .extra = extra};
	const json_t *v, *inner = json_object_get(in, "request");
	const char *key;

	*q = (struct query){.scope = scope, .return_format = STR("json")};
	if (json_is_object(inner))
		in = inner;
	if (in && !json_is_object(in) && !(json_is_array(in) && !json_array_size(in)))
		return fail(f, ERR_INVAL, "search parameters are not an object");
	q->raw = json_is_object(in) ? in : NULL;
	json_object_foreach((json_t *)q->raw, key, v) {
		const struct param *row = param_find(scope, str_c(key), extra);

		if (row && !json_is_null(v))
			TRY(row->parse(&p, v, (char *)q + row->offset, f));
	}
	finish(&p);
	if (p.nomem)
		return fail(f, ERR_LIMIT, "too many search terms");
	return ERR_OK;
}

enum err query_parse(struct query *q, enum search_scope scope, const json_t *in, struct arena *a,
		     int64_t now, struct fail *f)
{
	return parse_all(q, scope, in, a, now, false, f);
}

enum err query_parse_extra(struct query *q, enum search_scope scope, const json_t *in,
			   struct arena *a, int64_t now, struct fail *f)
{
	return parse_all(q, scope, in, a, now, true, f);
}

/* ---- from a path ---------------------------------------------------------------------------- */

/* Set object[name] = value with ';' as ':', as MISP does for values in paths. */
static bool path_set(json_t *o, struct str name, struct str value)
{
	char *key = strndup(name.p, name.n), *val = strndup(value.n ? value.p : "", value.n);
	bool done = false;

	if (key && val) {
		for (char *c = val; *c; c++)
			if (*c == ';')
				*c = ':';
		done = json_object_set_new(o, key, json_string(val)) == 0;
	}
	free(key);
	free(val);
	return done;
}

enum err query_from_path(enum search_scope scope, const struct str *part, size_t n, json_t **out,
			 struct fail *f)
{
	json_t *o = json_object();
	size_t row = 0;

	*out = NULL;
	if (!o)
		return fail(f, ERR_NOMEM, "no memory for search parameters");
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t colon = str_chr(part[i], ':');
		struct str name = colon > 0 ? str_sub(part[i], 0, (size_t)colon) : STR_NONE;

		if (name.n && param_find(scope, name, true)) {
			if (!path_set(o, name, str_sub(part[i], (size_t)colon + 1, part[i].n)))
				goto bad;
			continue;
		}
		/* the next parameter of this scope in the table's order */
		while (row < ARRAY_LEN(params) && !(params[row].scopes & 1u << scope))
			row++;
		if (row == ARRAY_LEN(params))
			break;
		if (!str_is(part[i], "null") && !str_is(part[i], "0") &&
		    !str_is(part[i], "false") && part[i].n &&
		    !path_set(o, str_c(params[row].name), part[i]))
			goto bad;
		row++;
	}
	*out = o;
	return ERR_OK;
bad:
	json_decref(o);
	return fail(f, ERR_INVAL, "search parameters are not text");
}
