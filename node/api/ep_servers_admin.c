/*
 * ep_servers_admin.c - /servers: the peers of this node, as rows. Texts as recorded (wire/client,
 * servers).
 */
#include "api/crud.h"
#include "api/peer_rows.h"
#include "feeds/cache/cache.h"

#define NO_PULL_RULES                                                                              \
	"{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]},"                        \
	"\"type_attributes\":{\"NOT\":[]},\"type_objects\":{\"NOT\":[]},\"url_params\":\"\"}"
#define NO_PUSH_RULES "{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]}}"

/* ---- the list ---- */

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

/* The users here that are bound to the peer: what they read is cut by its push rules. */
static void shape_users(struct jsonw *w, const struct store_rtxn *t, uint64_t peer_id)
{
	struct misp_user u;
	uint64_t id = 0;
	jsonw_key(w, "User");
	jsonw_arr(w);
	while (store_next(t, T_USER, &id, NULL, &u) == ERR_OK) {
		if (u.server_id != peer_id)
			continue;
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", u.id);
		JSONW_KV(w, jsonw_uint_str, "org_id", u.org_id);
		JSONW_KV(w, jsonw_str, "email", u.email);
		JSONW_KV(w, jsonw_uint_str, "server_id", u.server_id);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

/* Our own: how the last runs went. Only for the tool (`?tocsin=1`). */
static void shape_state(struct jsonw *w, const struct store_rtxn *t, const struct misp_peer *p)
{
	struct misp_peerstate s;
	if (peer_state_read(t, p->id, PASS_PULL, NULL, &s) != ERR_OK)
		return;
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "interval_s", p->interval_s);
	peer_text_or_null(w, "pin", p->pin);
	JSONW_KV(w, jsonw_int, "suspended_until", p->suspended_until);
	peer_text_or_null(w, "suspend_reason", p->suspend_reason);
	JSONW_KV(w, jsonw_int, "last_try", s.last_try);
	JSONW_KV(w, jsonw_int, "last_success", s.last_success);
	JSONW_KV(w, jsonw_int, "next_try", s.next_try);
	JSONW_KV(w, jsonw_uint, "failures", s.failures);
	peer_text_or_null(w, "last_error", s.last_error);
	jsonw_obj_end(w);
}

/* When its values were cached, or false. */
static void put_cache_time(struct http_req *r, struct jsonw *w, uint64_t id)
{
	OWN(value_cache) struct value_cache c = {0};
	if (value_cache_open(api_of(r)->conf->data_dir, VALUE_CACHE_SERVER, id, &c) == ERR_OK)
		JSONW_KV(w, jsonw_int_str, "cache_timestamp", c.time);
	else
		JSONW_KV(w, jsonw_bool, "cache_timestamp", false);
}

static void put_row(struct http_req *r, struct jsonw *w, const struct store_rtxn *t, const void *row)
{
	const struct misp_peer *p = row;
	jsonw_obj(w);
	jsonw_key(w, "Server");
	jsonw_obj(w);
	peer_row_members(w, p, STR_NONE);
	put_cache_time(r, w, p->id);
	if (req_query(r, "tocsin").n)
		shape_state(w, t, p);
	jsonw_obj_end(w);
	shape_peer_org(w, "Organisation", t, p->org_id);
	shape_peer_org(w, "RemoteOrg", t, p->remote_org_id);
	shape_users(w, t, p->id);
	jsonw_obj_end(w);
}

static enum err servers_index(struct http_req *r, struct fail *f)
{
	return crud_list(r, &(struct crud_rows){T_PEER, &desc_misp_peer, .item = put_row}, f);
}

/* ---- adding and changing ---- */

/* Our own members; in an object of their own, so that MISP's stay MISP's. */
static void take_ours(struct http_req *r, const json_t *body, struct misp_peer *p)
{
	const json_t *ours = json_object_get(body, "tocsin");
	rest_take_u64(r, ours, "interval_s", &p->interval_s);
	rest_take_text(r, ours, "pin", &p->pin);
}

static void take_members(struct http_req *r, const json_t *body, struct misp_peer *p)
{
	rest_take_text(r, body, "name", &p->name);
	rest_take_text(r, body, "url", &p->url);
	rest_take_json(r, body, "push_rules", &p->push_rules);
	rest_take_json(r, body, "pull_rules", &p->pull_rules);
	rest_take_text(r, body, "cert_file", &p->cert_file);
	rest_take_text(r, body, "client_cert_file", &p->client_cert_file);
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
	take_ours(r, body, p);
}

/* remote_org_id as a number or a UUID; *known: is there such an organisation? */
static enum err take_org(struct http_req *r, const json_t *body, struct misp_peer *p, bool *known,
			 struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str text = rest_text(r, body, "remote_org_id");
	struct misp_org o;
	struct uuid u;
	uint64_t id = p->remote_org_id;
	enum err e = ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	if (text.p && uuid_parse(text, &u))
		e = store_find(t, IX_ORG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id);
	else if (text.p && !str_u64(text, &id))
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = store_get(t, T_ORG, id, NULL, &o);
	*known = e == ERR_OK;
	if (*known)
		p->remote_org_id = id;
	return e == ERR_NOENT ? ERR_OK : e;
}

static void refused(struct http_req *r, const char *action, struct str errors)
{
	rest_not_saved(r, action, "Server", STR_NONE, errors);
}

#define UNKNOWN_ORG STR("{\"Organisation\":\"Invalid Remote Organisation\"}")

static enum err next_priority(struct http_req *r, uint64_t *priority, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (*priority)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	*priority = store_count(t, T_PEER) + 1;
	return ERR_OK;
}

static enum err servers_add(struct http_req *r, struct fail *f)
{
	struct misp_peer p = {.org_id = me(r)->user.org_id,
			      .pull_rules = STR(NO_PULL_RULES),
			      .push_rules = STR(NO_PUSH_RULES)};
	json_t *body;
	bool known;
	if (rest_json(r, "Server", &body, f) != ERR_OK)
		return ERR_OK;
	take_members(r, body, &p);
	if (!rest_text(r, body, "remote_org_id").n) {
		if (json_object_get(body, "organisation_type"))
			refused(r, "add",
				STR("{\"Organisation\":\"Remote Organisation's id\\/uuid not given "
				    "(remote_org_id)\"}"));
		else
			reply_error(r, 405, "No remote org ID set. Please pass it as remote_org_id");
		return ERR_OK;
	}
	TRY(take_org(r, body, &p, &known, f));
	struct str key = rest_text(r, body, "authkey"),
		   fault = known ? peer_row_fault(r, &p, key, true) : UNKNOWN_ORG;
	if (fault.p) {
		refused(r, "add", fault);
		return ERR_OK;
	}
	p.internal = p.internal && p.remote_org_id == api_of(r)->ingest.host_org_id;
	TRY(next_priority(r, &p.priority, f));
	TRY(peer_row_save(r, &p, key, f));
	peer_row_answer(r, &p, key);
	return ERR_OK;
}

/* What was covered says nothing at another place or under other rules. */
struct rewind {
	uint64_t id;
	bool pull, push;
};

static enum err rewind_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct rewind *x = arg;
	TRY(peer_state_rewind(w, x->id, PASS_PULL, x->pull, f));
	return peer_state_rewind(w, x->id, PASS_PUSH, x->push, f);
}

static enum err forget_cursors(struct http_req *r, const struct misp_peer *was,
			       const struct misp_peer *p, struct fail *f)
{
	bool moved = !str_eq(was->url, p->url) || was->internal != p->internal;
	struct rewind x = {
		.id = p->id,
		.pull = moved || !str_eq(was->pull_rules, p->pull_rules) || (p->pull && !was->pull),
		.push = moved || !str_eq(was->push_rules, p->push_rules) || (p->push && !was->push)};
	return rest_write(r, rewind_run, &x, f);
}

static enum err drop_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	return peer_state_drop(w, *(uint64_t *)arg, f);
}

static enum err servers_edit(struct http_req *r, struct fail *f)
{
	struct misp_peer p, was;
	json_t *body;
	bool known;
	if (rest_json(r, "Server", &body, f) != ERR_OK || !peer_of_path(r, &p, f))
		return ERR_OK;
	was = p;
	take_members(r, body, &p);
	TRY(take_org(r, body, &p, &known, f));
	struct str key = rest_text(r, body, "authkey"),
		   fault = known ? peer_row_fault(r, &p, key, false) : UNKNOWN_ORG;
	if (fault.p) {
		me(r)->url = STR("/servers/edit");
		refused(r, "edit", str_find(fault, STR("authkey")) >= 0 ? STR("null") : fault);
		return ERR_OK;
	}
	TRY(peer_row_save(r, &p, key, f));
	TRY(forget_cursors(r, &was, &p, f));
	peer_row_answer(r, &p, key);
	return ERR_OK;
}

/* The url and id of this answer are as recorded. */
static enum err servers_delete(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_PEER, p.id, UUID_NIL, f));
	value_cache_drop(api_of(r)->conf->data_dir, VALUE_CACHE_SERVER, p.id);
	TRY(rest_write(r, drop_run, &p.id, f));
	me(r)->url = STR("/servers/delete/Server deleted");
	rest_saved(r, STR("Server deleted"), "Server deleted");
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
	.takes = "ServerIn",
	.doc = "Add a peer",
};

const struct endpoint ep_servers_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/servers/edit/:id",
	.auth = perm_site_admin,
	.run = servers_edit,
	.shape = "Server",
	.takes = "ServerIn",
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
