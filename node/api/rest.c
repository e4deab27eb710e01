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

#define SMALL_ANSWER (1u << 20)

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

/* ---- sealed answers ---- */

struct stream {
	struct reply_source source; /* first */
	struct sealed *sealed;
	struct buf pending;
	size_t sent; /* of pending */
	bool end;
	void (*after)(void *arg); /* NULL: nothing */
	void *arg;
};

static enum produce stream_produce(struct reply_source *source, char *to, size_t max, size_t *made)
{
	struct stream *s = (struct stream *)source;
	struct fail f = {0};
	*made = 0;
	if (s->sent == s->pending.n && !s->end) {
		buf_clear(&s->pending);
		s->sent = 0;
		if (sealed_pull(s->sealed, &s->pending, max, &s->end, &f) != ERR_OK)
			return PRODUCE_ABORT;
	}
	*made = MIN(max, s->pending.n - s->sent);
	if (*made)
		memcpy(to, s->pending.p + s->sent, *made);
	s->sent += *made;
	return s->end && s->sent == s->pending.n ? PRODUCE_END : PRODUCE_MORE;
}

/* It was held because it may turn out that the client has it already. */
static bool stream_leaves(struct reply_source *source)
{
	struct fail f = {0};
	return sealed_intend(((struct stream *)source)->sealed, &f) == ERR_OK;
}

static void stream_cancel(struct reply_source *source)
{
	sealed_lost(((struct stream *)source)->sealed);
}

static void stream_free(struct reply_source *source)
{
	struct stream *s = (struct stream *)source;
	if (s->sent < s->pending.n)
		sealed_lost(s->sealed);
	sealed_free(s->sealed);
	buf_free(&s->pending);
	if (s->after)
		s->after(s->arg);
	free(s);
}

static const struct reply_source_ops stream_ops = {stream_produce, stream_leaves, stream_cancel,
						   stream_free};

void rest_sealed(struct http_req *r, struct sealed **sealed, const char *content_type)
{
	rest_sealed_then(r, sealed, content_type, NULL, NULL);
}

void rest_sealed_then(struct http_req *r, struct sealed **sealed, const char *content_type,
		      void (*after)(void *arg), void *arg)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct fail f = {0};
	if (!s) {
		sealed_free(MOVE(*sealed));
		if (after)
			after(arg);
		reply_err(r, ERR_NOMEM);
		return;
	}
	s->after = after;
	s->arg = arg;
	s->source.ops = &stream_ops;
	s->source.length = -1;
	s->sealed = MOVE(*sealed);
	/* those who compare may have it: then nothing leaves, and nothing is recorded */
	bool compares = req_header(r, "If-None-Match").p != NULL;
	if (compares)
		sealed_hold(s->sealed);
	buf_init(&s->pending, 256u << 20);
	enum err e = sealed_pull(s->sealed, &s->pending, SMALL_ANSWER, &s->end, &f);
	if (e != ERR_OK) {
		stream_free(&s->source);
		reply_err(r, e);
		return;
	}
	if (!s->end || (compares && sealed_names(s->sealed))) {
		reply_stream(r, 200, content_type, &s->source);
		return;
	}
	if (strncmp(content_type, "application/json", 16) == 0)
		reply_json(r, 200, &s->pending);
	else
		reply_body(r, 200, content_type, &s->pending);
	s->sent = s->pending.n;
	stream_free(&s->source);
}

enum err rest_sealed_all(struct sealed **s, struct buf *out, struct fail *f)
{
	OWN(sealed) struct sealed *mine = MOVE(*s);
	bool end = false;
	while (!end) {
		TRY(sealed_pull(mine, out, SMALL_ANSWER, &end, f));
		TRY(buf_err(out));
	}
	return ERR_OK;
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

/* ---- single elements ---- */

struct str rest_pair_get(void *user, const char *name)
{
	for (const struct rest_pair *p = user; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p->value;
	return STR_NONE;
}

/* A long answer is written after the handler has returned: the list must live as long. */
static enum err pairs_keep(struct http_req *r, const struct rest_pair *v, void **out)
{
	size_t n = 1;
	while (v[n - 1].name)
		n++;
	struct rest_pair *copy = ARENA_ARRAY(r->arena, struct rest_pair, n);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, v, n * sizeof(*v));
	*out = copy;
	return ERR_OK;
}

enum err rest_export(struct http_req *r, const struct rest_export *x, struct sealed **out,
		     struct fail *f)
{
	OWN(view) struct view *v = NULL;
	enum search_scope scope = x->scope == EXPORT_ATTRIBUTES ? SCOPE_ATTRIBUTES
				  : x->scope == EXPORT_OBJECTS	? SCOPE_OBJECTS
								: SCOPE_EVENTS;
	struct query q = {.scope = scope,
			  .with_attachments = x->attachments,
			  .include_decay_score = x->scores};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(str_c(x->exporter)),
				  .opts = rest_export_opts(r, x->scope),
				  .hits = x->hits,
				  .n_hits = x->n,
				  .deleted_too = x->deleted_too};
	eq.opts.include_event_uuid = x->event_uuid;
	eq.opts.include_sightings = x->sightings;
	eq.opts.include_context = x->context;
	eq.opts.full_tags = x->full_tags;
	eq.opts.metadata = x->metadata;
	eq.opts.parts = x->parts;
	if (x->params) {
		TRY(pairs_keep(r, x->params, &eq.opts.param_user));
		eq.opts.param = rest_pair_get;
	}
	if (BUG(!eq.exporter))
		return fail(f, ERR_NOENT, "no exporter %s", x->exporter);
	TRY(rest_view(r, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}

enum err rest_send(struct http_req *r, const struct rest_export *x, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	TRY(rest_export(r, x, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

enum err rest_send_or(struct http_req *r, const struct rest_export *x, int status, const char *text,
		      struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	TRY(rest_export(r, x, &s, f));
	TRY(rest_sealed_all(&s, &b, f));
	if (b.n)
		rest_answer(r, 200, &b);
	else
		reply_error(r, status, "%s", text);
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

/* ---- administrative rows ---- */

bool rest_take_text(struct http_req *r, const json_t *body, const char *key, struct str *to)
{
	struct str s = rest_text(r, body, key);
	if (s.p)
		*to = s;
	return s.p != NULL;
}

void rest_take_json(struct http_req *r, const json_t *body, const char *key, struct str *to)
{
	const json_t *v = json_object_get(body, key);
	if (json_is_object(v) || json_is_array(v)) {
		char *s = json_dumps(v, JSON_COMPACT | JSON_ESCAPE_SLASH);
		*to = arena_str(r->arena, str_c(s));
		free(s);
	} else {
		rest_take_text(r, body, key, to);
	}
}

bool rest_take_flag(const json_t *body, const char *key, bool *to)
{
	const json_t *v = json_object_get(body, key);
	if (v && !json_is_null(v))
		*to = json_truthy(v);
	return v != NULL;
}

bool rest_take_u64(struct http_req *r, const json_t *body, const char *key, uint64_t *to)
{
	uint64_t n;
	if (!str_u64(rest_text(r, body, key), &n))
		return false;
	*to = n;
	return true;
}

struct str rest_now_text(struct http_req *r)
{
	struct clock_civil t = clock_to_civil(clock_now());
	return arena_printf(r->arena, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day,
			    t.hour, t.minute, t.second);
}

struct str rest_field_error(struct http_req *r, const char *field, const char *message)
{
	struct str m = rest_quoted(r, message);
	return arena_printf(r->arena, "{\"%s\":[%.*s]}", field, STR_ARG(m));
}

struct row_job {
	enum store_table tab;
	uint64_t *id;
	const void *row;
	struct uuid uuid;
	struct origin origin;
	bool add;
};

static enum err row_change(struct row_job *j, struct store_wtxn *w, enum change_op op,
			   struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(j->tab),
			    .id = *j->id,
			    .uuid = j->uuid,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
}

static enum err run_row_put(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct row_job *j = arg;
	if (j->add)
		*j->id = store_new_row_id(w, j->tab);
	TRY(store_put(w, j->tab, *j->id, j->row, f));
	return row_change(j, w, j->add ? CHANGE_ADD : CHANGE_EDIT, f);
}

enum err rest_row_put(struct http_req *r, enum store_table tab, uint64_t *id, const void *row,
		      struct uuid uuid, struct fail *f)
{
	struct row_job j = {tab, id, row, uuid, rest_origin(r), *id == 0};
	return rest_write(r, run_row_put, &j, f);
}

static enum err run_row_del(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct row_job *j = arg;
	TRY(store_del(w, j->tab, *j->id, f));
	return row_change(j, w, CHANGE_DELETE, f);
}

enum err rest_row_del(struct http_req *r, enum store_table tab, uint64_t id, struct uuid uuid,
		      struct fail *f)
{
	struct row_job j = {tab, &id, NULL, uuid, rest_origin(r), false};
	return rest_write(r, run_row_del, &j, f);
}
