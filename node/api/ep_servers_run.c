/*
 * ep_servers_run.c - /servers/pull and /servers/push: runs of a peer that somebody asks for. Texts as
 * recorded (wire/sync, client-role-actions).
 */
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/peer_rows.h"

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
	x->o = peer_run_opts(r, &p);
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

const struct endpoint ep_servers_pull = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/pull/:id/:technique",
	.auth = perm_site_admin,
	.run = servers_pull,
	.shape = "Saved",
	.doc = "Pull from a peer now; ?progress=1 answers a line for each step (our own)",
};
