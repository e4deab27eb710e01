/*
 * ep_servers_import.c - /servers/createSync and /servers/import: what two administrators hand each
 * other to make a link, and who this node is.
 */
#include "api/peer_rows.h"

#include "ingest/ingest.h"

/* ---- what the other side is given ---- */

/* The key that the request itself came with: no other is known in the clear. */
static struct str own_key(struct http_req *r)
{
	struct str key = req_header(r, "X-MISP-AUTH");
	return str_trim(key.p ? key : req_header(r, "Authorization"));
}

static enum err create_sync(struct http_req *r, struct fail *f)
{
	const struct api *api = api_of(r);
	(void)f;
	if (may(r, perm_site_admin)) {
		reply_error(r, 405,
			    "Site admin accounts cannot be used to create server sync "
			    "configurations.");
		return ERR_OK;
	}
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Server");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "url", api->base_url);
	JSONW_KV(&w, jsonw_uuid, "uuid", store_node_uuid(api->store));
	JSONW_KV(&w, jsonw_str, "authkey", own_key(r));
	jsonw_key(&w, "Organisation");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "name", api->egress.host_org_name);
	JSONW_KV(&w, jsonw_uuid, "uuid", api->egress.host_org);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- taking it ---- */

struct org_job {
	struct misp_org org;
	uint64_t id;
};

static enum err run_org(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct org_job *j = arg;
	return ingest_org_capture(w, &j->org, false, &j->id, f);
}

/* The peer is made switched off and without rules, as MISP does. */
static enum err servers_import(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer p = {.org_id = me(r)->user.org_id,
			      .pull_rules = STR("[]"),
			      .push_rules = STR("[]")};
	struct org_job j = {.id = 0};
	json_t *body;
	if (rest_json(r, "Server", &body, f) != ERR_OK)
		return ERR_OK;
	const json_t *org = json_object_get(body, "Organisation");
	rest_take_text(r, body, "url", &p.url);
	p.name = p.url;
	rest_take_text(r, body, "name", &p.name);
	j.org.name = rest_text(r, org, "name");
	if (!j.org.name.n || !uuid_parse(rest_text(r, org, "uuid"), &j.org.uuid)) {
		rest_not_saved(r, "import", "Server", STR_NONE,
			       STR("{\"Organisation\":\"Invalid Remote Organisation\"}"));
		return ERR_OK;
	}
	struct str key = rest_text(r, body, "authkey"), fault = peer_row_fault(r, &p, key, true);
	if (fault.p) {
		rest_not_saved(r, "import", "Server", STR_NONE, fault);
		return ERR_OK;
	}
	TRY(rest_write(r, run_org, &j, f));
	p.remote_org_id = j.id;
	TRY(store_read(api_of(r)->store, &t, f));
	p.priority = store_count(t, T_PEER) + 1;
	store_read_end(MOVE(t));
	TRY(peer_row_save(r, &p, key, f));
	peer_row_answer(r, &p, key);
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

const struct endpoint ep_servers_instance_uuid = {
	.methods = HTTP_ANY,
	.path = "/servers/getInstanceUUID",
	.run = instance_uuid,
	.shape = "UUID",
	.doc = "UUID of this node",
};
const struct endpoint ep_servers_create_sync = {
	.methods = HTTP_ANY,
	.path = "/servers/createSync",
	.auth = perm_sync,
	.run = create_sync,
	.shape = "Server",
	.doc = "What the other side's servers/import wants, with the key of the caller",
};
const struct endpoint ep_servers_import = {
	.methods = HTTP_POST,
	.path = "/servers/import",
	.auth = perm_site_admin,
	.run = servers_import,
	.shape = "Server",
	.takes = "ServerIn",
	.doc = "Add a peer from its createSync, switched off",
};
