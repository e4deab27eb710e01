/*
 * ep_feeds.c - /feeds: the feeds that this node takes in. Texts as recorded (wire/client, feeds).
 */
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/rest.h"
#include "model/pack.h"
#include "sync/feed_fetch.h"

#define NO_RULES                                                                                   \
	"{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]},\"url_params\":\"\"}"

/* ---- forms ---- */

static void text_or_null(struct jsonw *w, const char *key, struct str s)
{
	JSONW_KV(w, jsonw_str, key, s.n ? s : STR_NONE);
}

static void shape_feed_members(struct jsonw *w, const struct misp_feed *d)
{
	JSONW_KV(w, jsonw_uint_str, "id", d->id);
	JSONW_KV(w, jsonw_str, "name", d->name);
	JSONW_KV(w, jsonw_str, "provider", d->provider);
	JSONW_KV(w, jsonw_str, "url", d->url);
	text_or_null(w, "rules", d->rules);
	JSONW_KV(w, jsonw_bool, "enabled", d->enabled);
	JSONW_KV(w, jsonw_uint_str, "distribution", d->distribution);
	JSONW_KV(w, jsonw_uint_str, "sharing_group_id", d->sharing_group_id);
	JSONW_KV(w, jsonw_uint_str, "tag_id", d->tag_id);
	JSONW_KV(w, jsonw_bool, "default", d->default_);
	JSONW_KV(w, jsonw_str, "source_format", d->source_format);
	JSONW_KV(w, jsonw_bool, "fixed_event", d->fixed_event);
	JSONW_KV(w, jsonw_bool, "delta_merge", d->delta_merge);
	JSONW_KV(w, jsonw_uint_str, "event_id", d->event_id);
	JSONW_KV(w, jsonw_bool, "publish", d->publish);
	JSONW_KV(w, jsonw_bool, "override_ids", d->override_ids);
	text_or_null(w, "settings", d->settings);
	JSONW_KV(w, jsonw_str, "input_source", d->input_source);
	JSONW_KV(w, jsonw_bool, "delete_local_file", d->delete_local_file);
	JSONW_KV(w, jsonw_bool, "lookup_visible", d->lookup_visible);
	text_or_null(w, "headers", d->headers);
	JSONW_KV(w, jsonw_bool, "caching_enabled", d->caching_enabled);
	JSONW_KV(w, jsonw_bool, "force_to_ids", d->force_to_ids);
	JSONW_KV(w, jsonw_uint_str, "orgc_id", d->orgc_id);
	JSONW_KV(w, jsonw_str, "tag_collection_id",
		 d->tag_collection_id.n ? d->tag_collection_id : STR("0"));
}

/* Our own: how the last runs went. Only for the tool (`?tocsin=1`), clients of MISP do not know it. */
static void shape_state(struct jsonw *w, const struct misp_feed *d)
{
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "interval_s", d->interval_s);
	JSONW_KV(w, jsonw_int, "last_try", d->last_try);
	JSONW_KV(w, jsonw_int, "last_success", d->last_success);
	text_or_null(w, "last_error", d->last_error);
	jsonw_obj_end(w);
}

static void answer_feed(struct http_req *r, const struct misp_feed *d, bool view)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Feed");
	jsonw_obj(&w);
	shape_feed_members(&w, d);
	if (view) {
		JSONW_KV(&w, jsonw_uint, "cached_elements", 0);
		JSONW_KV(&w, jsonw_c, "coverage_by_other_feeds", "0%");
	}
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* ---- reading ---- */

/* The feed of the path, copied; or answered. */
static bool feed_of_path(struct http_req *r, const char *text, struct misp_feed *d, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed row;
	uint64_t id;
	if (str_u64(req_arg(r, "id"), &id) && store_read(api_of(r)->store, &t, f) == ERR_OK &&
	    store_get(t, T_FEED, id, r->arena, &row) == ERR_OK &&
	    (may(r, perm_site_admin) || row.lookup_visible) &&
	    entity_copy(r->arena, &desc_misp_feed, &row, d) == ERR_OK)
		return true;
	reply_error(r, 404, "%s", text);
	return false;
}

static enum err feeds_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	uint64_t id = 0;
	bool admin = may(r, perm_site_admin), state = req_query(r, "tocsin").n;
	enum err e;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_FEED, &id, r->arena, &d)) == ERR_OK) {
		if (!admin && !d.lookup_visible)
			continue;
		jsonw_obj(&w);
		jsonw_key(&w, "Feed");
		jsonw_obj(&w);
		shape_feed_members(&w, &d);
		if (admin)
			JSONW_KV(&w, jsonw_bool, "cache_timestamp", false);
		if (admin && state)
			shape_state(&w, &d);
		jsonw_obj_end(&w);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err feeds_view(struct http_req *r, struct fail *f)
{
	struct misp_feed d;
	if (feed_of_path(r, "Invalid Feed.", &d, f))
		answer_feed(r, &d, true);
	return ERR_OK;
}

/* ---- adding and changing ---- */

static void take_members(struct http_req *r, const json_t *body, struct misp_feed *d)
{
	uint64_t distribution = d->distribution;
	rest_take_text(r, body, "name", &d->name);
	rest_take_text(r, body, "provider", &d->provider);
	rest_take_text(r, body, "url", &d->url);
	rest_take_text(r, body, "source_format", &d->source_format);
	rest_take_text(r, body, "input_source", &d->input_source);
	rest_take_text(r, body, "headers", &d->headers);
	rest_take_text(r, body, "tag_collection_id", &d->tag_collection_id);
	rest_take_json(r, body, "rules", &d->rules);
	rest_take_json(r, body, "settings", &d->settings);
	rest_take_flag(body, "enabled", &d->enabled);
	rest_take_flag(body, "default", &d->default_);
	rest_take_flag(body, "fixed_event", &d->fixed_event);
	rest_take_flag(body, "delta_merge", &d->delta_merge);
	rest_take_flag(body, "publish", &d->publish);
	rest_take_flag(body, "override_ids", &d->override_ids);
	rest_take_flag(body, "delete_local_file", &d->delete_local_file);
	rest_take_flag(body, "lookup_visible", &d->lookup_visible);
	rest_take_flag(body, "caching_enabled", &d->caching_enabled);
	rest_take_flag(body, "force_to_ids", &d->force_to_ids);
	rest_take_u64(r, body, "distribution", &distribution);
	rest_take_u64(r, body, "sharing_group_id", &d->sharing_group_id);
	rest_take_u64(r, body, "tag_id", &d->tag_id);
	rest_take_u64(r, body, "orgc_id", &d->orgc_id);
	/* our own: seconds between two fetches by the schedule; 0: as the node does */
	rest_take_u64(r, body, "interval_s", &d->interval_s);
	d->distribution = (uint8_t)MIN(distribution, (uint64_t)255);
	/* a changed place or rule makes what was remembered of the manifest worthless */
	d->manifest_etag = STR("");
}

static const char *fault_of(const struct misp_feed *d, const char **field)
{
	*field = "url";
	bool remote = str_has_prefix(d->url, STR("http://")) ||
		      str_has_prefix(d->url, STR("https://"));
	if (!str_is(d->input_source, "local") && !remote)
		return "Invalid URL: it begins with http:// or https://.";
	*field = "distribution";
	return d->distribution > DIST_INHERIT ? "Options: 0, 1, 2, 3, 4, 5" : NULL;
}

static enum err save(struct http_req *r, const char *action, struct misp_feed *d, struct fail *f)
{
	const char *field, *fault = fault_of(d, &field);
	if (fault) {
		rest_not_saved(r, action, "Feed", STR_NONE, rest_field_error(r, field, fault));
		return ERR_OK;
	}
	TRY(rest_row_put(r, T_FEED, &d->id, d, UUID_NIL, f));
	answer_feed(r, d, false);
	return ERR_OK;
}

static enum err feeds_add(struct http_req *r, struct fail *f)
{
	struct misp_feed d = {.source_format = STR("misp"),
			      .input_source = STR("network"),
			      .settings = STR("[]"),
			      .distribution = DIST_ALL,
			      .fixed_event = true};
	json_t *body;
	if (rest_json(r, "Feed", &body, f) != ERR_OK)
		return ERR_OK;
	take_members(r, body, &d);
	if (!d.name.n || !d.provider.n || !d.url.n) {
		const char *missing = !d.name.n ? "name" : !d.provider.n ? "provider" : "url";
		rest_not_saved(r, "add", "Feed", STR_NONE,
			       rest_field_error(r, missing, "Cannot be empty."));
		return ERR_OK;
	}
	return save(r, "add", &d, f);
}

static enum err feeds_edit(struct http_req *r, struct fail *f)
{
	struct misp_feed d;
	json_t *body;
	if (rest_json(r, "Feed", &body, f) != ERR_OK || !feed_of_path(r, "Invalid Feed.", &d, f))
		return ERR_OK;
	/* recorded: an edit that names the feed fills in empty rules */
	if (!d.rules.n && json_object_get(body, "name"))
		d.rules = STR(NO_RULES);
	take_members(r, body, &d);
	return save(r, "edit", &d, f);
}

static enum err set_enabled(struct http_req *r, bool on, struct fail *f)
{
	struct misp_feed d;
	if (!feed_of_path(r, "Invalid Feed.", &d, f))
		return ERR_OK;
	d.enabled = on;
	TRY(rest_row_put(r, T_FEED, &d.id, &d, UUID_NIL, f));
	reply_error(r, 200, "Feed %sabled.", on ? "en" : "dis");
	return ERR_OK;
}

static enum err feeds_enable(struct http_req *r, struct fail *f)
{
	return set_enabled(r, true, f);
}

static enum err feeds_disable(struct http_req *r, struct fail *f)
{
	return set_enabled(r, false, f);
}

/* `id` is a number here (recorded). */
static enum err feeds_delete(struct http_req *r, struct fail *f)
{
	struct misp_feed d;
	if (!feed_of_path(r, "Invalid Feed.", &d, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_FEED, d.id, UUID_NIL, f));
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_c, "name", "Feed deleted.");
	JSONW_KV(&w, jsonw_c, "message", "Feed deleted.");
	JSONW_KV(&w, jsonw_str, "url", r->url);
	JSONW_KV(&w, jsonw_uint, "id", d.id);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- fetching ---- */

struct fetch {
	struct feed_fetch_opts o;
	struct feed_fetch_result res;
	struct long_job *job;
	struct fail why;
	enum err err;
};

static void on_progress(void *user, const struct intake_progress *p)
{
	struct fetch *x = user;
	intake_line_progress(x->job, p);
}

static void on_problem(void *user, const struct intake_problem *p)
{
	struct fetch *x = user;
	intake_line_problem(x->job, &x->res.n, p);
}

static void result_line(struct fetch *x)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	const struct feed_fetch_result *res = &x->res;
	if (x->err != ERR_OK) {
		long_job_error(x->job, x->err, x->why.text);
		return;
	}
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "not_modified", res->not_modified);
	JSONW_KV(&w, jsonw_uint, "listed", res->n.listed);
	JSONW_KV(&w, jsonw_uint, "filtered", res->filtered);
	JSONW_KV(&w, jsonw_uint, "current", res->n.current);
	intake_line_counts(&w, &res->n);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void fetch_run(struct long_job *j, void *arg)
{
	struct fetch *x = arg;
	x->job = j;
	x->o.cancelled = long_job_cancelled(j);
	x->err = feed_fetch_run(&x->o, &x->res, &x->why);
	result_line(x);
}

static void answer_fetched(struct http_req *r, const struct fetch *x)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	const struct feed_fetch_result *res = &x->res;
	struct str text = STR("Fetching the feed has successfully completed.");
	if (x->err != ERR_OK)
		text = arena_printf(r->arena, "Fetching the feed has failed: %s.", x->why.text);
	else if (res->n.added || res->n.updated || res->n.failed)
		text = arena_printf(r->arena, "%.*s%s%s%s", STR_ARG(text),
				    res->n.added ? arena_printf(r->arena, " Downloaded %llu new event(s).",
							      (unsigned long long)res->n.added)
							 .p
					       : "",
				    res->n.updated ? arena_printf(r->arena, " Updated %llu event(s).",
								(unsigned long long)res->n.updated)
							   .p
						 : "",
				    res->n.failed ? " Some events could not be taken in." : "");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "result", text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err answer_text(struct http_req *r, const char *text)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "result", text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err feeds_fetch(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct misp_feed d;
	if (!feed_of_path(r, "Invalid feed.", &d, f))
		return ERR_OK;
	if (!d.enabled)
		return answer_text(r, "Feed is currently not enabled. Make sure you enable it.");
	struct fetch *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = (struct feed_fetch_opts){.in = &api->ingest,
					.feed_id = d.id,
					.org_id = me(r)->user.org_id,
					.user_id = me(r)->user.id,
					.client = client_opts_of(api->conf),
					.again = req_query(r, "again").n,
					.max_event_bytes = api->max_event_bytes,
					.progress = on_progress,
					.problem = on_problem,
					.user = x};
	x->o.client.user_agent = "tocsin/" PACKAGE_VERSION;
	enum err e;
	if (req_query(r, "progress").n) {
		e = long_job_stream(&api->jobs, r, "feed", d.id, fetch_run, x, free, f);
	} else {
		e = long_job_here(&api->jobs, "feed", d.id, fetch_run, x, f);
		if (e == ERR_OK)
			answer_fetched(r, x);
		free(x);
	}
	if (e != ERR_BUSY)
		return e;
	return answer_text(r, "The feed is being fetched already.");
}

const struct endpoint ep_feeds_index = {
	.methods = HTTP_ANY,
	.path = "/feeds/index",
	.run = feeds_index,
	.shape = "Feeds",
	.doc = "The feeds; users see those with lookup_visible",
};
const struct endpoint ep_feeds_view = {
	.methods = HTTP_ANY,
	.path = "/feeds/view/:id",
	.run = feeds_view,
	.shape = "Feed",
	.doc = "One feed",
};
const struct endpoint ep_feeds_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/feeds/add",
	.auth = perm_site_admin,
	.run = feeds_add,
	.shape = "Feed",
	.doc = "Add a feed",
};
const struct endpoint ep_feeds_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/feeds/edit/:id",
	.auth = perm_site_admin,
	.run = feeds_edit,
	.shape = "Feed",
	.doc = "Change a feed",
};
const struct endpoint ep_feeds_enable = {
	.methods = HTTP_POST,
	.path = "/feeds/enable/:id",
	.auth = perm_site_admin,
	.run = feeds_enable,
	.shape = "Message",
	.doc = "Switch a feed on",
};
const struct endpoint ep_feeds_disable = {
	.methods = HTTP_POST,
	.path = "/feeds/disable/:id",
	.auth = perm_site_admin,
	.run = feeds_disable,
	.shape = "Message",
	.doc = "Switch a feed off",
};
const struct endpoint ep_feeds_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/feeds/delete/:id",
	.auth = perm_site_admin,
	.run = feeds_delete,
	.shape = "Saved",
	.doc = "Remove a feed; what it brought stays",
};
const struct endpoint ep_feeds_fetch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/fetchFromFeed/:id",
	.auth = perm_site_admin,
	.run = feeds_fetch,
	.shape = "Result",
	.doc = "Fetch a feed now; ?progress=1 answers a line for each step (our own)",
};
