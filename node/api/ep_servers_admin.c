/*
 * ep_servers_admin.c - /servers: the peers of this node. Texts as recorded (wire/client, servers;
 * wire/sync for pulls). API keys of peers come in and never go out again.
 */
#include <ctype.h>

#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/rest.h"
#include "base/hash.h"
#include "model/pack.h"
#include "sync/peer_pull.h"

#define KEY_LEN 40
#define NO_PULL_RULES                                                                              \
	"{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]},"                        \
	"\"type_attributes\":{\"NOT\":[]},\"type_objects\":{\"NOT\":[]},\"url_params\":\"\"}"
#define NO_PUSH_RULES "{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]}}"

/* ---- forms ---- */

static void number_or_null(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	if (v)
		jsonw_uint_str(w, v);
	else
		jsonw_null(w);
}

static void text_or_null(struct jsonw *w, const char *key, struct str s)
{
	JSONW_KV(w, jsonw_str, key, s.n ? s : STR_NONE);
}

/* `authkey` only in the answer to whoever has just given it. */
static void shape_peer_members(struct jsonw *w, const struct misp_peer *p, struct str authkey)
{
	JSONW_KV(w, jsonw_uint_str, "id", p->id);
	JSONW_KV(w, jsonw_str, "name", p->name);
	JSONW_KV(w, jsonw_str, "url", p->url);
	if (authkey.p)
		JSONW_KV(w, jsonw_str, "authkey", authkey);
	JSONW_KV(w, jsonw_uint_str, "org_id", p->org_id);
	JSONW_KV(w, jsonw_bool, "push", p->push);
	JSONW_KV(w, jsonw_bool, "pull", p->pull);
	JSONW_KV(w, jsonw_bool, "push_sightings", p->push_sightings);
	JSONW_KV(w, jsonw_bool, "push_galaxy_clusters", p->push_galaxy_clusters);
	JSONW_KV(w, jsonw_bool, "push_analyst_data", p->push_analyst_data);
	JSONW_KV(w, jsonw_bool, "pull_analyst_data", p->pull_analyst_data);
	JSONW_KV(w, jsonw_bool, "pull_galaxy_clusters", p->pull_galaxy_clusters);
	number_or_null(w, "lastpulledid", p->lastpulledid);
	number_or_null(w, "lastpushedid", p->lastpushedid);
	JSONW_KV(w, jsonw_str, "organization", STR_NONE);
	JSONW_KV(w, jsonw_uint_str, "remote_org_id", p->remote_org_id);
	JSONW_KV(w, jsonw_bool, "publish_without_email", p->publish_without_email);
	JSONW_KV(w, jsonw_bool, "unpublish_event", p->unpublish_event);
	JSONW_KV(w, jsonw_bool, "self_signed", p->self_signed);
	JSONW_KV(w, jsonw_str, "pull_rules", p->pull_rules);
	JSONW_KV(w, jsonw_str, "push_rules", p->push_rules);
	text_or_null(w, "cert_file", p->cert_file);
	text_or_null(w, "client_cert_file", p->client_cert_file);
	JSONW_KV(w, jsonw_bool, "internal", p->internal);
	JSONW_KV(w, jsonw_bool, "skip_proxy", p->skip_proxy);
	JSONW_KV(w, jsonw_bool, "remove_missing_tags", p->remove_missing_tags);
	JSONW_KV(w, jsonw_bool, "caching_enabled", p->caching_enabled);
	JSONW_KV(w, jsonw_uint_str, "priority", p->priority);
}

static void shape_peer_org(struct jsonw *w, const char *key, const struct store_rtxn *t,
			   uint64_t id)
{
	struct misp_org o;
	jsonw_key(w, key);
	jsonw_obj(w);
	if (store_get(t, T_ORG, id, NULL, &o) == ERR_OK) {
		JSONW_KV(w, jsonw_uint_str, "id", o.id);
		JSONW_KV(w, jsonw_str, "name", o.name);
		JSONW_KV(w, jsonw_uuid, "uuid", o.uuid);
		JSONW_KV(w, jsonw_str, "nationality", o.nationality.p ? o.nationality : STR(""));
		JSONW_KV(w, jsonw_str, "sector", o.sector.p ? o.sector : STR(""));
		JSONW_KV(w, jsonw_str, "type", o.type.p ? o.type : STR(""));
	}
	jsonw_obj_end(w);
}

/* Our own: how the last runs went. Only for the tool (`?tocsin=1`). */
static void shape_state(struct jsonw *w, const struct misp_peer *p)
{
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_int, "last_try", p->last_try);
	JSONW_KV(w, jsonw_int, "last_success", p->last_success);
	JSONW_KV(w, jsonw_uint, "failures", p->failures);
	text_or_null(w, "last_error", p->last_error);
	jsonw_obj_end(w);
}

static void answer_peer(struct http_req *r, const struct misp_peer *p, struct str authkey)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Server");
	jsonw_obj(&w);
	shape_peer_members(&w, p, authkey);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* ---- reading ---- */

static bool peer_of_path(struct http_req *r, struct misp_peer *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer row;
	uint64_t id;
	if (str_u64(req_arg(r, "id"), &id) && store_read(api_of(r)->store, &t, f) == ERR_OK &&
	    store_get(t, T_PEER, id, r->arena, &row) == ERR_OK &&
	    entity_copy(r->arena, &desc_misp_peer, &row, p) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid server");
	return false;
}

static enum err servers_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer p;
	uint64_t id = 0;
	enum err e;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_PEER, &id, r->arena, &p)) == ERR_OK) {
		jsonw_obj(&w);
		jsonw_key(&w, "Server");
		jsonw_obj(&w);
		shape_peer_members(&w, &p, STR_NONE);
		JSONW_KV(&w, jsonw_bool, "cache_timestamp", false);
		if (req_query(r, "tocsin").n)
			shape_state(&w, &p);
		jsonw_obj_end(&w);
		shape_peer_org(&w, "Organisation", t, p.org_id);
		shape_peer_org(&w, "RemoteOrg", t, p.remote_org_id);
		jsonw_key(&w, "User");
		jsonw_arr(&w);
		jsonw_arr_end(&w);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- adding and changing ---- */

static bool key_shaped(struct str s)
{
	bool ok = s.n == KEY_LEN;
	for (size_t i = 0; ok && i < s.n; i++)
		ok = isalnum((unsigned char)s.p[i]);
	return ok;
}

static void take_members(struct http_req *r, const json_t *body, struct misp_peer *p)
{
	rest_take_text(r, body, "name", &p->name);
	rest_take_text(r, body, "url", &p->url);
	rest_take_json(r, body, "push_rules", &p->push_rules);
	rest_take_json(r, body, "pull_rules", &p->pull_rules);
	rest_take_text(r, body, "cert_file", &p->cert_file);
	rest_take_text(r, body, "client_cert_file", &p->client_cert_file);
	rest_take_u64(r, body, "remote_org_id", &p->remote_org_id);
	rest_take_u64(r, body, "priority", &p->priority);
	rest_take_flag(body, "push", &p->push);
	rest_take_flag(body, "pull", &p->pull);
	rest_take_flag(body, "push_sightings", &p->push_sightings);
	rest_take_flag(body, "push_galaxy_clusters", &p->push_galaxy_clusters);
	rest_take_flag(body, "pull_galaxy_clusters", &p->pull_galaxy_clusters);
	rest_take_flag(body, "push_analyst_data", &p->push_analyst_data);
	rest_take_flag(body, "pull_analyst_data", &p->pull_analyst_data);
	rest_take_flag(body, "publish_without_email", &p->publish_without_email);
	rest_take_flag(body, "unpublish_event", &p->unpublish_event);
	rest_take_flag(body, "self_signed", &p->self_signed);
	rest_take_flag(body, "internal", &p->internal);
	rest_take_flag(body, "skip_proxy", &p->skip_proxy);
	rest_take_flag(body, "remove_missing_tags", &p->remove_missing_tags);
	rest_take_flag(body, "caching_enabled", &p->caching_enabled);
	/* what was published since says nothing under other rules or at another place */
	p->last_success = 0;
}

/* MISP's error map, or absent. */
static struct str fault_of(struct http_req *r, const struct misp_peer *p, struct str key,
			   bool key_wanted)
{
	json_t *rules;
	bool good = true;
	if (!str_has_prefix(p->url, STR("http://")) && !str_has_prefix(p->url, STR("https://")))
		return rest_field_error(r, "url",
					"Invalid baseurl, please make sure that the protocol is set.");
	if ((key.p || key_wanted) && !key_shaped(key))
		return rest_field_error(r, "authkey",
					"The authkey has to be exactly 40 characters long and consist "
					"of alphanumeric characters.");
	for (unsigned i = 0; i < 2 && good; i++) {
		struct str s = i ? p->push_rules : p->pull_rules;
		rules = s.n ? json_loadb(s.p, s.n, 0, NULL) : json_object();
		good = rules != NULL;
		json_decref(rules);
	}
	return good ? STR_NONE : rest_field_error(r, "pull_rules", "The rules are not JSON.");
}

/* The row first, since the key is sealed for its number. */
static enum err save(struct http_req *r, struct misp_peer *p, struct str key, struct fail *f)
{
	OWN(buf) struct buf sealed = BUF(4096);
	if (p->id && key.p) {
		TRY(peer_key_seal(api_of(r)->peer_key, p->id, key, &sealed, f));
		p->key_sealed = buf_str(&sealed);
	}
	bool fresh = !p->id;
	TRY(rest_row_put(r, T_PEER, &p->id, p, UUID_NIL, f));
	if (!fresh)
		return ERR_OK;
	TRY(peer_key_seal(api_of(r)->peer_key, p->id, key, &sealed, f));
	p->key_sealed = buf_str(&sealed);
	enum err e = rest_row_put(r, T_PEER, &p->id, p, UUID_NIL, f);
	p->key_sealed = STR_NONE;
	return e;
}

static enum err org_known(struct http_req *r, uint64_t id, bool *known, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org o;
	TRY(store_read(api_of(r)->store, &t, f));
	*known = store_get(t, T_ORG, id, NULL, &o) == ERR_OK;
	return ERR_OK;
}

static enum err servers_add(struct http_req *r, struct fail *f)
{
	struct misp_peer p = {.org_id = me(r)->user.org_id,
			      .pull_rules = STR(NO_PULL_RULES),
			      .push_rules = STR(NO_PUSH_RULES)};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	json_t *body;
	bool known;
	if (rest_json(r, "Server", &body, f) != ERR_OK)
		return ERR_OK;
	take_members(r, body, &p);
	if (!p.remote_org_id) {
		if (json_object_get(body, "organisation_type"))
			rest_not_saved(r, "add", "Server", STR_NONE,
				       STR("{\"Organisation\":\"Remote Organisation's id\\/uuid not "
					   "given (remote_org_id)\"}"));
		else
			reply_error(r, 405, "No remote org ID set. Please pass it as remote_org_id");
		return ERR_OK;
	}
	TRY(org_known(r, p.remote_org_id, &known, f));
	if (!known) {
		rest_not_saved(r, "add", "Server", STR_NONE,
			       STR("{\"Organisation\":\"Invalid Remote Organisation\"}"));
		return ERR_OK;
	}
	struct str key = rest_text(r, body, "authkey"), fault = fault_of(r, &p, key, true);
	if (fault.p) {
		rest_not_saved(r, "add", "Server", STR_NONE, fault);
		return ERR_OK;
	}
	if (!p.priority) {
		TRY(store_read(api_of(r)->store, &t, f));
		p.priority = store_count(t, T_PEER) + 1;
		store_read_end(MOVE(t));
	}
	TRY(save(r, &p, key, f));
	answer_peer(r, &p, key);
	return ERR_OK;
}

static enum err servers_edit(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	json_t *body;
	if (rest_json(r, "Server", &body, f) != ERR_OK || !peer_of_path(r, &p, f))
		return ERR_OK;
	take_members(r, body, &p);
	struct str key = rest_text(r, body, "authkey"), fault = fault_of(r, &p, key, false);
	if (fault.p) {
		me(r)->url = STR("/servers/edit");
		rest_not_saved(r, "edit", "Server", STR_NONE,
			       str_find(fault, STR("authkey")) >= 0 ? STR("null") : fault);
		return ERR_OK;
	}
	TRY(save(r, &p, key, f));
	answer_peer(r, &p, key);
	return ERR_OK;
}

/* The url and id of this answer are as recorded. */
static enum err servers_delete(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_PEER, p.id, UUID_NIL, f));
	me(r)->url = STR("/servers/delete/Server deleted");
	rest_saved(r, STR("Server deleted"), "Server deleted");
	return ERR_OK;
}

static enum err instance_uuid(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uuid, "uuid", store_node_uuid(api_of(r)->store));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- pulling ---- */

struct pull {
	struct peer_pull_opts o;
	struct peer_pull_result res;
	struct long_job *job;
	struct fail why;
	enum err err;
};

static void on_progress(void *user, const struct intake_progress *p)
{
	struct pull *x = user;
	intake_line_progress(x->job, p);
}

static void on_problem(void *user, const struct intake_problem *p)
{
	struct pull *x = user;
	intake_line_problem(x->job, &x->res.n, p);
}

static void result_line(struct pull *x)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	const struct peer_pull_result *res = &x->res;
	if (x->err != ERR_OK) {
		long_job_error(x->job, x->err, x->why.text);
		return;
	}
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "version", res->version);
	JSONW_KV(&w, jsonw_bool, "whole_index", res->whole_index);
	JSONW_KV(&w, jsonw_uint, "listed", res->n.listed);
	JSONW_KV(&w, jsonw_uint, "current", res->n.current);
	JSONW_KV(&w, jsonw_uint, "local", res->local);
	JSONW_KV(&w, jsonw_uint, "blocked", res->blocked);
	intake_line_counts(&w, &res->n);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void pull_run(struct long_job *j, void *arg)
{
	struct pull *x = arg;
	x->job = j;
	x->o.cancelled = long_job_cancelled(j);
	x->err = peer_pull_run(&x->o, &x->res, &x->why);
	result_line(x);
}

static void answer_pulled(struct http_req *r, const struct pull *x, uint64_t id)
{
	const struct peer_pull_result *res = &x->res;
	me(r)->url = arena_printf(r->arena, "/servers/pull/%llu", (unsigned long long)id);
	if (x->err != ERR_OK) {
		rest_not_saved(r, "pull", "Server", rest_id(r, id), rest_quoted(r, x->why.text));
		return;
	}
	rest_saved(r, rest_id(r, id),
		   "Pull completed. %llu events pulled, %llu events could not be pulled, 0 proposals "
		   "pulled, 0 sightings pulled, 0 clusters pulled, 0 analyst data pulled.",
		   (unsigned long long)(res->n.added + res->n.updated),
		   (unsigned long long)(res->n.failed + res->n.refused));
}

static struct peer_pull_opts pull_opts(struct http_req *r, const struct misp_peer *p)
{
	const struct api *api = api_of(r);
	return (struct peer_pull_opts){.in = &api->ingest,
				       .key = api->peer_key,
				       .peer_id = p->id,
				       .user_id = me(r)->user.id,
				       .client = {.proxy = api->conf->proxy},
				       .node_version = PACKAGE_VERSION,
				       .max_event_bytes = api->max_event_bytes};
}

/* What is asked for: full (as MISP: the index decides), update, or one event by its UUID. `?all=1`
   is our own: leave the cursor aside. */
static bool technique(struct http_req *r, struct peer_pull_opts *o)
{
	struct str t = req_arg(r, "technique");
	o->full = req_query(r, "all").n;
	return !t.n || str_is(t, "full") || str_is(t, "update") || uuid_parse(t, &o->only);
}

static enum err servers_pull(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct misp_peer p;
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	struct pull *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = pull_opts(r, &p);
	x->o.progress = on_progress;
	x->o.problem = on_problem;
	x->o.user = x;
	const char *fault = !p.pull		   ? "Pulling from this server is not enabled."
			    : technique(r, &x->o) ? NULL
						   : "Invalid pull technique.";
	if (fault) {
		free(x);
		reply_error(r, 405, "%s", fault);
		return ERR_OK;
	}
	enum err e;
	if (req_query(r, "progress").n) {
		e = long_job_stream(&api->jobs, r, "peer", p.id, pull_run, x, free, f);
	} else {
		e = long_job_here(&api->jobs, "peer", p.id, pull_run, x, f);
		if (e == ERR_OK)
			answer_pulled(r, x, p.id);
		free(x);
	}
	if (e != ERR_BUSY)
		return e;
	rest_not_saved(r, "pull", "Server", rest_id(r, p.id), rest_quoted(r, "A pull is running."));
	return ERR_OK;
}

/* MISP's numbers: 1 fine, 2 not reachable, 4 key not accepted. */
static enum err test_connection(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	struct fail why = {0};
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	struct peer_pull_opts o = pull_opts(r, &p);
	struct peer_pull_result *res = calloc(1, sizeof(*res));
	if (!res)
		return fail(f, ERR_NOMEM, "no memory");
	o.client.connect_ms = 10000;
	enum err e = peer_hello(&o, res, &why);
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_int, "status", e == ERR_OK ? 1 : e == ERR_AUTH ? 4 : 2);
	if (e == ERR_OK)
		JSONW_KV(&w, jsonw_c, "version", res->version);
	else
		JSONW_KV(&w, jsonw_str, "client_certificate", STR_NONE);
	jsonw_obj_end(&w);
	free(res);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_servers_index = {
	.methods = HTTP_ANY,
	.path = "/servers/index/:ignored",
	.auth = perm_site_admin,
	.run = servers_index,
	.shape = "Servers",
	.doc = "The peers; a number behind it changes nothing (recorded)",
};
const struct endpoint ep_servers_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/servers/add",
	.auth = perm_site_admin,
	.run = servers_add,
	.shape = "Server",
	.doc = "Add a peer",
};
const struct endpoint ep_servers_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/servers/edit/:id",
	.auth = perm_site_admin,
	.run = servers_edit,
	.shape = "Server",
	.doc = "Change a peer",
};
const struct endpoint ep_servers_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/servers/delete/:id",
	.auth = perm_site_admin,
	.run = servers_delete,
	.shape = "Saved",
	.doc = "Remove a peer; what it brought stays",
};
const struct endpoint ep_servers_pull = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/pull/:id/:technique",
	.auth = perm_site_admin,
	.run = servers_pull,
	.shape = "Saved",
	.doc = "Pull from a peer now; ?progress=1 answers a line for each step (our own)",
};
const struct endpoint ep_servers_test = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/testConnection/:id",
	.auth = perm_site_admin,
	.run = test_connection,
	.shape = "Connection",
	.doc = "Is a peer there, and does it accept our key?",
};
const struct endpoint ep_servers_instance_uuid = {
	.methods = HTTP_ANY,
	.path = "/servers/getInstanceUUID",
	.run = instance_uuid,
	.shape = "UUID",
	.doc = "UUID of this node",
};
