/*
 * ep_feeds.c - /feeds: the feeds that this node takes in. Texts as recorded (wire/client, feeds).
 */
#include "api/feeds.h"
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/shapes.h"
#include "feeds/cache/cache.h"
#include "sync/feed_stats.h"

#define NO_RULES                                                                                   \
	"{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]},\"url_params\":\"\"}"

/* ---- the row ---- */

/* Our own: how the last runs went. Only for the tool (`?tocsin=1`), clients of MISP do not know it. */
static void shape_state(struct http_req *r, struct jsonw *w, const struct misp_feed *d)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct feed_stats s = {0};
	struct fail why = {0};
	if (store_read(api_of(r)->store, &t, &why) == ERR_OK)
		s = feed_stats_get(t, d->id);
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "interval_s", d->interval_s);
	JSONW_KV(w, jsonw_int, "last_try", d->last_try);
	JSONW_KV(w, jsonw_int, "last_success", d->last_success);
	JSONW_KV(w, jsonw_str, "last_error", d->last_error.n ? d->last_error : STR_NONE);
	JSONW_KV(w, jsonw_uint, "runs", s.runs);
	JSONW_KV(w, jsonw_uint, "failed", s.failed);
	JSONW_KV(w, jsonw_uint, "failed_in_a_row", s.failed_in_a_row);
	JSONW_KV(w, jsonw_uint, "entries", s.entries);
	JSONW_KV(w, jsonw_uint, "added", s.added);
	JSONW_KV(w, jsonw_uint, "refused", s.refused);
	JSONW_KV(w, jsonw_uint, "bytes", s.bytes);
	JSONW_KV(w, jsonw_uint, "ms", s.ms);
	jsonw_obj_end(w);
}

#define OTHERS_MAX 64u

/* How much of what the feed knows other cached feeds know, too; in percent. */
static unsigned coverage(struct http_req *r, uint64_t id, const struct value_cache *c)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct value_cache *others = ARENA_ARRAY(r->arena, struct value_cache, OTHERS_MAX);
	struct misp_feed d;
	struct fail why = {0};
	uint64_t at = 0;
	size_t n = 0, known, values = value_cache_values(c);
	if (!values || !others || store_read(api_of(r)->store, &t, &why) != ERR_OK)
		return 0;
	while (n < OTHERS_MAX && store_next(t, T_FEED, &at, NULL, &d) == ERR_OK)
		if (at != id && value_cache_open(api_of(r)->conf->data_dir, VALUE_CACHE_FEED, at,
						 &others[n]) == ERR_OK)
			n++;
	known = value_cache_covered(c, others, n);
	for (size_t i = 0; i < n; i++)
		value_cache_close(&others[i]);
	return (unsigned)((known * 100 + values / 2) / values);
}

static void feed_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	OWN(value_cache) struct value_cache c = {0};
	uint64_t id = ((const struct misp_feed *)row)->id;
	const char *dir = api_of(r)->conf->data_dir;
	bool cached = value_cache_open(dir, VALUE_CACHE_FEED, id, &c) == ERR_OK;
	if (act == CRUD_VIEW) {
		JSONW_KV(w, jsonw_uint, "cached_elements", value_cache_values(&c));
		JSONW_KV(w, jsonw_str, "coverage_by_other_feeds",
			 arena_printf(r->arena, "%u%%", coverage(r, id, &c)));
	}
	if (act != CRUD_INDEX || !may(r, perm_site_admin))
		return;
	if (cached)
		JSONW_KV(w, jsonw_int_str, "cache_timestamp", c.time);
	else
		JSONW_KV(w, jsonw_bool, "cache_timestamp", false);
	if (req_query(r, "tocsin").n)
		shape_state(r, w, row);
}

/* Its tag, as MISP's list has it; names of tags that nobody else may know are for the operator. */
static void feed_beside(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct misp_feed *d = row;
	struct misp_tag tag;
	struct fail why = {0};
	if (act != CRUD_INDEX || !d->tag_id || !may(r, perm_site_admin) ||
	    store_read(api_of(r)->store, &t, &why) != ERR_OK ||
	    store_get(t, T_TAG, d->tag_id, r->arena, &tag) != ERR_OK)
		return;
	jsonw_key(w, "Tag");
	shape_tag(w, &tag);
}

static bool feed_visible(struct http_req *r, const void *row)
{
	const struct misp_feed *d = row;
	return may(r, perm_site_admin) || d->lookup_visible;
}

static void feed_fresh(struct http_req *r, void *row)
{
	(void)r;
	*(struct misp_feed *)row = (struct misp_feed){.source_format = STR("misp"),
						      .input_source = STR("network"),
						      .settings = STR("[]"),
						      .tag_collection_id = STR("0"),
						      .distribution = DIST_ALL,
						      .fixed_event = true};
}

static struct str feed_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_feed *d = row;
	bool remote = str_has_prefix(d->url, STR("http://")) ||
		      str_has_prefix(d->url, STR("https://"));
	/* recorded: an edit that names the feed fills in empty rules */
	if (d->id && !d->rules.n && json_object_get(body, "name"))
		d->rules = STR(NO_RULES);
	/* our own: seconds between two fetches by the schedule; 0: as the node does */
	rest_take_u64(r, body, "interval_s", &d->interval_s);
	/* a changed place or rule makes what was remembered of the manifest worthless */
	d->manifest_etag = STR("");
	if (!str_is(d->input_source, "local") && !remote)
		return rest_field_error(r, "url",
					"Invalid URL: it begins with http:// or https://.");
	if (d->distribution > DIST_INHERIT)
		return rest_field_error(r, "distribution", "Options: 0, 1, 2, 3, 4, 5");
	return feed_row_fault(r, body, d);
}

static const struct crud_member feed_members[] = {
	{"name", CRUD_NEED},	       {"provider", CRUD_NEED},
	{"url", CRUD_NEED},	       {"rules", CRUD_NULL | CRUD_JSON_TEXT},
	{"headers", CRUD_NULL},	       {"settings", CRUD_NULL | CRUD_JSON_TEXT},
	{NULL, 0},
};

static enum err drop_stats(struct store_wtxn *w, void *arg, struct fail *f)
{
	return feed_stats_drop(w, *(const uint64_t *)arg, f);
}

static bool feed_may_go(struct http_req *r, const void *row)
{
	uint64_t id = ((const struct misp_feed *)row)->id;
	struct fail why = {0};
	value_cache_drop(api_of(r)->conf->data_dir, VALUE_CACHE_FEED, id);
	value_cache_drop(api_of(r)->conf->data_dir, VALUE_CACHE_TAKEN, id);
	(void)!rest_write(r, drop_stats, &id, &why);
	return true;
}

static const struct crud feed_kind = {
	.table = T_FEED,
	.desc = &desc_misp_feed,
	.members = feed_members,
	.what = "Feed",
	.absent = "Invalid Feed.",
	.deleted = "Feed deleted.",
	.needed = "Cannot be empty.",
	.visible = feed_visible,
	.fresh = feed_fresh,
	.fault = feed_fault,
	.may_go = feed_may_go,
	.more = feed_more,
	.beside = feed_beside,
};

static enum err set_enabled(struct http_req *r, bool on, struct fail *f)
{
	struct misp_feed d;
	if (!crud_of_path(r, &feed_kind, NULL, &d, f))
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

void values_counts_put(struct jsonw *w, const struct value_event_result *v)
{
	jsonw_key(w, "values");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "lines", v->read.lines);
	JSONW_KV(w, jsonw_uint, "comments", v->read.comments);
	JSONW_KV(w, jsonw_uint, "found", v->values);
	JSONW_KV(w, jsonw_uint, "new", v->added);
	JSONW_KV(w, jsonw_uint, "current", v->current);
	JSONW_KV(w, jsonw_uint, "removed", v->removed);
	JSONW_KV(w, jsonw_uint, "restored", v->restored);
	JSONW_KV(w, jsonw_uint, "left_deleted", v->left_deleted);
	JSONW_KV(w, jsonw_uint, "excluded", v->read.excluded);
	JSONW_KV(w, jsonw_uint, "no_indicator", v->read.nothing);
	JSONW_KV(w, jsonw_uint, "unreadable", v->read.unreadable);
	JSONW_KV(w, jsonw_uint, "invalid", v->unfit);
	JSONW_KV(w, jsonw_uint, "on_warninglists", v->listed);
	JSONW_KV(w, jsonw_uint, "refused", v->refused);
	jsonw_obj_end(w);
	JSONW_KV(w, jsonw_uint, "event_id", v->event_id);
	if (v->event_id)
		JSONW_KV(w, jsonw_uuid, "event_uuid", v->event_uuid);
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
	if (res->is_values)
		values_counts_put(&w, &res->values);
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
	const struct feed_fetch_result *res = &x->res;
	struct str text = STR("Fetching the feed has successfully completed.");
	if (x->err != ERR_OK)
		text = arena_printf(r->arena, "Fetching the feed has failed: %s.", x->why.text);
	else if (!res->is_values && (res->n.added || res->n.updated || res->n.failed))
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
	feed_answer(r, text);
}

void feed_answer(struct http_req *r, struct str text)
{
	struct buf b = BUF(1 << 17);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "result", text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

bool feed_of_path(struct http_req *r, struct misp_feed *d, struct fail *f)
{
	return crud_of_path(r, &feed_kind, "Invalid feed.", d, f);
}

struct feed_fetch_opts feed_opts(struct http_req *r, uint64_t feed_id)
{
	struct api *api = api_of(r);
	struct feed_fetch_opts o = {.in = &api->ingest,
				    .feed_id = feed_id,
				    .org_id = me(r)->user.org_id,
				    .user_id = me(r)->user.id,
				    .client = client_opts_of(api->conf),
				    .max_event_bytes = api->max_event_bytes,
				    .cache_dir = api->conf->data_dir};
	o.client.user_agent = "tocsin/" PACKAGE_VERSION;
	return o;
}

static enum err feeds_fetch(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct misp_feed d;
	if (!feed_of_path(r, &d, f))
		return ERR_OK;
	if (!d.enabled) {
		feed_answer(r, STR("Feed is currently not enabled. Make sure you enable it."));
		return ERR_OK;
	}
	struct fetch *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->o = feed_opts(r, d.id);
	x->o.again = req_query(r, "again").n;
	x->o.progress = on_progress;
	x->o.problem = on_problem;
	x->o.user = x;
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
	feed_answer(r, STR("The feed is being fetched already."));
	return ERR_OK;
}

const struct endpoint ep_feeds_index = {
	.methods = HTTP_ANY,
	.path = "/feeds/index",
	.run = crud_index,
	.arg = &feed_kind,
	.shape = "Feeds",
	.doc = "The feeds; users see those with lookup_visible",
};
const struct endpoint ep_feeds_view = {
	.methods = HTTP_ANY,
	.path = "/feeds/view/:id",
	.run = crud_view,
	.arg = &feed_kind,
	.shape = "Feed",
	.doc = "One feed",
};
const struct endpoint ep_feeds_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/feeds/add",
	.auth = perm_site_admin,
	.run = crud_add,
	.arg = &feed_kind,
	.shape = "Feed",
	.takes = "FeedIn",
	.doc = "Add a feed",
};
const struct endpoint ep_feeds_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/feeds/edit/:id",
	.auth = perm_site_admin,
	.run = crud_edit,
	.arg = &feed_kind,
	.shape = "Feed",
	.takes = "FeedIn",
	.doc = "Change a feed",
};
const struct endpoint ep_feeds_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/feeds/delete/:id",
	.auth = perm_site_admin,
	.run = crud_delete,
	.arg = &feed_kind,
	.shape = "Saved",
	.doc = "Remove a feed; what it brought stays",
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
const struct endpoint ep_feeds_fetch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/fetchFromFeed/:id",
	.auth = perm_site_admin,
	.run = feeds_fetch,
	.shape = "Result",
	.doc = "Fetch a feed now; ?progress=1 answers a line for each step (our own)",
};
