/*
 * ep_proposals.c - /shadow_attributes: what others propose for an event that is not theirs, what its
 * owner makes of it, and what peers exchange. Texts as recorded (wire/client proposals, wire/sync).
 */
#include "api/parts.h"
#include "api/rest.h"
#include "base/clock.h"
#include "model/types.h"
#include "search/query.h"
#include "sync/proposal_in.h"

#define LIST_ARENA (64u << 20)
#define PUSH_MAX 100000u
#define BODY_MAX (96u << 20)

/* "[value]: text\n" of each refused member, as MISP words it. */
static void answer_refused(struct http_req *r, struct str errors)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	json_t *map = json_loadb(errors.p, errors.n, 0, NULL), *texts;
	const char *field;
	json_object_foreach(map, field, texts)
		buf_printf(&b, "[%s]: %s\n", field,
			   json_string_value(json_array_get(texts, 0))
				   ? json_string_value(json_array_get(texts, 0))
				   : "");
	json_decref(map);
	reply_error(r, 404, "Could not save the proposal. Errors: %s", buf_cstr(&b));
}

/* ---- proposing ---- */

/* Store it for the event, about an attribute or (0) a new one. False: answered. */
static bool propose(struct http_req *r, const struct misp_event *e, uint64_t attr_id,
		    struct element *el, struct ingest_result *res, enum err *err, struct fail *f)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, api_of(r)->ingest.spool_dir);
	el->proposal.email = me(r)->user.email;
	el->proposal.org = (struct entity_list){NULL, 0};
	*err = raw ? raw_add(raw, el, f) : fail(f, ERR_NOMEM, "no memory");
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	facts.is_edit = true;
	if (*err == ERR_OK)
		*err = ingest_proposal_add(&api_of(r)->ingest, e->id, attr_id, &raw, &o, &facts,
					   r->arena, res, f);
	if (*err != ERR_OK)
		return false;
	if (res->n_problems || !res->n_ids) {
		answer_refused(r, res->n_problems ? res->problems[0].errors : STR("{}"));
		return false;
	}
	return true;
}

/* The body over what `el` holds already. False: answered. */
static bool read_body(struct http_req *r, struct element *el, struct fail *f)
{
	struct fail why = {0};
	json_t *body;
	if (!str_trim(r->body).n ||
	    json_read_entity(r->body, &desc_misp_proposal, r->arena, &el->proposal, &why) == ERR_OK)
		return true;
	if (rest_json(r, NULL, &body, f) == ERR_OK) /* answers in MISP's words when it is no JSON */
		reply_error(r, 405, "Invalid input.");
	return false;
}

static enum err proposals_add(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct element el = {.kind = EL_PROPOSAL};
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	enum err err;
	TRY(rest_view(r, &v, f));
	err = view_event(v, req_arg(r, "event"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid Event");
		return ERR_OK;
	}
	misp_proposal_init(&el.proposal);
	if (!read_body(r, &el, f))
		return ERR_OK;
	el.proposal.deleted = el.proposal.proposal_to_delete = false;
	if (!propose(r, &e, 0, &el, &res, &err, f))
		return err;
	return parts_one(r, ".proposals", "saved", e.id, 0, res.ids[0].id, 404, "Invalid proposal.",
			 f);
}

/* The attribute as it is, as a proposal about it. */
static void proposal_of(struct misp_proposal *p, const struct misp_attr *a)
{
	misp_proposal_init(p);
	p->type = a->type;
	p->category = a->category;
	p->value = a->value;
	p->to_ids = a->to_ids;
	p->first_seen = a->first_seen;
	p->last_seen = a->last_seen;
	ENTITY_SET_HAS(p, PROPOSAL_F_to_ids);
}

static bool find_attr(struct http_req *r, struct misp_event *e, struct misp_attr *a, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return rest_view(r, &v, f) == ERR_OK &&
	       view_attr(v, req_arg(r, "attribute"), r->arena, e, a, &why) == ERR_OK && !a->deleted;
}

static enum err proposals_edit(struct http_req *r, struct fail *f)
{
	struct element el = {.kind = EL_PROPOSAL};
	struct misp_event e;
	struct misp_attr a;
	struct ingest_result res;
	enum err err;
	if (!find_attr(r, &e, &a, f)) {
		reply_error(r, 404, "Invalid Attribute.");
		return ERR_OK;
	}
	proposal_of(&el.proposal, &a);
	el.proposal.comment = a.comment;
	if (!read_body(r, &el, f))
		return ERR_OK;
	el.proposal.uuid = el.proposal.old_uuid = a.uuid;
	el.proposal.deleted = el.proposal.proposal_to_delete = false;
	if (!propose(r, &e, a.id, &el, &res, &err, f))
		return err;
	return parts_one(r, ".proposals", "saved", e.id, a.id, res.ids[0].id, 404,
			 "Invalid proposal.", f);
}

static void answer_pair(struct http_req *r, const char *key, const char *more, const char *text)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, key, true);
	JSONW_KV(&w, jsonw_c, more, text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* Not of a proposal: to propose that an attribute be deleted. */
static enum err proposals_delete(struct http_req *r, struct fail *f)
{
	struct element el = {.kind = EL_PROPOSAL};
	struct misp_event e;
	struct misp_attr a;
	struct ingest_result res;
	enum err err;
	if (!find_attr(r, &e, &a, f)) {
		answer_pair(r, "false", "errors", "Invalid Attribute."); /* as recorded */
		return ERR_OK;
	}
	proposal_of(&el.proposal, &a);
	el.proposal.comment = STR("");
	el.proposal.uuid = el.proposal.old_uuid = a.uuid;
	el.proposal.proposal_to_delete = true;
	if (!propose(r, &e, a.id, &el, &res, &err, f))
		return err;
	answer_pair(r, "saved", "success", "The proposal to delete the attribute has been saved");
	return ERR_OK;
}

/* ---- one by id ---- */

struct found {
	struct misp_event e;
	uint64_t id, parent;
	struct misp_proposal p;
};

/* A proposal that the caller may see. */
static bool find(struct http_req *r, struct found *x, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_proposal row;
	struct fail why = {0};
	uint64_t event_id;
	if (!str_u64(req_arg(r, "id"), &x->id) ||
	    index_el_find(api_of(r)->index, EL_PROPOSAL, x->id, &event_id, &x->parent) != ERR_OK ||
	    rest_view(r, &v, f) != ERR_OK ||
	    view_event(v, rest_id(r, event_id), r->arena, &x->e, &why) != ERR_OK)
		return false;
	struct el_key key = {x->e.body, x->parent, x->id};
	if (store_el_get(view_txn(v), EL_PROPOSAL, key, r->arena, &row) != ERR_OK)
		return false;
	x->p.org_id = row.org_id;
	x->p.deleted = row.deleted;
	view_close(MOVE(v));
	return parts_shows(r, ".proposals", x->e.id, x->parent, x->id);
}

static enum err proposals_view(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	if (!find(r, &x, f)) {
		reply_error(r, 404, "Invalid proposal.");
		return ERR_OK;
	}
	return parts_one(r, ".proposals", "view", x.e.id, x.parent, x.id, 404, "Invalid proposal.",
			 f);
}

static void answer_done(struct http_req *r, const char *text)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "%.*s%.*s", STR_ARG(api_of(r)->base_url), STR_ARG(r->url)));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* A stranger who may see the proposal is led away, as in MISP (corrections, 44). */
static void lead_away(struct http_req *r)
{
	reply_header(r, "Location",
		     arena_printf(r->arena, "%.*s/", STR_ARG(api_of(r)->base_url)));
	reply_empty(r, 302);
}

static enum err proposals_accept(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	bool of_attr;
	if (!find(r, &x, f) || x.p.deleted) {
		reply_error(r, 405, "Proposal not found or you are not authorised to accept it.");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &x.e)) {
		lead_away(r);
		return ERR_OK;
	}
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	struct fail why = {0};
	enum err e = ingest_proposal_accept(&api_of(r)->ingest, x.id, &o, &facts, &of_attr, &why);
	if (e == ERR_INVAL)
		answer_refused(r, str_c(why.text));
	else if (e == ERR_NOENT)
		reply_error(r, 405, "Proposal not found or you are not authorised to accept it.");
	else if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	else
		answer_done(r, of_attr ? "Proposed change accepted." : "Proposal accepted.");
	return ERR_OK;
}

/* By the event's owner, or by who made it. */
static enum err proposals_discard(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	if (!find(r, &x, f) || x.p.deleted) {
		reply_error(r, 404, "Invalid proposal.");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &x.e) && x.p.org_id != me(r)->user.org_id) {
		lead_away(r);
		return ERR_OK;
	}
	struct origin o = rest_origin(r);
	TRY(ingest_proposal_discard(&api_of(r)->ingest, x.id, &o, f));
	answer_done(r, "Proposal discarded.");
	return ERR_OK;
}

/* ---- lists ---- */

struct listed {
	struct search_hit hit;
	const char *type;
};

/* By type within an event, as MISP lists them (recorded, proposals 2106). */
static int by_type(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int d = strcmp(x->type, y->type);
	return d ? d : (x->hit.id > y->hit.id) - (x->hit.id < y->hit.id);
}

/* The proposals of an event, one hit each, behind those that `out` has. */
static enum err each_proposal(struct http_req *r, struct view *v, uint64_t event_id,
			      struct arena *a, struct search_hit *out, uint64_t max, uint64_t *n)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_event e;
	struct misp_proposal p;
	struct el_key key;
	struct arena_mark m = arena_mark(a);
	uint64_t got = 0;
	TRY(store_get(view_txn(v), T_EVENT, event_id, NULL, &e));
	struct listed *list = ARENA_ARRAY(a, struct listed, e.proposal_count + 1);
	if (!list)
		return ERR_LIMIT;
	TRY(store_el_iter_new(view_txn(v), EL_PROPOSAL, (struct el_key){.body = e.body}, false, &it));
	while (got <= e.proposal_count &&
	       store_el_iter_next(it, r->arena, &key, &p) == ERR_OK)
		list[got++] = (struct listed){{event_id, 0, key.parent, key.id},
					      type_name((enum attr_type)p.type).p};
	qsort(list, got, sizeof(*list), by_type);
	for (uint64_t i = 0; i < got && *n < max; i++)
		out[(*n)++] = list[i].hit;
	arena_rewind(a, m);
	return ERR_OK;
}

/* Hits of events become hits of proposals. */
static enum err in_order(struct http_req *r, struct arena *a, struct search_hit **hits, uint64_t *n,
			 struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	uint64_t max = 0, got = 0;
	TRY(rest_view(r, &v, f));
	for (uint64_t i = 0; i < *n; i++)
		if (store_get(view_txn(v), T_EVENT, (*hits)[i].event_id, NULL, &e) == ERR_OK)
			max += e.proposal_count;
	struct search_hit *out = ARENA_ARRAY(a, struct search_hit, max + 1);
	if (!out)
		return fail(f, ERR_LIMIT, "too many proposals");
	struct arena_mark m = arena_mark(r->arena);
	for (uint64_t i = 0; i < *n; i++) {
		enum err err = each_proposal(r, v, (*hits)[i].event_id, a, out, max, &got);
		arena_rewind(r->arena, m);
		if (err != ERR_OK && err != ERR_NOENT)
			return fail(f, err, "reading proposals");
	}
	*hits = out;
	*n = got;
	return ERR_OK;
}

/* deleted:0, deleted:1, deleted[]:0/deleted[]:1; nothing said: both. */
static void deleted_asked(struct http_req *r, struct part_filter *f)
{
	struct str s;
	for (size_t it = 0; req_named_next(r, "deleted", &it, &s);) {
		f->live |= str_is(s, "0");
		f->deleted |= !str_is(s, "0");
	}
	if (!f->live && !f->deleted)
		f->live = f->deleted = true;
}

/* The caller's own view of the query is the pull of a peer: all/timestamp/limit/page/deleted. */
static enum err proposals_index(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct part_filter *filter = ARENA_NEW(r->arena, struct part_filter);
	struct str event = req_arg(r, "event"), s = req_param(r, "timestamp");
	struct search_hit one = {0}, *hits = &one;
	uint64_t n = 1, page = 1;
	int64_t since;
	if (!a || !filter)
		return fail(f, ERR_NOMEM, "no memory");
	if (s.n && query_time(s, clock_now(), &since))
		filter->since = since;
	(void)!str_u64(req_param(r, "limit"), &filter->limit);
	(void)!str_u64(req_param(r, "page"), &page);
	filter->skip = page > 1 && filter->limit <= UINT32_MAX && page <= UINT32_MAX
			       ? (page - 1) * filter->limit
			       : 0;
	deleted_asked(r, filter);
	if (event.n) {
		OWN(view) struct view *v = NULL;
		struct misp_event e;
		struct fail why = {0};
		TRY(rest_view(r, &v, f));
		if (view_event(v, event, r->arena, &e, &why) != ERR_OK) {
			reply_error(r, 404, "Invalid event.");
			return ERR_OK;
		}
		one.event_id = e.id;
	} else {
		s = req_param(r, "all");
		TRY(parts_events(r, EL_PROPOSAL, !s.n || str_is(s, "0"), a, &hits, &n, f));
	}
	TRY(in_order(r, a, &hits, &n, f));
	struct parts_send x = {".proposals", "index", hits, n, filter, true};
	return parts_list(r, &x, f);
}

/* ---- from peers ---- */

static void answer_pushed(struct http_req *r, bool success, const char *text, uint64_t n)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "success", success);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_uint, "counter", n);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* All for this event; what cannot be read is passed over. */
static enum err collect(struct http_req *r, const json_t *list, struct uuid event,
			struct raw_event *raw, struct fail *f)
{
	const json_t *item;
	size_t i;
	json_array_foreach(list, i, item) {
		struct element el = {.kind = EL_PROPOSAL};
		struct fail why = {0};
		struct arena_mark m = arena_mark(r->arena);
		if (i >= PUSH_MAX)
			break;
		enum err e = proposal_in(item, r->arena, &el.proposal, &why);
		el.proposal.event_uuid = event;
		if (e == ERR_OK)
			e = raw_add(raw, &el, f);
		else if (e == ERR_INVAL || e == ERR_PARSE)
			e = ERR_OK;
		arena_rewind(r->arena, m);
		TRY(e);
	}
	return ERR_OK;
}

static enum err push_proposals(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(raw) struct raw_event *raw = NULL;
	struct misp_event e;
	struct ingest_taken taken;
	struct fail why = {0};
	json_t *body;
	char text[64];
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "event"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		answer_pushed(r, false, "Event not found.", 0);
		return ERR_OK;
	}
	if (json_is_array(json_object_get(body, "ShadowAttribute")))
		body = json_object_get(body, "ShadowAttribute");
	raw = raw_new(RAW_ELEMENTS, NULL, api_of(r)->ingest.spool_dir);
	if (!raw)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(collect(r, body, e.uuid, raw, f));
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	TRY(ingest_proposals_take(&api_of(r)->ingest, &raw, &o, &facts, &taken, f));
	snprintf(text, sizeof(text), "%llu Proposal(s) added.", (unsigned long long)taken.added);
	answer_pushed(r, taken.added > 0, taken.added ? text : "Nothing to update.", taken.added);
	return ERR_OK;
}

const struct endpoint ep_proposals_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/shadow_attributes/add/:event",
	.auth = perm_add,
	.body_cap = BODY_MAX,
	.run = proposals_add,
	.shape = "ShadowAttribute",
	.takes = "ProposalIn",
	.doc = "Propose an attribute for somebody's event",
};
const struct endpoint ep_proposals_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/shadow_attributes/edit/:attribute",
	.auth = perm_add,
	.body_cap = BODY_MAX,
	.run = proposals_edit,
	.shape = "ShadowAttribute",
	.takes = "ProposalIn",
	.doc = "Propose a change of an attribute",
};
const struct endpoint ep_proposals_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/shadow_attributes/delete/:attribute",
	.auth = perm_add,
	.run = proposals_delete,
	.shape = "Saved",
	.doc = "Propose that an attribute be deleted",
};
const struct endpoint ep_proposals_view = {
	.methods = HTTP_GET,
	.path = "/shadow_attributes/view/:id",
	.run = proposals_view,
	.shape = "ShadowAttribute",
	.doc = "One proposal",
};
const struct endpoint ep_proposals_accept = {
	.methods = HTTP_POST,
	.path = "/shadow_attributes/accept/:id",
	.auth = perm_add,
	.run = proposals_accept,
	.shape = "Message",
	.doc = "Make a proposal part of one's event",
};
const struct endpoint ep_proposals_discard = {
	.methods = HTTP_POST,
	.path = "/shadow_attributes/discard/:id",
	.auth = perm_add,
	.run = proposals_discard,
	.shape = "Message",
	.doc = "Close a proposal without taking it over",
};
const struct endpoint ep_proposals_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/shadow_attributes/index/:event",
	.run = proposals_index,
	.shape = "ShadowAttributes",
	.doc = "Proposals of an event, of one's own events, or (all:1) of all visible ones",
};
/* Named in MISP's permissions and nowhere else: refused as there, and for those who may do all, gone. */
static enum err proposals_by_uuids(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_error(r, 404, "Not Found");
	return ERR_OK;
}

const struct endpoint ep_proposals_by_uuids = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/shadow_attributes/getProposalsByUuidList",
	.auth = perm_site_admin,
	.body_cap = BODY_MAX,
	.run = proposals_by_uuids,
	.shape = "Refusal",
	.doc = "Refused, as by MISP",
};
const struct endpoint ep_events_push_proposals = {
	.methods = HTTP_POST,
	.path = "/events/pushProposals/:event",
	.auth = perm_sync | perm_add,
	.body_cap = BODY_MAX,
	.run = push_proposals,
	.shape = "ProposalsAdded",
	.takes = "List",
	.doc = "Proposals pushed by a peer",
};
