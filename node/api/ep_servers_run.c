/*
 * ep_servers_run.c - /servers/pull and /servers/push: runs of a peer that somebody asks for. Texts as
 * recorded (wire/sync, client-role-actions).
 */
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/peer_rows.h"

struct run {
	struct pass_opts o;
	struct pass_result res;
	struct long_job *job;
	unsigned told; /* of what did not travel */
	struct fail why;
	enum err err;
};

static void on_progress(void *user, const struct intake_progress *p)
{
	struct run *x = user;
	intake_line_progress(x->job, p);
}

static void on_item(void *user, const struct pass_item *item)
{
	struct run *x = user;
	if (x->o.preview || x->told++ < INTAKE_PROBLEMS_MAX)
		intake_line_item(x->job, item);
}

static void result_line(struct run *x)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	if (x->err != ERR_OK) {
		long_job_error(x->job, x->err, x->why.text);
		return;
	}
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	intake_line_pass(&w, &x->res);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void job(struct long_job *j, void *arg)
{
	struct run *x = arg;
	x->job = j;
	x->o.cancelled = long_job_cancelled(j);
	x->err = pass_run(&x->o, &x->res, &x->why);
	result_line(x);
}

/* Run and answer: a line for each step when the caller wants them, else MISP's text at the end. */
static enum err run(struct http_req *r, struct run *x, const char *action,
		    void (*answer)(struct http_req *r, const struct run *x), struct fail *f)
{
	struct api *api = api_of(r);
	uint64_t id = x->o.peer_id;
	x->o.progress = on_progress;
	x->o.item = on_item;
	x->o.user = x;
	enum err e;
	if (req_query(r, "progress").n) {
		e = long_job_stream(&api->jobs, r, "peer", id, job, x, free, f);
	} else {
		e = long_job_here(&api->jobs, "peer", id, job, x, f);
		me(r)->url = arena_printf(r->arena, "/servers/%s/%llu", action, (unsigned long long)id);
		if (e == ERR_OK && x->err != ERR_OK)
			rest_not_saved(r, action, "Server", rest_id(r, id),
				       rest_quoted(r, x->why.text));
		else if (e == ERR_OK)
			answer(r, x);
		free(x);
	}
	if (e != ERR_BUSY)
		return e;
	rest_not_saved(r, action, "Server", rest_id(r, id),
		       rest_quoted(r, "A run of this peer is going on."));
	return ERR_OK;
}

static unsigned long long taken(const struct pass_count *n)
{
	return n->added + n->updated;
}

/* ---- pulling ---- */

static void answer_pulled(struct http_req *r, const struct run *x)
{
	const struct pass_count *n = x->res.n;
	rest_saved(r, rest_id(r, x->o.peer_id),
		   "Pull completed. %llu events pulled, %llu events could not be pulled, %llu proposals "
		   "pulled, %llu sightings pulled, %llu clusters pulled, %llu analyst data pulled.",
		   taken(&n[PASS_EVENT]),
		   (unsigned long long)(n[PASS_EVENT].failed + n[PASS_EVENT].refused),
		   taken(&n[PASS_PROPOSAL]), taken(&n[PASS_SIGHTING]), taken(&n[PASS_CLUSTER]),
		   taken(&n[PASS_ANALYST]));
}

/* What is asked for. `?all=1` is our own: leave the cursor aside. */
static bool pull_technique(struct http_req *r, struct pass_opts *o)
{
	struct str t = req_arg(r, "technique");
	o->direction = PASS_PULL;
	o->all = req_query(r, "all").n;
	o->technique = str_is(t, "update")		     ? PASS_UPDATE
		       : str_is(t, "pull_relevant_clusters") ? PASS_CLUSTERS
		       : uuid_parse(t, &o->only)	     ? PASS_ONE
							     : PASS_FULL;
	return o->technique != PASS_FULL || !t.n || str_is(t, "full");
}

static enum err servers_pull(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	struct run *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = peer_run_opts(r, &p);
	const char *fault = !p.pull			? "Pulling from this server is not enabled."
			    : pull_technique(r, &x->o) ? NULL
							: "Invalid pull technique.";
	if (!fault)
		return run(r, x, "pull", answer_pulled, f);
	free(x);
	reply_error(r, 405, "%s", fault);
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
