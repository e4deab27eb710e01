/*
 * ep_modules.c - what asks the service misp-modules in MISP: this node asks no such service, so there is
 * no module, and whatever is there to be enriched gets nothing. Events and attributes that the caller
 * does not see answer as absent ones first.
 */
#include "api/rest.h"

static void no_modules(struct http_req *r)
{
	reply_error(r, 405, "There are no enrichment modules: this node asks no enrichment service.");
}

static enum err modules_index(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(64);
	(void)f;
	buf_puts(&b, "[]");
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err modules_query(struct http_req *r, struct fail *f)
{
	(void)f;
	no_modules(r);
	return ERR_OK;
}

static enum err events_enrich(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK)
		reply_error(r, 404, "Invalid event");
	else if (!rest_may_modify(r, &e))
		reply_error(r, 403, "You do not have permission to do that.");
	else
		no_modules(r);
	return ERR_OK;
}

static enum err attributes_enrich(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct misp_attr a;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_attr(v, req_arg(r, "id"), r->arena, &e, &a, &why);
	view_close(MOVE(v));
	if (err != ERR_OK || a.deleted)
		reply_error(r, 404, "Invalid attribute");
	else if (!rest_may_modify(r, &e))
		reply_error(r, 403, "You do not have permission to do that.");
	else
		no_modules(r);
	return ERR_OK;
}

const struct endpoint ep_modules_index = {
	.methods = HTTP_GET,
	.path = "/modules/index",
	.run = modules_index,
	.shape = "Modules",
	.doc = "Enrichment modules: there are none",
	.missing = "asks no service misp-modules",
};
const struct endpoint ep_modules_query = {
	.methods = HTTP_POST,
	.path = "/modules/queryEnrichment",
	.run = modules_query,
	.shape = "Refusal",
	.doc = "What a module says of a value: says that there is none",
	.missing = "asks no service misp-modules",
};
const struct endpoint ep_events_enrich = {
	.methods = HTTP_POST,
	.path = "/events/enrichEvent/:id",
	.auth = perm_add,
	.run = events_enrich,
	.shape = "Refusal",
	.doc = "Enrich an event by modules: says that there is none",
	.missing = "asks no service misp-modules",
};
const struct endpoint ep_attributes_enrich = {
	.methods = HTTP_POST,
	.path = "/attributes/enrich/:id",
	.auth = perm_add,
	.run = attributes_enrich,
	.shape = "Refusal",
	.doc = "Enrich an attribute by modules: says that there is none",
	.missing = "asks no service misp-modules",
};
