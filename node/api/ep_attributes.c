/*
 * ep_attributes.c - /attributes: add, edit, view, delete, restore. Texts as recorded
 * (wire/client, attributes).
 */
#include "api/rest.h"
#include "api/upload.h"

#define ATTR_BODY_MAX (1ull << 30)
#define INDEX_PAGE 60 /* MISP's default */

/* Send attributes by id through the gate. */
static enum err answer_attrs(struct http_req *r, const char *exporter,
			     const struct search_hit *hits, uint64_t n,
			     const struct rest_pair *params, bool is_view, struct fail *f)
{
	struct rest_export x = {.exporter = exporter,
				.scope = EXPORT_ATTRIBUTES,
				.hits = hits,
				.n = n,
				.params = params,
				.deleted_too = !is_view,
				.attachments = is_view,
				.event_uuid = is_view,
				.full_tags = is_view,
				.scores = is_view && str_is(req_param(r, "includeDecayScore"), "1")};
	return rest_send(r, &x, f);
}

/* {"attribute_0":{..},..} of the refused ones. */
static struct str problems_json(struct http_req *r, const struct ingest_result *res)
{
	OWN(buf) struct buf b = BUF(4 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	for (uint32_t i = 0; i < res->n_problems; i++) {
		char key[32];
		snprintf(key, sizeof(key), "attribute_%u", res->problems[i].index);
		JSONW_KV(&w, jsonw_raw, key, res->problems[i].errors);
	}
	jsonw_obj_end(&w);
	return arena_str(r->arena, buf_str(&b));
}

static void none_saved(struct http_req *r, const struct ingest_result *res, bool list)
{
	me(r)->url = STR("/attributes/add");
	struct str errors = STR("{\"type\":[\"No type set.\"]}");
	if (res->n_problems)
		errors = list ? problems_json(r, res) : res->problems[0].errors;
	rest_not_saved(r, "add", "Attribute", STR_NONE, errors);
}

/* "batch_import": each line of a value is an attribute. ERR_LIMIT: too many. */
static enum err split_lines(struct http_req *r, struct raw_event **raw, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(64u << 20);
	OWN(raw) struct raw_event *out = raw_new(RAW_ATTRS, NULL, api_of(r)->ingest.spool_dir);
	OWN(raw_cursor) struct raw_cursor *c = raw_cursor_new(*raw);
	struct element el;
	uint32_t ordinal = 0;
	bool any = false;
	enum err err;
	if (!a || !out || !c)
		return fail(f, ERR_NOMEM, "no memory");
	while ((err = raw_next(c, a, &el, f)) == ERR_OK) {
		bool batch = el.kind == EL_ATTR && el.attr.batch_import;
		struct str rest = el.attr.value, line;
		any |= batch;
		el.ordinal = ++ordinal;
		if (!batch)
			TRY(raw_add(out, &el, f));
		while (batch && rest.p) {
			rest = str_split(rest, '\n', &line);
			el.attr.value = str_trim(line);
			if (el.attr.value.n)
				TRY(raw_add(out, &el, f));
			el.ordinal = ++ordinal;
		}
		arena_reset(a);
	}
	if (err != ERR_NOENT)
		return err;
	if (any) {
		raw_set_list(out, true);
		raw_cursor_free(MOVE(c));
		raw_free(*raw);
		*raw = MOVE(out);
	}
	return ERR_OK;
}

static enum err attributes_add(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	struct str id = req_arg(r, "event");
	if (!id.p) {
		reply_error(r, 405, "No event ID set.");
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, id, r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	if (!raw_is_list(raw))
		TRY(split_lines(r, &raw, f));
	bool list = raw_is_list(raw);
	bool break_on_duplicate = !str_is(req_param(r, "breakOnDuplicate"), "0");
	OWN(warnlists) struct warnlists *lists = lists_warnings(api_of(r)->egress.lists);
	struct admit_facts facts = rest_facts(r);
	facts.warnings = lists;
	facts.no_warned = req_param(r, "enforceWarninglist").n &&
			  !str_is(req_param(r, "enforceWarninglist"), "0");
	struct origin o = rest_origin(r);
	err = ingest_elements_add(&api_of(r)->ingest, e.id, &raw, &o, &facts, break_on_duplicate,
				  r->arena, &res, &why);
	if (err == ERR_OK && res.n_ids) {
		struct search_hit *hits = ARENA_ARRAY(r->arena, struct search_hit, res.n_ids);
		if (!hits)
			return fail(f, ERR_NOMEM, "no memory");
		for (uint32_t i = 0; i < res.n_ids; i++)
			hits[i] = (struct search_hit){e.id, res.ids[i].parent, res.ids[i].id};
		struct rest_pair params[] = {
			{"list", res.n_ids > 1 ? STR("1") : STR_NONE},
			{"errors", list && res.n_problems ? problems_json(r, &res) : STR_NONE},
			{NULL, STR_NONE}};
		return answer_attrs(r, ".attributes-saved", hits, res.n_ids, params, false, f);
	}
	if (err == ERR_OK)
		none_saved(r, &res, list);
	else
		upload_refused(r, "add", "Attribute", err, &why);
	return ERR_OK;
}

/* The attribute of the path as the caller may see it; answered when there is none. */
static bool find_attr(struct http_req *r, int status, struct misp_event *e, struct misp_attr *a,
		      struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	if (rest_view(r, &v, f) == ERR_OK &&
	    view_attr(v, req_arg(r, "id"), r->arena, e, a, &why) == ERR_OK)
		return true;
	reply_error(r, status, "Invalid attribute");
	return false;
}

static enum err attributes_view(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_attr a;
	bool head = r->method == HTTP_HEAD;
	if (!find_attr(r, head ? 404 : 405, &e, &a, f))
		return ERR_OK;
	if (a.deleted) {
		reply_error(r, head ? 404 : 405, "Invalid attribute");
		return ERR_OK;
	}
	struct search_hit hit = {e.id, a.object_id, a.id};
	return answer_attrs(r, ".attribute", &hit, 1, NULL, true, f);
}

static enum err attributes_edit(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_attr a;
	struct ingest_result res;
	struct fail why = {0};
	if (!find_attr(r, 404, &e, &a, f))
		return ERR_OK;
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	if (a.deleted) {
		reply_error(r, 404, "Invalid attribute");
		return ERR_OK;
	}
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	struct search_hit hit = {e.id, a.object_id, a.id};
	if (raw_count(raw, EL_ATTR) == 0)
		return answer_attrs(r, ".attribute", &hit, 1, NULL, false, f);
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	enum err err =
		ingest_attr_edit(&api_of(r)->ingest, a.id, &raw, &o, &facts, r->arena, &res, &why);
	if (err == ERR_OK && res.n_problems == 0)
		return answer_attrs(r, ".attribute", &hit, 1, NULL, false, f);
	me(r)->url = STR("/attributes/edit");
	if (err == ERR_OK)
		rest_not_saved(r, "edit", "Attribute", STR_NONE, res.problems[0].errors);
	else if (err == ERR_STALE)
		reply_error(r, 405, "%s", why.text);
	else
		upload_refused(r, "edit", "Attribute", err, &why);
	return ERR_OK;
}

static enum err attributes_delete(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct misp_attr a;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	bool hard = rest_flag(body, "hard", false) || str_is(req_arg(r, "hard"), "true") ||
		    str_is(req_arg(r, "hard"), "1");
	if (!find_attr(r, 404, &e, &a, f))
		return ERR_OK;
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	if (a.deleted && !hard) {
		reply_error(r, 404, "Invalid attribute");
		return ERR_OK;
	}
	struct origin o = rest_origin(r);
	TRY(ingest_el_delete(&api_of(r)->ingest, EL_ATTR, a.id, hard, &o, f));
	rest_message(r, "Attribute deleted.");
	return ERR_OK;
}

static enum err attributes_restore(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct misp_attr a;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_attr(v, req_arg(r, "id"), r->arena, &e, &a, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 405, "Invalid Attribute");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	struct origin o = rest_origin(r);
	if (a.deleted)
		TRY(ingest_attr_restore(&api_of(r)->ingest, a.id, &o, f));
	reply_header(r, "Location",
		     arena_printf(r->arena, "%.*s/attributes/view/%llu",
				  STR_ARG(api_of(r)->base_url), (unsigned long long)a.id));
	reply_empty(r, 302);
	return ERR_OK;
}

/* A page of all that the caller may see, in the order of ids. */
static enum err attributes_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct query *q = ARENA_NEW(r->arena, struct query);
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	q->scope = SCOPE_ATTRIBUTES;
	if (!str_u64(rest_param(r, body, "limit"), &q->limit) || !q->limit)
		q->limit = INDEX_PAGE;
	if (!str_u64(rest_param(r, body, "page"), &q->page) || !q->page)
		q->page = 1;
	struct egress_query eq = {.query = q,
				  .exporter = export_find(STR(".attributes")),
				  .opts = rest_export_opts(r, EXPORT_ATTRIBUTES)};
	TRY(rest_view(r, &v, f));
	TRY(egress_search(&v, &eq, NULL, NULL, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

static enum err begin_attrs(struct http_req *r, struct fail *f)
{
	return upload_begin(r, RAW_ATTRS, f);
}

const struct endpoint ep_attributes_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/attributes/add/:event",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = ATTR_BODY_MAX,
	.begin = begin_attrs,
	.body = upload_body,
	.run = attributes_add,
	.shape = "Attribute",
	.takes = "AttributesIn",
	.doc = "Add one attribute or a list to an event",
};
const struct endpoint ep_attributes_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/attributes/edit/:id",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = ATTR_BODY_MAX,
	.begin = begin_attrs,
	.body = upload_body,
	.run = attributes_edit,
	.shape = "Attribute",
	.takes = "AttributeIn",
	.doc = "Change the given members of an attribute",
};
const struct endpoint ep_attributes_view = {
	.methods = HTTP_GET,
	.path = "/attributes/view/:id",
	.run = attributes_view,
	.shape = "Attribute",
	.doc = "One attribute as this caller may see it",
};
const struct endpoint ep_attributes_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/attributes/delete/:id/:hard",
	.auth = perm_add,
	.run = attributes_delete,
	.shape = "Message",
	.takes = "Hard",
	.doc = "Delete an attribute softly, or for good with `hard`",
};
const struct endpoint ep_attributes_restore = {
	.methods = HTTP_POST,
	.path = "/attributes/restore/:id",
	.auth = perm_add,
	.run = attributes_restore,
	.shape = "Redirect",
	.doc = "Bring a softly deleted attribute back",
};
const struct endpoint ep_attributes_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/attributes/index",
	.run = attributes_index,
	.shape = "Attributes",
	.doc = "Attributes page by page",
};
