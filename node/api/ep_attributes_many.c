/*
 * ep_attributes_many.c - /attributes: deleteSelected (many at once) and editField (one member), with
 * MISP's texts.
 */
#include "api/rest.h"
#include "api/upload.h"

#define SELECTED_MAX (1u << 17)

struct chosen {
	struct arena *a;
	struct search_id *v;
	uint32_t n, max;
	bool full;
};

static void choose(void *user, const struct misp_attr *attr)
{
	struct chosen *c = user;
	if (c->n == c->max && !c->full) {
		uint32_t more = c->max ? c->max * 2 : 64;
		struct search_id *v =
			more > SELECTED_MAX ? NULL : ARENA_ARRAY(c->a, struct search_id, more);
		if (v && c->n)
			memcpy(v, c->v, c->n * sizeof(*v));
		c->full = !v;
		if (v) {
			c->v = v;
			c->max = more;
		}
	}
	if (!c->full)
		c->v[c->n++] = (struct search_id){EL_ATTR, attr->id, attr->object_id};
}

/* One by id or UUID, if the caller sees it and it is the event's and live. */
static void choose_one(struct http_req *r, struct view *v, const struct misp_event *e, struct str id,
		       struct chosen *c)
{
	struct misp_event of;
	struct misp_attr a;
	struct fail why = {0};
	if (id.n && view_attr(v, id, r->arena, &of, &a, &why) == ERR_OK && of.id == e->id && !a.deleted)
		choose(c, &a);
}

/* "all", one, or a list of ids; any other text names nothing (recorded). */
static enum err choose_all(struct http_req *r, const struct misp_event *e, const json_t *body,
			   struct chosen *c, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const json_t *ids = json_object_get(body, "id"), *id;
	size_t i;
	TRY(rest_view(r, &v, f));
	if (str_is(rest_text(r, body, "id"), "all"))
		return view_each_attr(v, e, choose, c);
	if (!json_is_array(ids))
		choose_one(r, v, e, rest_text(r, body, "id"), c);
	json_array_foreach((json_t *)(uintptr_t)ids, i, id) {
		struct str text = json_is_string(id)
					  ? (struct str){json_string_value(id), json_string_length(id)}
					  : json_is_integer(id) ? rest_id(r, (uint64_t)json_integer_value(id))
								: STR_NONE;
		choose_one(r, v, e, text, c);
	}
	return ERR_OK;
}

/* The event that the path or the body names, if the caller may change it; answered when not. */
static bool event_to_change(struct http_req *r, const json_t *body, struct misp_event *e, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	struct str id = req_arg(r, "event");
	if (!id.p)
		id = rest_text(r, body, "event_id");
	if (rest_view(r, &v, f) != ERR_OK || view_event(v, id, r->arena, e, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return false;
	}
	view_close(MOVE(v));
	if (rest_may_modify(r, e))
		return true;
	reply_error(r, 403, "You do not have permission to do that.");
	return false;
}

static enum err attributes_delete_selected(struct http_req *r, struct fail *f)
{
	struct chosen c = {.a = r->arena};
	struct misp_event e;
	json_t *body;
	if (rest_json(r, "Attribute", &body, f) != ERR_OK || !event_to_change(r, body, &e, f))
		return ERR_OK;
	struct str hard = req_arg(r, "hard");
	TRY(choose_all(r, &e, body, &c, f));
	if (c.full) {
		reply_error(r, 413, "At most %u attributes at once.", SELECTED_MAX);
		return ERR_OK;
	}
	if (!c.n) {
		reply_error(r, 404, "No matching attributes found.");
		return ERR_OK;
	}
	struct origin o = rest_origin(r);
	TRY(ingest_attrs_delete(&api_of(r)->ingest, e.id, c.v, c.n,
				str_is(hard, "1") || str_is(hard, "true") ||
					rest_flag(body, "allow_hard_delete", false),
				&o, f));
	rest_saved(r, rest_id(r, e.id), "%u attribute%s deleted.", c.n, c.n == 1 ? "" : "s");
	return ERR_OK;
}

/* {"saved":..,"success":"Field updated.","check_publish":true} */
static void answer_field(struct http_req *r, struct str errors)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", !errors.n);
	if (errors.n) {
		JSONW_KV(&w, jsonw_raw, "errors", errors);
	} else {
		JSONW_KV(&w, jsonw_c, "success", "Field updated.");
		JSONW_KV(&w, jsonw_bool, "check_publish", true);
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err attributes_edit_field(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct misp_attr a;
	struct ingest_result res;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_attr(v, req_arg(r, "id"), r->arena, &e, &a, &why);
	view_close(MOVE(v));
	if (err != ERR_OK || a.deleted) {
		reply_error(r, 404, "Invalid attribute");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	err = ingest_attr_edit(&api_of(r)->ingest, a.id, &raw, &o, &facts, r->arena, &res, &why);
	if (err == ERR_OK || err == ERR_INVAL)
		answer_field(r, err == ERR_INVAL     ? upload_errors(r, &why)
				: res.n_problems ? res.problems[0].errors
						 : STR_NONE);
	else if (err == ERR_STALE)
		reply_error(r, 405, "%s", why.text);
	else
		upload_refused(r, "edit", "Attribute", err, &why);
	return ERR_OK;
}

static enum err begin_field(struct http_req *r, struct fail *f)
{
	return upload_begin(r, RAW_ATTRS, f);
}

const struct endpoint ep_attributes_delete_selected = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/attributes/deleteSelected/:event/:hard",
	.auth = perm_add,
	.run = attributes_delete_selected,
	.shape = "Saved",
	.takes = "AttributesSelected",
	.doc = "Delete attributes of one event: a list of ids, or \"all\"",
};
const struct endpoint ep_attributes_edit_field = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/attributes/editField/:id",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = 1 << 20,
	.begin = begin_field,
	.body = upload_body,
	.run = attributes_edit_field,
	.shape = "Saved",
	.takes = "AttributeIn",
	.doc = "Change one member of an attribute, in the words of MISP's page",
};
