/*
 * ep_taxii_inbox.c - what is posted to the TAXII collection that is written to goes the way of an uploaded
 * STIX bundle; what became of each object stands in a status resource, on disk before the answer.
 */
#include <string.h>

#include "api/taxii.h"
#include "api/taxii_status.h"

#define COLLECTIONS "/taxii2/api/collections/"

/* False: answered. Who it is and what he may is known; the body has not come yet. */
static bool is_welcome(struct http_req *r)
{
	OWN(view) struct view *v = NULL;
	struct fail f = {0};
	struct taxii_collection c;
	struct str part[4] = {0}, head = STR(COLLECTIONS);
	struct str rest = str_has_prefix(r->url, head) ? str_sub(r->url, head.n, SIZE_MAX) : STR_NONE;
	size_t n = taxii_parts(rest, part);
	if (!taxii_accepts(r))
		return false;
	enum err e = rest_view(r, &v, &f);
	if (e == ERR_OK)
		e = n >= 1 && n <= 3 ? taxii_collection(r, v, part[0], &c, &f) : ERR_NOENT;
	if (e != ERR_OK && e != ERR_NOENT)
		taxii_error(r, err_http(e), err_text(e));
	else if (e == ERR_NOENT || n < 2 || !str_is(part[1], "objects"))
		(void)taxii_no_such(r);
	else if (c.kind != TAXII_INBOX)
		taxii_error(r, 403, "This collection can be read, and not be written.");
	else if (r->method == HTTP_DELETE || n == 3) {
		reply_header(r, "Allow", n == 2 ? STR("POST") : STR(""));
		taxii_error(r, 405, "Objects are not deleted: post a newer version of them that is revoked.");
	} else
		return taxii_typed(r);
	return false;
}

static enum err begin(struct http_req *r, struct fail *f)
{
	return is_welcome(r) ? document_begin_stix(r, api_of(r)->conf->taxii_publish, f) : ERR_OK;
}

static void refuse(struct http_req *r, enum err e, const struct fail *why)
{
	struct str text = str_c(why->text[0] ? why->text : err_text(e));
	int status = e == ERR_PARSE ? 400 : e == ERR_INVAL ? 422 : err_http(e);
	if (why->line)
		text = arena_printf(r->arena, "%.*s (line %u, column %u)", STR_ARG(text), why->line, why->column);
	taxii_error(r, status, text.p ? text.p : err_text(e));
}

static enum err post(struct http_req *r, struct fail *f)
{
	struct document_result res;
	struct fail why = {0};
	struct uuid id;
	struct buf b = BUF(ANSWER_MAX);
	enum err e = document_take(r, &res, &why);
	uint32_t i = 0;
	struct stix_in_object o;
	if (e == ERR_OK && !document_object(r, &i, &o))
		e = fail(&why, ERR_INVAL, "The envelope holds no objects.");
	if (e != ERR_OK)
		return refuse(r, e, &why), ERR_OK;
	TRY(taxii_status_make(r, &res, &id, f));
	TRY(taxii_status_put(r, id, &b, f));
	taxii_answer(r, 202, &b);
	return ERR_OK;
}

static enum err status(struct http_req *r, struct fail *f)
{
	struct str part[4] = {0};
	struct uuid id;
	struct buf b = BUF(ANSWER_MAX);
	size_t n = taxii_parts(r->tail, part);
	enum err e = n == 1 && uuid_parse(part[0], &id) ? taxii_status_put(r, id, &b, f) : ERR_NOENT;
	if (e == ERR_NOENT)
		return taxii_error(r, 404, "There is no such status, or it is somebody else's."), ERR_OK;
	TRY(e);
	taxii_answer(r, 200, &b);
	return ERR_OK;
}

static enum err post_run(struct http_req *r, struct fail *f)
{
	return taxii_run(r, post, f);
}

static enum err status_run(struct http_req *r, struct fail *f)
{
	return taxii_accepts(r) ? taxii_run(r, status, f) : ERR_OK;
}

/* Elsewhere nothing is written, and nothing is deleted at all: the answer says why. */
static enum err refuse_run(struct http_req *r, struct fail *f)
{
	(void)f;
	if (is_welcome(r)) /* not by these methods */
		(void)taxii_no_such(r);
	return ERR_OK;
}

const struct endpoint ep_taxii_inbox = {
	.methods = HTTP_POST,
	.path = COLLECTIONS TAXII_INBOX_ID "/*",
	.flags = EP_EXACT | EP_STREAM_BODY,
	.rate = 1,
	.body_cap = TAXII_CONTENT_MAX,
	.begin = begin,
	.body = document_body,
	.run = post_run,
	.shape = "TaxiiStatus",
	.takes = "StixBundle",
	.doc = "TAXII 2.1: objects/ of the inbox: take in an envelope of STIX objects as events",
};
const struct endpoint ep_taxii_write = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/taxii2/api/*",
	.flags = EP_EXACT,
	.run = refuse_run,
	.shape = "TaxiiAnswer",
	.doc = "TAXII 2.1: other collections are not written to, and objects are not deleted",
};
const struct endpoint ep_taxii_status = {
	.methods = HTTP_GET,
	.path = "/taxii2/api/status/*",
	.flags = EP_EXACT,
	.run = status_run,
	.shape = "TaxiiStatus",
	.doc = "TAXII 2.1: what became of objects that the caller has posted",
};
