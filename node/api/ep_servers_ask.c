/*
 * ep_servers_ask.c - /servers: questions to a peer itself, as an administrator asks them. Status
 * numbers and members are those of sync-protocol.md 13.1.
 */
#include "api/peer_rows.h"

/* MISP's numbers: 1 fine, 2 not reachable, 4 key not accepted. */
static enum err test_connection(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	struct fail why = {0};
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	struct pass_opts o = peer_run_opts(r, &p);
	struct pass_result *res = calloc(1, sizeof(*res));
	if (!res)
		return fail(f, ERR_NOMEM, "no memory");
	o.client.connect_ms = 10000;
	enum err e = pass_hello(&o, res, &why);
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_int, "status", e == ERR_OK ? 1 : e == ERR_AUTH ? 4 : 2);
	if (e == ERR_OK)
		JSONW_KV(&w, jsonw_c, "version", res->hello.version);
	else
		JSONW_KV(&w, jsonw_str, "client_certificate", STR_NONE);
	jsonw_obj_end(&w);
	free(res);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_servers_test = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/testConnection/:id",
	.auth = perm_site_admin,
	.run = test_connection,
	.shape = "Connection",
	.doc = "Is a peer there, and does it accept our key?",
};
