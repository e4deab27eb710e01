/*
 * ep_galaxy_clusters.c - /galaxy_clusters: searched, viewed, made, changed, published, deleted. Texts
 * as recorded (wire/client galaxies and restsearch-galaxy_clusters). Any member of a cluster is a
 * filter, also those that MISP passes over (sync-protocol.md 5.1).
 */
#include "api/clusters.h"
#include "api/upload.h"

#define SEARCH_BODY_MAX (64u << 20)
#define SEARCH_ARENA (64u << 20)
#define SAVE_BODY_MAX (16u << 20)

/* ---- filters ---- */

/* Filters whose name is not that of the member. */
static const struct {
	const char *name, *field;
	bool none; /* it is true where the member is not */
} others[] = {
	{"custom", "default", true},
	{"org", "org_id", false},
	{"orgc", "orgc_id", false},
};

static uint32_t texts_of(struct http_req *r, const json_t *v, const struct str **out)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	struct str *list = ARENA_ARRAY(r->arena, struct str, n + 1);
	uint32_t k = 0;
	*out = list;
	for (size_t i = 0; list && i < n; i++) {
		json_t *item = json_is_array(v) ? json_array_get(v, i) : (json_t *)(uintptr_t)v;
		json_t *o = json_pack("{sO}", "v", item);
		struct str s = rest_text(r, o, "v");
		/* what is borrowed from the body lives as long as it */
		if (s.p)
			list[k++] = s;
		json_decref(o);
	}
	return k;
}

/* `!value` asks for those without it, as elsewhere. */
static void negate(struct cluster_term *t)
{
	struct str *v = (struct str *)(uintptr_t)t->v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->n; i++)
		n += v[i].n && v[i].p[0] == '!';
	if (!n || n < t->n)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		v[i] = str_sub(v[i], 1, v[i].n - 1);
	t->none = !t->none;
}

static void add_term(struct http_req *r, struct cluster_query *q, const char *name, const json_t *v)
{
	struct cluster_term t = {0};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(name, others[i].name) == 0) {
			t.field = desc_find(&desc_misp_cluster, str_c(others[i].field), NULL);
			t.none = others[i].none;
		}
	if (!t.field)
		t.field = desc_find(&desc_misp_cluster, str_c(name), NULL);
	if (!t.field || t.field->kind == F_LIST || t.field->form == FORM_RAW || json_is_null(v) ||
	    q->n_terms == ARRAY_LEN(q->terms))
		return;
	t.n = texts_of(r, v, &t.v);
	if (!t.v)
		return;
	/* an empty text asks for nothing; an empty list for what is in none (pull of relevant ones) */
	if (!t.n && !json_is_array(v))
		return;
	if (t.n == 1 && !t.v[0].n && !json_is_array(v))
		return;
	negate(&t);
	q->terms[q->n_terms++] = t;
}

static void add_galaxies(struct http_req *r, struct cluster_query *q, const json_t *v)
{
	const struct str *uuids;
	uint32_t n = texts_of(r, v, &uuids), k = 0;
	struct str *ids = ARENA_ARRAY(r->arena, struct str, n + 1);
	for (uint32_t i = 0; ids && uuids && i < n; i++) {
		struct misp_galaxy g;
		if (clusters_find_galaxy(r, uuids[i], &g))
			ids[k++] = rest_id(r, g.id);
	}
	if (ids && q->n_terms < ARRAY_LEN(q->terms))
		q->terms[q->n_terms++] = (struct cluster_term){
			.field = desc_find(&desc_misp_cluster, STR("galaxy_id"), NULL),
			.v = ids,
			.n = k};
}

/* {"synonyms":"Eel"}, or a key or value alone. */
static void add_elements(struct http_req *r, struct cluster_query *q, const json_t *v)
{
	const char *key;
	json_t *value;
	if (json_is_string(v)) {
		q->element_value = (struct str){json_string_value(v), json_string_length(v)};
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, value) {
		q->element_key = str_c(key);
		q->element_value = rest_text(r, v, key);
	}
}

/* "member", "member desc", also behind the name of the model; anything else orders nothing. */
static void add_order(struct http_req *r, const json_t *params, struct cluster_query *q)
{
	struct str name, dir = str_split(str_trim(rest_text(r, params, "order")), ' ', &name);
	if (str_has_prefix(name, STR("GalaxyCluster.")))
		name = str_sub(name, 14, name.n);
	dir = str_trim(dir);
	q->descending = str_eq_nocase(dir, STR("desc"));
	if (q->descending || !dir.n || str_eq_nocase(dir, STR("asc")))
		q->order = desc_find(&desc_misp_cluster, name, NULL);
}

static void query_of(struct http_req *r, json_t *params, struct cluster_query *q)
{
	const char *key;
	json_t *v;
	*q = (struct cluster_query){.page = 1};
	json_object_foreach(params, key, v) {
		if (strcmp(key, "galaxy_uuid") == 0)
			add_galaxies(r, q, v);
		else if (strcmp(key, "elements") == 0)
			add_elements(r, q, v);
		else if (strcmp(key, "eventid") == 0)
			q->event = rest_text(r, params, key);
		else if (strcmp(key, "order") == 0)
			add_order(r, params, q);
		else
			add_term(r, q, key, v);
	}
	rest_take_u64(r, params, "limit", &q->limit);
	rest_take_u64(r, params, "page", &q->page);
	q->deleted_too = json_truthy(json_object_get(params, "deleted"));
}

static enum err clusters_search(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(SEARCH_ARENA);
	struct cluster_query q;
	json_t *params;
	uint64_t *ids, n, total;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_search_params(r, &params, f) != ERR_OK)
		return ERR_OK;
	struct str format = rest_text(r, params, "returnFormat");
	if (format.n && !str_is(format, "json")) {
		reply_error(r, 404, "Invalid output format.");
		return ERR_OK;
	}
	bool minimal = rest_flag(params, "minimal", false);
	query_of(r, params, &q);
	OWN(view) struct view *v = NULL;
	TRY(rest_view(r, &v, f));
	TRY(egress_clusters_find(v, &q, a, &ids, &n, &total, f));
	view_close(MOVE(v));
	reply_header_u64(r, "X-Result-Count", n); /* of this page, as recorded */
	reply_header(r, "X-Export-Module-Used", STR("json"));
	reply_header(r, "X-Response-Format", STR("json"));
	reply_header(r, "X-Skipped-Elements-Count", STR("0"));
	struct clusters_answer x = {
		.form = minimal ? "minimal" : "search", .clusters = ids, .n_clusters = n};
	return clusters_send(r, &x, f);
}

/* ---- lists of one galaxy ---- */

/* What the tabs of MISP's page show; `mine` is the caller's organisation. */
static const struct {
	const char *name, *field, *value;
	bool deleted;
} contexts[] = {
	{"all", NULL, NULL, false},	  {"default", "default", "1", false},
	{"custom", "default", "0", false}, {"org", "org_id", NULL, false},
	{"orgc", "orgc_id", NULL, false},  {"deleted", "deleted", "1", true},
};

static enum err clusters_index(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(SEARCH_ARENA);
	OWN(view) struct view *v = NULL;
	struct cluster_query q = {0};
	struct misp_galaxy g;
	json_t *body;
	uint64_t *ids, n, total;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_json(r, "GalaxyCluster", &body, f) != ERR_OK)
		return ERR_OK;
	if (!clusters_find_galaxy(r, req_arg(r, "galaxy"), &g)) {
		reply_error(r, 404, "Invalid Galaxy");
		return ERR_OK;
	}
	struct str *v3 = ARENA_ARRAY(r->arena, struct str, 2);
	struct str context = rest_param(r, body, "context");
	if (!v3)
		return fail(f, ERR_NOMEM, "no memory");
	v3[0] = rest_id(r, g.id);
	q.terms[q.n_terms++] = (struct cluster_term){
		.field = desc_find(&desc_misp_cluster, STR("galaxy_id"), NULL), .v = v3, .n = 1};
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
		if (!str_is(context, contexts[i].name) || !contexts[i].field)
			continue;
		v3[1] = contexts[i].value ? str_c(contexts[i].value)
					  : rest_id(r, me(r)->user.org_id);
		q.terms[q.n_terms++] = (struct cluster_term){
			.field = desc_find(&desc_misp_cluster, str_c(contexts[i].field), NULL),
			.v = &v3[1],
			.n = 1};
		q.deleted_too = contexts[i].deleted;
	}
	q.text = rest_param(r, body, "searchall");
	rest_take_u64(r, body, "limit", &q.limit);
	rest_take_u64(r, body, "page", &q.page);
	TRY(rest_view(r, &v, f));
	TRY(egress_clusters_find(v, &q, a, &ids, &n, &total, f));
	view_close(MOVE(v));
	struct clusters_answer x = {.form = "index", .clusters = ids, .n_clusters = n};
	return clusters_send(r, &x, f);
}

static enum err clusters_view(struct http_req *r, struct fail *f)
{
	struct misp_cluster c;
	if (!clusters_find(r, req_arg(r, "id"), &c, f))
		return ERR_OK;
	return clusters_send_one(r, "view", c.id, c.tag_name, f);
}

/* ---- made and changed ---- */

static enum err save(struct http_req *r, uint64_t galaxy_id, uint64_t id, const char *action,
		     struct fail *f)
{
	struct admit_facts facts = clusters_facts(r);
	struct origin o = rest_origin(r);
	struct fail why = {0};
	OWN(raw) struct raw_event *raw = clusters_of_body(r);
	if (!raw)
		return ERR_OK;
	enum err e = ingest_cluster_save(&api_of(r)->ingest, galaxy_id, &raw, &o, &facts, &id, &why);
	if (e == ERR_OK)
		return clusters_send_one(r, "saved", id, STR_NONE, f);
	me(r)->url = arena_printf(r->arena, "/galaxy_clusters/%s", action);
	if (e == ERR_EXISTS)
		rest_not_saved(r, action, "GalaxyCluster", STR_NONE,
			       rest_field_error(r, "uuid", "This UUID is already in use."));
	else
		upload_refused(r, action, "GalaxyCluster", e, &why);
	return ERR_OK;
}

static enum err clusters_add(struct http_req *r, struct fail *f)
{
	struct misp_galaxy g;
	if (clusters_find_galaxy(r, req_arg(r, "galaxy"), &g))
		return save(r, g.id, 0, "add", f);
	me(r)->url = STR("/galaxy_clusters/add");
	rest_not_saved(r, "add", "GalaxyCluster", STR_NONE, STR("\"Galaxy not found\""));
	return ERR_OK;
}

static enum err clusters_edit(struct http_req *r, struct fail *f)
{
	struct misp_cluster c;
	if (!clusters_find(r, req_arg(r, "id"), &c, f))
		return ERR_OK;
	if (c.default_) {
		reply_error(r, 405, "Default galaxy cluster cannot be edited");
		return ERR_OK;
	}
	if (!clusters_editable(r, &c))
		return ERR_OK;
	return save(r, c.galaxy_id, c.id, "edit", f);
}

/* ---- published, deleted ---- */

/* MISP's answer to something done to the cluster of the path. */
static void done(struct http_req *r, const char *action, const struct misp_cluster *c,
		 const char *text)
{
	struct str id = rest_id(r, c->id);
	me(r)->url = arena_printf(r->arena, "/galaxy_clusters/%s/%.*s", action, STR_ARG(id));
	rest_saved(r, id, "%s", text);
}

static enum err publish(struct http_req *r, bool on, struct fail *f)
{
	struct misp_cluster c;
	struct origin o = rest_origin(r);
	if (!clusters_find(r, req_arg(r, "id"), &c, f) || !clusters_editable(r, &c))
		return ERR_OK;
	if (c.default_ || c.deleted) {
		reply_error(r, 405, c.default_ ? "Default galaxy cluster cannot be published"
					       : "A deleted galaxy cluster cannot be published");
		return ERR_OK;
	}
	TRY(ingest_cluster_publish(&api_of(r)->ingest, c.id, on, &o, f));
	done(r, on ? "publish" : "unpublish", &c,
	     on ? "GalaxyCluster published" : "GalaxyCluster unpublished");
	return ERR_OK;
}

static enum err clusters_publish(struct http_req *r, struct fail *f)
{
	return publish(r, true, f);
}

static enum err clusters_unpublish(struct http_req *r, struct fail *f)
{
	return publish(r, false, f);
}

static enum err clusters_delete(struct http_req *r, struct fail *f)
{
	struct misp_cluster c;
	struct origin o = rest_origin(r);
	json_t *body;
	if (rest_json(r, "GalaxyCluster", &body, f) != ERR_OK ||
	    !clusters_find(r, req_arg(r, "id"), &c, f) || !clusters_editable(r, &c))
		return ERR_OK;
	struct str arg = req_arg(r, "hard");
	bool hard = rest_flag(body, "hard", false) || str_is(arg, "1") || str_is(arg, "true");
	TRY(ingest_cluster_delete(&api_of(r)->ingest, c.id, hard, &o, f));
	done(r, "delete", &c,
	     hard ? "Galaxy cluster successfuly hard deleted and added to the block list."
		  : "Galaxy cluster successfuly soft deleted.");
	return ERR_OK;
}

static enum err clusters_restore(struct http_req *r, struct fail *f)
{
	struct misp_cluster c;
	struct origin o = rest_origin(r);
	if (!clusters_find(r, req_arg(r, "id"), &c, f) || !clusters_editable(r, &c))
		return ERR_OK;
	TRY(ingest_cluster_restore(&api_of(r)->ingest, c.id, &o, f));
	done(r, "restore", &c, "Galaxy cluster successfuly restored.");
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_clusters_search = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxy_clusters/restSearch",
	.body_cap = SEARCH_BODY_MAX,
	.run = clusters_search,
	.shape = "GalaxyClusters",
	.takes = "ClusterSearch",
	.doc = "Search galaxy clusters by any of their members",
};
const struct endpoint ep_clusters_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxy_clusters/index/:galaxy",
	.run = clusters_index,
	.shape = "GalaxyClusters",
	.doc = "Clusters of a galaxy: all, default, custom, own, deleted, or with a text",
};
const struct endpoint ep_clusters_view = {
	.methods = HTTP_GET,
	.path = "/galaxy_clusters/view/:id",
	.run = clusters_view,
	.shape = "GalaxyCluster",
	.doc = "One cluster with elements and relations",
};
const struct endpoint ep_clusters_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxy_clusters/add/:galaxy",
	.auth = perm_galaxy_editor,
	.body_cap = SAVE_BODY_MAX,
	.run = clusters_add,
	.shape = "GalaxyCluster",
	.takes = "ClusterIn",
	.doc = "Make a cluster in a galaxy",
};
const struct endpoint ep_clusters_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxy_clusters/edit/:id",
	.auth = perm_galaxy_editor,
	.body_cap = SAVE_BODY_MAX,
	.run = clusters_edit,
	.shape = "GalaxyCluster",
	.takes = "ClusterIn",
	.doc = "Change a cluster of one's own organisation",
};
const struct endpoint ep_clusters_publish = {
	.methods = HTTP_POST,
	.path = "/galaxy_clusters/publish/:id",
	.auth = perm_galaxy_editor,
	.run = clusters_publish,
	.shape = "Saved",
	.doc = "Publish a cluster: peers may have it",
};
const struct endpoint ep_clusters_unpublish = {
	.methods = HTTP_POST,
	.path = "/galaxy_clusters/unpublish/:id",
	.auth = perm_galaxy_editor,
	.run = clusters_unpublish,
	.shape = "Saved",
	.doc = "Take that back; what peers have stays",
};
const struct endpoint ep_clusters_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/galaxy_clusters/delete/:id/:hard",
	.auth = perm_galaxy_editor,
	.run = clusters_delete,
	.shape = "Saved",
	.takes = "Hard",
	.doc = "Delete a cluster; a hard deletion blocks its UUID",
};
const struct endpoint ep_clusters_restore = {
	.methods = HTTP_POST,
	.path = "/galaxy_clusters/restore/:id",
	.auth = perm_galaxy_editor,
	.run = clusters_restore,
	.shape = "Saved",
	.doc = "Bring a soft-deleted cluster back",
};
