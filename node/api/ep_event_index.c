/*
 * ep_event_index.c - /events/index: which events there are, as rows (rest-api.md 3.7).
 */
#include "api/rest.h"
#include "base/clock.h"

#define SEARCH_BODY_MAX (16u << 20)

static const char *row_form(struct http_req *r, const struct query *q)
{
	if (q->minimal)
		return ".index-minimal";
	bool csv = str_find(req_header(r, "Accept"), STR("text/csv")) >= 0 || str_is(r->ext, "csv");
	return csv ? ".index-csv" : ".index";
}

/*
 * Peers list a protected event only if one of its keys is ours: they could not use what another key
 * signed (3.2). A MISP before 2.4.156, which says so in a header, knows no protected events.
 */
static bool shows_protected(void *user, const struct entity_list *keys)
{
	struct http_req *r = user;
	struct str v = req_header(r, "MISP-version"), major, minor;
	uint64_t a = 0, b = 0, c = 0;
	struct str rest = str_split(v, '.', &major);
	struct str hotfix = str_split(rest, '.', &minor);
	bool old = v.n && str_u64(major, &a) && str_u64(minor, &b) && str_u64(hotfix, &c) &&
		   a * 100000000 + b * 10000 + c < 200040156;
	return !old && pgp_is_ours(api_of(r)->pgp, keys);
}

static enum err events_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct query *q = ARENA_NEW(r->arena, struct query);
	struct search_result found = {0};
	struct fail why = {0};
	json_t *params;
	if (rest_search_params(r, &params, f) != ERR_OK)
		return ERR_OK;
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = query_parse(q, SCOPE_EVENT_INDEX, params, r->arena, clock_now(), &why);
	if (e == ERR_INVAL) {
		reply_error(r, 400, "%s", why.text);
		return ERR_OK;
	}
	TRY(e);
	struct egress_query eq = {.query = q,
				  .exporter = export_find(str_c(row_form(r, q))),
				  .opts = rest_export_opts(r, EXPORT_EVENTS),
				  .shows_protected = q->minimal ? shows_protected : NULL,
				  .shows_user = r,
				  .filled_only = q->minimal};
	eq.opts.metadata = true;
	TRY(rest_view(r, &v, f));
	TRY(egress_search(&v, &eq, NULL, &found, &s, f));
	reply_header_u64(r, "X-Result-Count", found.total);
	bool csv = strcmp(eq.exporter->type_name, "csv") == 0;
	rest_sealed(r, &s, csv ? "text/csv; charset=UTF-8" : "application/json; charset=UTF-8");
	return ERR_OK;
}

const struct endpoint ep_events_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/index",
	.body_cap = SEARCH_BODY_MAX,
	.run = events_index,
	.shape = "EventIndex",
	.doc = "Rows of the visible events; `minimal` for peers, CSV when asked for",
};
