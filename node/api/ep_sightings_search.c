/*
 * ep_sightings_search.c - sightings/restSearch, streamed; publishing of sightings. Texts as recorded
 * (wire/client restsearch-sightings, wire/sync).
 */
#include "api/parts.h"
#include "api/rest.h"
#include "base/clock.h"
#include "search/query.h"

#define LIST_ARENA (64u << 20)
#define IDS_MAX 10000u
#define ORGS_MAX 1000u
#define DAY 86400

/* ---- which ---- */

struct wanted {
	struct search_hit *hits;
	uint64_t n, max;
};

static void add(struct wanted *w, struct search_hit h)
{
	if (w->n < w->max)
		w->hits[w->n++] = h;
}

/* A sighting by its own number or UUID. */
static void by_sighting(struct http_req *r, struct str id, struct wanted *w)
{
	struct index *ix = api_of(r)->index;
	struct index_uuid at = {.kind = CHANGE_EL(EL_SIGHTING)};
	struct uuid u;
	enum err e = ERR_NOENT;
	if (str_u64(id, &at.id))
		e = index_el_find(ix, EL_SIGHTING, at.id, &at.event_id, &at.parent);
	else if (uuid_parse(id, &u))
		e = index_uuid_find(ix, u, &at);
	if (e == ERR_OK && at.kind == CHANGE_EL(EL_SIGHTING))
		add(w, (struct search_hit){at.event_id, 0, at.parent, at.id});
}

/* One id or UUID of the context. Attributes must be visible, as events must: the gate asks again. */
static void by_id(struct http_req *r, struct view *v, struct str context, struct str id,
		  struct wanted *w)
{
	struct arena_mark m = arena_mark(r->arena);
	struct misp_event e;
	struct misp_attr a;
	struct fail why = {0};
	if (!context.n)
		by_sighting(r, id, w);
	else if (str_is(context, "event") && view_event(v, id, r->arena, &e, &why) == ERR_OK)
		add(w, (struct search_hit){.event_id = e.id});
	else if (str_is(context, "attribute") && view_attr(v, id, r->arena, &e, &a, &why) == ERR_OK)
		add(w, (struct search_hit){.event_id = e.id, .attr_id = a.id});
	arena_rewind(r->arena, m);
}

static struct str text_of(struct http_req *r, const json_t *v)
{
	if (json_is_string(v))
		return (struct str){json_string_value(v), json_string_length(v)};
	if (json_is_integer(v))
		return arena_printf(r->arena, "%lld", (long long)json_integer_value(v));
	return STR_NONE;
}

/* A member that is one value or a list of them. */
static const json_t *item_of(const json_t *v, size_t i)
{
	return json_is_array(v) ? json_array_get(v, i) : i == 0 ? v : NULL;
}

static enum err by_ids(struct http_req *r, struct str context, const json_t *body, struct arena *a,
		       struct wanted *w, struct fail *f)
{
	static const char *const members[] = {"id", "uuid"};
	OWN(view) struct view *v = NULL;
	const json_t *item;
	w->max = IDS_MAX;
	w->hits = ARENA_ARRAY(a, struct search_hit, w->max);
	if (!w->hits)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(rest_view(r, &v, f));
	for (size_t k = 0; k < ARRAY_LEN(members); k++)
		for (size_t i = 0; (item = item_of(json_object_get(body, members[k]), i)); i++)
			by_id(r, v, context, text_of(r, item), w);
	return ERR_OK;
}

/* ---- filters ---- */

/* from and to together, or last, or the last 30 days; last:0 is for ever. */
static void when(struct http_req *r, const json_t *body, struct part_filter *f)
{
	struct str from = rest_text(r, body, "from"), to = rest_text(r, body, "to"),
		   last = rest_text(r, body, "last");
	int64_t now = clock_now();
	f->since = now - 30 * DAY;
	if (from.n && to.n && query_time(from, now, &f->since) && query_time(to, now, &f->until))
		return;
	f->since = now - 30 * DAY;
	f->until = 0;
	if (str_is(last, "0"))
		f->since = 0;
	else if (last.n && !query_time(last, now, &f->since))
		f->since = now - 30 * DAY;
}

/* Organisations count by UUID only; a number or name finds nothing (corrections, 41). */
static enum err whose(struct http_req *r, const json_t *v, struct part_filter *f, struct fail *fail_)
{
	struct part_org *yes = ARENA_ARRAY(r->arena, struct part_org, ORGS_MAX);
	struct part_org *no = ARENA_ARRAY(r->arena, struct part_org, ORGS_MAX);
	const json_t *item;
	if (!yes || !no)
		return fail(fail_, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < ORGS_MAX && (item = item_of(v, i)); i++) {
		struct str s = text_of(r, item);
		struct part_org o = {.id = UINT64_MAX};
		bool not = str_has_prefix(s, STR("!"));
		if (!s.n)
			continue;
		if (!uuid_parse(str_sub(s, not, s.n), &o.uuid))
			not = false;
		if (not)
			no[f->n_not_orgs++] = o;
		else
			yes[f->n_orgs++] = o;
	}
	f->orgs = yes;
	f->not_orgs = no;
	f->orgs_set = f->n_orgs > 0;
	return ERR_OK;
}

static enum err filter_of(struct http_req *r, const json_t *body, struct part_filter *f,
			  struct fail *fail_)
{
	const json_t *types = json_object_get(body, "type"), *item;
	uint64_t n;
	when(r, body, f);
	for (size_t i = 0; i < 8 && (item = item_of(types, i)); i++)
		if (str_u64(text_of(r, item), &n) && n < 7)
			f->types |= (uint8_t)(1u << n);
	f->source = rest_text(r, body, "source");
	f->attribute = rest_flag(body, "includeAttribute", false);
	f->event = rest_flag(body, "includeEvent", false);
	f->uuid = rest_flag(body, "includeUuid", false);
	return whose(r, json_object_get(body, "org_id"), f, fail_);
}

/* ---- the call ---- */

static const struct format {
	const char *name, *exporter, *type;
} formats[] = {
	{"json", ".sightings-json", "application/json; charset=UTF-8"},
	{"csv", ".sightings-csv", "text/csv; charset=UTF-8"},
	{"xml", ".sightings-xml", "application/xml; charset=UTF-8"},
};

static const struct format *format_of(struct str name)
{
	if (!name.n)
		return &formats[0];
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_is(name, formats[i].name))
			return &formats[i];
	return NULL;
}

/* Context and ids, or all that the caller may see. False: answered. */
static bool context_ok(struct http_req *r, struct str context, const json_t *body)
{
	bool given = json_object_get(body, "id") || json_object_get(body, "uuid");
	if (context.n && !str_is(context, "event") && !str_is(context, "attribute")) {
		reply_error(r, 400, "Invalid context %.*s.", STR_ARG(context));
		return false;
	}
	if (context.n && !given) {
		reply_error(r, 400, "An ID or UUID must be provided if the context is set.");
		return false;
	}
	return true;
}

static enum err restsearch(struct http_req *r, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct part_filter *filter = ARENA_NEW(r->arena, struct part_filter);
	struct str context = req_arg(r, "context");
	struct wanted w = {0};
	json_t *body;
	if (!a || !filter)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_named_params(r, &body, f) != ERR_OK)
		return ERR_OK;
	if (!context_ok(r, context, body))
		return ERR_OK;
	const struct format *form = format_of(rest_text(r, body, "returnFormat"));
	if (!form) {
		reply_error(r, 404, "Invalid output format.");
		return ERR_OK;
	}
	TRY(filter_of(r, body, filter, f));
	if (context.n || json_object_get(body, "id") || json_object_get(body, "uuid"))
		TRY(by_ids(r, context, body, a, &w, f));
	else
		TRY(parts_events(r, EL_SIGHTING, false, a, &w.hits, &w.n, f));
	struct rest_export x = {.exporter = form->exporter,
				.scope = EXPORT_PARTS,
				.hits = w.hits,
				.n = w.n,
				.parts = filter,
				.sightings = true};
	TRY(rest_export(r, &x, &s, f));
	reply_header(r, "X-Result-Count", STR("0")); /* as recorded */
	reply_header(r, "X-Export-Module-Used", str_c(form->name));
	reply_header(r, "X-Response-Format", str_c(form->name));
	reply_header(r, "X-Skipped-Elements-Count", STR("0"));
	rest_sealed(r, &s, form->type);
	return ERR_OK;
}

/* ---- publishing ---- */

static enum err publish_sightings(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "event"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	struct origin o = rest_origin(r);
	TRY(ingest_sightings_publish(&api_of(r)->ingest, e.id, &o, f));
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "name", "Publish Sightings");
	JSONW_KV(&w, jsonw_c, "message", "Sightings published");
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "%.*s/events/publishSightings/%llu",
			      STR_ARG(api_of(r)->base_url), (unsigned long long)e.id));
	JSONW_KV(&w, jsonw_uint_str, "id", e.id);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* Old peers ask so; a hidden event is not there. */
static enum err checkuuid(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	struct uuid u;
	TRY(rest_view(r, &v, f));
	bool there = uuid_parse(req_arg(r, "uuid"), &u) &&
		     view_event(v, req_arg(r, "uuid"), r->arena, &e, &why) == ERR_OK;
	reply_lit(r, 200, "application/json; charset=UTF-8", there ? "true" : "false");
	return ERR_OK;
}

#define SEARCH_BODY_MAX (16u << 20)

const struct endpoint ep_sightings_restsearch = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/sightings/restSearch/:context",
	.body_cap = SEARCH_BODY_MAX,
	.run = restsearch,
	.shape = "Export",
	.takes = "SightingSearch",
	.doc = "Search sightings, of events or attributes by the context event or attribute",
};
const struct endpoint ep_events_publish_sightings = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/publishSightings/:event",
	.auth = perm_sighting,
	.run = publish_sightings,
	.shape = "Message",
	.doc = "Tell peers that an event has new sightings",
};
const struct endpoint ep_events_checkuuid = {
	.methods = HTTP_GET,
	.path = "/events/checkuuid/:uuid",
	.run = checkuuid,
	.shape = "Bool",
	.doc = "Is there an event with this UUID (old peers)",
};
