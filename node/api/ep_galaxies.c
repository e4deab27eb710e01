/*
 * ep_galaxies.c - /galaxies: lists, clusters that peers push, import and export, attaching clusters
 * to events and attributes. Texts as recorded (wire/client galaxies, wire/sync).
 */
#include "api/clusters.h"
#include "api/upload.h"
#include "base/clock.h"

#define LIST_ARENA (64u << 20)
#define PUSH_BODY_MAX (256u << 20)

static bool contains(struct str in, struct str what)
{
	for (size_t i = 0; i + what.n <= in.n; i++)
		if (str_eq_nocase(str_sub(in, i, what.n), what))
			return true;
	return false;
}

static bool galaxy_matches(const struct misp_galaxy *g, struct str value)
{
	char uuid[UUID_TEXT_LEN + 1];
	return !value.n || contains(g->name, value) || contains(g->description, value) ||
	       contains(g->namespace_, value) || contains(g->type, value) ||
	       contains(g->kill_chain_order, value) ||
	       str_eq_nocase(str_c(uuid_format(g->uuid, uuid)), value);
}

/* ---- lists ---- */

static enum err galaxies_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct misp_galaxy row;
	json_t *body;
	uint64_t id = 0, n = 0;
	enum err e;
	if (rest_json(r, "Galaxy", &body, f) != ERR_OK)
		return ERR_OK;
	struct str value = rest_param(r, body, "value");
	if (!value.n)
		value = rest_param(r, body, "searchall");
	TRY(store_read(api_of(r)->store, &t, f));
	uint64_t *ids = a ? ARENA_ARRAY(a, uint64_t, store_count(t, T_GALAXY) + 1) : NULL;
	if (!ids)
		return fail(f, ERR_NOMEM, "no memory");
	while ((e = store_next(t, T_GALAXY, &id, NULL, &row)) == ERR_OK)
		if (galaxy_matches(&row, value))
			ids[n++] = id;
	TRY(e == ERR_NOENT ? ERR_OK : e);
	struct clusters_answer x = {.form = "galaxies", .galaxies = ids, .n_galaxies = n};
	return clusters_send(r, &x, f);
}

/* The clusters of a galaxy that pass `more` (of the query's terms). */
static enum err clusters_in(struct http_req *r, const struct misp_galaxy *g,
			    struct cluster_query *q, struct arena *a, uint64_t **ids, uint64_t *n,
			    struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct str *id = ARENA_NEW(r->arena, struct str);
	uint64_t total;
	if (!id)
		return fail(f, ERR_NOMEM, "no memory");
	*id = rest_id(r, g->id);
	q->terms[q->n_terms++] = (struct cluster_term){
		.field = desc_find(&desc_misp_cluster, STR("galaxy_id"), NULL), .v = id, .n = 1};
	TRY(rest_view(r, &v, f));
	return egress_clusters_find(v, q, a, ids, n, &total, f);
}

static enum err galaxies_view(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct misp_galaxy g;
	struct cluster_query q = {0};
	uint64_t *ids, n;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (!clusters_find_galaxy(r, req_arg(r, "id"), &g)) {
		reply_error(r, 404, "Invalid Galaxy.");
		return ERR_OK;
	}
	TRY(clusters_in(r, &g, &q, a, &ids, &n, f));
	struct clusters_answer x = {.form = "galaxy",
				    .galaxies = &g.id,
				    .n_galaxies = 1,
				    .clusters = ids,
				    .n_clusters = n};
	return clusters_send(r, &x, f);
}

/* ---- clusters from others ---- */

static void answer_imported(struct http_req *r, const struct ingest_clusters *got,
			    const char *action)
{
	char *why = arena_cstr(r->arena, got->errors.n ? got->errors : STR(""));
	bool refused = got->failed && !got->imported;
	const char *text =
		arena_printf(r->arena, "%s. %llu imported, %llu ignored, %llu failed. %s",
			     refused ? "Could not import galaxy clusters" : "Galaxy clusters imported",
			     (unsigned long long)got->imported, (unsigned long long)got->ignored,
			     (unsigned long long)got->failed, why ? why : "")
			.p;
	me(r)->url = arena_printf(r->arena, "/galaxies/%s", action);
	if (refused)
		rest_not_saved(r, action, "Galaxy", STR_NONE, rest_quoted(r, text ? text : ""));
	else
		rest_saved(r, STR_NONE, "%s", text ? text : "");
}

static enum err push_begin(struct http_req *r, struct fail *f)
{
	return upload_begin(r, RAW_CLUSTERS, f);
}

static enum err take_clusters(struct http_req *r, struct admit_facts *facts, const char *action,
			      struct fail *f)
{
	struct ingest_clusters got;
	struct origin o = rest_origin(r);
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	TRY(ingest_clusters(&api_of(r)->ingest, &raw, &o, facts, r->arena, &got, f));
	answer_imported(r, &got, action);
	return ERR_OK;
}

static enum err galaxies_push(struct http_req *r, struct fail *f)
{
	struct admit_facts facts = rest_facts(r);
	facts.push = true; /* an administrator's push is one too */
	return take_clusters(r, &facts, "pushCluster", f);
}

static enum err galaxies_import(struct http_req *r, struct fail *f)
{
	struct admit_facts facts = clusters_facts(r);
	return take_clusters(r, &facts, "import", f);
}

/* ---- export ---- */

static void term(struct http_req *r, struct cluster_query *q, const char *key, struct str value)
{
	struct str *v = ARENA_NEW(r->arena, struct str);
	if (!v || q->n_terms == ARRAY_LEN(q->terms))
		return;
	*v = value;
	q->terms[q->n_terms++] = (struct cluster_term){
		.field = desc_find(&desc_misp_cluster, str_c(key), NULL), .v = v, .n = 1};
}

static enum err galaxies_export(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct misp_galaxy g;
	struct cluster_query q = {.deleted_too = true};
	uint64_t *ids, n;
	json_t *body;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_json(r, "Galaxy", &body, f) != ERR_OK)
		return ERR_OK;
	if (!clusters_find_galaxy(r, req_arg(r, "id"), &g)) {
		reply_error(r, 404, "Invalid Galaxy.");
		return ERR_OK;
	}
	bool custom = rest_flag(body, "custom", true), library = rest_flag(body, "default", true);
	if (custom != library)
		term(r, &q, "default", library ? STR("1") : STR("0"));
	struct str level = rest_text(r, body, "distribution");
	if (level.n)
		term(r, &q, "distribution", level);
	TRY(clusters_in(r, &g, &q, a, &ids, &n, f));
	if (!custom && !library)
		n = 0;
	struct clusters_answer x = {.form = "export", .clusters = ids, .n_clusters = n};
	return clusters_send(r, &x, f);
}

/* ---- attaching ---- */

struct target {
	enum element_kind kind; /* EL_COUNT: the event */
	uint64_t id;
	struct misp_event e;
};

static bool find_target(struct http_req *r, struct target *t, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_attr a;
	struct fail why = {0};
	struct str id = req_arg(r, "target"), type = req_arg(r, "type");
	bool of_attr = str_is(type, "attribute");
	enum err e = ERR_NOENT;
	if (!of_attr && !str_is(type, "event")) {
		reply_error(r, 405, "Invalid object type. Can only be event, attribute, tag_collection");
		return false;
	}
	if (rest_view(r, &v, f) == ERR_OK)
		e = of_attr ? view_attr(v, id, r->arena, &t->e, &a, &why)
			    : view_event(v, id, r->arena, &t->e, &why);
	if (e != ERR_OK) {
		reply_error(r, 404, "Invalid %s.", of_attr ? "attribute" : "event");
		return false;
	}
	t->kind = of_attr ? EL_ATTR : EL_COUNT;
	t->id = of_attr ? a.id : t->e.id;
	return true;
}

/* Global ones are the creator's to attach, local ones the host organisation's. */
static bool may_attach(struct http_req *r, const struct target *t, bool local)
{
	bool host = me(r)->user.org_id == api_of(r)->egress.host_org_id;
	bool creator = t->e.orgc_id == me(r)->user.org_id &&
		       !(t->e.is_protected && rest_facts(r).wants_signature);
	if (may(r, perm_site_admin) || (local ? host : creator))
		return true;
	reply_error(r, 403, "No permission to attach this cluster to given target.");
	return false;
}

struct tagging {
	struct misp_tagref ref;
	uint64_t id;
};

static enum err run_tag(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct tagging *t = arg;
	return ingest_tag_capture(w, &t->ref, &t->id, f);
}

/* The tag of the cluster that the body names; made when there is none. False: answered, or an error. */
static bool cluster_tag(struct http_req *r, const json_t *body, struct tagging *tag, enum err *e,
			struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_cluster c;
	struct fail why = {0};
	*e = rest_view(r, &v, f);
	if (*e != ERR_OK)
		return false;
	if (view_cluster(v, rest_text(r, body, "target_id"), r->arena, &c, &why) != ERR_OK ||
	    c.deleted) {
		reply_error(r, 404, "Invalid Galaxy cluster");
		return false;
	}
	view_close(MOVE(v));
	*tag = (struct tagging){.ref = {.name = c.tag_name, .colour = STR("#0088cc")}};
	*e = rest_write(r, run_tag, tag, f);
	return *e == ERR_OK;
}

static void attached(struct http_req *r, bool already)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_c, "success", already ? "Cluster already attached." : "Cluster attached.");
	JSONW_KV(&w, jsonw_bool, "check_publish", true);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err attach_to_collection(struct http_req *r, const json_t *body, struct fail *f)
{
	struct tagging tag;
	const char *fault;
	bool already;
	enum err e;
	if (!may(r, perm_tag_editor)) {
		reply_error(r, 403, "No permission to attach this cluster to given target.");
		return ERR_OK;
	}
	if (!cluster_tag(r, body, &tag, &e, f))
		return e;
	e = rest_collection_put(r, req_arg(r, "target"), tag.id, &already, &fault, f);
	if (e == ERR_NOENT) {
		reply_error(r, 404, "Invalid tag_collection.");
		return ERR_OK;
	}
	TRY(e);
	if (fault)
		reply_error(r, 403, "%s", fault);
	else
		attached(r, already);
	return ERR_OK;
}

static enum err galaxies_attach(struct http_req *r, struct fail *f)
{
	struct target t;
	struct tagging tag;
	json_t *body;
	bool already = false;
	enum err e;
	if (rest_json(r, "Galaxy", &body, f) != ERR_OK)
		return ERR_OK;
	if (str_is(req_arg(r, "type"), "tag_collection"))
		return attach_to_collection(r, body, f);
	if (!find_target(r, &t, f))
		return ERR_OK;
	bool local = json_truthy(json_object_get(body, "local"));
	struct str named = req_named(r, "local");
	if (named.n)
		local = !str_is(named, "0") && !str_eq_nocase(named, STR("false"));
	if (!may_attach(r, &t, local))
		return ERR_OK;
	if (!cluster_tag(r, body, &tag, &e, f))
		return e;
	struct origin o = rest_origin(r);
	TRY(ingest_tag_attach(&api_of(r)->ingest, t.kind, t.id, tag.id, local, STR(""), &o,
			      &already, f));
	attached(r, already);
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_galaxies_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxies/index",
	.run = galaxies_index,
	.shape = "Galaxies",
	.doc = "Galaxies, or those that a text stands in",
};
const struct endpoint ep_galaxies_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxies/view/:id",
	.run = galaxies_view,
	.shape = "Galaxy",
	.doc = "A galaxy with its clusters",
};
const struct endpoint ep_galaxies_push = {
	.methods = HTTP_POST,
	.path = "/galaxies/pushCluster",
	.flags = EP_STREAM_BODY,
	.auth = perm_sync | perm_galaxy_editor,
	.body_cap = PUSH_BODY_MAX,
	.begin = push_begin,
	.body = upload_body,
	.run = galaxies_push,
	.shape = "Saved",
	.takes = "List",
	.doc = "Galaxy clusters pushed by a peer",
};
const struct endpoint ep_galaxies_import = {
	.methods = HTTP_POST,
	.path = "/galaxies/import",
	.flags = EP_STREAM_BODY,
	.auth = perm_galaxy_editor,
	.body_cap = PUSH_BODY_MAX,
	.begin = push_begin,
	.body = upload_body,
	.run = galaxies_import,
	.shape = "Saved",
	.takes = "List",
	.doc = "Galaxies and clusters as galaxies/export gives them, as one's own",
};
const struct endpoint ep_galaxies_export = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxies/export/:id",
	.run = galaxies_export,
	.shape = "GalaxyClusters",
	.doc = "Clusters of a galaxy to be imported elsewhere",
};
const struct endpoint ep_galaxies_attach = {
	.methods = HTTP_POST,
	.path = "/galaxies/attachCluster/:target/:type",
	.auth = perm_tagger,
	.run = galaxies_attach,
	.shape = "Saved",
	.takes = "ClusterAttach",
	.doc = "Attach a cluster to an event, an attribute or a tag collection",
};
