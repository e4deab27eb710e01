/*
 * ep_servers_cache.c - /servers/cache: which values peers know, as digests, to look values up in
 * (includeServerCorrelations). Their events are not taken in.
 */
#include "api/long_job.h"
#include "api/peer_ask.h"
#include "sync/peer_cache.h"

#define PEERS_MAX 1000u

struct caching {
	struct link_env env;
	const char *dir;
	uint64_t id;
	struct fail why;
	enum err err;
};

static void run(struct long_job *j, void *arg)
{
	struct caching *x = arg;
	x->env.cancelled = long_job_cancelled(j);
	x->err = peer_cache_make(&x->env, x->id, x->dir, NULL, &x->why);
}

struct wanted {
	uint64_t id;
	struct str name;
};

/* "all": those whose caching is on; a number: that one. */
static size_t wanted(struct http_req *r, struct str scope, struct wanted *v, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer p;
	uint64_t id = 0, only = 0;
	size_t n = 0;
	bool one = str_u64(scope, &only);
	if (store_read(api_of(r)->store, &t, f) != ERR_OK)
		return 0;
	while (n < PEERS_MAX && store_next(t, T_PEER, &id, NULL, &p) == ERR_OK)
		if (one ? id == only : p.caching_enabled)
			v[n++] = (struct wanted){id, arena_str(r->arena, p.name)};
	return n;
}

static enum err one(struct http_req *r, const struct wanted *w, struct caching *x, struct fail *f)
{
	const struct api *api = api_of(r);
	*x = (struct caching){.env = {.store = api->store,
				      .key = api->peer_key,
				      .client = client_opts_of(api->conf),
				      .node_version = PACKAGE_VERSION,
				      .host_org_id = api->ingest.host_org_id},
			      .dir = api->conf->data_dir,
			      .id = w->id};
	enum err e = long_job_here(&api_of(r)->jobs, "peer cache", w->id, run, x, f);
	if (e == ERR_BUSY)
		x->err = fail(&x->why, e, "it is being cached already");
	return e == ERR_BUSY ? ERR_OK : e;
}

static enum err cache(struct http_req *r, struct fail *f)
{
	struct str scope = req_arg(r, "id").n ? req_arg(r, "id") : STR("all");
	struct wanted *v = ARENA_ARRAY(r->arena, struct wanted, PEERS_MAX);
	OWN(buf) struct buf failed = BUF(64u << 10);
	struct caching x;
	uint64_t number;
	bool known = str_is(scope, "all") || str_u64(scope, &number);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	size_t n = known ? wanted(r, scope, v, f) : 0;
	if (!known || (!n && !str_is(scope, "all"))) {
		reply_error(r, 404, "Invalid server.");
		return ERR_OK;
	}
	me(r)->url = STR("/servers/cache");
	for (size_t i = 0; i < n && !req_cancelled(r); i++) {
		TRY(one(r, &v[i], &x, f));
		if (x.err != ERR_OK)
			buf_printf(&failed, "%s%.*s: %s.", failed.n ? " " : "", STR_ARG(v[i].name), x.why.text);
	}
	if (!failed.n) {
		rest_saved(r, STR_NONE, "Caching the servers has successfully completed.");
		return ERR_OK;
	}
	buf_putc(&failed, '\0');
	rest_not_saved(r, "cache", "Server", STR_NONE,
		       rest_quoted(r, buf_err(&failed) == ERR_OK ? failed.p : "Several peers have failed."));
	return ERR_OK;
}

const struct endpoint ep_servers_cache = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/cache/:id",
	.auth = perm_site_admin,
	.run = cache,
	.shape = "Saved",
	.doc = "Fetch the digests of what a peer, or all whose caching is on, let us see, to look values up in",
};
