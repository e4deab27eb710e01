/*
 * ep_lookup.c - bulk look-up of values: does anybody visible hold them? Our own extension.
 *
 * GET /values/lookup/VALUE for one; POST /values/lookup with a JSON list, NDJSON strings or plain
 * text, one value a line. The answer is one JSON object a value, a line each. What an audience may
 * not see is not counted: every hit passes the gate.
 */
#include "api/rest.h"
#include "model/types.h"

#define HITS_MAX 100
#define VALUE_MAX 65535
#define LOOKUP_BODY_MAX (64u << 20)
#define LOOKUP_SHORT 1024 /* looked up faster than handed to a worker */

/* {"value":..,"hits":N,"more":bool,"first_event":..} of one value. */
static enum err lookup_one(struct http_req *r, struct view *v, struct str value, struct buf *out,
			   struct arena *a, struct fail *f)
{
	struct search_result res = {0};
	struct search_visible vis = view_visible(v);
	struct jsonw w = jsonw_on(out);
	TRY(search_value(api_of(r)->index, view_txn(v), value, &vis, HITS_MAX, a, &res, f));
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "value", value);
	JSONW_KV(&w, jsonw_bool, "found", res.n > 0);
	JSONW_KV(&w, jsonw_uint, "hits", res.n);
	JSONW_KV(&w, jsonw_bool, "more", res.more);
	jsonw_key(&w, "events");
	jsonw_arr(&w);
	uint64_t last = 0;
	for (uint64_t i = 0; i < res.n; i++)
		if (res.hits[i].event_id != last)
			jsonw_uint_str(&w, last = res.hits[i].event_id);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	return buf_err(out);
}

static enum err lookup_get(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(buf) struct buf out = BUF(1 << 20);
	struct str value = r->tail;
	if (!value.n)
		value = req_param(r, "value");
	if (!value.n || value.n > VALUE_MAX) {
		reply_error(r, 400, "A value is wanted: /values/lookup/VALUE");
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	TRY(lookup_one(r, v, value, &out, r->arena, f));
	reply_body(r, 200, "application/json; charset=UTF-8", &out);
	return ERR_OK;
}

/* The next value of the body: a line, or a JSON string on a line. */
static bool next_line(struct str *rest, struct str *line)
{
	while (rest->p) {
		*rest = str_split(*rest, '\n', line);
		*line = str_trim(*line);
		if (line->n)
			return true;
	}
	return false;
}

static enum err lookup_lines(struct http_req *r, struct view *v, struct str body, struct buf *out,
			     struct fail *f)
{
	struct str line;
	while (next_line(&body, &line)) {
		struct arena_mark m = arena_mark(r->arena);
		json_t *j = line.p[0] == '"'
				    ? json_loadb(line.p, line.n, JSON_DECODE_ANY, NULL)
				    : NULL;
		if (json_is_string(j))
			line = arena_str(r->arena, (struct str){json_string_value(j),
								 json_string_length(j)});
		json_decref(j);
		TRY(lookup_one(r, v, line, out, r->arena, f));
		buf_putc(out, '\n');
		arena_rewind(r->arena, m);
	}
	return buf_err(out);
}

static enum err lookup_list(struct http_req *r, struct view *v, const json_t *list, struct buf *out,
			    struct fail *f)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		struct arena_mark m = arena_mark(r->arena);
		if (!json_is_string(item))
			continue;
		struct str value = {json_string_value(item), json_string_length(item)};
		TRY(lookup_one(r, v, value, out, r->arena, f));
		buf_putc(out, '\n');
		arena_rewind(r->arena, m);
	}
	return buf_err(out);
}

static enum err lookup_post(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(buf) struct buf out = BUF(ANSWER_MAX * 4);
	struct str body = str_trim(r->body);
	json_t *j = NULL;
	TRY(rest_view(r, &v, f));
	if (body.n && body.p[0] == '[') {
		if (rest_json(r, NULL, &j, f) != ERR_OK)
			return ERR_OK;
		TRY(lookup_list(r, v, j, &out, f));
	} else {
		TRY(lookup_lines(r, v, body, &out, f));
	}
	reply_body(r, 200, "application/x-ndjson; charset=UTF-8", &out);
	return ERR_OK;
}

const struct endpoint ep_values_lookup_get = {
	.methods = HTTP_GET,
	.path = "/values/lookup/*",
	.flags = EP_INLINE | EP_EXACT,
	.run = lookup_get,
	.shape = "Lookup",
	.doc = "Is this value known? (our own extension)",
};
const struct endpoint ep_values_lookup = {
	.methods = HTTP_POST,
	.path = "/values/lookup",
	.body_cap = LOOKUP_BODY_MAX,
	.inline_max = LOOKUP_SHORT,
	.run = lookup_post,
	.shape = "LookupLines",
	.takes = "LookupIn",
	.doc = "Which of these values are known? JSON list, NDJSON or plain lines (our own)",
};
