/*
 * grammar_text.c - lists and groups of texts, plain texts, switches and counts.
 */
#include "search/grammar.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

struct str grammar_as_text(struct parse *p, const json_t *v)
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
			if ((s = grammar_as_text(p, item)).n)
				terms_add(p, t, s);
	} else if ((s = grammar_as_text(p, v)).n) {
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
			filter_item(p, g, grammar_as_text(p, item));
}

static enum err done_filter(struct query_filter *g)
{
	g->set = g->any.n || g->all.n || g->none.n;
	return ERR_OK;
}

enum err grammar_generic(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	const json_t *item;
	struct str s;
	size_t i;

	(void)f;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			filter_item(p, g, grammar_as_text(p, item));
	} else if (json_is_object(v)) {
		filter_dict(p, g, v);
	} else if (!json_is_false(v)) {
		s = grammar_as_text(p, v);
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

enum err grammar_value(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(grammar_generic(p, v, member, f));
	compress_ipv6(p, &g->any);
	compress_ipv6(p, &g->all);
	compress_ipv6(p, &g->none);
	/* Recorded: excluding by value excludes nothing (correction 53). */
	if (!p->extra)
		g->none = (struct query_terms){0};
	return done_filter(g);
}

/* Who asks for senders or recipients asks for addresses that are neither, too. */
static void add_email(struct parse *p, struct query_terms *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (str_is(t->v[i], "email-src") || str_is(t->v[i], "email-dst")) {
			terms_add(p, t, STR("email"));
			return;
		}
}

enum err grammar_type(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(grammar_generic(p, v, member, f));
	add_email(p, &g->any);
	add_email(p, &g->all);
	return done_filter(g);
}

enum err grammar_eventid(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	if (json_is_string(v) && str_is(grammar_as_text(p, v), "all"))
		return ERR_OK;
	return grammar_generic(p, v, member, f);
}

/* MISP casts to a number, so "!1" becomes 0 and finds nothing (correction 53). */
enum err grammar_level(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	TRY(grammar_generic(p, v, member, f));
	if (!p->extra && g->none.n) {
		for (uint32_t i = 0; i < g->none.n; i++)
			terms_add(p, &g->any, STR("0"));
		g->none = (struct query_terms){0};
	}
	return done_filter(g);
}

enum err grammar_piped(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	const json_t *item;
	size_t i;

	(void)f;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			filter_item(p, g, grammar_as_text(p, item));
	} else if (json_is_object(v)) {
		filter_dict(p, g, v);
	} else if (!json_is_false(v)) {
		filter_split(p, g, grammar_as_text(p, v), STR("|"));
	}
	return done_filter(g);
}

enum err grammar_piped_tag(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;
	struct query_filter both = {0};
	struct str s = grammar_as_text(p, v);

	if (!json_is_string(v) || str_chr(s, '&') < 0 || str_chr(s, '|') >= 0)
		return grammar_piped(p, v, member, f);
	filter_split(p, &both, s, STR("&"));
	for (uint32_t i = 0; i < both.any.n; i++)
		terms_add(p, &g->all, both.any.v[i]);
	for (uint32_t i = 0; i < both.none.n; i++)
		terms_add(p, &g->none, both.none.v[i]);
	return done_filter(g);
}

enum err grammar_exact(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_filter *g = member;

	(void)f;
	group_add(p, &g->any, v);
	compress_ipv6(p, &g->any);
	return done_filter(g);
}

enum err grammar_text(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str s = grammar_as_text(p, v);

	(void)f;
	if (s.n && !json_is_boolean(v))
		*(struct str *)member = s;
	return ERR_OK;
}

enum err grammar_searchall(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	if (json_is_false(v) || str_is(grammar_as_text(p, v), "0"))
		return ERR_OK;
	if (json_is_true(v)) {
		*(struct str *)member = STR("1");
		return ERR_OK;
	}
	return grammar_text(p, v, member, f);
}

static bool truthy(struct parse *p, const json_t *v)
{
	struct str s;

	if (json_is_boolean(v) || json_is_null(v))
		return json_is_true(v);
	if (json_is_array(v) || json_is_object(v))
		return json_array_size(v) + json_object_size(v) > 0;
	s = grammar_as_text(p, v);
	return s.n && !str_is(s, "0") && !str_eq_nocase(s, STR("false"));
}

enum err grammar_truth(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)f;
	*(bool *)member = truthy(p, v);
	return ERR_OK;
}

enum err grammar_count(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str s = grammar_as_text(p, v);
	uint64_t n = 0;

	(void)f;
	*(uint64_t *)member = !json_is_boolean(v) && str_u64(s, &n) ? n : 0;
	return ERR_OK;
}

/* ---- decaying models ---- */

static bool number(struct parse *p, const json_t *v, double *out)
{
	struct str s = grammar_as_text(p, v);
	char *text, *end;

	if (json_is_boolean(v) || !s.n || !(text = arena_cstr(p->a, s)))
		return false;
	*out = strtod(text, &end);
	return end != text && !*end && isfinite(*out);
}

/* A threshold for all models; 0 is none. */
enum err grammar_score(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_overrides *o = member;
	double n;

	(void)f;
	if (number(p, v, &n) && n != 0) {
		o->has_threshold = true;
		o->threshold = trunc(n);
	}
	return ERR_OK;
}

enum err grammar_overrides(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct query_overrides *o = member;
	json_t *inner = json_is_string(v) ? json_loads(json_string_value(v), 0, NULL) : NULL;
	const json_t *from = inner ? inner : v;

	(void)f;
	if (!o->has_threshold) /* `score` wins */
		o->has_threshold = number(p, json_object_get(from, "threshold"), &o->threshold);
	o->has_lifetime = number(p, json_object_get(from, "lifetime"), &o->lifetime);
	o->has_speed = number(p, json_object_get(from, "decay_speed"), &o->speed);
	json_decref(inner);
	return ERR_OK;
}

enum err grammar_terms(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)f;
	if (!json_is_boolean(v))
		group_add(p, member, v);
	return ERR_OK;
}

enum err grammar_order(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	struct str *order = member;
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return grammar_text(p, v, member, f);
	json_array_foreach(v, i, item) {
		struct str s = grammar_as_text(p, item);

		if (s.n)
			*order = order->n ? arena_printf(p->a, "%.*s,%.*s", STR_ARG(*order),
							 STR_ARG(s))
					  : s;
	}
	return ERR_OK;
}

enum err grammar_sort(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return grammar_text(p, v, member, f);
}

enum err grammar_direction(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->direction = grammar_as_text(p, v);
	return ERR_OK;
}
