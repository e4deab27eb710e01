/*
 * ep_servers_run.c - /servers/pull and /servers/push: runs of a peer that somebody asks for. Texts as
 * recorded (wire/sync, client-role-actions).
 */
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/peer_ask.h"
#include "api/peer_rows.h"
#include "base/clock.h"

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
		if (e == ERR_OK)
			answer(r, x);
		free(x);
	}
	if (e != ERR_BUSY)
		return e;
	rest_not_saved(r, action, "Server", rest_id(r, id),
		       rest_quoted(r, "A run of this peer is going on."));
	return ERR_OK;
}

static void refused(struct http_req *r, const char *action, uint64_t id, const char *text)
{
	rest_not_saved(r, action, "Server", rest_id(r, id), rest_quoted(r, text));
}

static unsigned long long taken(const struct pass_count *n)
{
	return n->added + n->updated;
}

/* Answered when the administrator has suspended the peer. */
static bool is_suspended(struct http_req *r, const struct misp_peer *p)
{
	if (p->suspended_until <= clock_now())
		return false;
	reply_error(r, 405, "The peer is suspended%s%.*s.", p->suspend_reason.n ? ": " : "",
		    STR_ARG(p->suspend_reason));
	return true;
}

/* ---- pulling ---- */

static void answer_pulled(struct http_req *r, const struct run *x)
{
	const struct pass_count *n = x->res.n;
	if (x->err != ERR_OK) {
		refused(r, "pull", x->o.peer_id, x->why.text);
		return;
	}
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

/* An event of the peer by its number there: asked for its UUID, by which all else goes. */
static enum err numbered(struct http_req *r, struct pass_opts *o, struct fail *f)
{
	struct ask a;
	struct ask_heads heads;
	OWN(json_ref) json_t *j = NULL;
	char path[100];
	snprintf(path, sizeof(path), "/events/view/%.*s/metadata:1/excludeGalaxy:1",
		 STR_ARG(req_arg(r, "technique")));
	enum err e = ask_open(r, &a, 0, f);
	if (e == ERR_OK)
		e = ask_json(&a.link, path, NULL, &heads, &j, f);
	ask_close(&a);
	TRY(e);
	o->technique = PASS_ONE;
	return uuid_parse(rest_text(r, json_object_get(j, "Event"), "uuid"), &o->only)
		       ? ERR_OK
		       : fail(f, ERR_PEER, "the peer's event has no UUID");
}

static enum err servers_pull(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	struct fail why = {0};
	uint64_t number;
	if (!peer_of_path(r, &p, f) || is_suspended(r, &p))
		return ERR_OK;
	struct run *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = peer_run_opts(r, &p);
	bool known = pull_technique(r, &x->o);
	if (!known && p.pull && str_u64(req_arg(r, "technique"), &number)) {
		known = true;
		if (numbered(r, &x->o, &why) != ERR_OK) {
			free(x);
			me(r)->url = arena_printf(r->arena, "/servers/pull/%llu",
						  (unsigned long long)p.id);
			refused(r, "pull", p.id, why.text);
			return ERR_OK;
		}
	}
	if (p.pull && known)
		return run(r, x, "pull", answer_pulled, f);
	free(x);
	me(r)->url = arena_printf(r->arena, "/servers/pull/%llu", (unsigned long long)p.id);
	if (known)
		reply_error(r, 405, "Pulling from this server is not enabled.");
	else
		refused(r, "pull", p.id,
			arena_cstr(r->arena, arena_printf(r->arena, "Invalid pull technique `%.*s`.",
							  STR_ARG(req_arg(r, "technique")))));
	return ERR_OK;
}

/* ---- pushing ---- */

/* A link that cannot be used is told without its number (recorded). */
static void answer_pushed(struct http_req *r, const struct run *x)
{
	const struct pass_count *n = &x->res.n[PASS_EVENT];
	if (x->err == ERR_OK) {
		rest_saved(r, rest_id(r, x->o.peer_id),
			   "Push complete. %llu events pushed, %llu events could not be pushed.",
			   taken(n), (unsigned long long)(n->refused + n->failed));
		return;
	}
	me(r)->url = STR("/servers/push");
	rest_not_saved(r, "push", "Server", STR_NONE,
		       rest_quoted(r, arena_cstr(r->arena,
						 arena_printf(r->arena,
							      "Error: Connection to the server has failed. "
							      "The returned exception's error message "
							      "was: %s",
							      x->why.text))));
}

/* The UUID of one of our events by its number; false when there is none. */
static bool event_uuid(struct http_req *r, struct str number, struct uuid *u)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event e;
	struct fail ignored = {0};
	uint64_t id;
	if (!str_u64(number, &id) || store_read(api_of(r)->store, &t, &ignored) != ERR_OK ||
	    store_get(t, T_EVENT, id, NULL, &e) != ERR_OK)
		return false;
	*u = e.uuid;
	return true;
}

static bool push_technique(struct http_req *r, struct pass_opts *o)
{
	struct str t = req_arg(r, "technique");
	o->direction = PASS_PUSH;
	o->all = req_query(r, "all").n;
	if (str_is(t, "incremental"))
		o->technique = PASS_INCREMENTAL;
	else if (uuid_parse(t, &o->only) || event_uuid(r, t, &o->only))
		o->technique = PASS_ONE;
	else
		o->technique = PASS_FULL;
	return o->technique != PASS_FULL || !t.n || str_is(t, "full");
}

static enum err servers_push(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_of_path(r, &p, f) || is_suspended(r, &p))
		return ERR_OK;
	struct run *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = peer_run_opts(r, &p);
	bool known = push_technique(r, &x->o);
	if (known && (p.push || p.push_sightings || p.push_galaxy_clusters || p.push_analyst_data))
		return run(r, x, "push", answer_pushed, f);
	free(x);
	me(r)->url = arena_printf(r->arena, "/servers/push/%llu", (unsigned long long)p.id);
	if (known)
		reply_error(r, 405, "Pushing to this server is not enabled.");
	else
		refused(r, "push", p.id,
			"Technique parameter must be 'full', 'incremental' or the ID of an event");
	return ERR_OK;
}

/* ---- previews ---- */

/* Also of a direction that is off: that is what previews are for. */
static enum err peers_preview(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	struct str d = req_arg(r, "direction");
	if (!peer_named(r, &p, f))
		return ERR_OK;
	if (!str_is(d, "pull") && !str_is(d, "push")) {
		reply_error(r, 404, "a preview is of pull or push");
		return ERR_OK;
	}
	struct run *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = peer_run_opts(r, &p);
	x->o.preview = true;
	x->o.direction = str_is(d, "pull") ? PASS_PULL : PASS_PUSH;
	x->o.technique = PASS_FULL;
	x->o.all = req_query(r, "all").n;
	x->o.progress = on_progress;
	x->o.item = on_item;
	x->o.user = x;
	enum err e = long_job_stream(&api_of(r)->jobs, r, "peer", p.id, job, x, free, f);
	if (e != ERR_BUSY)
		return e;
	reply_error(r, 409, "A run of this peer is going on.");
	return ERR_OK;
}

const struct endpoint ep_servers_pull = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/pull/:id/:technique",
	.auth = perm_site_admin,
	.run = servers_pull,
	.shape = "Ran",
	.doc = "Pull from a peer now; ?progress=1 answers a line for each step (our own)",
};
const struct endpoint ep_servers_push = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/push/:id/:technique",
	.auth = perm_site_admin,
	.run = servers_push,
	.shape = "Ran",
	.doc = "Push to a peer now; ?progress=1 answers a line for each step (our own)",
};
const struct endpoint ep_peers_preview = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/peers/preview/:id/:direction",
	.auth = perm_site_admin,
	.run = peers_preview,
	.shape = "Lines",
	.doc = "What a pull or push would move and what not, line by line; changes nothing",
};
