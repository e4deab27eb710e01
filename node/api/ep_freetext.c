/*
 * ep_freetext.c - /events/freeTextImport: what a text holds, as attributes of an event, as proposals
 * when it is somebody else's, or only told (returnMetaAttributes). rest-api.md section 6, shapes as
 * recorded (wire/client, freetext-import). What is what is known to the room feeds/freetext.
 */
#include "api/rest.h"
#include "feeds/freetext/freetext.h"
#include "lists/lists.h"
#include "model/types.h"

#define TEXT_MAX (32u << 20)
#define FOUND_MAX 100000u
#define IMPORT_ARENA (128u << 20)
#define BATCH 500u /* values of one transaction */
#define LEAVES_DEPTH 64u

struct found {
	struct str value, original, port;
	const struct freetext_kind *kind;
	struct uuid uuid; /* of what it becomes */
	bool listed; /* on a warning list */
};

struct import {
	struct arena *a;
	struct found *v;
	size_t n, cap;
	bool proposals;
	struct misp_event e;
	uint64_t distribution, sharing_group;
	struct str distribution_json; /* as given, "5"; absent: the default */
	struct search_hit *hits; /* of what was saved */
	size_t n_hits;
};

static void import_free(void *arg)
{
	struct import *x = arg;
	free(x->v);
	free(x->hits);
	arena_free(x->a);
	free(x);
}
OWN_DEFINE(import, struct import *, if (*p) import_free(*p))

/* ---- finding ---- */

static enum err keep(void *user, const struct freetext_hit *h, struct fail *f)
{
	struct import *x = user;
	if (x->n == FOUND_MAX)
		return fail(f, ERR_LIMIT, "The text holds more than %u values.", FOUND_MAX);
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 64;
		struct found *v = realloc(x->v, cap * sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n++] = (struct found){.value = arena_str(x->a, h->value),
				      .original = arena_str(x->a, h->original),
				      .port = arena_str(x->a, h->port),
				      .kind = h->kind,
				      .uuid = uuid_random()};
	return arena_overflowed(x->a) ? fail(f, ERR_LIMIT, "The text is too long.") : ERR_OK;
}

/* The texts in a JSON document, in its order; names of members are not looked at. */
static enum err leaves(struct freetext *t, const json_t *j, unsigned depth, struct fail *f)
{
	const char *key;
	json_t *item;
	size_t i;
	if (json_is_string(j)) {
		struct str s = {json_string_value(j), json_string_length(j)};
		TRY(freetext_add(t, s, f));
		return freetext_break(t, f);
	}
	if (depth == LEAVES_DEPTH)
		return ERR_OK;
	json_array_foreach(j, i, item)
		TRY(leaves(t, item, depth + 1, f));
	json_object_foreach((json_t *)j, key, item)
		TRY(leaves(t, item, depth + 1, f));
	return ERR_OK;
}

static enum err find_all(struct import *x, struct str text, struct fail *f)
{
	OWN(freetext) struct freetext *t = freetext_new(keep, x);
	json_t *j = NULL;
	enum err err;
	if (!t)
		return fail(f, ERR_NOMEM, "no memory");
	if (text.n && text.p[0] == '{')
		j = json_loadb(text.p, text.n, 0, NULL);
	if (j) {
		err = leaves(t, j, 0, f);
	} else {
		err = freetext_add(t, text, f);
		if (err == ERR_OK)
			err = freetext_break(t, f);
	}
	json_decref(j);
	return err;
}

static struct str comment_of(struct arena *a, const struct found *v)
{
	return v->port.p ? arena_printf(a, "On port %.*s", STR_ARG(v->port)) : STR("");
}

static bool to_ids_of(const struct found *v)
{
	return type_get(v->kind->type)->to_ids && !v->listed;
}

/* What was found, of what kinds it may be: the caller's own text. */
static void answer_meta(struct http_req *r, const struct import *x)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < x->n; i++) {
		const struct found *v = &x->v[i];
		jsonw_obj(&w);
		jsonw_key(&w, "types");
		jsonw_obj(&w);
		for (unsigned t = 0; t < v->kind->n; t++)
			JSONW_KV(&w, jsonw_c, v->kind->types[t], v->kind->types[t]);
		jsonw_obj_end(&w);
		JSONW_KV(&w, jsonw_str, "default_type", type_name(v->kind->type));
		if (v->port.p)
			JSONW_KV(&w, jsonw_str, "comment", comment_of(x->a, v));
		else if (v->kind->network)
			JSONW_KV(&w, jsonw_bool, "comment", false);
		JSONW_KV(&w, jsonw_str, "value", v->value);
		JSONW_KV(&w, jsonw_str, "original_value", v->original);
		JSONW_KV(&w, jsonw_uint, "to_ids", to_ids_of(v));
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
}

/* ---- warning lists ---- */

enum adhere { ADHERE_NOT, ADHERE_SOFT, ADHERE_STRICT };

static enum adhere adhere_of(struct http_req *r, const json_t *body)
{
	struct str s = rest_text(r, body, "adhereToWarninglists");
	return str_is(s, "soft")				 ? ADHERE_SOFT
	       : rest_flag(body, "adhereToWarninglists", false) ? ADHERE_STRICT
								 : ADHERE_NOT;
}

/* Values on a list are left out, or (soft) marked. */
static void adhere(struct http_req *r, struct import *x, enum adhere how)
{
	OWN(warnlists) struct warnlists *w =
		how == ADHERE_NOT ? NULL : lists_warnings(api_of(r)->egress.lists);
	size_t kept = 0;
	for (size_t i = 0; w && i < x->n; i++) {
		struct warnlist_hit hit;
		struct found *v = &x->v[i];
		v->listed = warnlist_hits(w, v->kind->type, v->value, &hit, 1) > 0;
		if (!v->listed || how == ADHERE_SOFT)
			x->v[kept++] = *v;
	}
	if (w)
		x->n = kept;
}

/* ---- importing ---- */

static void attr_of(const struct import *x, const struct found *v, struct arena *a,
		    struct misp_attr *out)
{
	misp_attr_init(out);
	out->uuid = v->uuid;
	out->type = v->kind->type;
	out->category = type_get(v->kind->type)->category;
	out->value = v->value;
	out->to_ids = to_ids_of(v);
	out->comment = comment_of(a, v);
	out->distribution = (uint8_t)MIN(x->distribution, 255u);
	out->sharing_group_id = x->distribution == DIST_GROUP ? x->sharing_group : 0;
	ENTITY_SET_HAS(out, ATTR_F_uuid);
	ENTITY_SET_HAS(out, ATTR_F_type);
	ENTITY_SET_HAS(out, ATTR_F_category);
	ENTITY_SET_HAS(out, ATTR_F_value);
	ENTITY_SET_HAS(out, ATTR_F_to_ids);
	ENTITY_SET_HAS(out, ATTR_F_comment);
	ENTITY_SET_HAS(out, ATTR_F_distribution);
	ENTITY_SET_HAS(out, ATTR_F_sharing_group_id);
}

static void proposal_of(struct http_req *r, const struct found *v, struct arena *a,
			struct misp_proposal *out)
{
	misp_proposal_init(out);
	out->uuid = v->uuid;
	out->type = v->kind->type;
	out->category = type_get(v->kind->type)->category;
	out->value = v->value;
	out->to_ids = to_ids_of(v);
	out->comment = comment_of(a, v);
	out->email = me(r)->user.email;
	ENTITY_SET_HAS(out, PROPOSAL_F_to_ids);
}

/* Some of what was found, in one transaction. What is there already, or wrong, is passed over. */
static enum err save_batch(struct http_req *r, struct import *x, size_t from, size_t to,
			   struct fail *f)
{
	const struct ingest_env *env = &api_of(r)->ingest;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	OWN(raw) struct raw_event *raw =
		raw_new(x->proposals ? RAW_ELEMENTS : RAW_ATTRS, NULL, env->spool_dir);
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	struct ingest_result res;
	if (!a || !raw)
		return fail(f, ERR_NOMEM, "no memory");
	raw_set_list(raw, true);
	for (size_t i = from; i < to; i++) {
		struct element el = {.kind = x->proposals ? EL_PROPOSAL : EL_ATTR,
				     .ordinal = (uint32_t)(i - from + 1)};
		if (x->proposals)
			proposal_of(r, &x->v[i], a, &el.proposal);
		else
			attr_of(x, &x->v[i], a, &el.attr);
		TRY(raw_add(raw, &el, f));
	}
	facts.is_edit = x->proposals;
	if (x->proposals)
		TRY(ingest_proposal_add(env, x->e.id, 0, &raw, &o, &facts, a, &res, f));
	else
		TRY(ingest_elements_add(env, x->e.id, &raw, &o, &facts, true, a, &res, f));
	for (uint32_t i = 0; i < res.n_ids; i++)
		x->hits[x->n_hits++] =
			x->proposals ? (struct search_hit){.event_id = x->e.id, .id = res.ids[i].id} :
				       (struct search_hit){x->e.id, 0, res.ids[i].id};
	return ERR_OK;
}

static int found_cmp(const void *a, const void *b)
{
	return uuid_cmp(((const struct found *)a)->uuid, ((const struct found *)b)->uuid);
}

/* Parameters of the exporters: "form", "distribution", and by UUID what stood in the text. */
static struct str import_param(void *user, const char *name)
{
	const struct import *x = user;
	struct found key;
	if (strcmp(name, "form") == 0)
		return STR("imported");
	if (strcmp(name, "distribution") == 0)
		return x->distribution_json;
	if (!uuid_parse(str_c(name), &key.uuid))
		return STR_NONE;
	const struct found *v = x->n ? bsearch(&key, x->v, x->n, sizeof(*x->v), found_cmp) : NULL;
	return v ? v->original : STR_NONE;
}

static enum err answer_saved(struct http_req *r, struct import **px, struct fail *f)
{
	static const struct part_filter live = {.live = true};
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct import *x = *px;
	struct query *q = arena_alloc(x->a, sizeof(*q));
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), found_cmp);
	q->scope = x->proposals ? SCOPE_EVENTS : SCOPE_ATTRIBUTES;
	struct egress_query eq = {
		.query = q,
		.exporter = export_find(x->proposals ? STR(".proposals") : STR(".attributes-saved")),
		.opts = rest_export_opts(r, x->proposals ? EXPORT_PARTS : EXPORT_ATTRIBUTES),
		.hits = x->hits,
		.n_hits = x->n_hits};
	eq.opts.param = import_param;
	eq.opts.param_user = x;
	eq.opts.parts = x->proposals ? &live : NULL;
	TRY(rest_view(r, &v, f));
	TRY(egress_search(&v, &eq, NULL, NULL, &s, f));
	rest_sealed_then(r, &s, "application/json; charset=UTF-8", import_free, MOVE(*px));
	return ERR_OK;
}

static enum err save(struct http_req *r, struct import **px, struct fail *f)
{
	struct import *x = *px;
	struct fail why = {0};
	x->hits = calloc(x->n + 1, sizeof(*x->hits));
	if (!x->hits)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < x->n; i += BATCH) {
		enum err err = save_batch(r, x, i, MIN(i + BATCH, x->n), &why);
		if (err == ERR_OK)
			continue;
		reply_error(r, err_http(err), "%s", why.text[0] ? why.text : err_text(err));
		return ERR_OK;
	}
	return answer_saved(r, px, f);
}

/* ---- the call ---- */

static void take_distribution(struct http_req *r, const json_t *body, struct import *x)
{
	const json_t *d = json_object_get(body, "distribution");
	x->distribution = api_of(r)->ingest.default_attr_distribution;
	(void)rest_take_u64(r, body, "distribution", &x->distribution);
	if (json_is_string(d)) /* the answer repeats its JSON type */
		x->distribution_json =
			arena_printf(x->a, "\"%llu\"", (unsigned long long)x->distribution);
	(void)rest_take_u64(r, body, "sharing_group_id", &x->sharing_group);
}

static enum err events_freetext(struct http_req *r, struct fail *f)
{
	OWN(import) struct import *x = calloc(1, sizeof(*x));
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	json_t *body;
	if (!x || !(x->a = arena_new(IMPORT_ARENA)))
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_json(r, "Event", &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), x->a, &x->e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event.");
		return ERR_OK;
	}
	err = find_all(x, rest_param(r, body, "value"), &why);
	if (err != ERR_OK) {
		reply_error(r, err_http(err), "%s", why.text);
		return ERR_OK;
	}
	if (json_truthy(json_object_get(body, "returnMetaAttributes")) ||
	    str_is(req_param(r, "returnMetaAttributes"), "1")) {
		answer_meta(r, x);
		return ERR_OK;
	}
	take_distribution(r, body, x);
	x->proposals = !rest_may_modify(r, &x->e);
	adhere(r, x, adhere_of(r, body));
	return save(r, &x, f);
}

const struct endpoint ep_events_freetext = {
	.methods = HTTP_POST,
	.path = "/events/freeTextImport/:id",
	.auth = perm_add,
	.body_cap = TEXT_MAX,
	.run = events_freetext,
	.shape = "FreeText",
	.takes = "FreeTextIn",
	.doc = "Find the values of a text and add them to an event, or propose them",
};
