/*
 * ep_feed_caches.c - /feeds/cacheFeeds, searchCaches, compareFeeds: which feeds know a value, without their
 * events being here. Texts as recorded (wire/client, feeds).
 */
#include "api/feeds.h"
#include "api/long_job.h"
#include "base/hash.h"
#include "sync/feed_cache.h"

#define FEEDS_MAX 1000u
#define VALUES_MAX 10000u
#define EVENTS_MAX 1000u

static const char *dir_of(struct http_req *r)
{
	return api_of(r)->conf->data_dir;
}

/* ---- making ---- */

struct caching {
	struct feed_fetch_opts o;
	const char *dir;
	struct fail why;
	enum err err;
};

static void cache_run(struct long_job *j, void *arg)
{
	struct caching *x = arg;
	x->o.cancelled = long_job_cancelled(j);
	x->err = feed_cache_make(&x->o, x->dir, &x->why);
}

struct wanted {
	uint64_t id;
	struct str name;
};

/* "all" and a format: those whose caching is on; a number: that one. */
static size_t wanted(struct http_req *r, struct str scope, struct wanted *v, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	uint64_t id = 0, only = 0;
	size_t n = 0;
	bool one = str_u64(scope, &only);
	if (store_read(api_of(r)->store, &t, f) != ERR_OK)
		return 0;
	while (n < FEEDS_MAX && store_next(t, T_FEED, &id, NULL, &d) == ERR_OK) {
		bool fits = one ? id == only
				: d.caching_enabled && (str_is(scope, "all") || str_eq(scope, d.source_format));
		if (fits)
			v[n++] = (struct wanted){id, arena_str(r->arena, d.name)};
	}
	return n;
}

static bool scope_known(struct str s)
{
	uint64_t n;
	return str_is(s, "all") || str_is(s, "misp") || str_is(s, "csv") || str_is(s, "freetext") ||
	       str_u64(s, &n);
}

static enum err cache_feeds(struct http_req *r, struct fail *f)
{
	struct str scope = req_arg(r, "scope").n ? req_arg(r, "scope") : STR("all");
	struct wanted *v = ARENA_ARRAY(r->arena, struct wanted, FEEDS_MAX);
	OWN(buf) struct buf failed = BUF(64u << 10);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	size_t n = scope_known(scope) ? wanted(r, scope, v, f) : 0;
	if (!scope_known(scope) || (!n && scope.p[0] >= '0' && scope.p[0] <= '9')) {
		reply_error(r, 404, "Invalid feed.");
		return ERR_OK;
	}
	me(r)->url = STR("/feeds/cacheFeed");
	for (size_t i = 0; i < n && !req_cancelled(r); i++) {
		struct caching x = {.o = feed_opts(r, v[i].id), .dir = dir_of(r)};
		x.o.disabled_too = true;
		enum err e = long_job_here(&api_of(r)->jobs, "cache", v[i].id, cache_run, &x, f);
		if (e == ERR_BUSY)
			x.err = fail(&x.why, e, "it is being cached already");
		else
			TRY(e);
		if (x.err != ERR_OK)
			buf_printf(&failed, "%s%.*s: %s.", failed.n ? " " : "", STR_ARG(v[i].name),
				   x.why.text);
	}
	if (!failed.n) {
		rest_saved(r, STR_NONE, "Caching the feeds has successfully completed.");
		return ERR_OK;
	}
	buf_putc(&failed, '\0');
	rest_not_saved(r, "cacheFeeds", "Feed", STR_NONE,
		       rest_quoted(r, buf_err(&failed) == ERR_OK ? failed.p : "Several feeds have failed."));
	return ERR_OK;
}

/* ---- looking values up ---- */

static void put_feed(struct jsonw *w, const struct misp_feed *d)
{
	JSONW_KV(w, jsonw_uint_str, "id", d->id);
	JSONW_KV(w, jsonw_str, "input_source", d->input_source);
	JSONW_KV(w, jsonw_str, "source_format", d->source_format);
	JSONW_KV(w, jsonw_str, "url", d->url);
	JSONW_KV(w, jsonw_str, "provider", d->provider);
	JSONW_KV(w, jsonw_str, "name", d->name);
	JSONW_KV(w, jsonw_bool, "default", d->default_);
}

static void put_hit(struct http_req *r, struct jsonw *w, const struct misp_feed *d,
		    const struct value_cache_entry *v, size_t n)
{
	char uuid[UUID_TEXT_LEN + 1];
	bool events = str_is(d->source_format, "misp"); /* values of other feeds come from no event */
	n = events ? MIN(n, (size_t)EVENTS_MAX) : 0;
	jsonw_obj(w);
	jsonw_key(w, "Feed");
	jsonw_obj(w);
	put_feed(w, d);
	JSONW_KV(w, jsonw_c, "type", events ? "MISP Feed" : "Feed");
	jsonw_key(w, "uuid");
	jsonw_arr(w);
	for (size_t i = 0; i < n; i++)
		jsonw_uuid(w, v[i].event);
	jsonw_arr_end(w);
	jsonw_key(w, "direct_urls");
	jsonw_arr(w);
	for (size_t i = 0; i < n; i++) {
		struct arena_mark m = arena_mark(r->arena);
		uuid_format(v[i].event, uuid);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "url",
			 arena_printf(r->arena, "%.*s/feeds/previewEvent/%llu/%s",
				      STR_ARG(api_of(r)->base_url), (unsigned long long)d->id, uuid));
		JSONW_KV(w, jsonw_str, "name", arena_printf(r->arena, "Event %s", uuid));
		jsonw_obj_end(w);
		arena_rewind(r->arena, m);
	}
	if (!events) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "url",
			 arena_printf(r->arena, "%.*s/feeds/previewIndex/%llu", STR_ARG(api_of(r)->base_url),
				      (unsigned long long)d->id));
		JSONW_KV(w, jsonw_str, "name", arena_printf(r->arena, "Feed %llu", (unsigned long long)d->id));
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static void look_up(struct http_req *r, struct jsonw *w, const struct misp_feed *d,
		    const struct value_cache *c, const char *value)
{
	const struct value_cache_entry *first;
	uint8_t md5[16];
	if (!value)
		return;
	hash_md5(str_c(value), md5);
	size_t n = value_cache_find(c, md5, &first);
	if (n)
		put_hit(r, w, d, first, n);
}

/* Feeds with a cache that the caller may know of. */
static enum err next_cached(struct http_req *r, const struct store_rtxn *t, uint64_t *id,
			    struct misp_feed *d, struct value_cache *c)
{
	enum err e;
	while ((e = store_next(t, T_FEED, id, NULL, d)) == ERR_OK)
		if ((may(r, perm_site_admin) || d->lookup_visible) &&
		    value_cache_open(dir_of(r), VALUE_CACHE_FEED, *id, c) == ERR_OK)
			return ERR_OK;
	return e;
}

static enum err search_caches(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	struct value_cache c;
	uint64_t id = 0;
	json_t *body, *v;
	size_t i;
	if (rest_json(r, "Feed", &body, f) != ERR_OK)
		return ERR_OK;
	const json_t *values = json_is_array(body) ? body : json_object_get(body, "value");
	struct str one = values && !json_is_array(values) ? rest_text(r, body, "value")
							  : req_param(r, "value");
	if (!json_is_array(values) && !one.n) {
		reply_error(r, 405, "No value to search for.");
		return ERR_OK;
	}
	if (json_array_size(values) > VALUES_MAX) {
		reply_error(r, 413, "At most %u values at a time.", VALUES_MAX);
		return ERR_OK;
	}
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while (!req_cancelled(r) && next_cached(r, t, &id, &d, &c) == ERR_OK) {
		if (json_is_array(values))
			json_array_foreach(values, i, v)
				look_up(r, &w, &d, &c, json_string_value(v));
		else
			look_up(r, &w, &d, &c, arena_cstr(r->arena, one));
		value_cache_close(&c);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- comparing ---- */

static void put_compared(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
			 const struct misp_feed *self, const struct value_cache *mine, size_t values)
{
	struct misp_feed d;
	struct value_cache c;
	uint64_t id = 0;
	bool any = false;
	while (!req_cancelled(r) && next_cached(r, t, &id, &d, &c) == ERR_OK) {
		size_t common = id == self->id ? 0 : value_cache_common(mine, &c);
		if (id != self->id) {
			if (!any) {
				jsonw_key(w, "ComparedFeed");
				jsonw_arr(w);
			}
			any = true;
			jsonw_obj(w);
			put_feed(w, &d);
			JSONW_KV(w, jsonw_uint, "overlap_count", common);
			JSONW_KV(w, jsonw_uint, "overlap_percentage",
				 values ? (common * 100 + values / 2) / values : 0);
			jsonw_obj_end(w);
		}
		value_cache_close(&c);
	}
	if (any)
		jsonw_arr_end(w);
}

static enum err compare_feeds(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	struct value_cache c;
	uint64_t id = 0;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while (!req_cancelled(r) && next_cached(r, t, &id, &d, &c) == ERR_OK) {
		size_t values = value_cache_values(&c);
		jsonw_obj(&w);
		jsonw_key(&w, "Feed");
		jsonw_obj(&w);
		put_feed(&w, &d);
		JSONW_KV(&w, jsonw_uint, "values", values);
		put_compared(r, &w, t, &d, &c, values);
		jsonw_obj_end(&w);
		jsonw_obj_end(&w);
		value_cache_close(&c);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_feeds_cache = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/cacheFeeds/:scope",
	.auth = perm_site_admin,
	.run = cache_feeds,
	.shape = "Saved",
	.doc = "Fetch the digests of a feed, or of all whose caching is on, to look values up in",
};
const struct endpoint ep_feeds_search_caches = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/searchCaches",
	.run = search_caches,
	.shape = "FeedHits",
	.takes = "ValuesIn",
	.doc = "Which cached feeds know a value, and in which of their events",
};
const struct endpoint ep_feeds_compare = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/compareFeeds",
	.auth = perm_site_admin,
	.run = compare_feeds,
	.shape = "FeedHits",
	.doc = "How many values cached feeds have in common",
};
