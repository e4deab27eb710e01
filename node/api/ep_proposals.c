/*
 * ep_proposals.c - /shadow_attributes: what others propose for an event that is not theirs. Texts
 * as recorded (wire/client, proposals).
 */
#include "api/rest.h"
#include "model/types.h"

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

static void answer_saved(struct http_req *r, const struct misp_event *e, uint64_t id,
			 const struct misp_proposal *p)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "ShadowAttribute");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "id", id);
	JSONW_KV(&w, jsonw_c, "old_id", "0");
	JSONW_KV(&w, jsonw_uint_str, "event_id", e->id);
	JSONW_KV(&w, jsonw_str, "type", type_name((enum attr_type)p->type));
	JSONW_KV(&w, jsonw_str, "category", category_name((enum attr_category)p->category));
	JSONW_KV(&w, jsonw_str, "comment", p->comment.p ? p->comment : STR(""));
	JSONW_KV(&w, jsonw_bool, "to_ids", p->to_ids);
	JSONW_KV(&w, jsonw_uuid, "uuid", p->uuid);
	JSONW_KV(&w, jsonw_uint_str, "event_org_id", e->orgc_id);
	JSONW_KV(&w, jsonw_str, "email", me(r)->user.email);
	JSONW_KV(&w, jsonw_bool, "deleted", false);
	JSONW_KV(&w, jsonw_int_str, "timestamp", p->timestamp);
	JSONW_KV(&w, jsonw_c, "first_seen", NULL);
	JSONW_KV(&w, jsonw_c, "last_seen", NULL);
	JSONW_KV(&w, jsonw_str, "value", p->value);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* The stored row, which its proposer may read back. */
static enum err stored(struct http_req *r, const struct misp_event *e, uint64_t id,
		       struct misp_proposal *p, struct store_rtxn **t, struct fail *f)
{
	struct misp_event now;
	TRY(store_read(api_of(r)->store, t, f));
	TRY(store_get(*t, T_EVENT, e->id, NULL, &now));
	return store_el_get(*t, EL_PROPOSAL, (struct el_key){now.body, 0, id}, r->arena, p);
}

static enum err proposals_add(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(raw) struct raw_event *raw = NULL;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct element el = {.kind = EL_PROPOSAL};
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "event"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid Event");
		return ERR_OK;
	}
	misp_proposal_init(&el.proposal);
	if (json_read_entity(r->body, &desc_misp_proposal, r->arena, &el.proposal, &why) != ERR_OK) {
		json_t *body; /* answers in MISP's words */
		return rest_json(r, NULL, &body, f) == ERR_OK ? ERR_INVAL : ERR_OK;
	}
	el.proposal.email = me(r)->user.email;
	raw = raw_new(RAW_ELEMENTS, NULL, api_of(r)->ingest.spool_dir);
	if (!raw)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(raw_add(raw, &el, f));
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	facts.is_edit = true;
	TRY(ingest_proposal_add(&api_of(r)->ingest, e.id, 0, &raw, &o, &facts, r->arena, &res, f));
	if (res.n_problems || !res.n_ids) {
		answer_refused(r, res.n_problems ? res.problems[0].errors : STR("{}"));
		return ERR_OK;
	}
	TRY(stored(r, &e, res.ids[0].id, &el.proposal, &t, f));
	answer_saved(r, &e, res.ids[0].id, &el.proposal);
	return ERR_OK;
}

const struct endpoint ep_proposals_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/shadow_attributes/add/:event",
	.auth = perm_add,
	.body_cap = 96u << 20,
	.run = proposals_add,
	.shape = "ShadowAttribute",
	.doc = "Propose an attribute for somebody's event",
};
