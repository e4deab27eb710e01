/*
 * query.c - search parameters to struct query, driven by params.inc.
 *
 * Here are the table, what depends on several parameters, and parameters given in a path; how a
 * value is read is in grammar_text.c and grammar_time.c.
 */
#include "search/query.h"

#include <stdlib.h>

#include "base/own.h"
#include "search/grammar.h"

static const struct param {
	const char *name;
	uint8_t scopes, extra;
	grammar_fn parse;
	uint16_t offset;
} params[] = {
#define P(name, scopes, extra, grammar, member)                                                    \
	{name, scopes, extra, grammar_##grammar, offsetof(struct query, member)},
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
			grammar_cut(&q->sighted, MIN(p->from, p->to), MAX(p->from, p->to));
		} else if (!p->sight_last) {
			grammar_cut(&q->sighted, p->now - 30 * INT64_C(86400), INT64_MAX);
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
