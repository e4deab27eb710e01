/*
 * ep_taxii_servers.c - /taxii_servers: TAXII 2.1 collections elsewhere that this node reads or writes to. Members
 * as in MISP, which only pushes; pulling is ours. The key is kept sealed, and never answered.
 */
#include "api/crud.h"
#include "api/long_job.h"
#include "sync/taxii_pull.h"
#include "sync/taxii_push.h"

static void server_fresh(struct http_req *r, void *row)
{
	(void)r;
	*(struct misp_taxii *)row = (struct misp_taxii){.uuid = uuid_random(),
							.api_root = STR("/taxii2/api/"),
							.pull = true,
							.enabled = true,
							.filters = STR("{}"),
							.distribution = DIST_ORG};
}

static struct str key_take(struct http_req *r, const json_t *body, struct misp_taxii *s)
{
	OWN(buf) struct buf b = BUF(32 << 10);
	struct fail why = {0};
	struct str key;
	if (!rest_take_text(r, body, "api_key", &key))
		return STR_NONE;
	s->api_key = STR("");
	if (!key.n)
		return STR_NONE;
	if (key.n > 8192 || taxii_key_seal(api_of(r)->peer_key, s->uuid, key, &b, &why) != ERR_OK)
		return rest_field_error(r, "api_key", "It cannot be kept.");
	s->api_key = arena_str(r->arena, buf_str(&b));
	return STR_NONE;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
			return true;
	return false;
}

/* Who pushes says to whom: an audience of the policy. */
static struct str audience_fault(struct http_req *r, const struct misp_taxii *s)
{
	struct audience aud;
	struct fail why = {0};
	if (!s->push && !s->audience.n)
		return STR_NONE;
	if (!s->audience.n)
		return rest_field_error(r, "audience", "To push needs an audience of the policy.");
	if (egress_export_audience(&api_of(r)->egress, s->audience, &aud, &why) != ERR_OK)
		return rest_field_error(r, "audience", "The policy has no such audience to which things are exported.");
	return STR_NONE;
}

static struct str server_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_taxii *s = row;
	struct uuid u;
	struct str fault = key_take(r, body, s);
	s->state = taxii_state_none(); /* what was read from another place says nothing of this one */
	if (fault.p)
		return fault;
	if (!str_has_prefix(s->baseurl, STR("http://")) && !str_has_prefix(s->baseurl, STR("https://")))
		return rest_field_error(r, "baseurl", "Invalid URL: it begins with http:// or https://.");
	if (has_control(s->baseurl) || has_control(s->api_root))
		return rest_field_error(r, "baseurl", "Invalid URL.");
	if (!uuid_parse(s->collection, &u))
		return rest_field_error(r, "collection", "The id of a collection, a UUID.");
	if (s->distribution > DIST_GROUP)
		return rest_field_error(r, "distribution", "Options: 0, 1, 2, 3, 4");
	return audience_fault(r, s);
}

/* How the last pull went. */
static void server_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	const struct misp_taxii *s = row;
	struct taxii_push_state push = {0};
	struct store_rtxn *t = NULL;
	struct taxii_state st;
	struct fail why = {0};
	(void)act;
	taxii_state_read(s->state, &st);
	if (store_read(api_of(r)->store, &t, &why) == ERR_OK) {
		taxii_push_state(t, s->id, &push);
		store_read_end(t);
	}
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "added_after", st.added_after);
	JSONW_KV(w, jsonw_int, "last_try", st.last_try);
	JSONW_KV(w, jsonw_int, "last_success", st.last_success);
	JSONW_KV(w, jsonw_c, "last_error", st.last_error);
	jsonw_key(w, "push");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_int, "last_try", push.last_try);
	JSONW_KV(w, jsonw_int, "last_success", push.last_success);
	JSONW_KV(w, jsonw_c, "last_error", push.last_error);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static const struct crud_member server_members[] = {
	{"name", CRUD_NEED},	 {"baseurl", CRUD_NEED},	 {"collection", CRUD_NEED},
	{"api_key", CRUD_HIDE}, {"filters", CRUD_JSON_TEXT}, {NULL, 0},
};

static const struct crud server_kind = {
	.table = T_TAXII,
	.desc = &desc_misp_taxii,
	.members = server_members,
	.what = "TaxiiServer",
	.absent = "Invalid Taxii Server.",
	.deleted = "TaxiiServer deleted.",
	.needed = "Cannot be empty.",
	.has_uuid = true,
	.uuid_index = IX_TAXII_UUID,
	.fresh = server_fresh,
	.fault = server_fault,
	.more = server_more,
};

static struct taxii_pull_opts opts_of(struct http_req *r, uint64_t id)
{
	struct taxii_pull_opts o = {.in = &api_of(r)->ingest,
				    .server_id = id,
				    .org_id = me(r)->user.org_id,
				    .user_id = me(r)->user.id,
				    .client = client_opts_of(api_of(r)->conf),
				    .key = api_of(r)->peer_key,
				    .batch_bytes = api_of(r)->conf->taxii_batch,
				    .disabled_too = true};
	o.client.user_agent = "tocsin/" PACKAGE_VERSION;
	return o;
}

/* ---- asking a server what it has ---- */

static enum err refused(struct http_req *r, const struct fail *why)
{
	reply_error(r, 400, "The TAXII server did not answer as one: %s", why->text);
	return ERR_OK;
}

/* The member of a document, as {"<id or URL>":"<title>"}; MISP's forms take it so. */
static void list_answer(struct http_req *r, const json_t *doc, const char *member)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	size_t i;
	const json_t *v;
	jsonw_obj(&w);
	json_array_foreach(json_object_get(doc, member), i, v) {
		const char *id = json_is_string(v) ? json_string_value(v)
						   : json_string_value(json_object_get(v, "id"));
		const char *title = json_is_string(v) ? id : json_string_value(json_object_get(v, "title"));
		if (!id)
			continue;
		jsonw_key(&w, id);
		jsonw_c(&w, title ? title : id);
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err ask_body(struct http_req *r, const char *path, const char *member, struct fail *f)
{
	json_t *body, *doc;
	struct fail why = {0};
	if (rest_json(r, "TaxiiServer", &body, f) != ERR_OK)
		return ERR_OK;
	struct misp_taxii row = {.baseurl = rest_text(r, body, "baseurl"),
				 .api_root = rest_text(r, body, "api_root"),
				 .user = rest_text(r, body, "user"),
				 .api_key = rest_text(r, body, "api_key")};
	struct taxii_pull_opts o = opts_of(r, 0);
	if ((!str_has_prefix(row.baseurl, STR("http://")) && !str_has_prefix(row.baseurl, STR("https://"))) ||
	    has_control(row.baseurl) || has_control(row.api_root)) {
		reply_error(r, 400, "Invalid URL: baseurl begins with http:// or https://.");
		return ERR_OK;
	}
	if (taxii_ask(&o, &row, true, path, &doc, &why) != ERR_OK)
		return refused(r, &why);
	list_answer(r, doc, member);
	json_decref(doc);
	return ERR_OK;
}

static enum err get_root(struct http_req *r, struct fail *f)
{
	return ask_body(r, "", "api_roots", f);
}

static enum err get_collections(struct http_req *r, struct fail *f)
{
	return ask_body(r, "collections/", "collections", f);
}

/* The collections of a stored server as they stand there. */
static enum err collections_index(struct http_req *r, struct fail *f)
{
	struct misp_taxii s;
	struct fail why = {0};
	json_t *doc;
	struct buf b = BUF(ANSWER_MAX);
	if (!crud_of_path(r, &server_kind, NULL, &s, f))
		return ERR_OK;
	struct taxii_pull_opts o = opts_of(r, s.id);
	if (taxii_ask(&o, &s, false, "collections/", &doc, &why) != ERR_OK)
		return refused(r, &why);
	json_t *list = json_object_get(doc, "collections");
	char *text = json_is_array(list) ? json_dumps(list, JSON_COMPACT) : NULL;
	buf_puts(&b, text ? text : "[]");
	free(text);
	json_decref(doc);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- pulling ---- */

static enum err server_pull(struct http_req *r, struct fail *f)
{
	struct misp_taxii s;
	struct fail why = {0};
	struct taxii_pull_result *res = ARENA_NEW(r->arena, struct taxii_pull_result);
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	json_t *body;
	if (!res || rest_named_params(r, &body, f) != ERR_OK || !crud_of_path(r, &server_kind, NULL, &s, f))
		return res ? ERR_OK : ERR_NOMEM;
	struct taxii_pull_opts o = opts_of(r, s.id);
	o.again = rest_flag(body, "again", false);
	enum err e = taxii_pull(&o, res, &why);
	if (e != ERR_OK) {
		if (res->n.listed)
			reply_error(r, 502,
				    "The pull has ended early, after %llu events; the next one goes on there: %s",
				    (unsigned long long)res->n.listed, why.text);
		else
			reply_error(r, 502, "The pull has failed, and nothing was taken in: %s", why.text);
		return ERR_OK;
	}
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "pages", res->pages);
	JSONW_KV(&w, jsonw_uint, "bytes", res->bytes);
	JSONW_KV(&w, jsonw_uint, "objects", res->stix.objects);
	JSONW_KV(&w, jsonw_uint, "left_out", res->stix.left_out);
	JSONW_KV(&w, jsonw_uint, "events", res->n.listed);
	JSONW_KV(&w, jsonw_uint, "added", res->n.added);
	JSONW_KV(&w, jsonw_uint, "updated", res->n.updated);
	JSONW_KV(&w, jsonw_uint, "unchanged", res->n.unchanged);
	JSONW_KV(&w, jsonw_uint, "refused", res->n.refused);
	JSONW_KV(&w, jsonw_uint, "failed", res->n.failed);
	jsonw_key(&w, "problems");
	jsonw_arr(&w);
	for (unsigned i = 0; i < res->n.n_problems; i++)
		jsonw_c(&w, res->n.problems[i].text);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- pushing ---- */

static void pushed_put(struct jsonw *w, const struct taxii_push_result *n)
{
	jsonw_key(w, "result");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "events", n->looked);
	JSONW_KV(w, jsonw_uint, "sent", n->sent);
	JSONW_KV(w, jsonw_uint, "unchanged", n->unchanged);
	JSONW_KV(w, jsonw_uint, "revoked", n->revoked);
	JSONW_KV(w, jsonw_uint, "refused", n->refused);
	JSONW_KV(w, jsonw_uint, "objects", n->objects);
	JSONW_KV(w, jsonw_uint, "success", n->success);
	JSONW_KV(w, jsonw_uint, "failure", n->failure);
	JSONW_KV(w, jsonw_uint, "pending", n->pending);
	JSONW_KV(w, jsonw_uint, "bytes", n->bytes);
	jsonw_key(w, "problems");
	jsonw_arr(w);
	for (unsigned i = 0; i < n->n_problems; i++)
		jsonw_c(w, n->problems[i]);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

struct pushing {
	struct taxii_push_opts o;
	struct taxii_push_result res;
	struct fail why;
	enum err err;
};

static void push_job(struct long_job *j, void *arg)
{
	struct pushing *x = arg;
	x->o.cancelled = long_job_cancelled(j);
	x->err = taxii_push(&x->o, &x->res, &x->why);
}

static void push_answer(struct http_req *r, uint64_t id, const struct pushing *x)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "saved");
	jsonw_bool(&w, true);
	jsonw_key(&w, "success");
	jsonw_bool(&w, true);
	JSONW_KV(&w, jsonw_c, "name", "Taxii push done.");
	JSONW_KV(&w, jsonw_c, "message", "Taxii push done.");
	JSONW_KV(&w, jsonw_str, "url", r->url);
	JSONW_KV(&w, jsonw_str, "id", rest_id(r, id));
	pushed_put(&w, &x->res);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err server_push(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct misp_taxii s;
	json_t *body;
	if (rest_named_params(r, &body, f) != ERR_OK || !crud_of_path(r, &server_kind, NULL, &s, f))
		return ERR_OK;
	struct pushing *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = (struct taxii_push_opts){.in = &api->ingest,
					.out = &api->egress,
					.server_id = s.id,
					.client = opts_of(r, s.id).client,
					.key = api->peer_key,
					.again = rest_flag(body, "again", false),
					.disabled_too = true};
	enum err e = long_job_here(&api->jobs, "taxii", s.id, push_job, x, f);
	if (e == ERR_BUSY || (e == ERR_OK && x->err == ERR_BUSY)) {
		reply_error(r, 409, "A push to this server is under way.");
		e = ERR_OK;
	} else if (e == ERR_OK && x->err != ERR_OK) {
		reply_error(r, x->err == ERR_NOENT || x->err == ERR_PERM ? 400 : 502,
			    "The push has ended early, after %llu events: %s",
			    (unsigned long long)(x->res.sent + x->res.revoked), x->why.text);
	} else if (e == ERR_OK) {
		push_answer(r, s.id, x);
	}
	free(x);
	return e;
}

#define ROW(name, how, where, fn, answer, body, text)                                               \
	const struct endpoint ep_taxii_servers_##name = {                                           \
		.methods = how,                                                                     \
		.path = "/taxii_servers/" where,                                                    \
		.auth = perm_site_admin,                                                            \
		.run = fn,                                                                          \
		.arg = &server_kind,                                                                \
		.shape = answer,                                                                    \
		.takes = body,                                                                      \
		.doc = text,                                                                        \
	};
ROW(index, HTTP_GET | HTTP_POST, "index", crud_index, "TaxiiServers", NULL,
    "TAXII collections elsewhere that are read or written to")
ROW(view, HTTP_GET | HTTP_POST, "view/:id", crud_view, "TaxiiServer", NULL, "One of them")
ROW(add, HTTP_POST | HTTP_PUT, "add", crud_add, "TaxiiServer", "TaxiiServerIn",
    "Add a collection: name, baseurl, api_root, collection, api_key, user, distribution, tag_id; push and "
    "audience")
ROW(edit, HTTP_POST | HTTP_PUT, "edit/:id", crud_edit, "TaxiiServer", "TaxiiServerIn",
    "Change it; it is read from the beginning")
ROW(delete, HTTP_POST | HTTP_DELETE, "delete/:id", crud_delete, "Saved", NULL, "Remove it; its events stay")
ROW(get_root, HTTP_POST, "getRoot", get_root, "Counts", "TaxiiServerIn",
    "API roots of a server: baseurl, api_key, user")
ROW(get_collections, HTTP_POST, "getCollections", get_collections, "Counts", "TaxiiServerIn",
    "Collections below an API root: baseurl, api_root, api_key, user")
ROW(collections, HTTP_GET | HTTP_POST, "collectionsIndex/:id", collections_index, "TaxiiFar", NULL,
    "Collections of a stored server, as it tells them")
ROW(pull, HTTP_POST, "pull/:id", server_pull, "TaxiiPulled", NULL,
    "Read what is new in the collection; `again`: from the beginning")
ROW(push, HTTP_POST, "push/:id", server_push, "TaxiiPushed", NULL,
    "Send published events, cut for the row's audience, that have changed since; `again`: all of them")
