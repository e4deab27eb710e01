/*
 * ep_search.c - restSearch: parameters from body, path and query; answers streamed from egress.
 */
#include "api/ep_search.h"

#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "search/query.h"

/* Parameters of a GET: named (/value:x), query (?value=x) and, first of all, positional ones. */
static const char *const positional_events[] = {"returnFormat", "value", "type", "category", "org",
						"tags"};

static void add_text(json_t *o, const char *key, struct str v)
{
	json_t *s = json_stringn(v.p ? v.p : "", v.n);
	json_t *had = json_object_get(o, key);
	if (!s)
		return;
	if (!had) {
		json_object_set_new(o, key, s);
		return;
	}
	if (json_is_array(had)) {
		json_array_append_new(had, s);
		return;
	}
	json_t *list = json_array();
	json_array_append(list, had);
	json_array_append_new(list, s);
	json_object_set_new(o, key, list);
}

static void add_pairs(struct http_req *r, json_t *o, const struct http_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		struct str name = pairs->v[i].name;
		if (str_has_suffix(name, STR("[]")))
			name.n -= 2;
		char *key = arena_cstr(r->arena, name);
		/* in URLs ';' stands for ':' */
		char *value = arena_cstr(r->arena, pairs->v[i].value);
		for (char *p = value; p && *p; p++)
			if (*p == ';')
				*p = ':';
		if (key && value)
			add_text(o, key, str_c(value));
	}
}

enum err rest_named_params(struct http_req *r, json_t **out, struct fail *f)
{
	json_t *body;
	TRY(rest_json(r, NULL, &body, f));
	if (!json_is_object(body))
		body = r->ctx = json_object();
	add_pairs(r, body, &r->named);
	add_pairs(r, body, &r->query);
	*out = body;
	return ERR_OK;
}

enum err rest_search_params(struct http_req *r, json_t **out, struct fail *f)
{
	json_t *body;
	TRY(rest_named_params(r, &body, f));
	for (size_t i = 0; i < r->args_n && i < ARRAY_LEN(positional_events); i++) {
		struct str v = r->args[i];
		if (v.n && !str_is(v, "null") && !str_is(v, "0") && !str_is(v, "false"))
			add_text(body, positional_events[i], v);
	}
	*out = body;
	return ERR_OK;
}

static struct str raw_param(void *user, const char *name)
{
	const struct search_way *w = user;
	return rest_text_in(w->a, w->params, name);
}

static void content_type(const struct exporter *x, char *out, size_t n)
{
	bool text = strncmp(x->media, "text/", 5) == 0 || strstr(x->media, "json") ||
		    strstr(x->media, "xml");
	snprintf(out, n, "%s%s", x->media, text ? "; charset=UTF-8" : "");
}

/* An id as a part of a file's name: what cannot be one (and might be as long as a body) is not put into a head. */
static bool names_a_file(struct str id)
{
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'))
			return false;
	}
	return id.n <= UUID_TEXT_LEN;
}

void search_headers(struct http_req *r, const struct exporter *x, const struct query *q,
		    const struct search_result *found)
{
	if (x->page)
		return;
	/* search counts as MISP does (search.h) */
	reply_header_u64(r, "X-Result-Count", found->total);
	reply_header(r, "X-Export-Module-Used",
		     str_c(q->scope == SCOPE_OBJECTS ? x->type_name : x->name));
	const char *type = q->scope == SCOPE_EVENTS && x->event_type_name ? x->event_type_name
									 : x->type_name;
	reply_header(r, "X-Response-Format", str_c(type));
	reply_header_u64(r, "X-Skipped-Elements-Count", found->skipped);
	if (q->scope == SCOPE_EVENTS) {
		struct str id = STR("list");
		if (q->eventid.any.n == 1 && !q->eventid_list && names_a_file(q->eventid.any.v[0]))
			id = q->eventid.any.v[0];
		else if (!q->eventid.any.n && q->eventid.none.n == 1)
			id = STR(""); /* all but one has no name, as recorded */
		reply_header(r, "Content-Disposition",
			     arena_printf(r->arena, "attachment; filename=\"misp.event.%.*s.%s\"",
					  STR_ARG(id), type));
	}
}

/* A format that says little searches for what it can say, unless the caller names types. */
static enum err only_types(struct arena *a, const struct exporter *x, struct query *q)
{
	uint32_t n = 0;
	if (q->scope != SCOPE_ATTRIBUTES || !x->types || q->type.set)
		return ERR_OK;
	while (x->types[n])
		n++;
	q->type.any.v = ARENA_ARRAY(a, struct str, n);
	if (!q->type.any.v)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < n; i++)
		q->type.any.v[i] = str_c(x->types[i]);
	q->type.any.n = n;
	q->type.set = true;
	return ERR_OK;
}

/* Objects have one format of their own. */
static const struct exporter *format_of(enum search_scope scope, struct str name, bool takes_json)
{
	if (!name.n || str_is(name, "download"))
		name = STR("json");
	if (str_is(name, "stix") && takes_json)
		name = STR("stix-json");
	if (scope == SCOPE_OBJECTS)
		return str_is(name, "json") ? &export_objects : NULL;
	return export_find(name);
}

enum err rest_search_way(struct search_way *w, struct fail *f)
{
	struct query *q = ARENA_NEW(w->a, struct query);
	unsigned xscope = w->scope == SCOPE_EVENTS    ? EXPORT_EVENTS
			  : w->scope == SCOPE_OBJECTS ? EXPORT_OBJECTS
						      : EXPORT_ATTRIBUTES;
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(query_parse(q, w->scope, w->params, w->a, clock_now(), f));
	const struct exporter *x = format_of(w->scope, q->return_format, w->takes_json);
	if (!x || !(x->scopes & xscope))
		return fail(f, ERR_NOENT, "Invalid output format.");
	TRY(only_types(w->a, x, q));
	if (x->restrictive && !q->to_ids_given)
		q->to_ids = q->to_ids_output = 2;
	if (x->restrictive && !q->published_given)
		q->published = 2;
	q->eventid_list = json_is_array(json_object_get(w->params, "eventid"));
	w->q = q;
	w->eq = (struct egress_query){.query = q, .exporter = x, .opts = w->base};
	struct egress_query *eq = &w->eq;
	eq->opts.scope = xscope;
	eq->allowed_list = true;
	eq->opts.headerless = q->headerless;
	eq->opts.include_context = q->include_context;
	eq->opts.include_event_uuid = q->include_event_uuid;
	eq->opts.include_event_tags = q->include_event_tags;
	eq->opts.include_sightings = q->include_sightings || w->scope == SCOPE_EVENTS;
	eq->opts.include_analyst = eq->opts.related_inbound = q->include_analyst_data;
	eq->opts.include_correlations = w->scope == SCOPE_EVENTS || q->include_correlations;
	/* a score counts an event's tags as those of its attributes (scores: decaying models) */
	eq->opts.include_event_tags |= q->include_decay_score || q->exclude_decayed;
	eq->opts.include_scores = q->include_decay_score || q->exclude_decayed;
	eq->opts.full_models = q->include_full_model;
	eq->opts.include_proposals = q->include_proposals;
	eq->opts.related_inbound = q->include_analyst_data;
	eq->opts.flatten = q->flatten;
	eq->opts.include_related_tags = q->include_related_tags;
	eq->opts.metadata = q->metadata;
	eq->opts.no_reports = q->no_event_reports;
	eq->opts.no_proposals = q->no_shadow_attributes;
	eq->opts.sg_reference_only = q->sg_reference_only;
	eq->opts.columns = q->requested_attributes.v;
	eq->opts.n_columns = q->requested_attributes.n;
	eq->opts.param = raw_param;
	eq->opts.param_user = w;
	eq->deleted_too = q->deleted_given && q->deleted == 3;
	eq->deleted_only = q->deleted_given && q->deleted == 2;
	return ERR_OK;
}

enum err rest_view_named(struct http_req *r, const json_t *params, struct view **v, struct fail *f)
{
	const struct egress_env *env = &api_of(r)->egress;
	struct str name = rest_text(r, params, "tocsin_audience");
	struct audience aud;
	if (!name.n)
		return rest_view(r, v, f);
	if (!may(r, perm_site_admin)) {
		reply_error(r, 403, "You do not have permission to use this functionality.");
		return ERR_WITHHELD;
	}
	struct policy *p = env->policy(env->user);
	enum err e = policy_audience_named(p, name, &aud);
	policy_unref(p);
	if (e != ERR_OK || (aud.kind != AUD_EXPORT && aud.kind != AUD_STREAM)) {
		reply_error(r, 404, "The policy names no export %.*s", STR_ARG(name));
		return ERR_WITHHELD;
	}
	return view_open_as(env, &aud, v, f);
}

/* Who has closed his side is taken to have left when he would have to wait longer than this. */
#define SHUT_MS 500

struct waiting {
	struct http_req *r;
	int64_t since_ms;
};

static bool has_left(void *user)
{
	const struct waiting *w = user;
	return req_cancelled(w->r) ||
	       (req_shut(w->r) && clock_boot_ms() - w->since_ms > SHUT_MS);
}

/* The same question by the same caller under the same policy, whatever the page. */
static bool page_key(struct http_req *r, json_t *params, uint8_t key[16])
{
	const struct egress_env *env = &api_of(r)->egress;
	OWN(buf) struct buf b = BUF(1 << 16);
	uint8_t sha1[20];
	json_t *page = json_incref(json_object_get(params, "page"));
	char *text;
	json_object_del(params, "page");
	text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
	if (page)
		json_object_set_new(params, "page", page);
	if (!text)
		return false;
	struct policy *p = env->policy(env->user);
	buf_printf(&b, "%s|%llu|%x|", policy_version(p), (unsigned long long)me(r)->user.id,
		   me(r)->perms);
	policy_unref(p);
	buf_puts(&b, text);
	free(text);
	hash_sha1(buf_str(&b), sha1);
	memcpy(key, sha1, 16);
	return buf_err(&b) == ERR_OK;
}

struct search_how rest_search_how(struct http_req *r, json_t *params)
{
	const struct conf *c = api_of(r)->conf;
	struct waiting *w = ARENA_NEW(r->arena, struct waiting);
	struct search_how how = {.rows = true};
	if (w) {
		*w = (struct waiting){r, clock_boot_ms()};
		how.gone = has_left;
		how.user = w;
	}
	how.until_ms = clock_boot_ms() + (c ? c->limit_search_time : 60000);
	how.memory = c ? (size_t)c->limit_search_memory : 256u << 20;
	if (params && page_key(r, params, how.page_key))
		how.pages = api_of(r)->pages;
	return how;
}

bool rest_search_refused(struct http_req *r, enum err e)
{
	if (e == ERR_TIMEOUT)
		reply_error(r, 429,
			    "This search took longer than one request may take. Narrow it, or ask for "
			    "pages (limit and page).");
	else if (e == ERR_LIMIT)
		reply_error(r, 413,
			    "This search needs more memory than one request may use. Narrow it, or ask "
			    "for pages (limit and page).");
	return e == ERR_TIMEOUT || e == ERR_LIMIT;
}

enum err search_answer(struct http_req *r, enum search_scope scope, json_t *params,
		       search_headers_fn headers, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct search_way *w = ARENA_NEW(r->arena, struct search_way);
	struct search_result found = {0};
	char type[64];
	if (!w)
		return fail(f, ERR_NOMEM, "no memory");
	*w = (struct search_way){
		.scope = scope, .params = params, .a = r->arena, .base = rest_export_opts(r, 0)};
	struct str accept = req_header(r, "Accept");
	w->takes_json = r->ext.p ? str_is(r->ext, "json")
				 : str_find_nocase(accept, STR("application/json")) >= 0 && !rest_wants_xml(r);
	struct fail why = {0};
	enum err e = rest_search_way(w, &why);
	w->eq.caches_dir = rest_caches_dir(r);
	if (e == ERR_INVAL || e == ERR_NOENT) {
		reply_error(r, e == ERR_INVAL ? 400 : 404, "%s", why.text);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	const struct exporter *x = w->eq.exporter;
	e = rest_view_named(r, params, &v, f);
	if (e != ERR_OK)
		return e == ERR_WITHHELD ? ERR_OK : e;
	struct search_how how = rest_search_how(r, params);
	e = egress_search(&v, &w->eq, &how, &found, &s, f);
	if (e != ERR_OK)
		return rest_search_refused(r, e) ? ERR_OK : e;
	headers(r, x, w->q, &found);
	bool as_json = x->page && str_find_nocase(req_header(r, "Accept"), STR("application/json")) >= 0;
	content_type(as_json ? &export_misp_json : x, type, sizeof(type));
	char *copy = arena_cstr(r->arena, str_c(type));
	rest_sealed(r, &s, copy ? copy : x->media);
	return ERR_OK;
}

enum err rest_search_answer(struct http_req *r, enum search_scope scope, json_t *params,
			    struct fail *f)
{
	return search_answer(r, scope, params, search_headers, f);
}

/* What the caller always wants, where the request says nothing: by controller, as MISP keeps it, in the
   setting default_restsearch_parameters. */
enum err rest_search_defaults(struct http_req *r, enum search_scope scope, json_t *params,
			      struct fail *f)
{
	const char *controller = scope == SCOPE_EVENTS	  ? "EventsController"
				 : scope == SCOPE_OBJECTS ? "ObjectsController"
							  : "AttributesController";
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_setting row;
	uint64_t id;
	struct str name = arena_printf(r->arena, "user/%llu/default_restsearch_parameters",
				       (unsigned long long)me(r)->user.id);
	if (!me(r)->user.id)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	if (store_find(t, IX_SETTING_NAME, name, &id) != ERR_OK ||
	    store_get(t, T_SETTING, id, NULL, &row) != ERR_OK)
		return ERR_OK;
	json_t *usual = json_loadb(row.value.p ? row.value.p : "", row.value.n, 0, NULL);
	json_t *inner = json_object_get(params, "request");
	json_object_update_missing(json_is_object(inner) ? inner : params,
				   json_object_get(usual, controller));
	json_decref(usual);
	return ERR_OK;
}

static enum err restsearch(struct http_req *r, enum search_scope scope, struct fail *f)
{
	json_t *params;
	if (rest_search_params(r, &params, f) != ERR_OK)
		return ERR_OK;
	if (r->method != HTTP_POST && json_object_size(params) == 0) {
		reply_error(r, 400,
			    "Restsearch queries using GET and no parameters are not allowed. If you have "
			    "passed parameters via a JSON body, make sure you use POST requests.");
		return ERR_OK;
	}
	TRY(rest_search_defaults(r, scope, params, f));
	return search_answer(r, scope, params, search_headers, f);
}

static enum err events_restsearch(struct http_req *r, struct fail *f)
{
	return restsearch(r, SCOPE_EVENTS, f);
}

static enum err attributes_restsearch(struct http_req *r, struct fail *f)
{
	return restsearch(r, SCOPE_ATTRIBUTES, f);
}

static enum err objects_restsearch(struct http_req *r, struct fail *f)
{
	return restsearch(r, SCOPE_OBJECTS, f);
}

static enum err not_searched(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_error(r, 404, "RestSearch is not implemented (yet) for this scope.");
	return ERR_OK;
}

const struct endpoint ep_events_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/restSearch",
	.rate = 1,
	.body_cap = SEARCH_BODY_MAX,
	.run = events_restsearch,
	.shape = "Export",
	.takes = "EventSearch",
	.doc = "Search events; returnFormat chooses the export",
	.missing = "attack and context are small pages of their own",
};
const struct endpoint ep_attributes_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/attributes/restSearch",
	.rate = 1,
	.body_cap = SEARCH_BODY_MAX,
	.run = attributes_restsearch,
	.shape = "Export",
	.takes = "AttributeSearch",
	.doc = "Search attributes; returnFormat chooses the export",
	.missing = "attack and context are small pages of their own",
};
const struct endpoint ep_objects_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/objects/restSearch",
	.body_cap = SEARCH_BODY_MAX,
	.run = objects_restsearch,
	.shape = "Export",
	.takes = "ObjectSearch",
	.doc = "Search objects, by themselves, their event and their attributes",
};
const struct endpoint ep_reports_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/event_reports/restSearch",
	.run = not_searched,
	.shape = "Error",
	.doc = "Not there, as in MISP: see event_reports/index",
};
const struct endpoint ep_analyst_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/analyst_data/restSearch",
	.run = not_searched,
	.shape = "Error",
	.doc = "Not there, as in MISP: see analyst_data/index",
};
const struct endpoint ep_tags_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tags/restSearch",
	.run = not_searched,
	.shape = "Error",
	.doc = "Not there, as in MISP: see tags/search",
};
