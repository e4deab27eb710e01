/*
 * rest.c - what endpoint handlers share.
 */
#include "api/rest.h"

#include <stdio.h>

#include "api/signed.h"
#include "api/vocab.h"
#include "api/xml_body.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/json_why.h"

/* ---- bodies ---- */

static void json_free(void *ctx)
{
	json_decref(ctx);
}

static json_t *unwrap(json_t *j, const char *wrapper)
{
	json_t *in = json_object_get(j, "request");
	if (json_is_object(in))
		j = in;
	in = wrapper ? json_object_get(j, wrapper) : NULL;
	return json_is_object(in) ? in : j;
}

bool rest_is_xml(const struct http_req *r)
{
	struct str type = req_header(r, "Content-Type");
	(void)str_split(type, ';', &type);
	type = str_trim(type);
	return str_eq_nocase(type, STR("application/xml")) || str_eq_nocase(type, STR("text/xml"));
}

/* A body in XML as JSON in `b`, or answered. */
static enum err from_xml(struct http_req *r, struct str body, struct buf *b, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(XML_BODY_MEMORY);
	struct xml_node *root;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = xml_parse(a, body, &(struct xml_limits){.nodes = 50000}, &root, f);
	if (e == ERR_OK)
		e = xml_body_json(root, b);
	if (e != ERR_OK)
		rest_bad_xml(r, e, f);
	return e;
}

void rest_bad_xml(struct http_req *r, enum err e, const struct fail *why)
{
	if (e == ERR_PARSE)
		reply_error(r, 405, "Invalid XML input: %s (line %u, column %u). This request has been "
			    "blocked to avoid an unfiltered request.", why->text, why->line, why->column);
	else
		reply_error(r, err_http(e), "%s", why->text[0] ? why->text : err_text(e));
}

enum err rest_json(struct http_req *r, const char *wrapper, json_t **out, struct fail *f)
{
	OWN(buf) struct buf xml = BUF(XML_BODY_MEMORY);
	json_error_t e;
	struct str b = str_trim(r->body);
	json_t *j = r->ctx;
	*out = NULL;
	if (!j) {
		if (b.n && rest_is_xml(r)) {
			TRY(from_xml(r, b, &xml, f));
			b = buf_str(&xml);
		}
		j = b.n ? json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e) : json_object();
		if (!j) {
			reply_error(r, 405,
				    "Invalid JSON input. Make sure that the JSON input is a correctly "
				    "formatted JSON string. This request has been blocked to avoid an "
				    "unfiltered request.");
			return fail_at(f, ERR_INVAL, (uint32_t)MAX(e.line, 0),
				       (uint32_t)MAX(e.column, 0), (uint64_t)MAX(e.position, 0), "%.*s",
				       STR_ARG(json_why(&e)));
		}
		r->ctx = j;
		r->ctx_free = json_free;
	}
	*out = unwrap(j, wrapper);
	return ERR_OK;
}

struct str rest_text_in(struct arena *a, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	if (json_is_integer(v))
		return arena_printf(a, "%lld", (long long)json_integer_value(v));
	if (json_is_real(v))
		return arena_printf(a, "%.17g", json_real_value(v));
	if (json_is_boolean(v))
		return json_is_true(v) ? STR("1") : STR("0");
	return STR_NONE;
}

struct str rest_text(struct http_req *r, const json_t *o, const char *key)
{
	return rest_text_in(r->arena, o, key);
}

bool json_truthy(const json_t *v)
{
	if (json_is_string(v)) {
		const char *s = json_string_value(v);
		return s[0] && strcmp(s, "0") != 0 && strcmp(s, "false") != 0;
	}
	if (json_is_array(v))
		return json_array_size(v) > 0;
	return json_is_true(v) || (json_is_integer(v) && json_integer_value(v) != 0) ||
	       json_is_object(v) || (json_is_real(v) && json_real_value(v) != 0);
}

bool rest_flag(const json_t *o, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(o, key);
	return v ? json_truthy(v) : otherwise;
}

struct str rest_param(struct http_req *r, const json_t *body, const char *key)
{
	struct str s = req_param(r, key);
	return s.p ? s : rest_text(r, body, key);
}

bool rest_wants_xml(const struct http_req *r)
{
	struct str accept = req_header(r, "Accept");
	return r->ext.p ? str_is(r->ext, "xml") :
			  str_find_nocase(accept, STR("application/xml")) >= 0 &&
				  str_find_nocase(accept, STR("application/json")) < 0;
}

/* ---- envelopes ---- */

void rest_answer(struct http_req *r, int status, struct buf *b)
{
	reply_json(r, status, b);
}

static void saved_begin(struct jsonw *w, bool saved)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_bool, "saved", saved);
	if (saved)
		JSONW_KV(w, jsonw_bool, "success", true);
}

void rest_saved(struct http_req *r, struct str id, const char *fmt, ...)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	saved_begin(&w, true);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_str, "url", me(r) && me(r)->url.p ? me(r)->url : r->url);
	if (id.p)
		JSONW_KV(&w, jsonw_str, "id", id);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

void rest_not_saved(struct http_req *r, const char *action, const char *what, struct str id,
		    struct str errors_json)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct str name = arena_printf(r->arena, "Could not %s %s", action, what);
	saved_begin(&w, false);
	JSONW_KV(&w, jsonw_str, "name", name);
	JSONW_KV(&w, jsonw_str, "message", name);
	JSONW_KV(&w, jsonw_str, "url", me(r) && me(r)->url.p ? me(r)->url : r->url);
	JSONW_KV(&w, jsonw_raw, "errors", errors_json);
	if (id.p)
		JSONW_KV(&w, jsonw_str, "id", id);
	jsonw_obj_end(&w);
	rest_answer(r, 403, &b);
}

struct str rest_quoted(struct http_req *r, const char *text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	json_quote(&b, str_c(text));
	struct str s = arena_str(r->arena, buf_str(&b));
	return s.p ? s : STR("\"\"");
}

void rest_message(struct http_req *r, const char *fmt, ...)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "message", text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* ---- the caller ---- */

enum err rest_view(struct http_req *r, struct view **v, struct fail *f)
{
	return view_open(&api_of(r)->egress, &me(r)->caller, v, f);
}

enum err rest_each_event(struct http_req *r, struct view *v, const struct each_event *x)
{
	struct search_visible vis = view_visible(v);
	struct misp_event e;
	uint64_t id = 0;
	enum err err;
	struct arena_mark m = arena_mark(r->arena);
	while ((err = store_next(view_txn(v), T_EVENT, &id, r->arena, &e)) == ERR_OK) {
		if (req_cancelled(r))
			return ERR_CANCELLED;
		if ((!x->wanted || x->wanted(x->user, &e)) && vis.event(vis.user, &e))
			TRY(x->seen(x->user, v, &e));
		arena_rewind(r->arena, m);
	}
	return err == ERR_NOENT ? ERR_OK : err;
}

struct admit_facts rest_facts(struct http_req *r)
{
	const struct api_user *u = me(r);
	const struct api *api = api_of(r);
	return (struct admit_facts){
		.perm_analyst = may(r, perm_analyst_data),
		.kind = u->caller.kind,
		.org_id = u->user.org_id,
		.user_id = u->user.id,
		.org = u->org.uuid,
		.peer = u->caller,
		.perm_sync = u->perms & perm_sync,
		.site_admin = u->perms & perm_site_admin,
		.perm_publish = u->perms & perm_publish,
		.perm_tagger = u->perms & perm_tagger,
		.perm_tag_editor = u->perms & perm_tag_editor,
		.perm_galaxy_editor = u->perms & perm_galaxy_editor,
		.perm_sharing_group = u->perms & perm_sharing_group,
		.push = (u->perms & perm_sync) && !(u->perms & perm_site_admin),
		.wants_signature = (u->perms & perm_sync) && !(u->perms & perm_site_admin),
		.default_event_distribution = api->ingest.default_event_distribution,
		.default_attr_distribution = api->ingest.default_attr_distribution,
		.base_url = api->base_url,
		.now = clock_now(),
	};
}

struct origin rest_origin(struct http_req *r)
{
	const struct api_user *u = me(r);
	bool peer = u->caller.kind == AUD_PEER;
	/* a peer's number, which is not its user's: 0 when the user is bound to none */
	struct origin o = {.kind = peer ? ORIGIN_PEER : ORIGIN_LOCAL,
			   .id = peer ? u->user.server_id : u->user.id,
			   .time = clock_now()};
	if (r->body.n) {
		struct sha256 d = hash_sha256(r->body);
		memcpy(o.digest, d.b, sizeof(o.digest));
	}
	return o;
}

/* From the vocabularies as they are now; the answer may outlive them. */
static bool tag_words(void *user, struct str tag, struct buf *about, struct buf *words)
{
	OWN(vocabs) struct vocabs *all = api_vocabs(user);
	ptrdiff_t colon = str_chr(tag, ':');
	const struct vocab *v = all && colon > 0 ? vocabs_find(all, str_sub(tag, 0, (size_t)colon)) : NULL;
	for (uint32_t i = 0; v && i < v->n; i++) {
		if (!str_eq_nocase(v->entries[i].tag, tag))
			continue;
		buf_str_add(about, v->description);
		buf_str_add(words, v->entries[i].expanded);
		return true;
	}
	return false;
}

struct export_opts rest_opts_of(const struct api *api, unsigned scope, uint64_t nids_sid)
{
	return (struct export_opts){
		.scope = scope,
		.base_url = api->base_url,
		.host_org_name = api->egress.host_org_name,
		.spool_dir = api->ingest.spool_dir,
		.node_uuid = store_node_uuid(api->store),
		.nids_sid = nids_sid,
		.now = clock_now(),
		.tag_words = tag_words,
		.tag_words_user = (void *)api, /* only read */
	};
}

struct export_opts rest_export_opts(struct http_req *r, unsigned scope)
{
	return rest_opts_of(api_of(r), scope, me(r) ? me(r)->user.nids_sid : 0);
}

enum err rest_event_sealed(struct view **v, uint64_t id, const struct event_opts *o,
			   const struct export_opts *base, struct sealed **out, struct fail *f)
{
	struct search_hit hit = {.event_id = id};
	struct query q = {.scope = SCOPE_EVENTS,
			  .with_attachments = o->attachments,
			  .include_all_tags = o->all_tags,
			  .exclude_local_tags = o->no_local_tags,
			  .exclude_galaxy = o->no_galaxies,
			  .include_warninglist_hits = o->warnings,
			  .include_decay_score = o->scores,
			  .include_scores_on_event = o->event_scores,
			  .extended = o->extended,
			  .include_feed_correlations = o->feeds,
			  .include_server_correlations = o->servers,
			  .to_ids = o->to_ids,
			  .to_ids_output = o->to_ids,
			  .to_ids_given = o->to_ids != 0};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(o->xml ? STR("xml") : STR("json")),
				  .opts = *base,
				  .hits = &hit,
				  .n_hits = 1,
				  .deleted_too = o->deleted_too,
				  .deleted_only = o->deleted_only,
				  .search_for = o->search_for,
				  .caches_dir = o->caches_dir,
				  .public_only = o->public_only};
	eq.opts.metadata = o->metadata;
	eq.opts.include_correlations = o->correlations;
	eq.opts.include_granular = o->granular;
	eq.opts.include_sightings = !o->no_sightings;
	eq.opts.include_analyst = !o->no_analyst;
	eq.opts.no_reports = o->no_reports;
	eq.opts.no_proposals = o->no_proposals;
	eq.opts.no_related = o->no_related;
	eq.opts.related_inbound = o->related_inbound;
	eq.opts.full_models = o->full_models;
	return egress_search(v, &eq, NULL, NULL, out, f);
}

const char *rest_caches_dir(struct http_req *r)
{
	const struct conf *c = api_of(r)->conf;
	return c && may(r, perm_view_feed_correlations) ? c->data_dir : NULL;
}

enum err rest_event(struct http_req *r, uint64_t id, const struct event_opts *o, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct export_opts base = rest_export_opts(r, EXPORT_ONE_EVENT);
	TRY(rest_view(r, &v, f));
	TRY(rest_event_sealed(&v, id, o, &base, &s, f));
	if (o->sign)
		return rest_signed(r, &s, f);
	rest_sealed(r, &s, o->xml ? "application/xml; charset=UTF-8" : "application/json; charset=UTF-8");
	return ERR_OK;
}

bool rest_may_modify(struct http_req *r, const struct misp_event *e)
{
	return rest_is_editor(r, e) && !(e->is_protected && rest_facts(r).wants_signature);
}

bool rest_is_editor(struct http_req *r, const struct misp_event *e)
{
	const struct api_user *u = me(r);
	if (u->perms & perm_site_admin)
		return true;
	if (e->orgc_id != u->user.org_id)
		return false;
	return (u->perms & perm_modify_org) ||
	       ((u->perms & perm_modify) && e->user_id == u->user.id);
}

struct str rest_id(struct http_req *r, uint64_t id)
{
	return arena_printf(r->arena, "%llu", (unsigned long long)id);
}
