/*
 * ep_objects.c - /objects and /objectReferences: add, edit, view, delete. Texts, odd ones too, as
 * recorded (wire/client, objects).
 */
#include "api/rest.h"
#include "api/upload.h"

#define OBJECT_BODY_MAX (1ull << 30)

/* ---- answers ---- */

static enum err answer_object(struct http_req *r, const char *form, uint64_t event_id,
			      uint64_t object_id, struct fail *f)
{
	struct search_hit hit = {event_id, object_id, 0};
	struct rest_pair params[] = {{"form", str_c(form)}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = ".object",
				.scope = EXPORT_OBJECTS,
				.hits = &hit,
				.n = 1,
				.params = params};
	return rest_send_or(r, &x, 404, "Invalid object.", f);
}

static enum err answer_ref(struct http_req *r, const char *form, uint64_t event_id,
			   uint64_t object_id, uint64_t id, struct fail *f)
{
	struct search_hit hit = {event_id, object_id, 0};
	struct rest_pair params[] = {
		{"form", str_c(form)}, {"id", rest_id(r, id)}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = ".reference",
				.scope = EXPORT_OBJECTS,
				.hits = &hit,
				.n = 1,
				.params = params,
				.deleted_too = true};
	return rest_send_or(r, &x, 404, "Invalid object reference.", f);
}

static bool find_object(struct http_req *r, struct str id, struct misp_event *e,
			struct misp_object *o, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	if (rest_view(r, &v, f) == ERR_OK && view_object(v, id, r->arena, e, o, &why) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid object.");
	return false;
}

static bool allowed(struct http_req *r, const struct misp_event *e)
{
	if (rest_may_modify(r, e))
		return true;
	reply_error(r, 403, "You do not have permission to do that.");
	return false;
}

/* ---- adding ---- */

static void no_attributes(struct http_req *r, uint64_t event_id)
{
	struct str id = arena_printf(r->arena, "%llu/", (unsigned long long)event_id);
	me(r)->url = arena_printf(r->arena, "/objects/add/%.*s", STR_ARG(id));
	rest_not_saved(r, "add", "object", id,
		       STR("\"Could not save the object as no attributes were set.\""));
}

/* "value" of {"field":["message"]} or the text of a JSON string, with its field. */
static struct str first_problem(struct http_req *r, struct str errors)
{
	json_t *j = json_loadb(errors.p, errors.n, JSON_DECODE_ANY, NULL), *list;
	const char *key;
	struct str out = STR_NONE;
	if (json_is_string(j))
		out = arena_str(r->arena, str_c(json_string_value(j)));
	json_object_foreach(j, key, list)
	{
		const char *text = json_string_value(json_array_get(list, 0));
		out = arena_printf(r->arena, "Object could not be saved.\n%s: %s", key,
				   text ? text : "");
		break;
	}
	json_decref(j);
	return out;
}

static void add_refused(struct http_req *r, uint64_t event_id, const struct ingest_problem *p)
{
	struct str text, id = STR_NONE;
	const char *what = "Object";
	me(r)->url = STR("/objects/add");
	if (p->is_object) {
		text = first_problem(r, p->errors);
	} else {
		what = "object";
		id = arena_printf(r->arena, "%llu/", (unsigned long long)event_id);
		me(r)->url = arena_printf(r->arena, "/objects/add/%.*s", STR_ARG(id));
		text = arena_printf(r->arena,
				    "Could not save object as at least one attribute has failed "
				    "validation (%.*s). %.*s",
				    STR_ARG(p->relation), STR_ARG(p->errors));
	}
	char *copy = arena_cstr(r->arena, text);
	rest_not_saved(r, "add", what, id, rest_quoted(r, copy ? copy : ""));
}

static uint64_t new_object(const struct ingest_result *res)
{
	for (uint32_t i = 0; i < res->n_ids; i++)
		if (res->ids[i].kind == EL_OBJECT)
			return res->ids[i].id;
	return 0;
}

static enum err objects_add(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "event"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event.");
		return ERR_OK;
	}
	if (!allowed(r, &e))
		return ERR_OK;
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	if (raw_count(raw, EL_ATTR) == 0) {
		no_attributes(r, e.id);
		return ERR_OK;
	}
	struct admit_facts facts = rest_facts(r);
	if (!str_u64(req_arg(r, "template"), &facts.template_id))
		facts.template_id = 0;
	struct origin o = rest_origin(r);
	bool break_on_duplicate = str_is(req_param(r, "breakOnDuplicate"), "1");
	err = ingest_elements_add(&api_of(r)->ingest, e.id, &raw, &o, &facts, break_on_duplicate,
				  r->arena, &res, &why);
	uint64_t id = new_object(&res);
	if (err == ERR_OK && id)
		return answer_object(r, "add", e.id, id, f);
	if (res.n_problems)
		add_refused(r, e.id, &res.problems[0]);
	else if (err == ERR_OK)
		no_attributes(r, e.id);
	else {
		me(r)->url = STR("/objects/add");
		upload_refused(r, "add", "Object", err, &why);
	}
	return ERR_OK;
}

/* ---- the rest of objects ---- */

static enum err objects_view(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_object o;
	if (!find_object(r, req_arg(r, "id"), &e, &o, f))
		return ERR_OK;
	if (r->method == HTTP_HEAD) {
		reply_empty(r, 200);
		return ERR_OK;
	}
	return answer_object(r, "view", e.id, o.id, f);
}

/* One bad attribute does not stop an edit: it is left as it is (recorded, objects 1950). */
static enum err objects_edit(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_object o;
	struct ingest_result res;
	struct fail why = {0};
	if (!find_object(r, req_arg(r, "id"), &e, &o, f) || !allowed(r, &e))
		return ERR_OK;
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	struct admit_facts facts = rest_facts(r);
	struct origin origin = rest_origin(r);
	enum err err = ingest_object_edit(&api_of(r)->ingest, o.id, &raw, &origin, &facts, r->arena,
					  &res, &why);
	if (err == ERR_OK)
		return answer_object(r, "edit", e.id, o.id, f);
	me(r)->url = STR("/objects/edit");
	upload_refused(r, "edit", "Object", err, &why);
	return ERR_OK;
}

static bool is_hard(struct http_req *r, const json_t *body)
{
	struct str arg = req_arg(r, "hard");
	return rest_flag(body, "hard", false) || str_is(arg, "true") || str_is(arg, "1");
}

static enum err objects_delete(struct http_req *r, struct fail *f)
{
	struct misp_event e = {0};
	struct misp_object o;
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	OWN(view) struct view *v = NULL;
	TRY(rest_view(r, &v, f));
	enum err err = view_object(v, req_arg(r, "id"), r->arena, &e, &o, &why);
	bool as_misp = view_is_whole(v);
	view_close(MOVE(v));
	/* MISP tells strangers that it is there if they may see the event, even when not the object;
	   with its rules alone so do we */
	if (err != ERR_OK && as_misp && e.id && !rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid object.");
		return ERR_OK;
	}
	if (!allowed(r, &e))
		return ERR_OK;
	struct origin origin = rest_origin(r);
	bool hard = is_hard(r, body);
	if (!o.deleted || hard)
		TRY(ingest_el_delete(&api_of(r)->ingest, EL_OBJECT, o.id, hard, &origin, f));
	struct str id = rest_id(r, e.id); /* the event's, as recorded */
	me(r)->url = arena_printf(r->arena, "/objects/delete/%.*s", STR_ARG(id));
	rest_saved(r, id, "Object deleted");
	return ERR_OK;
}

static enum err begin_object(struct http_req *r, struct fail *f)
{
	return upload_begin(r, RAW_OBJECT, f);
}

/* ---- references ---- */

static enum err references_add(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_object o;
	struct fail why = {0};
	struct uuid target = UUID_NIL, own = UUID_NIL;
	json_t *body;
	uint64_t id;
	if (rest_json(r, "ObjectReference", &body, f) != ERR_OK)
		return ERR_OK;
	struct str object = req_arg(r, "object");
	if (!object.p)
		object = rest_text(r, body, "object_uuid");
	if (!object.p)
		object = rest_text(r, body, "source_uuid");
	if (!find_object(r, object, &e, &o, f) || !allowed(r, &e))
		return ERR_OK;
	struct str referenced = rest_text(r, body, "referenced_uuid");
	if (!referenced.p)
		referenced = rest_text(r, body, "referenced_id");
	if (!uuid_parse(referenced, &target)) {
		reply_error(r, 404, "Invalid target.");
		return ERR_OK;
	}
	(void)!uuid_parse(rest_text(r, body, "uuid"), &own);
	struct origin origin = rest_origin(r);
	struct str relation = rest_text(r, body, "relationship_type");
	struct str comment = rest_text(r, body, "comment");
	enum err err = ingest_ref_add(&api_of(r)->ingest, o.id, target, relation, comment, own,
				      &origin, &id, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid target.");
		return ERR_OK;
	}
	if (err != ERR_OK) {
		reply_err(r, err);
		return ERR_OK;
	}
	return answer_ref(r, "add", e.id, o.id, id, f);
}

/* May the caller see what it refers to? Without that he does not see the reference. */
static bool shows_target(struct http_req *r, struct view *v, const struct misp_event *of, uint64_t object,
			 uint64_t id)
{
	struct fail why = {0};
	struct misp_ref ref;
	struct misp_event e;
	struct misp_attr attr;
	struct misp_object o;
	struct index_uuid at;
	if (store_el_get(view_txn(v), EL_REF, (struct el_key){of->body, object, id}, r->arena, &ref) != ERR_OK ||
	    index_uuid_find(api_of(r)->index, ref.referenced_uuid, &at) != ERR_OK)
		return false;
	struct str to = rest_id(r, at.id);
	return at.kind == CHANGE_EL(EL_OBJECT) ? view_object(v, to, r->arena, &e, &o, &why) == ERR_OK :
						 view_attr(v, to, r->arena, &e, &attr, &why) == ERR_OK;
}

/* The reference of the path, of an object that the caller may see. */
static bool find_ref(struct http_req *r, uint64_t *id, struct misp_event *e, struct misp_object *o,
		     struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	uint64_t event_id, object_id;
	struct str arg = req_arg(r, "id");
	struct uuid u;
	struct index_uuid at;
	struct index *ix = api_of(r)->index;
	enum err err = ERR_NOENT;
	if (str_u64(arg, id))
		err = index_el_find(ix, EL_REF, *id, &event_id, &object_id);
	else if (uuid_parse(arg, &u) && (err = index_uuid_find(ix, u, &at)) == ERR_OK) {
		err = at.kind == CHANGE_EL(EL_REF) ? ERR_OK : ERR_NOENT;
		*id = at.id;
		object_id = at.parent;
	}
	if (err == ERR_OK && rest_view(r, &v, f) == ERR_OK &&
	    view_object(v, rest_id(r, object_id), r->arena, e, o, &why) == ERR_OK &&
	    ((view_is_whole(v) && rest_may_modify(r, e)) || shows_target(r, v, e, object_id, *id)))
		return true;
	reply_error(r, 404, "Invalid object reference.");
	return false;
}

static enum err references_view(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_object o;
	uint64_t id;
	if (!find_ref(r, &id, &e, &o, f))
		return ERR_OK;
	return answer_ref(r, "view", e.id, o.id, id, f);
}

static enum err references_delete(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_object o;
	uint64_t id;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (!find_ref(r, &id, &e, &o, f) || !allowed(r, &e))
		return ERR_OK;
	struct origin origin = rest_origin(r);
	TRY(ingest_el_delete(&api_of(r)->ingest, EL_REF, id, is_hard(r, body), &origin, f));
	struct str text = rest_id(r, id);
	me(r)->url = arena_printf(r->arena, "/object_references/delete/%.*s", STR_ARG(text));
	rest_saved(r, text, "ObjectReference deleted");
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_objects_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/objects/add/:event/:template",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = OBJECT_BODY_MAX,
	.begin = begin_object,
	.body = upload_body,
	.run = objects_add,
	.shape = "Object",
	.takes = "ObjectIn",
	.doc = "Add an object with its attributes to an event",
};
const struct endpoint ep_objects_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/objects/edit/:id",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = OBJECT_BODY_MAX,
	.begin = begin_object,
	.body = upload_body,
	.run = objects_edit,
	.shape = "Object",
	.takes = "ObjectIn",
	.doc = "Change an object; a list of attributes replaces those that it has",
};
const struct endpoint ep_objects_view = {
	.methods = HTTP_GET,
	.path = "/objects/view/:id",
	.run = objects_view,
	.shape = "Object",
	.doc = "One object with its attributes",
};
const struct endpoint ep_objects_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/objects/delete/:id/:hard",
	.auth = perm_add,
	.run = objects_delete,
	.shape = "Saved",
	.takes = "Hard",
	.doc = "Delete an object with its attributes softly, or for good with `hard`",
};
const struct endpoint ep_references_add = {
	.methods = HTTP_POST,
	.path = "/objectReferences/add/:object",
	.auth = perm_add,
	.run = references_add,
	.shape = "ObjectReference",
	.takes = "ReferenceIn",
	.doc = "Relate an object to an attribute or object of the same event",
};
const struct endpoint ep_references_view = {
	.methods = HTTP_GET,
	.path = "/objectReferences/view/:id",
	.run = references_view,
	.shape = "ObjectReference",
	.doc = "One reference",
};
const struct endpoint ep_references_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/objectReferences/delete/:id/:hard",
	.auth = perm_add,
	.run = references_delete,
	.shape = "Saved",
	.takes = "Hard",
	.doc = "Delete a reference softly, or for good with `true`",
};
