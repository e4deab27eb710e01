/*
 * ep_approvals.c - /tocsin/approvals/...: what waits for a second person. Seen and decided by those who
 * may publish: a site administrator, and users of the organisation that made the event.
 */
#include "api/rest.h"
#include "base/clock.h"
#include "ingest/approvals.h"

static bool concerns_me(struct http_req *r, const struct approval *p)
{
	return may(r, perm_site_admin) || (p->orgc_id && p->orgc_id == me(r)->user.org_id);
}

static void add(struct jsonw *w, const struct approval *p)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "id", p->id);
	JSONW_KV(w, jsonw_c, "state", approval_state_names[p->state]);
	JSONW_KV(w, jsonw_c, "what", p->attach ? "attach" : "take off");
	JSONW_KV(w, jsonw_str, "tag", p->tag);
	JSONW_KV(w, jsonw_uint, "event", p->event_id);
	JSONW_KV(w, jsonw_uuid, "event_uuid", p->event_uuid);
	if (p->attr_id) {
		JSONW_KV(w, jsonw_uint, "attribute", p->attr_id);
		JSONW_KV(w, jsonw_uuid, "attribute_uuid", p->attr_uuid);
	}
	JSONW_KV(w, jsonw_str, "asked_by", p->by);
	JSONW_KV(w, jsonw_int, "asked", p->asked);
	JSONW_KV(w, jsonw_int, "expires", p->expires);
	if (p->decided) {
		JSONW_KV(w, jsonw_str, "decided_by", p->second);
		JSONW_KV(w, jsonw_int, "decided", p->decided);
	}
	jsonw_obj_end(w);
}

static enum err list(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 16);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct approval p;
	uint64_t id = 0;
	json_t *body;
	enum err e;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	bool all = str_is(rest_param(r, body, "all"), "1");
	TRY(store_read(api_of(r)->store, &t, f));
	jsonw_arr(&w);
	while ((e = approval_next(t, &id, a, &p)) == ERR_OK) {
		if (concerns_me(r, &p) && (all || p.state == APPROVAL_PENDING))
			add(&w, &p);
		arena_reset(a);
	}
	jsonw_arr_end(&w);
	if (e != ERR_NOENT)
		return fail(f, e, "reading approvals");
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* The one of the path, when it concerns the caller; or answered. */
static bool find(struct http_req *r, struct approval *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	uint64_t id;
	enum err e = ERR_NOENT;
	if (str_u64(req_arg(r, "id"), &id)) {
		e = store_read(api_of(r)->store, &t, f);
		if (e == ERR_OK)
			e = approval_get(t, id, r->arena, p);
	}
	if (e == ERR_OK && concerns_me(r, p))
		return true;
	reply_error(r, 404, "There is no such approval.");
	return false;
}

static void answer(struct http_req *r, const struct approval *p)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	add(&w, p);
	rest_answer(r, 200, &b);
}

static enum err show(struct http_req *r, struct fail *f)
{
	struct approval p;
	if (find(r, &p, f))
		answer(r, &p);
	return ERR_OK;
}

static enum err decide(struct http_req *r, bool approve, struct fail *f)
{
	const struct api_user *u = me(r);
	struct approver who = {u->user.id, u->org.uuid, u->user.email};
	struct origin o = rest_origin(r);
	struct approval p;
	struct fail why = {0};
	if (!find(r, &p, f))
		return ERR_OK;
	enum err e = approve ? approval_approve(&api_of(r)->ingest, p.id, &who, &o, &why) :
			       approval_reject(&api_of(r)->ingest, p.id, &who, &why);
	if (e == ERR_PERM || e == ERR_NOENT) {
		reply_error(r, e == ERR_PERM ? 403 : 404, "%s", why.text);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	if (find(r, &p, f))
		answer(r, &p);
	return ERR_OK;
}

static enum err approve(struct http_req *r, struct fail *f)
{
	return decide(r, true, f);
}

static enum err reject(struct http_req *r, struct fail *f)
{
	return decide(r, false, f);
}

const struct endpoint ep_approvals_list = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/approvals/list",
	.auth = perm_publish,
	.run = list,
	.shape = "Approvals",
	.doc = "What waits for a second person (all=1: also what is decided or expired)",
};
const struct endpoint ep_approvals_show = {
	.methods = HTTP_GET,
	.path = "/tocsin/approvals/show/:id",
	.auth = perm_publish,
	.run = show,
	.shape = "Approval",
	.doc = "One request for a second person",
};
const struct endpoint ep_approvals_approve = {
	.methods = HTTP_POST,
	.path = "/tocsin/approvals/approve/:id",
	.auth = perm_publish,
	.run = approve,
	.shape = "Approval",
	.doc = "Approve, as the second person, what another one asked for; it is done at once",
};
const struct endpoint ep_approvals_reject = {
	.methods = HTTP_POST,
	.path = "/tocsin/approvals/reject/:id",
	.auth = perm_publish,
	.run = reject,
	.shape = "Approval",
	.doc = "Reject a request, or withdraw one's own",
};
