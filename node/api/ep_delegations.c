/*
 * ep_delegations.c - /eventDelegations: an organisation asks another one to take an event of its over.
 * Until that answers, its members see the event (the gate is told what was offered); what is shown of
 * it here has passed the gate. Texts as recorded (wire/client, others).
 */
#include "api/rest.h"
#include "api/settings.h"
#include "model/pack.h"

#define LIST_MAX 10000u
#define AS_RECIPIENT_LIKES UINT8_MAX /* distribution "-1" */

static bool is_on(struct http_req *r, const struct store_rtxn *t)
{
	if (setting_on(api_of(r), t, "MISP.delegation"))
		return true;
	reply_error(r, 405, "Delegation is not enabled on this instance (setting MISP.delegation).");
	return false;
}

static void put_members(struct jsonw *w, const struct misp_delegation *d)
{
	JSONW_KV(w, jsonw_uint_str, "id", d->id);
	JSONW_KV(w, jsonw_uint_str, "org_id", d->org_id);
	JSONW_KV(w, jsonw_uint_str, "requester_org_id", d->requester_org_id);
	JSONW_KV(w, jsonw_uint_str, "event_id", d->event_id);
	JSONW_KV(w, jsonw_str, "message", d->message.p ? d->message : STR(""));
	if (d->distribution == AS_RECIPIENT_LIKES)
		JSONW_KV(w, jsonw_c, "distribution", "-1");
	else
		JSONW_KV(w, jsonw_uint_str, "distribution", d->distribution);
}

/* ---- the list ---- */

/* Which side the caller is on: `pending` are for him to answer, `issued` wait for others. */
static bool concerns(struct http_req *r, const struct misp_delegation *d)
{
	struct str context = req_param(r, "context");
	uint64_t org = me(r)->user.org_id;
	if (str_is(context, "issued"))
		return d->requester_org_id == org;
	return d->org_id == org || (may(r, perm_site_admin) && !context.n);
}

/* Heads of these events as the gate lets the caller have them. */
static enum err heads(struct http_req *r, const struct search_hit *hits, uint64_t n, json_t **out,
		      struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct rest_export x = {.exporter = ".index",
				.scope = EXPORT_EVENTS,
				.hits = hits,
				.n = n,
				.metadata = true};
	TRY(rest_export(r, &x, &s, f));
	TRY(rest_sealed_all(&s, &b, f));
	*out = b.n ? json_loadb(b.p, b.n, 0, NULL) : json_array();
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static const json_t *head_of(const json_t *list, struct str id)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
		if (str_is(id, json_string_value(json_object_get(v, "id"))))
			return v;
	return NULL;
}

static void put_head(struct jsonw *w, const json_t *head)
{
	static const char *const keys[] = {"id",	   "info",	      "uuid", "analysis",
					   "distribution", "threat_level_id", "date", "attribute_count"};
	jsonw_key(w, "Event");
	jsonw_obj(w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const json_t *v = json_object_get(head, keys[i]);
		if (v)
			JSONW_KV(w, jsonw_c, keys[i], json_string_value(v));
	}
	jsonw_obj_end(w);
}

static void put_org(struct jsonw *w, const char *key, const struct store_rtxn *t, uint64_t id)
{
	struct misp_org o;
	jsonw_key(w, key);
	jsonw_obj(w);
	if (store_get(t, T_ORG, id, NULL, &o) == ERR_OK) {
		JSONW_KV(w, jsonw_uint_str, "id", id);
		JSONW_KV(w, jsonw_str, "name", o.name);
		JSONW_KV(w, jsonw_uuid, "uuid", o.uuid);
	}
	jsonw_obj_end(w);
}

/* Those whose event is hidden or gone are not there. */
static void put_list(struct jsonw *w, struct http_req *r, const struct store_rtxn *t,
		     const uint64_t *ids, size_t n, const json_t *events)
{
	struct misp_delegation d;
	jsonw_arr(w);
	for (size_t i = 0; i < n; i++) {
		if (store_get(t, T_DELEGATION, ids[i], NULL, &d) != ERR_OK)
			continue;
		const json_t *head = head_of(events, rest_id(r, d.event_id));
		if (!head)
			continue;
		jsonw_obj(w);
		jsonw_key(w, "EventDelegation");
		jsonw_obj(w);
		put_members(w, &d);
		put_org(w, "Org", t, d.org_id);
		put_org(w, "RequesterOrg", t, d.requester_org_id);
		put_head(w, head);
		jsonw_obj_end(w);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static enum err delegations_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct search_hit *hits = ARENA_ARRAY(r->arena, struct search_hit, LIST_MAX);
	uint64_t *ids = ARENA_ARRAY(r->arena, uint64_t, LIST_MAX), id = 0;
	struct misp_delegation d;
	json_t *events = NULL;
	size_t n = 0;
	if (!hits || !ids)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(api_of(r)->store, &t, f));
	if (!is_on(r, t))
		return ERR_OK;
	while (n < LIST_MAX && store_next(t, T_DELEGATION, &id, NULL, &d) == ERR_OK)
		if (concerns(r, &d)) {
			hits[n] = (struct search_hit){.event_id = d.event_id};
			ids[n++] = id;
		}
	TRY(heads(r, hits, n, &events, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	put_list(&w, r, t, ids, n, events);
	json_decref(events);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- asking ---- */

static bool find_org(const struct store_rtxn *t, struct str who, struct misp_org *o)
{
	struct uuid u;
	uint64_t id;
	if (uuid_parse(who, &u))
		return store_find(t, IX_ORG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id) ==
			       ERR_OK &&
		       store_get(t, T_ORG, id, NULL, o) == ERR_OK;
	return str_u64(who, &id) && store_get(t, T_ORG, id, NULL, o) == ERR_OK;
}

static bool pending(const struct store_rtxn *t, uint64_t event_id)
{
	struct misp_delegation d;
	uint64_t id = 0;
	while (store_next(t, T_DELEGATION, &id, NULL, &d) == ERR_OK)
		if (d.event_id == event_id)
			return true;
	return false;
}

/* What the body asks for; the fault, or NULL. */
static const char *take(struct http_req *r, struct view *v, const json_t *body,
			struct misp_delegation *d)
{
	struct str level = rest_text(r, body, "distribution");
	struct misp_org o;
	uint64_t n = DIST_ORG;
	if (!find_org(view_txn(v), rest_text(r, body, "org_id"), &o) || !o.local)
		return "Invalid organisation: it has to be a local one of this node.";
	d->org_id = o.id;
	if (d->org_id == d->requester_org_id)
		return "The event belongs to this organisation.";
	if (str_is(level, "-1"))
		n = AS_RECIPIENT_LIKES;
	else if (level.n && (!str_u64(level, &n) || n > DIST_GROUP))
		return "Invalid distribution.";
	d->distribution = (uint8_t)n;
	rest_take_u64(r, body, "sharing_group_id", &d->sharing_group_id);
	if (n != DIST_GROUP)
		d->sharing_group_id = 0;
	else if (!view_may_use_group(v, d->sharing_group_id))
		return "Invalid sharing group.";
	rest_take_text(r, body, "message", &d->message);
	return NULL;
}

static enum err delegate_event(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_delegation d = {.requester_org_id = me(r)->user.org_id};
	struct misp_event e;
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, "EventDelegation", &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	if (!is_on(r, view_txn(v)))
		return ERR_OK;
	if (view_event(v, req_arg(r, "id"), r->arena, &e, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid event.");
		return ERR_OK;
	}
	if (!may(r, perm_site_admin) && e.orgc_id != me(r)->user.org_id) {
		reply_error(r, 403, "You are not authorised to do that.");
		return ERR_OK;
	}
	d.event_id = e.id;
	d.requester_org_id = e.orgc_id;
	const char *fault = take(r, v, body, &d);
	if (!fault && pending(view_txn(v), e.id))
		fault = "A delegation of this event is waiting for an answer already.";
	if (fault) {
		rest_not_saved(r, "delegateEvent", "EventDelegation", STR_NONE, rest_quoted(r, fault));
		return ERR_OK;
	}
	view_close(MOVE(v));
	TRY(rest_row_put(r, T_DELEGATION, &d.id, &d, UUID_NIL, f));
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "EventDelegation");
	jsonw_obj(&w);
	put_members(&w, &d);
	JSONW_KV(&w, jsonw_uint_str, "sharing_group_id", d.sharing_group_id);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- answering ---- */

/* That of the path, if the caller is on one of its sides; answered otherwise. */
static bool of_path(struct http_req *r, bool recipient_only, struct misp_delegation *d, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_delegation row;
	uint64_t id, org = me(r)->user.org_id;
	if (store_read(api_of(r)->store, &t, f) != ERR_OK) {
		reply_err(r, ERR_BUSY);
		return false;
	}
	if (!is_on(r, t))
		return false;
	if (str_u64(req_arg(r, "id"), &id) && store_get(t, T_DELEGATION, id, r->arena, &row) == ERR_OK &&
	    (row.org_id == org || (!recipient_only && row.requester_org_id == org) ||
	     may(r, perm_site_admin)) &&
	    entity_copy(r->arena, &desc_misp_delegation, &row, d) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid delegation request.");
	return false;
}

/* What was agreed, or what the recipient says where it was left to him. */
static bool terms(struct http_req *r, struct view *v, const json_t *body,
		  const struct misp_delegation *d, struct ingest_transfer *x)
{
	uint64_t n = d->distribution, group = d->sharing_group_id;
	if (n == AS_RECIPIENT_LIKES) {
		n = DIST_ORG;
		rest_take_u64(r, body, "distribution", &n);
		rest_take_u64(r, body, "sharing_group_id", &group);
	}
	x->distribution = (uint8_t)MIN(n, (uint64_t)UINT8_MAX);
	x->sharing_group_id = group;
	return n < DIST_GROUP || (n == DIST_GROUP && view_may_use_group(v, group));
}

static void saved(struct http_req *r, const char *action, uint64_t id, const char *text)
{
	me(r)->url = arena_printf(r->arena, "/event_delegations/%s/%llu", action, (unsigned long long)id);
	rest_saved(r, rest_id(r, id), "%s", text);
}

static enum err accept_delegation(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_delegation d;
	struct misp_event e;
	struct fail why = {0};
	struct origin o = rest_origin(r);
	json_t *body;
	if (rest_json(r, "EventDelegation", &body, f) != ERR_OK || !of_path(r, true, &d, f))
		return ERR_OK;
	struct ingest_transfer x = {.delegation_id = d.id, .org_id = d.org_id, .user_id = me(r)->user.id};
	TRY(rest_view(r, &v, f));
	if (view_event(v, rest_id(r, d.event_id), r->arena, &e, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid event.");
		return ERR_OK;
	}
	if (!terms(r, v, body, &d, &x)) {
		rest_not_saved(r, "acceptDelegation", "EventDelegation", STR_NONE,
			       rest_quoted(r, "Invalid distribution or sharing group."));
		return ERR_OK;
	}
	view_close(MOVE(v));
	enum err err = ingest_event_transfer(&api_of(r)->ingest, d.event_id, &x, &o, f);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid delegation request.");
		return ERR_OK;
	}
	TRY(err);
	saved(r, "acceptDelegation", d.id, "Event ownership transferred.");
	return ERR_OK;
}

static enum err delete_delegation(struct http_req *r, struct fail *f)
{
	struct misp_delegation d;
	if (!of_path(r, false, &d, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_DELEGATION, d.id, UUID_NIL, f));
	saved(r, "deleteDelegation", d.id, "Delegation request deleted.");
	return ERR_OK;
}

const struct endpoint ep_delegations_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/eventDelegations/index",
	.run = delegations_index,
	.shape = "EventDelegations",
	.doc = "Events that the caller's organisation is asked to take over, or (context:issued) asks others to",
};
const struct endpoint ep_delegations_delegate = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/eventDelegations/delegateEvent/:id",
	.auth = perm_delegate,
	.run = delegate_event,
	.shape = "EventDelegation",
	.doc = "Ask an organisation to take an event over: org_id, distribution (-1: as it likes), message",
};
const struct endpoint ep_delegations_accept = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/eventDelegations/acceptDelegation/:id",
	.auth = perm_add,
	.run = accept_delegation,
	.shape = "Saved",
	.doc = "Take the event over: it belongs to the caller's organisation then, unpublished",
};
const struct endpoint ep_delegations_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/eventDelegations/deleteDelegation/:id",
	.auth = perm_add,
	.run = delete_delegation,
	.shape = "Saved",
	.doc = "Withdraw or refuse such a request",
};
