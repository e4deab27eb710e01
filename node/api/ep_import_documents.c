/*
 * ep_import_documents.c - POST /events/upload_stix/1, /2 and /events/addIOC as MISP has them, and
 * /tocsin/importDocument, which tells what was read and what was not. No recording shows upload_stix; PyMISP takes
 * the event out of its answer.
 */
#include "api/documents.h"
#include "api/rest.h"
#include "api/upload.h"
#include "base/log.h"

#define DOCUMENT_MAX (UINT64_C(1) << 30)
#define EVENTS_TOLD 1000u

/* False: answered. */
static bool take(struct http_req *r, struct document_result *res)
{
	struct fail why = {0};
	enum err e = document_take(r, res, &why);
	if (e == ERR_OK)
		return true;
	if (e == ERR_PARSE && why.line)
		reply_error(r, 400, "%s (line %u, column %u)", why.text, why.line, why.column);
	else
		reply_error(r, err_http(e), "%s", why.text[0] ? why.text : err_text(e));
	return false;
}

/* What was read goes with the answer, whose body is MISP's. */
static void tell(struct http_req *r)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	document_counts(r, &w);
	if (buf_err(&b) == ERR_OK)
		reply_header(r, "X-Import-Result", arena_str(r->arena, buf_str(&b)));
}

static enum err answer_events(struct http_req *r, const struct document_result *res, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	uint64_t n = 0;
	for (const struct document_event *e = res->first; e; e = e->next)
		n += e->id != 0;
	if (n == 1)
		for (const struct document_event *e = res->first; e; e = e->next)
			if (e->id)
				return rest_event(r, e->id, &(struct event_opts){.correlations = true}, f);
	struct search_hit *hits = ARENA_ARRAY(r->arena, struct search_hit, n + 1);
	if (!hits)
		return fail(f, ERR_LIMIT, "too many events");
	n = 0;
	for (const struct document_event *e = res->first; e; e = e->next)
		if (e->id)
			hits[n++] = (struct search_hit){.event_id = e->id};
	struct query q = {.scope = SCOPE_EVENTS};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(STR("json")),
				  .opts = rest_export_opts(r, EXPORT_EVENTS),
				  .hits = hits,
				  .n_hits = n};
	TRY(rest_view(r, &v, f));
	TRY(egress_search(&v, &eq, NULL, NULL, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

static enum err upload(struct http_req *r, const char *action, struct fail *f)
{
	struct document_result res;
	if (!take(r, &res))
		return ERR_OK;
	tell(r);
	if (!res.first) {
		reply_error(r, 405, "No valid event data received.");
		return ERR_OK;
	}
	if (res.failed && res.failed == res.added + res.updated + res.unchanged + res.failed) {
		upload_refused(r, action, "Event", res.why_not == ERR_EXISTS ? ERR_PERM : res.why_not, &res.why);
		return ERR_OK;
	}
	return answer_events(r, &res, f);
}

static enum err upload_stix(struct http_req *r, struct fail *f)
{
	static const char *const versions[] = {"1", "1.1", "1.1.1", "1.2", "2", "2.0", "2.1"};
	struct str version = req_arg(r, "version");
	bool known = !version.n;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		known |= str_is(version, versions[i]);
	if (!known) {
		reply_error(r, 405, "STIX 1 and 2 are read here: /events/upload_stix/1 and /events/upload_stix/2.");
		return ERR_OK;
	}
	return upload(r, "upload_stix", f);
}

static enum err add_ioc(struct http_req *r, struct fail *f)
{
	return upload(r, "addIOC", f);
}

static void outcome(struct jsonw *w, const struct document_event *e)
{
	static const char *const words[] = {[INGEST_ADDED] = "added",
					    [INGEST_UPDATED] = "updated",
					    [INGEST_UNCHANGED] = "unchanged",
					    [INGEST_REFUSED] = "refused"};
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "id", e->id);
	JSONW_KV(w, jsonw_uuid, "uuid", e->uuid);
	JSONW_KV(w, jsonw_c, "outcome", words[e->outcome]);
	jsonw_obj_end(w);
}

static enum err import_document(struct http_req *r, struct fail *f)
{
	struct document_result res;
	struct buf b = BUF(4u << 20);
	struct jsonw w = jsonw_on(&b);
	uint32_t told = 0;
	(void)f;
	if (!take(r, &res))
		return ERR_OK;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "added", res.added);
	JSONW_KV(&w, jsonw_uint, "updated", res.updated);
	JSONW_KV(&w, jsonw_uint, "unchanged", res.unchanged);
	JSONW_KV(&w, jsonw_uint, "failed", res.failed);
	JSONW_KV(&w, jsonw_uint, "elements", res.elements);
	JSONW_KV(&w, jsonw_uint, "refused", res.attributes_refused);
	if (res.why_not != ERR_OK)
		JSONW_KV(&w, jsonw_c, "first_error", res.why.text[0] ? res.why.text : err_text(res.why_not));
	jsonw_key(&w, "read");
	document_counts(r, &w);
	jsonw_key(&w, "events");
	jsonw_arr(&w);
	for (const struct document_event *e = res.first; e && told++ < EVENTS_TOLD; e = e->next)
		outcome(&w, e);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static const enum document_format stix2 = DOCUMENT_STIX2, openioc = DOCUMENT_OPENIOC;

const struct endpoint ep_events_upload_stix = {
	.methods = HTTP_POST,
	.path = "/events/upload_stix/:version",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = DOCUMENT_MAX,
	.begin = document_begin,
	.body = document_body,
	.run = upload_stix,
	.arg = &stix2,
	.shape = "Event",
	.takes = "StixBundle",
	.doc = "Take in a STIX 2.0 or 2.1 bundle (version 2), each report or grouping of which is an event, or "
	       "a STIX 1 package (version 1, XML), each incident of which is; X-Import-Result counts what was "
	       "read, kept as text or left out",
};
const struct endpoint ep_events_add_ioc = {
	.methods = HTTP_POST,
	.path = "/events/addIOC/:id",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = DOCUMENT_MAX,
	.begin = document_begin,
	.body = document_body,
	.run = add_ioc,
	.arg = &openioc,
	.shape = "Event",
	.takes = "OpenIOC",
	.doc = "Take in an OpenIOC document (1.0, 1.1) as a new event, or into the event :id; the docume"
	 "nt is kept as "
	       "an attachment",
};
const struct endpoint ep_tocsin_import_document = {
	.methods = HTTP_POST,
	.path = "/tocsin/importDocument",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = DOCUMENT_MAX,
	.begin = document_begin,
	.body = document_body,
	.run = import_document,
	.shape = "ImportDocument",
	.takes = "StixBundle",
	.doc = "Events of a document (stix2, stix1 or openioc, named by ?as): how many came in, and what "
	       "was read, kept as text or left out (publish, distribution, sharing_group_id, info)",
};
