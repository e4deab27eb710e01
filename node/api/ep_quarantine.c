/*
 * ep_quarantine.c - /tocsin/quarantine: what waits, from whom and why; its bytes; the decision. For site
 * administrators: nobody else can know of it.
 */
#include "api/audit.h"
#include "api/rest.h"
#include "base/hash.h"
#include "ingest/quarantine.h"

#define LIST_MAX 10000u

static void put_row(struct jsonw *w, const struct quarantine_row *r)
{
	static const char *const from[] = {[ORIGIN_LOCAL] = "user",
					   [ORIGIN_PEER] = "peer",
					   [ORIGIN_FEED] = "feed",
					   [ORIGIN_SYSTEM] = "node"};
	char hex[65];
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "number", r->number);
	JSONW_KV(w, jsonw_int, "time", r->time);
	JSONW_KV(w, jsonw_c, "from", r->origin.kind < ARRAY_LEN(from) ? from[r->origin.kind] : "");
	JSONW_KV(w, jsonw_uint, "from_id", r->origin.id);
	JSONW_KV(w, jsonw_str, "sender", r->sender);
	JSONW_KV(w, jsonw_str, "rules", r->rules);
	JSONW_KV(w, jsonw_uuid, "uuid", r->uuid);
	JSONW_KV(w, jsonw_int, "timestamp", r->timestamp);
	JSONW_KV(w, jsonw_str, "info", r->info);
	JSONW_KV(w, jsonw_str, "creator", r->creator);
	JSONW_KV(w, jsonw_uint, "attributes", r->attributes);
	JSONW_KV(w, jsonw_uint, "objects", r->objects);
	JSONW_KV(w, jsonw_uint, "reports", r->reports);
	JSONW_KV(w, jsonw_uint, "bytes", r->bytes);
	JSONW_KV(w, jsonw_c, "sha256", hash_hex(r->digest.b, sizeof(r->digest.b), hex));
	jsonw_obj_end(w);
}

static enum err list(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct quarantine_row row;
	uint64_t number = 0, n = 0;
	enum err e = ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct quarantine_totals all = ingest_quarantine_totals(t);
	(void)!str_u64(rest_param(r, NULL, "after"), &number);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "documents", all.documents);
	JSONW_KV(&w, jsonw_uint, "bytes", all.bytes);
	JSONW_KV(&w, jsonw_uint, "most_documents", api_of(r)->ingest.quarantine_documents);
	JSONW_KV(&w, jsonw_uint, "most_bytes", api_of(r)->ingest.quarantine_bytes);
	jsonw_key(&w, "waiting");
	jsonw_arr(&w);
	while (n < LIST_MAX && (e = ingest_quarantine_next(t, &number, &row)) == ERR_OK) {
		put_row(&w, &row);
		n++;
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	if (e == ERR_OK || e == ERR_NOENT)
		rest_answer(r, 200, &b);
	buf_free(&b);
	return e == ERR_NOENT ? ERR_OK : e;
}

static bool number_of(struct http_req *r, uint64_t *number)
{
	if (str_u64(req_arg(r, "number"), number))
		return true;
	reply_error(r, 404, "Nothing waits under this number.");
	return false;
}

/* The row that the path names, lent by *t; answered, and *t stays NULL, when there is none. */
static enum err row_of(struct http_req *r, struct store_rtxn **t, struct quarantine_row *row,
		       struct fail *f)
{
	uint64_t number;
	if (!number_of(r, &number))
		return ERR_OK;
	TRY(store_read(api_of(r)->store, t, f));
	enum err e = ingest_quarantine_get(*t, number, row);
	if (e != ERR_NOENT)
		return e;
	store_read_end(MOVE(*t));
	reply_error(r, 404, "Nothing waits under this number.");
	return ERR_OK;
}

static enum err view(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	struct quarantine_row row;
	TRY(row_of(r, &t, &row, f));
	if (!t)
		return ERR_OK;
	put_row(&w, &row);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* From memory or straight from its file, however large. */
static enum err content(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct quarantine_row row;
	int fd;
	TRY(row_of(r, &t, &row, f));
	if (!t)
		return ERR_OK;
	if (row.content.p) {
		struct buf b = BUF(1 << 20);
		buf_str_add(&b, row.content);
		reply_body(r, 200, "application/octet-stream", &b);
		return ERR_OK;
	}
	TRY(store_blob_open(api_of(r)->store,
			    (struct str){(const char *)row.digest.b, sizeof(row.digest.b)}, &fd, f));
	reply_file(r, 200, &(struct reply_file){.fd = fd,
						.length = row.bytes,
						.type = "application/octet-stream"});
	return ERR_OK;
}

static enum err accept(struct http_req *r, struct fail *f)
{
	struct audit_who who = api_audit_who(r);
	struct ingest_result res = {0};
	struct fail why = {0};
	uint64_t number;
	(void)f;
	if (!number_of(r, &number))
		return ERR_OK;
	enum err e = ingest_quarantine_accept(&api_of(r)->ingest, number, &who, r->arena, &res, &why);
	if (e != ERR_OK) {
		reply_error(r, e == ERR_NOENT ? 404 : err_http(e), "%s", why.text);
		return ERR_OK;
	}
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	static const char *const outcomes[] = {"added", "updated", "unchanged", "refused"};
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "number", number);
	JSONW_KV(&w, jsonw_c, "outcome", outcomes[res.outcome]);
	JSONW_KV(&w, jsonw_uint, "event_id", res.event_id);
	JSONW_KV(&w, jsonw_uuid, "uuid", res.event_uuid);
	JSONW_KV(&w, jsonw_uint, "elements", res.added + res.updated);
	JSONW_KV(&w, jsonw_uint, "refused", res.refused);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err reject(struct http_req *r, struct fail *f)
{
	struct audit_who who = api_audit_who(r);
	struct fail why = {0};
	uint64_t number;
	(void)f;
	if (!number_of(r, &number))
		return ERR_OK;
	enum err e = ingest_quarantine_reject(&api_of(r)->ingest, number, &who, &why);
	if (e == ERR_OK)
		rest_saved(r, rest_id(r, number), "Rejected; this version does not come again.");
	else
		reply_error(r, err_http(e), "%s", why.text);
	return ERR_OK;
}

const struct endpoint ep_quarantine_index = {
	.methods = HTTP_GET,
	.path = "/tocsin/quarantine/index",
	.auth = perm_site_admin,
	.run = list,
	.shape = "Quarantine",
	.doc = "Documents that wait for a decision, from whom and why",
};
const struct endpoint ep_quarantine_view = {
	.methods = HTTP_GET,
	.path = "/tocsin/quarantine/view/:number",
	.auth = perm_site_admin,
	.run = view,
	.shape = "QuarantineRow",
	.doc = "One of them",
};
const struct endpoint ep_quarantine_content = {
	.methods = HTTP_GET,
	.path = "/tocsin/quarantine/content/:number",
	.auth = perm_site_admin,
	.run = content,
	.shape = "Bytes",
	.doc = "Its bytes as they came",
};
const struct endpoint ep_quarantine_accept = {
	.methods = HTTP_POST,
	.path = "/tocsin/quarantine/accept/:number",
	.auth = perm_site_admin,
	.run = accept,
	.shape = "QuarantineAccepted",
	.doc = "Judge it again, without the rules that let it wait, and take it in as from its sender",
};
const struct endpoint ep_quarantine_reject = {
	.methods = HTTP_POST,
	.path = "/tocsin/quarantine/reject/:number",
	.auth = perm_site_admin,
	.run = reject,
	.shape = "Saved",
	.doc = "Forget it, but for its UUID and version, so that these do not come again",
};
