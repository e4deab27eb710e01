/*
 * route.c - the router: a hash over normalised "controller/action", and literal paths beside it.
 *
 * Does not know handlers' meaning. Invariant: nothing in a router changes after router_new().
 */
#include "http/route.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"
#include "base/uuid.h"
#include "http/url.h"

#define KEY_MAX 96
#define ROW_NONE (-1)

struct slot {
	char key[KEY_MAX]; /* "" when free */
	int first;	   /* row number; further rows of the same path by next[] */
};

struct exact {
	struct str path; /* without the "*" */
	bool open;	 /* it had one */
	int row;
};

struct router {
	const struct endpoint *const *rows;
	size_t n, mask;
	struct slot *slots;
	int *next;   /* by row number: the next row with the same path, or ROW_NONE */
	struct exact *exact; /* EP_EXACT rows */
	size_t exact_n;
};

/* Controllers whose /controller/ID is a shorthand by method (MISP's mapResources). */
static const char *const rest_controllers[] = {"events", "attributes"};

/* Append `s` in lower case and without underscores; false when the key is full. */
static bool key_add(char *key, size_t *n, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_')
			continue;
		if (*n + 1 >= KEY_MAX)
			return false;
		key[(*n)++] = (char)tolower((unsigned char)s.p[i]);
	}
	key[*n] = '\0';
	return true;
}

/* Does the controller stand behind another segment: MISP's admin/, our own tocsin/peers/? */
static bool is_folder(struct str first, struct str second)
{
	static const char *const ours[] = {"peers",      "audit",     "ledger",
					   "quarantine", "approvals", "retractions", "searches", "subscriptions"};

	for (size_t i = 0; str_is(first, "tocsin") && i < ARRAY_LEN(ours); i++)
		if (str_is(second, ours[i]))
			return true;
	return str_is(first, "admin");
}

/* `folder` is empty when there is none. */
static bool key_make(char *key, struct str folder, struct str controller, struct str action)
{
	size_t n = 0;

	return (!folder.n || (key_add(key, &n, folder) && key_add(key, &n, STR("/")))) &&
	       key_add(key, &n, controller) &&
	       key_add(key, &n, STR("/")) && key_add(key, &n, action);
}

static struct slot *find_slot(const struct router *rt, const char *key)
{
	size_t i = hash_64(key, strlen(key), 0) & rt->mask;

	while (rt->slots[i].key[0] && strcmp(rt->slots[i].key, key) != 0)
		i = (i + 1) & rt->mask;
	return &rt->slots[i];
}

static enum err add_row(struct router *rt, int row, struct fail *f)
{
	const struct endpoint *ep = rt->rows[row];
	struct str path = str_c(ep->path), folder = STR(""), controller, action, last;
	char key[KEY_MAX];
	struct slot *slot;

	if (!path.p || path.n == 0 || path.p[0] != '/' || !ep->run || !ep->methods)
		return fail(f, ERR_CONFIG, "endpoint row %d: path, methods or run missing", row);
	if ((ep->flags & EP_STREAM_BODY) && !ep->body)
		return fail(f, ERR_CONFIG, "endpoint %s: no body function", ep->path);
	if (ep->flags & EP_EXACT) {
		bool open = path.p[path.n - 1] == '*';
		rt->exact[rt->exact_n++] = (struct exact){{path.p, path.n - open}, open, row};
		return ERR_OK;
	}
	if (!url_segment(&path, &controller))
		return fail(f, ERR_CONFIG, "endpoint %s: no controller", ep->path);
	bool whole = url_segment(&path, &action);
	if (whole && is_folder(controller, action)) {
		whole = url_segment(&path, &last);
		folder = controller;
		controller = action;
		action = last;
	}
	if (!whole || !key_make(key, folder, controller, action))
		return fail(f, ERR_CONFIG, "endpoint %s: needs a controller and an action",
			    ep->path);
	slot = find_slot(rt, key);
	if (!slot->key[0]) {
		memcpy(slot->key, key, sizeof(key));
		slot->first = row;
		return ERR_OK;
	}
	for (int i = slot->first; i != ROW_NONE; i = rt->next[i]) {
		if (rt->rows[i]->methods & ep->methods)
			return fail(f, ERR_CONFIG, "endpoint %s: doubled", ep->path);
		if (rt->next[i] == ROW_NONE) {
			rt->next[i] = row;
			break;
		}
	}
	return ERR_OK;
}

enum err router_new(const struct endpoint *const *rows, size_t n, struct router **out,
		    struct fail *f)
{
	struct router *rt = calloc(1, sizeof(*rt));
	size_t cap = 16;
	enum err e = ERR_OK;

	*out = NULL;
	if (!rt)
		return fail(f, ERR_NOMEM, "router");
	while (cap < 2 * n)
		cap *= 2;
	rt->rows = rows;
	rt->n = n;
	rt->mask = cap - 1;
	rt->slots = calloc(cap, sizeof(*rt->slots));
	rt->next = calloc(n + 1, sizeof(*rt->next));
	rt->exact = calloc(n + 1, sizeof(*rt->exact));
	if (!rt->slots || !rt->next || !rt->exact)
		e = fail(f, ERR_NOMEM, "router");
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		rt->next[i] = ROW_NONE;
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = add_row(rt, (int)i, f);
	if (e != ERR_OK) {
		router_free(rt);
		return e;
	}
	*out = rt;
	return ERR_OK;
}

void router_free(struct router *rt)
{
	if (!rt)
		return;
	free(rt->slots);
	free(rt->next);
	free(rt->exact);
	free(rt);
}

int router_index(const struct router *rt, const struct endpoint *ep)
{
	for (size_t i = 0; i < rt->n; i++)
		if (rt->rows[i] == ep)
			return (int)i;
	return -1;
}

static bool method_fits(const struct endpoint *ep, enum http_method m)
{
	unsigned methods = ep->methods;

	if (methods & HTTP_GET)
		methods |= HTTP_HEAD;
	return (methods & (unsigned)m) != 0;
}

/* Decode what "*" matched; dot segments and empty segments are refused, as they name no file. */
static enum err decode_tail(struct http_req *r, struct str raw)
{
	struct str rest, segment;

	if (!url_decode(r->arena, raw, false, &r->tail))
		return arena_overflowed(r->arena) ? ERR_NOMEM : ERR_INVAL;
	for (rest = r->tail; rest.p;) {
		rest = str_split(rest, '/', &segment);
		if (str_is(segment, ".") || str_is(segment, "..") || (segment.n == 0 && rest.p))
			return ERR_INVAL;
	}
	return ERR_OK;
}

/* Literal rows. *allow collects the methods of all rows for this path. */
static enum err match_exact(const struct router *rt, struct http_req *r, unsigned *allow)
{
	for (size_t i = 0; i < rt->exact_n; i++) {
		const struct exact *x = &rt->exact[i];
		const struct endpoint *ep = rt->rows[x->row];

		if (x->open ? !str_has_prefix(r->url, x->path) : !str_eq(r->url, x->path))
			continue;
		*allow |= ep->methods;
		if (!method_fits(ep, r->method))
			continue;
		r->ep = ep;
		r->row = (unsigned)x->row;
		return x->open ? decode_tail(r, str_sub(r->url, x->path.n, SIZE_MAX)) : ERR_OK;
	}
	return ERR_OK;
}

static bool is_id(struct str s)
{
	struct uuid u;
	uint64_t n;

	return str_u64(s, &n) || uuid_parse(s, &u);
}

/* The action that the shorthand /events or /events/ID stands for, by method. */
static struct str rest_action(enum http_method m, bool with_id)
{
	if (!with_id)
		return m == HTTP_POST ? STR("add") : STR("index");
	if (m == HTTP_DELETE)
		return STR("delete");
	return m == HTTP_POST || m == HTTP_PUT ? STR("edit") : STR("view");
}

static bool is_rest_controller(struct str c)
{
	for (size_t i = 0; i < ARRAY_LEN(rest_controllers); i++)
		if (str_eq_nocase(c, str_c(rest_controllers[i])))
			return true;
	return false;
}

/* Cut ".json" and the like from the last segment. */
static void cut_extension(struct http_req *r, struct str *segment)
{
	static const char *const known[] = {".json", ".xml", ".csv"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct str x = str_c(known[i]);
		if (segment->n > x.n && str_has_suffix(*segment, x)) {
			r->ext = str_sub(x, 1, SIZE_MAX);
			segment->n -= x.n;
			return;
		}
	}
}

/* A segment after the action: a named or a positional parameter. */
static enum err take_parameter(struct http_req *r, struct str segment)
{
	struct http_pair pair;

	/* MISP decodes before it looks for the colon, so "%3A" makes a named parameter as well. */
	if (!url_decode(r->arena, segment, true, &segment))
		return arena_overflowed(r->arena) ? ERR_NOMEM : ERR_INVAL;
	if (url_named(segment, &pair)) {
		r->named.v[r->named.n++] = pair;
		return ERR_OK;
	}
	if (r->args_n == ARRAY_LEN(r->args))
		return ERR_LIMIT;
	r->args[r->args_n++] = segment;
	return ERR_OK;
}

/* Find the row of the key whose methods fit. */
static void pick_row(const struct router *rt, struct http_req *r, const char *key, unsigned *allow)
{
	const struct slot *slot = find_slot(rt, key);

	if (!slot->key[0])
		return;
	for (int i = slot->first; i != ROW_NONE; i = rt->next[i]) {
		*allow |= rt->rows[i]->methods;
		if (r->ep || !method_fits(rt->rows[i], r->method))
			continue;
		r->ep = rt->rows[i];
		r->row = (unsigned)i;
	}
}

static enum err split_path(struct http_req *r, struct str **segments, size_t *n)
{
	struct str path = r->url, s;
	size_t max = 1;

	for (size_t i = 0; i < path.n; i++)
		max += path.p[i] == '/';
	if (max > URL_PAIRS_MAX)
		return ERR_LIMIT;
	*segments = ARENA_ARRAY(r->arena, struct str, max);
	r->named.v = ARENA_ARRAY(r->arena, struct http_pair, max);
	if (!*segments || !r->named.v)
		return ERR_NOMEM;
	for (*n = 0; url_segment(&path, &s);)
		(*segments)[(*n)++] = s;
	if (*n)
		cut_extension(r, &(*segments)[*n - 1]);
	return ERR_OK;
}

static enum err match_misp(const struct router *rt, struct http_req *r, unsigned *allow)
{
	struct str *seg, folder = STR(""), controller, action;
	size_t n, at = 0;
	char key[KEY_MAX];

	TRY(split_path(r, &seg, &n));
	if (n == 0)
		return ERR_OK;
	if (n > 1 && is_folder(seg[0], seg[1]))
		folder = seg[at++];
	controller = seg[at++];
	if (at >= n || str_chr(seg[at], ':') >= 0)
		action = is_rest_controller(controller) ? rest_action(r->method, false)
							: STR("index");
	else if (is_rest_controller(controller) && is_id(seg[at]))
		action = rest_action(r->method, true);
	else
		action = seg[at++];
	if (!key_make(key, folder, controller, action))
		return ERR_OK;
	pick_row(rt, r, key, allow);
	for (; r->ep && at < n; at++)
		TRY(take_parameter(r, seg[at]));
	return ERR_OK;
}

enum err router_match(const struct router *rt, struct http_req *r, enum route_result *result,
		      unsigned *allow)
{
	*allow = 0;
	r->ep = NULL;
	TRY(match_exact(rt, r, allow));
	if (!*allow)
		TRY(match_misp(rt, r, allow));
	*result = r->ep ? ROUTE_FOUND : *allow ? ROUTE_METHOD : ROUTE_NONE;
	return ERR_OK;
}
