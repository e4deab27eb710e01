/*
 * ep_feed_overlap.c - /tocsin/feedOverlap: which cached feeds and peers know the same values, and how much of
 * each is in the store, to see which feed is worth its fetch.
 */
#include <stdlib.h>

#include "api/feeds.h"
#include "api/long_job.h"
#include "sync/value_overlap.h"

#define SOURCES_MAX 200u

struct overlap {
	struct api *api;
	struct value_cache v[SOURCES_MAX];
	struct str names[SOURCES_MAX];
	size_t here[SOURCES_MAX], n;
	bool store;
	struct fail why;
	enum err err;
};

static void overlap_free(struct overlap *x)
{
	for (size_t i = 0; x && i < x->n; i++)
		value_cache_close(&x->v[i]);
	free(x);
}
OWN_DEFINE(overlap, struct overlap *, overlap_free(*p))

/* The name of who it is of; false: gone, and its cache lies around. */
static bool name_of(struct http_req *r, const struct store_rtxn *t, const struct value_cache *c, struct str *out)
{
	struct misp_feed feed;
	struct misp_peer peer;
	bool is_feed = c->kind == VALUE_CACHE_FEED;
	if (store_get(t, is_feed ? T_FEED : T_PEER, c->id, NULL, is_feed ? (void *)&feed : &peer) != ERR_OK)
		return false;
	*out = arena_str(r->arena, is_feed ? feed.name : peer.name);
	return true;
}

static enum err open_all(struct http_req *r, struct overlap *x, struct fail *f)
{
	static const enum value_cache_kind kinds[] = {VALUE_CACHE_FEED, VALUE_CACHE_SERVER};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(api_of(r)->store, &t, f));
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		OWN(value_caches) struct value_caches all = {0};
		TRY(value_caches_open(api_of(r)->conf->data_dir, kinds[k], &all));
		for (size_t i = 0; i < all.n && x->n < SOURCES_MAX; i++) {
			if (!name_of(r, t, &all.v[i], &x->names[x->n]))
				continue;
			x->v[x->n++] = all.v[i];
			all.v[i] = (struct value_cache){0}; /* it is ours now */
		}
	}
	return ERR_OK;
}

static void run(struct long_job *j, void *arg)
{
	struct overlap *x = arg;
	x->err = value_overlap_store(x->api->store, x->v, x->n, long_job_cancelled(j), x->here, &x->why);
}

static const char *kind_name(const struct value_cache *c)
{
	return c->kind == VALUE_CACHE_FEED ? "feed" : "server";
}

static struct str key_of(struct http_req *r, const struct value_cache *c)
{
	return arena_printf(r->arena, "%s:%llu", kind_name(c), (unsigned long long)c->id);
}

/* How many of its values any other one knows. */
static size_t known_elsewhere(struct http_req *r, const struct overlap *x, size_t i)
{
	struct value_cache *others = ARENA_ARRAY(r->arena, struct value_cache, SOURCES_MAX);
	size_t n = 0;
	for (size_t k = 0; others && k < x->n; k++)
		if (k != i)
			others[n++] = x->v[k];
	return value_cache_covered(&x->v[i], others, n);
}

static void put_sources(struct http_req *r, struct jsonw *w, const struct overlap *x)
{
	jsonw_key(w, "sources");
	jsonw_arr(w);
	for (size_t i = 0; i < x->n; i++) {
		struct arena_mark m = arena_mark(r->arena);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "key", key_of(r, &x->v[i]));
		JSONW_KV(w, jsonw_c, "kind", kind_name(&x->v[i]));
		JSONW_KV(w, jsonw_uint_str, "id", x->v[i].id);
		JSONW_KV(w, jsonw_str, "name", x->names[i]);
		JSONW_KV(w, jsonw_uint, "values", value_cache_values(&x->v[i]));
		JSONW_KV(w, jsonw_int, "time", x->v[i].time);
		if (x->store)
			JSONW_KV(w, jsonw_uint, "here", x->here[i]);
		JSONW_KV(w, jsonw_uint, "others", known_elsewhere(r, x, i));
		jsonw_obj_end(w);
		arena_rewind(r->arena, m);
	}
	jsonw_arr_end(w);
}

static void put_pairs(struct http_req *r, struct jsonw *w, const struct overlap *x)
{
	jsonw_key(w, "pairs");
	jsonw_arr(w);
	for (size_t i = 0; i < x->n; i++)
		for (size_t k = i + 1; k < x->n && !req_cancelled(r); k++) {
			size_t common = value_cache_common(&x->v[i], &x->v[k]);
			struct arena_mark m = arena_mark(r->arena);
			if (!common)
				continue;
			jsonw_obj(w);
			JSONW_KV(w, jsonw_str, "a", key_of(r, &x->v[i]));
			JSONW_KV(w, jsonw_str, "b", key_of(r, &x->v[k]));
			JSONW_KV(w, jsonw_uint, "values", common);
			jsonw_obj_end(w);
			arena_rewind(r->arena, m);
		}
	jsonw_arr_end(w);
}

static enum err feed_overlap(struct http_req *r, struct fail *f)
{
	OWN(overlap) struct overlap *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->api = api_of(r);
	x->store = !str_is(req_query(r, "store"), "0");
	TRY(open_all(r, x, f));
	if (x->store && x->n) {
		enum err e = long_job_here(&api_of(r)->jobs, "overlap", 0, run, x, f);
		if (e == ERR_BUSY) {
			reply_error(r, 409, "Overlaps are being counted already.");
			return ERR_OK;
		}
		TRY(e);
		if (x->err != ERR_OK)
			return fail(f, x->err, "%s", x->why.text);
	}
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	put_sources(r, &w, x);
	put_pairs(r, &w, x);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tocsin_feed_overlap = {
	.methods = HTTP_GET,
	.path = "/tocsin/feedOverlap",
	.auth = perm_site_admin,
	.run = feed_overlap,
	.shape = "FeedOverlap",
	.doc = "Values that cached feeds and peers share with each other, and with the store unless ?store=0",
};
