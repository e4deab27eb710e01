/*
 * ep_bulk.c - POST /tocsin/events: many events in one answer, each as a pull gets it from events/view
 * (sync-protocol.md 3.4). Between tocsins: a request for each event costs more than the event.
 */
#include "api/rest.h"

#define UUIDS_MAX 5000
#define BODY_MAX (1u << 20)

struct wanted {
	struct search_hit *hits;
	uint64_t n;
};

/* Those that the caller may see. Protected ones are not among them: their signature is of an answer of
   their own. */
static enum err wanted_find(struct http_req *r, struct view *v, const json_t *list,
			    struct wanted *out, struct fail *f)
{
	struct misp_event e;
	struct fail ignored;
	size_t i, n = json_array_size(list);
	json_t *item;
	if (n > UUIDS_MAX)
		return fail(f, ERR_LIMIT, "more than %d events", UUIDS_MAX);
	out->hits = ARENA_ARRAY(r->arena, struct search_hit, n + 1);
	if (!out->hits)
		return fail(f, ERR_LIMIT, "too many events");
	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);
		struct arena_mark m = arena_mark(r->arena);
		enum err err = s ? view_event(v, str_c(s), r->arena, &e, &ignored) : ERR_NOENT;
		arena_rewind(r->arena, m);
		if (err == ERR_OK && !e.is_protected)
			out->hits[out->n++] = (struct search_hit){.event_id = e.id};
		else if (err != ERR_OK && err != ERR_NOENT)
			return err;
	}
	return ERR_OK;
}

static enum err events(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct wanted w = {0};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	TRY(wanted_find(r, v, json_object_get(body, "uuid"), &w, f));
	struct query q = {.scope = SCOPE_EVENTS,
			  .with_attachments = true,
			  .exclude_local_tags = !rest_flag(body, "local_tags", false)};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(STR("json")),
				  .opts = rest_export_opts(r, EXPORT_EVENTS),
				  .hits = w.hits,
				  .n_hits = w.n,
				  .deleted_too = true};
	eq.opts.include_sightings = true;
	eq.opts.include_analyst = true;
	eq.opts.no_related = true;
	eq.opts.no_proposals = true;
	TRY(egress_search(&v, &eq, NULL, NULL, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

const struct endpoint ep_tocsin_events = {
	.methods = HTTP_POST,
	.path = "/tocsin/events",
	.auth = perm_sync,
	.body_cap = BODY_MAX,
	.run = events,
	.shape = "Events",
	.doc = "Many events in one answer, as a pull gets them; for peers (our own)",
};
