/*
 * ep_feed_defaults.c - the catalogue of public feeds (feeds/defaults): looking at it, and entering feeds of it,
 * or of a list of the same form, switched off. A feed whose place is entered already is not entered again.
 */
#include "api/feeds.h"
#include "feeds/defaults/defaults.h"
#include "ingest/ingest.h"

#define NAMES_MAX 1000u

/* ---- the same place? ---- */

/* Scheme, letter case, the name of the manifest and a slash at the end make no other feed. */
static struct str place_of(struct str url)
{
	ptrdiff_t at = str_find(url, STR("://"));
	if (at >= 0)
		url = str_sub(url, (size_t)at + 3, url.n);
	if (str_has_suffix(url, STR("/manifest.json")))
		url.n -= 14;
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	return url;
}

static uint64_t find_place(const struct store_rtxn *t, struct str url)
{
	struct misp_feed d;
	uint64_t id = 0;
	while (store_next(t, T_FEED, &id, NULL, &d) == ERR_OK)
		if (str_eq_nocase(place_of(d.url), place_of(url)))
			return id;
	return 0;
}

/* ---- a row of it ---- */

static struct str text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* true, 1, "1" */
static bool flag(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_true(v) || json_integer_value(v) == 1 || str_is(text(o, key), "1");
}

/* Texts are those of `o`. Nothing of it is ever switched on here. */
static struct misp_feed feed_of(const json_t *o)
{
	uint64_t distribution = DIST_ORG;
	(void)str_u64(text(o, "distribution"), &distribution);
	return (struct misp_feed){.name = text(o, "name"),
				  .provider = text(o, "provider"),
				  .url = text(o, "url"),
				  .source_format = text(o, "source_format"),
				  .input_source = STR("network"),
				  .settings = text(o, "settings"),
				  .rules = text(o, "rules"),
				  .tag_collection_id = STR("0"),
				  .distribution = (uint8_t)MIN(distribution, (uint64_t)DIST_INHERIT),
				  .default_ = flag(o, "default"),
				  .lookup_visible = flag(o, "lookup_visible"),
				  .fixed_event = flag(o, "fixed_event"),
				  .delta_merge = flag(o, "delta_merge"),
				  .publish = flag(o, "publish"),
				  .headers = text(o, "headers"),
				  .override_ids = flag(o, "override_ids")};
}

/* ---- entering ---- */

struct entering {
	const json_t *rows;
	const json_t *names; /* of those that are wanted; NULL: all */
	struct origin origin;
	unsigned n, passed_over;
};

static bool wanted(const json_t *names, struct str name)
{
	size_t i;
	const json_t *v;
	json_array_foreach(names, i, v)
		if (json_is_string(v) && str_eq_nocase(name, str_c(json_string_value(v))))
			return true;
	return !names;
}

static enum err enter_one(struct store_wtxn *w, struct entering *x, const json_t *row, struct fail *f)
{
	struct misp_feed d = feed_of(json_object_get(row, "Feed"));
	const json_t *tag = json_object_get(row, "Tag");
	if (!wanted(x->names, d.name))
		return ERR_OK;
	if (find_place(store_view(w), d.url)) {
		x->passed_over++;
		return ERR_OK;
	}
	x->n++;
	if (text(tag, "name").n) {
		struct misp_tagref ref = {.name = text(tag, "name"),
					  .colour = text(tag, "colour"),
					  .exportable = flag(tag, "exportable")};
		TRY(ingest_tag_capture(w, &ref, &d.tag_id, f));
	}
	d.id = store_new_row_id(w, T_FEED);
	TRY(store_put(w, T_FEED, d.id, &d, f));
	struct change ch = {.op = CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_FEED),
			    .id = d.id,
			    .time = x->origin.time,
			    .origin = x->origin};
	return store_change(w, &ch, f);
}

/* One job: two who ask at the same time enter nothing twice. */
static enum err enter(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct entering *x = arg;
	size_t i;
	const json_t *row;
	x->n = x->passed_over = 0;
	json_array_foreach(x->rows, i, row)
		TRY(enter_one(w, x, row, f));
	return ERR_OK;
}

static json_t *catalogue(void)
{
	struct str s = feed_defaults();
	return json_loadb(s.p, s.n, 0, NULL);
}

static bool has_row(const json_t *rows, struct str name)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
		if (str_eq_nocase(text(json_object_get(row, "Feed"), "name"), name))
			return true;
	return false;
}

/* Are all names those of the catalogue? False: answered. */
static bool names_known(struct http_req *r, const json_t *names, const json_t *rows)
{
	size_t i;
	const json_t *v;
	if (names && (!json_is_array(names) || json_array_size(names) > NAMES_MAX)) {
		reply_error(r, 405, "names is a list.");
		return false;
	}
	json_array_foreach(names, i, v)
		if (!json_is_string(v) || !has_row(rows, str_c(json_string_value(v)))) {
			reply_error(r, 404, "The catalogue has no feed of this name.");
			return false;
		}
	return true;
}

static enum err load(struct http_req *r, struct fail *f)
{
	json_t *body, *rows;
	if (rest_json(r, "Feed", &body, f) != ERR_OK)
		return ERR_OK;
	const json_t *names = json_object_get(body, "names");
	if (!(rows = catalogue()))
		return fail(f, ERR_NOMEM, "no memory");
	struct entering x = {.rows = rows, .names = names, .origin = rest_origin(r)};
	bool known = names_known(r, names, rows);
	enum err e = known ? rest_write(r, enter, &x, f) : ERR_OK;
	json_decref(rows);
	TRY(e);
	if (known)
		rest_saved(r, STR_NONE, "Default feed metadata loaded.");
	return ERR_OK;
}

/* ---- a list of others ---- */

/* What another node told of its feeds (sync-protocol.md 9.4): settings and rules as texts, as /feeds/index has
   them, or as what these hold. */
static bool row_made(json_t *row)
{
	static const char *const inner[] = {"settings", "rules"};
	json_t *feed = json_object_get(row, "Feed");
	if (text(feed, "provider").p && !text(feed, "source_format").n)
		json_object_set_new(feed, "source_format", json_string("misp"));
	for (size_t i = 0; i < ARRAY_LEN(inner); i++) {
		const json_t *v = json_object_get(feed, inner[i]);
		char *s = json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;
		if (s)
			json_object_set_new(feed, inner[i], json_string(s));
		free(s);
	}
	struct str url = text(feed, "url");
	return text(feed, "name").n && text(feed, "provider").n &&
	       (str_has_prefix(url, STR("http://")) || str_has_prefix(url, STR("https://")));
}

static enum err import(struct http_req *r, struct fail *f)
{
	json_t *body, *row;
	size_t i;
	if (rest_json(r, "Feed", &body, f) != ERR_OK)
		return ERR_OK;
	if (!json_is_array(body) || !json_array_size(body) || json_array_size(body) > NAMES_MAX) {
		reply_error(r, 405, "A list of feeds is needed, each {\"Feed\": {..}, \"Tag\": {..}}, at most %u.",
			    NAMES_MAX);
		return ERR_OK;
	}
	json_array_foreach(body, i, row)
		if (!row_made(row)) {
			reply_error(r, 403,
				    "Feed %zu of the list lacks its name or provider, or a URL of http or https.",
				    i + 1);
			return ERR_OK;
		}
	struct entering x = {.rows = body, .origin = rest_origin(r)};
	TRY(rest_write(r, enter, &x, f));
	rest_saved(r, STR_NONE, "%u new feeds added, switched off; %u are there already.", x.n, x.passed_over);
	return ERR_OK;
}

/* ---- looking ---- */

/* Each with the number under which its place is entered, or null. */
static enum err show(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	size_t i;
	json_t *row, *rows;
	TRY(store_read(api_of(r)->store, &t, f));
	if (!(rows = catalogue()))
		return fail(f, ERR_NOMEM, "no memory");
	json_array_foreach(rows, i, row) {
		json_t *feed = json_object_get(row, "Feed");
		uint64_t id = find_place(t, text(feed, "url"));
		char number[24];
		snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
		json_object_set_new(feed, "id", id ? json_string(number) : json_null());
	}
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	char *s = json_dumps(rows, JSON_COMPACT);
	jsonw_raw(&w, s ? str_c(s) : STR("[]"));
	free(s);
	json_decref(rows);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_feeds_defaults = {
	.methods = HTTP_POST,
	.path = "/feeds/loadDefaultFeeds",
	.auth = perm_site_admin,
	.run = load,
	.shape = "Saved",
	.takes = "FeedNames",
	.doc = "Enter the feeds of the catalogue, or those that `names` lists, switched off, where they are missing",
};
const struct endpoint ep_feeds_catalogue = {
	.methods = HTTP_GET,
	.path = "/tocsin/feedDefaults",
	.auth = perm_site_admin,
	.run = show,
	.shape = "FeedCatalogue",
	.doc = "The catalogue of public feeds, and which of them are entered (our own)",
};
const struct endpoint ep_feeds_import = {
	.methods = HTTP_POST,
	.path = "/feeds/importFeeds",
	.auth = perm_site_admin,
	.run = import,
	.shape = "Saved",
	.takes = "FeedList",
	.doc = "Enter a list of feeds, as /feeds/index of another node gives it, switched off, where they are missing",
};
