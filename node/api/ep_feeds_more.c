/*
 * ep_feeds_more.c - /feeds: looking into a feed without taking it in, taking single events or all feeds,
 * switching several. Texts as recorded (wire/client, feeds); where MISP sends programs to a page for
 * people the answer is in JSON here.
 */
#include "api/feeds.h"
#include "api/long_job.h"
#include "model/pack.h"

#define DOCUMENT_MAX (64u << 20)
#define FEEDS_MAX 1000u

/* ---- looking ---- */

/* A file of the feed as JSON; NULL: answered. */
static json_t *document(struct http_req *r, const struct misp_feed *d, const char *name)
{
	OWN(buf) struct buf b = BUF(DOCUMENT_MAX);
	struct feed_fetch_opts o = feed_opts(r, d->id);
	struct fail why = {0};
	o.disabled_too = true;
	enum err e = feed_fetch_file(&o, name, &b, &why);
	if (e == ERR_NOENT) {
		reply_error(r, 404, "The feed has no such file.");
		return NULL;
	}
	if (e != ERR_OK) {
		reply_error(r, e == ERR_UNSUPPORTED ? 405 : 502, "Could not read the feed: %s.", why.text);
		return NULL;
	}
	json_t *j = json_loadb(b.p ? b.p : "", b.n, 0, NULL);
	if (json_is_object(j))
		return j;
	json_decref(j);
	reply_error(r, 502, "Could not read the feed: it is no JSON object.");
	return NULL;
}

static void answer_json(struct http_req *r, const json_t *j)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	char *s = json_dumps(j, JSON_COMPACT);
	jsonw_raw(&w, s ? str_c(s) : STR("{}"));
	free(s);
	rest_answer(r, 200, &b);
}

#define PREVIEW_MAX 100000u

struct preview {
	struct jsonw w;
	size_t n;
	bool original; /* tell how it stood there, too */
};

static enum err put_value(void *user, const struct values_hit *h, struct fail *f)
{
	struct preview *p = user;
	struct jsonw *w = &p->w;
	const struct type_row *row = type_get(h->type);
	char comment[40];
	if (p->n++ >= PREVIEW_MAX)
		return ERR_OK;
	jsonw_obj(w);
	jsonw_key(w, "types");
	jsonw_arr(w);
	for (unsigned i = 0; h->kind && i < h->kind->n; i++)
		jsonw_c(w, h->kind->types[i]);
	jsonw_arr_end(w);
	JSONW_KV(w, jsonw_str, "default_type", type_name(h->type));
	if (h->port.p) {
		snprintf(comment, sizeof(comment), "On port %.*s", STR_ARG(h->port));
		JSONW_KV(w, jsonw_c, "comment", comment);
	} else if (h->kind && h->kind->network) {
		JSONW_KV(w, jsonw_bool, "comment", false);
	}
	JSONW_KV(w, jsonw_str, "value", h->value);
	if (p->original)
		JSONW_KV(w, jsonw_str, "original_value", h->original);
	JSONW_KV(w, jsonw_str, "category", category_name((enum attr_category)row->category));
	JSONW_KV(w, jsonw_uint, "to_ids", row->to_ids);
	jsonw_obj_end(w);
	return buf_err(w->out) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "the feed is too large to be shown");
}

/* What a table or text holds, as it would be taken for. */
static void preview_values(struct http_req *r, const struct misp_feed *d)
{
	struct feed_fetch_opts o = feed_opts(r, d->id);
	struct buf b = BUF(DOCUMENT_MAX);
	struct preview p = {.w = jsonw_on(&b), .original = str_is(d->source_format, "freetext")};
	struct values_counts n;
	struct fail why = {0};
	o.disabled_too = true;
	jsonw_arr(&p.w);
	enum err e = feed_fetch_values(&o, put_value, &p, &n, &why);
	jsonw_arr_end(&p.w);
	if (e == ERR_OK) {
		rest_answer(r, 200, &b);
		return;
	}
	buf_free(&b);
	reply_error(r, 502, "Could not read the feed: %s.", why.text);
}

static enum err preview_index(struct http_req *r, struct fail *f)
{
	struct misp_feed d;
	const char *key;
	struct uuid u;
	json_t *v;
	void *next;
	if (!feed_of_path(r, &d, f))
		return ERR_OK;
	if (str_is(d.source_format, "csv") || str_is(d.source_format, "freetext")) {
		preview_values(r, &d);
		return ERR_OK;
	}
	json_t *manifest = document(r, &d, "manifest.json");
	if (!manifest)
		return ERR_OK;
	json_object_foreach_safe(manifest, next, key, v)
		if (!uuid_parse(str_c(key), &u) || !json_is_object(v))
			json_object_del(manifest, key);
	answer_json(r, manifest);
	json_decref(manifest);
	return ERR_OK;
}

static void set_number(json_t *o, const char *key, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	json_object_set_new(o, key, json_string(text));
}

static void inherit(json_t *list)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
		json_object_set_new(v, "distribution", json_integer(DIST_INHERIT));
}

/* As the row says: that is how it would come in. */
static void as_taken(json_t *event, const struct misp_feed *d)
{
	size_t i;
	json_t *o;
	if (d->distribution == DIST_INHERIT)
		return;
	set_number(event, "distribution", d->distribution);
	set_number(event, "sharing_group_id", d->sharing_group_id);
	inherit(json_object_get(event, "Attribute"));
	inherit(json_object_get(event, "Object"));
	json_array_foreach(json_object_get(event, "Object"), i, o)
		inherit(json_object_get(o, "Attribute"));
}

/* The UUID that the path names, as text; false: answered. */
static bool uuid_of_path(struct http_req *r, struct uuid *u, char text[UUID_TEXT_LEN + 6])
{
	char uuid[UUID_TEXT_LEN + 1];
	if (!uuid_parse(req_arg(r, "uuid"), u)) {
		reply_error(r, 404, "Invalid event.");
		return false;
	}
	snprintf(text, UUID_TEXT_LEN + 6, "%s.json", uuid_format(*u, uuid));
	return true;
}

static enum err preview_event(struct http_req *r, struct fail *f)
{
	char name[UUID_TEXT_LEN + 6];
	struct misp_feed d;
	struct uuid u;
	if (!feed_of_path(r, &d, f) || !uuid_of_path(r, &u, name))
		return ERR_OK;
	json_t *doc = document(r, &d, name);
	if (!doc)
		return ERR_OK;
	json_t *event = json_object_get(doc, "Event");
	if (json_is_object(event)) {
		as_taken(event, &d);
		answer_json(r, doc);
	} else {
		reply_error(r, 502, "Could not read the feed: it is no event.");
	}
	json_decref(doc);
	return ERR_OK;
}

/* ---- taking ---- */

struct take {
	struct feed_fetch_opts o;
	struct feed_fetch_result res;
	struct fail why;
	enum err err;
};

static void take_run(struct long_job *j, void *arg)
{
	struct take *x = arg;
	x->o.cancelled = long_job_cancelled(j);
	x->err = feed_fetch_run(&x->o, &x->res, &x->why);
}

static enum err take(struct http_req *r, struct take *x, uint64_t feed_id, struct fail *f)
{
	x->res = (struct feed_fetch_result){0};
	x->why = (struct fail){0};
	x->err = ERR_OK;
	x->o.feed_id = feed_id;
	enum err e = long_job_here(&api_of(r)->jobs, "feed", feed_id, take_run, x, f);
	if (e == ERR_BUSY)
		x->err = fail(&x->why, e, "the feed is being fetched already");
	return e == ERR_BUSY ? ERR_OK : e;
}

static enum err get_event(struct http_req *r, struct fail *f)
{
	char name[UUID_TEXT_LEN + 6];
	struct misp_feed d;
	struct take *x = ARENA_NEW(r->arena, struct take);
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	if (!feed_of_path(r, &d, f))
		return ERR_OK;
	*x = (struct take){.o = feed_opts(r, d.id)};
	x->o.disabled_too = true;
	if (!uuid_of_path(r, &x->o.only, name))
		return ERR_OK;
	TRY(take(r, x, d.id, f));
	if (x->err != ERR_OK)
		reply_error(r, 502, "Could not read the feed: %s.", x->why.text);
	else if (!x->res.n.listed)
		reply_error(r, 404, "The feed has no such event.");
	else if (x->res.n.failed)
		reply_error(r, 403, "The event could not be taken in.");
	else
		feed_answer(r, x->res.n.added	  ? STR("Event added.")
			       : x->res.n.updated ? STR("Event updated.")
						  : STR("Event is here already, or was refused."));
	return ERR_OK;
}

static size_t enabled_feeds(struct http_req *r, uint64_t *ids, struct str *names, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	uint64_t id = 0;
	size_t n = 0;
	if (store_read(api_of(r)->store, &t, f) != ERR_OK)
		return 0;
	while (n < FEEDS_MAX && store_next(t, T_FEED, &id, r->arena, &d) == ERR_OK)
		if (d.enabled) {
			names[n] = arena_str(r->arena, d.name);
			ids[n++] = id;
		}
	return n;
}

static enum err fetch_all(struct http_req *r, struct fail *f)
{
	uint64_t *ids = ARENA_ARRAY(r->arena, uint64_t, FEEDS_MAX);
	struct str *names = ARENA_ARRAY(r->arena, struct str, FEEDS_MAX);
	struct take *x = ARENA_NEW(r->arena, struct take);
	OWN(buf) struct buf failed = BUF(64u << 10);
	if (!ids || !names || !x)
		return fail(f, ERR_NOMEM, "no memory");
	size_t n = enabled_feeds(r, ids, names, f), bad = 0;
	*x = (struct take){.o = feed_opts(r, 0)};
	for (size_t i = 0; i < n && !req_cancelled(r); i++) {
		TRY(take(r, x, ids[i], f));
		if (x->err == ERR_OK)
			continue;
		buf_printf(&failed, " %.*s: %s.", STR_ARG(names[i]), x->why.text);
		bad++;
	}
	feed_answer(r, !bad ? STR("Fetching the feed has successfully completed.")
			    : arena_printf(r->arena, "Fetching has failed for %zu of %zu feeds.%.*s", bad, n,
					   STR_ARG(buf_str(&failed))));
	return ERR_OK;
}

/* ---- switching ---- */

/* Feed numbers of the path ("[3,4]") or the body; at most FEEDS_MAX. */
static json_t *selection(struct http_req *r, const json_t *body)
{
	json_error_t e;
	struct str s = req_arg(r, "feeds");
	const json_t *list = json_object_get(body, "feeds");
	if (s.n)
		return json_loadb(s.p, s.n, JSON_DECODE_ANY, &e);
	return list ? json_deep_copy(list) : NULL;
}

static bool yes(struct str s)
{
	return str_is(s, "1") || str_is(s, "true");
}

/* toggleSelected/ENABLE/CACHE/[ids]: switch fetching or, with CACHE, caching on or off. */
static enum err toggle_selected(struct http_req *r, struct fail *f)
{
	bool on = yes(req_arg(r, "enable")), cache = yes(req_arg(r, "cache"));
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed d;
	json_t *body, *v;
	size_t i, n = 0;
	uint64_t id;
	if (rest_json(r, "Feed", &body, f) != ERR_OK)
		return ERR_OK;
	json_t *list = selection(r, body);
	if (!json_is_array(list) || json_array_size(list) > FEEDS_MAX) {
		json_decref(list);
		reply_error(r, 405, "Feeds are named as [1,2].");
		return ERR_OK;
	}
	enum err e = store_read(api_of(r)->store, &t, f);
	json_array_foreach(list, i, v) {
		struct misp_feed row;
		bool number = json_is_integer(v) && json_integer_value(v) > 0;
		id = number ? (uint64_t)json_integer_value(v) : 0;
		if (e != ERR_OK || (!number && !str_u64(str_c(json_string_value(v)), &id)) ||
		    store_get(t, T_FEED, id, r->arena, &row) != ERR_OK)
			continue;
		e = entity_copy(r->arena, &desc_misp_feed, &row, &d);
		*(cache ? &d.caching_enabled : &d.enabled) = on;
		if (e == ERR_OK)
			e = rest_row_put(r, T_FEED, &d.id, &d, UUID_NIL, f);
		n++;
	}
	json_decref(list);
	TRY(e);
	rest_saved(r, STR_NONE, "%zu feed(s) %s%s.", n, cache ? "caching " : "", on ? "enabled" : "disabled");
	return ERR_OK;
}

const struct endpoint ep_feeds_preview_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/previewIndex/:id",
	.auth = perm_site_admin,
	.run = preview_index,
	.shape = "FeedManifest",
	.doc = "The events that a MISP feed offers",
};
const struct endpoint ep_feeds_preview_event = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/previewEvent/:id/:uuid",
	.auth = perm_site_admin,
	.run = preview_event,
	.shape = "FarEvent",
	.doc = "One of them, as it would come in",
};
const struct endpoint ep_feeds_get_event = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/getEvent/:id/:uuid",
	.auth = perm_site_admin,
	.run = get_event,
	.shape = "Result",
	.doc = "Take this one event in, also when the feed is off or it was refused before",
};
const struct endpoint ep_feeds_fetch_all = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/feeds/fetchFromAllFeeds",
	.auth = perm_site_admin,
	.run = fetch_all,
	.shape = "Result",
	.doc = "Fetch all enabled feeds now, one after the other",
};
const struct endpoint ep_feeds_toggle = {
	.methods = HTTP_POST,
	.path = "/feeds/toggleSelected/:enable/:cache/:feeds",
	.auth = perm_site_admin,
	.run = toggle_selected,
	.shape = "Saved",
	.doc = "Switch several feeds ([1,2]), or with `cache` their caching, on or off",
};
