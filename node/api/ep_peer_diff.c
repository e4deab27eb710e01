/*
 * ep_peer_diff.c - /tocsin/peers/diff: what this node and a peer do not have in common, line by line.
 */
#include <stdlib.h>

#include "api/long_job.h"
#include "api/peer_rows.h"
#include "sync/peer_diff.h"

struct diff_job {
	struct api *api;
	uint64_t peer_id;
	struct long_job *job;
	struct diff_result res;
};

static const char *const sides[] = {[DIFF_ONLY_HERE] = "only here",
				    [DIFF_ONLY_THERE] = "only there",
				    [DIFF_NEWER_HERE] = "newer here",
				    [DIFF_NEWER_THERE] = "newer there"};

static void on_item(void *user, const struct diff_item *item)
{
	struct diff_job *x = user;
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "item");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "side", sides[item->side]);
	JSONW_KV(&w, jsonw_uuid, "uuid", item->uuid);
	if (item->here)
		JSONW_KV(&w, jsonw_int, "here", item->here);
	if (item->there)
		JSONW_KV(&w, jsonw_int, "there", item->there);
	if (item->why)
		JSONW_KV(&w, jsonw_c, "why", item->why);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void run(struct long_job *j, void *arg)
{
	struct diff_job *x = arg;
	const struct api *api = x->api;
	const struct link_env env = {.store = api->store,
				     .key = api->peer_key,
				     .client = {.proxy = api->conf->proxy},
				     .node_version = PACKAGE_VERSION,
				     .host_org_id = api->ingest.host_org_id,
				     .cancelled = long_job_cancelled(j)};
	struct fail why = {0};
	x->job = j;
	enum err e = peer_diff(&env, &api->egress, x->peer_id, on_item, x, &x->res, &why);
	if (e != ERR_OK) {
		long_job_error(j, e, why.text);
		return;
	}
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "same", x->res.same);
	JSONW_KV(&w, jsonw_uint, "only_here", x->res.n[DIFF_ONLY_HERE]);
	JSONW_KV(&w, jsonw_uint, "only_there", x->res.n[DIFF_ONLY_THERE]);
	JSONW_KV(&w, jsonw_uint, "newer_here", x->res.n[DIFF_NEWER_HERE]);
	JSONW_KV(&w, jsonw_uint, "newer_there", x->res.n[DIFF_NEWER_THERE]);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), false);
}

/* Beside a run of the peer: it only looks. */
static enum err peers_diff(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_named(r, &p, f))
		return ERR_OK;
	struct diff_job *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->api = api_of(r);
	x->peer_id = p.id;
	enum err e = long_job_stream(&api_of(r)->jobs, r, "peer diff", p.id, run, x, free, f);
	if (e == ERR_BUSY) {
		reply_error(r, 409, "This peer is being compared already.");
		e = ERR_OK;
	}
	return e;
}

const struct endpoint ep_peers_diff = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/peers/diff/:id",
	.auth = perm_site_admin,
	.run = peers_diff,
	.shape = "Lines",
	.doc = "What this node and a peer do not have in common, line by line",
};
