/*
 * ep_sightings.c - /sightings: add by id, UUID or value; lists; delete. Texts as recorded
 * (wire/client, sightings). Sightings leave through the gate.
 */
#include "api/rest.h"
#include "base/clock.h"
#include "model/datetime.h"
#include "model/pack.h"
#include "search/query.h"
#include "search/search.h"

#define TARGETS_MAX 10000u
#define VALUES_MAX 1000u
#define HITS_MAX 1000000u
#define LIST_ARENA (256u << 20) /* of lists, which may be larger than a request's own memory */
#define SOURCE_MAX 255

/* ---- lists of attributes ---- */

struct hits {
	struct search_hit *v;
	size_t n, max;
};

static bool hits_add(struct hits *h, struct search_hit hit)
{
	if (h->n == h->max)
		return false;
	h->v[h->n++] = hit;
	return true;
}

static enum err hits_new(struct arena *a, struct hits *h, size_t max, struct fail *f)
{
	*h = (struct hits){a ? ARENA_ARRAY(a, struct search_hit, max) : NULL, 0, max};
	return h->v ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

/* Attributes of an event that have sightings. */
static enum err sighted(struct http_req *r, struct view *v, const struct misp_event *e,
			struct hits *h, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {.body = e->body}, key;
	struct misp_sighting s;
	uint64_t event_id, object_id, last = 0;
	if (!e->sighting_count)
		return ERR_OK;
	TRY(store_el_iter_new(view_txn(v), EL_SIGHTING, from, false, &it));
	for (;;) {
		enum err err = store_el_iter_next(it, NULL, &key, &s);
		if (err == ERR_NOENT)
			return ERR_OK;
		TRY(err);
		if (key.parent == last)
			continue;
		last = key.parent;
		err = index_attr_find(api_of(r)->index, last, &event_id, &object_id);
		if (err == ERR_OK && !hits_add(h, (struct search_hit){e->id, object_id, last, 0}))
			return fail(f, ERR_LIMIT, "too many sighted attributes");
	}
}

static enum err send_list(struct http_req *r, const char *form, const struct hits *h,
			  struct str org_id, struct fail *f)
{
	struct rest_pair params[] = {
		{"form", str_c(form)}, {"org_id", org_id}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = ".sightings",
				.scope = EXPORT_ATTRIBUTES,
				.hits = h->v,
				.n = h->n,
				.params = params,
				.sightings = true};
	return rest_send(r, &x, f);
}

static enum err send_one(struct http_req *r, const char *form, struct search_hit hit, uint64_t id,
			 struct fail *f)
{
	struct rest_pair params[] = {
		{"form", str_c(form)}, {"id", rest_id(r, id)}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = ".sightings",
				.scope = EXPORT_ATTRIBUTES,
				.hits = &hit,
				.n = 1,
				.params = params,
				.sightings = true};
	return rest_send_or(r, &x, 404, "Invalid sighting.", f);
}

/* ---- adding ---- */

static void refuse(struct http_req *r, const char *why)
{
	rest_message(r, "Could not add the Sighting. Reason: %s", why);
}

/* The one attribute with this id or UUID. */
static enum err by_id(struct http_req *r, struct view *v, struct str id, struct hits *h)
{
	struct misp_event e;
	struct misp_attr a;
	struct fail why = {0};
	enum err err = view_attr(v, id, r->arena, &e, &a, &why);
	if (err == ERR_OK && !a.deleted)
		hits_add(h, (struct search_hit){e.id, a.object_id, a.id, 0});
	return err == ERR_NOENT ? ERR_OK : err;
}

/* All visible attributes that hold the value, within `filters` when there are any. */
static enum err by_value(struct http_req *r, struct view *v, struct str value, json_t *filters,
			 struct hits *h, struct fail *f)
{
	struct search_result res = {0};
	struct search_visible vis = view_visible(v);
	if (!value.n)
		return ERR_OK;
	if (json_is_object(filters) && json_object_size(filters)) {
		struct query *q = ARENA_NEW(r->arena, struct query);
		json_t *params = json_deep_copy(filters);
		if (!q || !params)
			return fail(f, ERR_NOMEM, "no memory");
		json_object_set_new(params, "value", json_stringn(value.p, value.n));
		enum err e = query_parse(q, SCOPE_ATTRIBUTES, params, r->arena, clock_now(), f);
		if (e == ERR_OK)
			e = search_run(api_of(r)->index, view_txn(v), q, &vis, NULL, r->arena, &res,
				       f);
		json_decref(params);
		TRY(e);
	} else {
		TRY(search_value(api_of(r)->index, view_txn(v), value, &vis, TARGETS_MAX, r->arena,
				 &res, f));
	}
	for (uint64_t i = 0; i < res.n; i++)
		if (!hits_add(h, res.hits[i]))
			break;
	return ERR_OK;
}

static enum err targets(struct http_req *r, json_t *body, struct hits *h, bool *any, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	json_t *filters = json_object_get(body, "filters"), *values, *item;
	struct str id = req_arg(r, "id");
	size_t i;
	if (!id.p)
		id = rest_text(r, body, "id");
	if (!id.p)
		id = rest_text(r, body, "uuid");
	*any = true;
	TRY(rest_view(r, &v, f));
	if (id.p)
		return by_id(r, v, id, h);
	values = json_object_get(body, "values");
	if (!json_is_array(values))
		values = json_object_get(body, "value");
	*any = json_truthy(values);
	if (!json_is_array(values))
		return by_value(r, v, rest_text(r, body, "value"), filters, h, f);
	json_array_foreach(values, i, item) {
		const char *s = json_string_value(item);
		if (i >= VALUES_MAX)
			break;
		if (s)
			TRY(by_value(r, v, (struct str){s, json_string_length(item)}, filters, h, f));
	}
	return ERR_OK;
}

/* When it was seen: `timestamp`, or `date` and `time`, else now. */
static int64_t when(struct http_req *r, const json_t *body)
{
	struct str date = rest_text(r, body, "date"), time = rest_text(r, body, "time");
	int64_t t;
	if (str_i64(rest_text(r, body, "timestamp"), &t) && t > 0)
		return t;
	if (date.n && query_time(arena_printf(r->arena, "%.*s %.*s", STR_ARG(date),
					      STR_ARG(time.n ? time : STR("00:00:00"))),
				 clock_now(), &t))
		return t;
	return clock_now();
}

static int by_attr(const void *a, const void *b)
{
	const struct search_hit *x = a, *y = b;
	return (x->attr_id > y->attr_id) - (x->attr_id < y->attr_id);
}

static enum err save(struct http_req *r, struct hits *h, const struct misp_sighting *s,
		     struct fail *f)
{
	struct ingest_sighting *v = ARENA_ARRAY(r->arena, struct ingest_sighting, h->n);
	struct origin o = rest_origin(r);
	uint64_t added;
	size_t last;
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	qsort(h->v, h->n, sizeof(*h->v), by_attr);
	for (size_t i = 0; i < h->n; i++)
		v[i] = (struct ingest_sighting){.attr_id = h->v[i].attr_id, .s = *s};
	TRY(ingest_sightings_add(&api_of(r)->ingest, v, h->n, me(r)->user.org_id, &o, &added, f));
	for (last = h->n; last && !v[last - 1].id;)
		last--;
	if (last)
		return send_one(r, "add", h->v[last - 1], v[last - 1].id, f);
	refuse(r, "No valid attributes found that match the criteria.");
	return ERR_OK;
}

static enum err sightings_add(struct http_req *r, struct fail *f)
{
	struct misp_sighting s = {.org_id = me(r)->user.org_id};
	struct hits h;
	uint64_t type = 0;
	bool any;
	json_t *body;
	if (rest_json(r, "Sighting", &body, f) != ERR_OK)
		return ERR_OK;
	s.source = rest_text(r, body, "source");
	if (!s.source.p)
		s.source = STR("");
	s.date_sighting = when(r, body);
	if (rest_text(r, body, "type").n && !rest_take_u64(r, body, "type", &type))
		type = 99;
	TRY(hits_new(r->arena, &h, TARGETS_MAX, f));
	TRY(targets(r, body, &h, &any, f));
	if (!any) {
		refuse(r, "No valid attributes found.");
	} else if (!h.n) {
		refuse(r, "No valid attributes found that match the criteria.");
	} else if (type > 2) {
		refuse(r, "Invalid type, please change it before you POST 1000000 sightings.");
	} else if (s.source.n > SOURCE_MAX) {
		refuse(r, "The source is too long.");
	} else {
		s.type = (uint8_t)type;
		return save(r, &h, &s, f);
	}
	return ERR_OK;
}

/* ---- lists ---- */

/* Context and id by path or body; numbers only (recorded, sightings 2013). */
static enum err list_sightings(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct misp_event e;
	struct misp_attr attr;
	struct hits h;
	struct fail why = {0};
	json_t *body;
	uint64_t n;
	if (rest_json(r, "Sighting", &body, f) != ERR_OK)
		return ERR_OK;
	struct str id = req_arg(r, "id"), context = req_arg(r, "context");
	if (!id.p)
		id = rest_text(r, body, "id");
	if (!context.p)
		context = rest_text(r, body, "context");
	bool of_event = str_is(context, "event");
	TRY(rest_view(r, &v, f));
	enum err err = ERR_NOENT;
	if (str_u64(id, &n) && of_event)
		err = view_event(v, id, r->arena, &e, &why);
	else if (str_u64(id, &n) && (!context.n || str_is(context, "attribute")))
		err = view_attr(v, id, r->arena, &e, &attr, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 405, "Invalid object.");
		return ERR_OK;
	}
	TRY(err);
	TRY(hits_new(a, &h, of_event ? MIN(e.sighting_count, HITS_MAX) + 1 : 1, f));
	if (of_event)
		TRY(sighted(r, v, &e, &h, f));
	else
		hits_add(&h, (struct search_hit){e.id, attr.object_id, attr.id, 0});
	view_close(MOVE(v));
	return send_list(r, "list", &h, rest_text(r, body, "org_id"), f);
}

/* All sightings that the caller may see, or those of one event. */
static enum err sightings_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct misp_event e;
	struct hits h;
	struct fail why = {0};
	struct str arg = req_arg(r, "event");
	uint64_t id = 0;
	enum err err;
	TRY(rest_view(r, &v, f));
	struct search_visible vis = view_visible(v);
	if (arg.p) {
		if (view_event(v, arg, r->arena, &e, &why) != ERR_OK) {
			reply_error(r, 404, "Invalid event.");
			return ERR_OK;
		}
		TRY(hits_new(a, &h, MIN(e.sighting_count, HITS_MAX) + 1, f));
		TRY(sighted(r, v, &e, &h, f));
	} else {
		uint64_t n = 0;
		while ((err = store_next(view_txn(v), T_EVENT, &id, NULL, &e)) == ERR_OK)
			n += e.sighting_count;
		TRY(hits_new(a, &h, MIN(n, HITS_MAX) + 1, f));
		id = 0;
		struct arena_mark m = arena_mark(r->arena);
		while ((err = store_next(view_txn(v), T_EVENT, &id, r->arena, &e)) == ERR_OK) {
			if (e.sighting_count && vis.event(vis.user, &e))
				TRY(sighted(r, v, &e, &h, f));
			arena_rewind(r->arena, m);
		}
		if (err != ERR_NOENT)
			return err;
	}
	view_close(MOVE(v));
	return send_list(r, "index", &h, STR_NONE, f);
}

/* ---- one by id ---- */

struct found {
	struct misp_event e;
	struct misp_attr a;
	struct misp_sighting s;
};

/* A sighting of an attribute that the caller may see. */
static bool find_sighting(struct http_req *r, struct found *x, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct index *ix = api_of(r)->index;
	struct str arg = req_arg(r, "id");
	struct misp_sighting row;
	struct fail why = {0};
	struct index_uuid at;
	struct uuid u;
	uint64_t id, event_id, attr_id;
	enum err e = ERR_NOENT;
	if (str_u64(arg, &id)) {
		e = index_el_find(ix, EL_SIGHTING, id, &event_id, &attr_id);
	} else if (uuid_parse(arg, &u) && (e = index_uuid_find(ix, u, &at)) == ERR_OK) {
		e = at.kind == CHANGE_EL(EL_SIGHTING) ? ERR_OK : ERR_NOENT;
		id = at.id;
		attr_id = at.parent;
	}
	if (e == ERR_OK && (e = rest_view(r, &v, f)) == ERR_OK)
		e = view_attr(v, rest_id(r, attr_id), r->arena, &x->e, &x->a, &why);
	if (e == ERR_OK)
		e = store_el_get(view_txn(v), EL_SIGHTING, (struct el_key){x->e.body, attr_id, id},
				 r->arena, &row);
	if (e == ERR_OK)
		e = entity_copy(r->arena, &desc_misp_sighting, &row, &x->s);
	if (e == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid sighting.");
	return false;
}

static enum err sightings_view(struct http_req *r, struct fail *f)
{
	struct found x;
	if (!find_sighting(r, &x, f))
		return ERR_OK;
	struct search_hit hit = {x.e.id, x.a.object_id, x.a.id, 0};
	return send_one(r, "view", hit, x.s.id, f);
}

/* Those of one's own organisation; for others it is as if there were none. */
static bool delete_one(struct http_req *r, struct found *x, struct fail *f)
{
	if (!find_sighting(r, x, f))
		return false;
	if (!may(r, perm_site_admin) && x->s.org_id != me(r)->user.org_id) {
		reply_error(r, 404, "Invalid sighting.");
		return false;
	}
	struct origin o = rest_origin(r);
	enum err e = ingest_el_delete(&api_of(r)->ingest, EL_SIGHTING, x->s.id, true, &o, f);
	if (e != ERR_OK)
		reply_err(r, e);
	return e == ERR_OK;
}

static enum err sightings_delete(struct http_req *r, struct fail *f)
{
	struct found x;
	if (!delete_one(r, &x, f))
		return ERR_OK;
	struct str id = rest_id(r, x.s.id);
	me(r)->url = arena_printf(r->arena, "/sightings/delete/%.*s", STR_ARG(id));
	rest_saved(r, id, "Sighting successfully deleted.");
	return ERR_OK;
}

static enum err quick_delete(struct http_req *r, struct fail *f)
{
	struct found x;
	if (!delete_one(r, &x, f))
		return ERR_OK;
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_c, "success", "Sighting removed.");
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_sightings_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/sightings/add/:id",
	.auth = perm_sighting,
	.run = sightings_add,
	.shape = "Sighting",
	.takes = "SightingIn",
	.doc = "Add sightings by attribute id, UUID or value(s)",
	.missing = "STIX documents as sightings",
};
const struct endpoint ep_sightings_list = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/sightings/listSightings/:id/:context",
	.run = list_sightings,
	.shape = "Sightings",
	.takes = "SightingList",
	.doc = "Sightings of an attribute or event, newest first",
};
const struct endpoint ep_sightings_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/sightings/index/:event",
	.run = sightings_index,
	.shape = "Sightings",
	.takes = "SightingList",
	.doc = "All visible sightings, or those of an event",
};
const struct endpoint ep_sightings_view = {
	.methods = HTTP_GET,
	.path = "/sightings/view/:id",
	.run = sightings_view,
	.shape = "Sighting",
	.doc = "One sighting",
};
const struct endpoint ep_sightings_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/sightings/delete/:id",
	.auth = perm_sighting,
	.run = sightings_delete,
	.shape = "Saved",
	.doc = "Delete a sighting of one's own organisation",
};
const struct endpoint ep_sightings_quick_delete = {
	.methods = HTTP_POST,
	.path = "/sightings/quickDelete/:id",
	.auth = perm_sighting,
	.run = quick_delete,
	.shape = "Saved",
	.doc = "The same with a short answer",
};
