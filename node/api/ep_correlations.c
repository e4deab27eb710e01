/*
 * ep_correlations.c - /correlations/: which values correlate most, which over the limit, of what the
 * caller sees; and the graph around an event (our own extension). Nothing is stored for any of them.
 */
#include "api/rest.h"
#include "search/correlate.h"

#define LIST_DEFAULT 50
#define LIST_MAX 1000
#define GRAPH_EVENTS 50
#define GRAPH_VALUES 500

static uint64_t number(struct http_req *r, const json_t *body, const char *key, uint64_t otherwise,
		       uint64_t most)
{
	uint64_t n;
	return str_u64(rest_param(r, body, key), &n) && n ? MIN(n, most) : otherwise;
}

static void top_row(struct jsonw *w, const struct correlate_rank *x, uint64_t place)
{
	(void)place;
	jsonw_key(w, "Correlation");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "value", x->value);
	JSONW_KV(w, jsonw_uint, "count", x->count);
	JSONW_KV(w, jsonw_bool, "excluded", false);
	jsonw_obj_end(w);
}

static void over_row(struct jsonw *w, const struct correlate_rank *x, uint64_t place)
{
	jsonw_key(w, "OverCorrelatingValue");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", place);
	JSONW_KV(w, jsonw_str, "value", x->value);
	JSONW_KV(w, jsonw_uint_str, "occurrence", x->count);
	JSONW_KV(w, jsonw_bool, "over_correlation", true);
	JSONW_KV(w, jsonw_bool, "excluded", false);
	jsonw_obj_end(w);
}

static const struct list {
	enum correlate_list list;
	void (*row)(struct jsonw *w, const struct correlate_rank *x, uint64_t place);
} top_list = {TOP_CORRELATIONS, top_row}, over_list = {OVER_CORRELATIONS, over_row};

static enum err list_answer(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(buf) struct buf out = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&out);
	const struct list *l = r->ep->arg;
	struct correlate_rank *x;
	json_t *body = NULL;
	uint64_t n;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	uint64_t limit = number(r, body, "limit", LIST_DEFAULT, LIST_MAX);
	uint64_t skip = (number(r, body, "page", 1, LIST_MAX) - 1) * limit;
	TRY(rest_view(r, &v, f));
	struct search_visible vis = view_visible(v);
	enum err e = correlate_ranks(api_of(r)->index, api_of(r)->egress.correlator, &vis, view_txn(v),
				     l->list, skip, limit, NULL, r->arena, &x, &n, f);
	if (e == ERR_LIMIT) {
		reply_error(r, 400, "The list does not go that far.");
		return ERR_OK;
	}
	TRY(e);
	jsonw_arr(&w);
	for (uint64_t i = 0; i < n; i++) {
		jsonw_obj(&w);
		l->row(&w, &x[i], skip + i + 1);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &out);
	return ERR_OK;
}

static enum err graph(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct misp_event e;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), r->arena, &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	TRY(err);
	struct egress_graph q = {
		.event_id = e.id,
		.depth = (unsigned)number(r, NULL, "depth", 1, GRAPH_DEPTH_MAX),
		.events = (uint32_t)number(r, NULL, "events", GRAPH_EVENTS, 1000),
		.values = (uint32_t)number(r, NULL, "values", GRAPH_VALUES, 5000),
	};
	TRY(egress_graph(&v, &q, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

const struct endpoint ep_correlations_top = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/correlations/top",
	.auth = perm_site_admin,
	.run = list_answer,
	.arg = &top_list,
	.shape = "TopCorrelations",
	.doc = "Values that correlate most, by pairs of attributes; limit, page",
};
const struct endpoint ep_correlations_over = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/correlations/overCorrelations",
	.auth = perm_site_admin,
	.run = list_answer,
	.arg = &over_list,
	.shape = "OverCorrelations",
	.doc = "Values that correlate with nothing because too many attributes hold them; limit, page",
};
const struct endpoint ep_tocsin_graph = {
	.methods = HTTP_GET,
	.path = "/tocsin/graph/:id",
	.run = graph,
	.shape = "Graph",
	.doc = "Events around one that correlate, and by which values; depth, events, values (our own)",
};
