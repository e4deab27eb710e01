/*
 * ep_analyst.c - /analyst_data for users: notes, opinions and relationships added, edited, deleted,
 * viewed, listed. Texts as recorded (wire/client, analyst-data); what is shown passes the gate.
 */
#include "api/rest.h"
#include "base/clock.h"
#include "model/json_read.h"

#define UUIDS_MAX 100000u

enum analyst_kind rest_analyst_kind(struct str name)
{
	unsigned k = 0;
	while (k < ANALYST_KINDS && !str_is(name, analyst_kind_names[k]))
		k++;
	return (enum analyst_kind)k;
}

/* The kind in the path; false and answered when there is none of this name. */
static bool kind_of_path(struct http_req *r, enum analyst_kind *k)
{
	*k = rest_analyst_kind(req_arg(r, "type"));
	if (*k == ANALYST_KINDS)
		reply_error(r, 405, "Invalid type.");
	return *k != ANALYST_KINDS;
}

/* ---- answers ---- */

enum err rest_analyst(struct http_req *r, struct analyst_query *q, const char *form, int status,
		      const char *text, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct rest_pair *params = ARENA_ARRAY(r->arena, struct rest_pair, 2);
	if (!params)
		return fail(f, ERR_NOMEM, "no memory");
	params[0] = (struct rest_pair){"form", str_c(form)};
	params[1] = (struct rest_pair){NULL, STR_NONE};
	q->exporter = export_find(STR(".analyst"));
	q->opts = rest_export_opts(r, EXPORT_ANALYST);
	q->opts.param = rest_pair_get;
	q->opts.param_user = params;
	TRY(rest_view(r, &v, f));
	TRY(egress_analyst(&v, q, &s, f));
	if (!status) {
		rest_sealed(r, &s, "application/json; charset=UTF-8");
		return ERR_OK;
	}
	TRY(rest_sealed_all(&s, &b, f));
	if (b.n)
		rest_answer(r, 200, &b);
	else
		reply_error(r, status, "%s", text);
	return ERR_OK;
}

static enum err send_one(struct http_req *r, enum analyst_kind k, uint64_t id, const char *form,
			 bool answers, struct fail *f)
{
	char text[64];
	struct analyst_query q = {.kinds = 1u << k, .ids = &id, .n_ids = 1, .answers = answers};
	snprintf(text, sizeof(text), "Invalid %s.", analyst_kind_names[k]);
	return rest_analyst(r, &q, form, 404, text, f);
}

/* ---- adding and editing ---- */

/* The body as a row, whatever it is wrapped in. ERR_INVAL: answered. */
static enum err row_of_body(struct http_req *r, enum analyst_kind k, struct misp_analyst *n,
			    struct fail *f)
{
	json_t *body;
	struct fail why = {0};
	if (rest_json(r, analyst_kind_names[k], &body, f) != ERR_OK)
		return ERR_INVAL;
	char *text = json_is_object(body) ? json_dumps(body, JSON_COMPACT) : strdup("{}");
	enum err e = text ? json_read_entity(str_c(text), &desc_misp_analyst, r->arena, n, &why)
			  : ERR_NOMEM;
	free(text);
	if (e == ERR_OK)
		return ERR_OK;
	if (e != ERR_PARSE && e != ERR_LIMIT)
		return fail(f, e, "%s", why.text);
	rest_not_saved(r, "add", analyst_kind_names[k], STR_NONE, rest_quoted(r, why.text));
	return ERR_INVAL;
}

static enum err save(struct http_req *r, const struct misp_analyst *n, enum analyst_mode mode,
		     const char *action, struct fail *f)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, NULL);
	struct element el = {.kind = EL_ANALYST, .analyst = *n};
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	struct ingest_result res;
	struct fail why = {0};
	const char *what = analyst_kind_names[n->kind];
	if (!raw)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(raw_add(raw, &el, f));
	enum err e = ingest_analyst(&api_of(r)->ingest, &raw, mode, &o, &facts, r->arena, &res,
				    &why);
	if (e == ERR_OK && res.n_ids)
		return send_one(r, (enum analyst_kind)n->kind, res.ids[0].id, "saved", false, f);
	if (e != ERR_OK && e != ERR_PERM)
		return fail(f, e, "%s", why.text);
	rest_not_saved(r, action, what, STR_NONE,
		       e == ERR_PERM	? rest_quoted(r, why.text) :
		       res.n_problems	? res.problems[0].errors :
					  STR("\"The analyst data is blocked.\""));
	return ERR_OK;
}

static enum err analyst_add(struct http_req *r, struct fail *f)
{
	struct misp_analyst n = {0};
	enum analyst_kind k;
	struct uuid about;
	if (!kind_of_path(r, &k))
		return ERR_OK;
	enum err e = row_of_body(r, k, &n, f);
	if (e != ERR_OK)
		return e == ERR_INVAL ? ERR_OK : e;
	struct str type = req_arg(r, "object_type");
	if (uuid_parse(req_arg(r, "object_uuid"), &about))
		n.object_uuid = about;
	if (type.n)
		n.object_type = type;
	n.kind = (uint8_t)k;
	if (!n.authors.n)
		n.authors = me(r)->user.email;
	return save(r, &n, ANALYST_ADD, "add", f);
}

/* One that the caller sees, by the path (of type "all" by its UUID); false: answered. */
static bool row_of_path(struct http_req *r, enum analyst_kind *k, struct misp_analyst *n,
			struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	*k = ANALYST_KINDS;
	if (!str_is(req_arg(r, "type"), "all") && !kind_of_path(r, k))
		return false;
	enum err e = rest_view(r, &v, f);
	if (e == ERR_OK)
		e = view_analyst(v, *k, req_arg(r, "id"), r->arena, n, &why);
	if (e == ERR_OK)
		*k = (enum analyst_kind)n->kind;
	if (e == ERR_NOENT)
		reply_error(r, 404, "%s", why.text);
	else if (e != ERR_OK)
		reply_err(r, e);
	return e == ERR_OK;
}

/* What others made cannot be changed. */
static bool may_change(struct http_req *r, const struct misp_analyst *n)
{
	if (may(r, perm_site_admin) ||
	    (!uuid_is_nil(n->orgc_uuid) && uuid_eq(n->orgc_uuid, me(r)->org.uuid)))
		return true;
	reply_error(r, 405, "You are not authorised to do that.");
	return false;
}

static enum err analyst_edit(struct http_req *r, struct fail *f)
{
	struct misp_analyst row, n = {0};
	enum analyst_kind k;
	if (!row_of_path(r, &k, &row, f) || !may_change(r, &row))
		return ERR_OK;
	enum err e = row_of_body(r, k, &n, f);
	if (e != ERR_OK)
		return e == ERR_INVAL ? ERR_OK : e;
	n.kind = row.kind;
	n.uuid = row.uuid;
	n.object_uuid = row.object_uuid;
	n.object_type = row.object_type;
	n.modified = rest_now_text(r);
	if (!ENTITY_HAS(&n, ANALYST_F_related_object_uuid))
		n.related_object_uuid = row.related_object_uuid;
	return save(r, &n, ANALYST_EDIT, "edit", f);
}

static enum err analyst_delete(struct http_req *r, struct fail *f)
{
	static const char *const paths[] = {"notes", "opinions", "relationships"};
	struct origin o = rest_origin(r);
	struct misp_analyst row;
	enum analyst_kind k;
	if (!row_of_path(r, &k, &row, f) || !may_change(r, &row))
		return ERR_OK;
	TRY(ingest_analyst_delete(&api_of(r)->ingest, row.id, true, &o, f));
	struct str text = arena_printf(r->arena, "%s deleted.", analyst_kind_names[k]);
	struct str id = req_arg(r, "id");
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_str, "name", text);
	JSONW_KV(&w, jsonw_str, "message", text);
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "/%s/delete/%.*s", paths[k], STR_ARG(id)));
	JSONW_KV(&w, jsonw_uint, "id", row.id); /* a number, as recorded */
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- reading ---- */

static enum err analyst_view(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	bool all = str_is(req_arg(r, "type"), "all");
	enum analyst_kind k = ANALYST_KINDS;
	struct misp_analyst row;
	struct fail why = {0};
	if (!all && !kind_of_path(r, &k))
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	enum err e = view_analyst(v, k, req_arg(r, "id"), r->arena, &row, &why);
	view_close(MOVE(v));
	if (e == ERR_NOENT) {
		reply_error(r, 404, "%s", why.text);
		return ERR_OK;
	}
	TRY(e);
	uint64_t number;
	bool by_number = str_u64(req_arg(r, "id"), &number);
	return send_one(r, (enum analyst_kind)row.kind, row.id, by_number ? "view_id" : "view",
			true, f);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

struct ids {
	uint64_t *v;
	size_t n;
};

static void take_uuid(struct store_rtxn *t, struct str s, struct ids *out)
{
	struct uuid u;
	uint64_t id;
	if (out->n < UUIDS_MAX && uuid_parse(s, &u) &&
	    store_find(t, IX_ANALYST_UUID, (struct str){(char *)u.b, 16}, &id) == ERR_OK)
		out->v[out->n++] = id;
}

/* Those that /uuid[]:<u>/uuid[]:<u>, or "uuid" in the body, names. *any: does it name any? */
static enum err ids_named(struct http_req *r, const json_t *body, struct ids *out, bool *any,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const json_t *list = json_object_get(body, "uuid");
	size_t it = 0, i, n = 1;
	struct str s;
	json_t *item;
	while (req_named_next(r, "uuid[]", &it, &s))
		n++;
	n += json_array_size(list);
	*out = (struct ids){ARENA_ARRAY(r->arena, uint64_t, MIN(n, UUIDS_MAX)), 0};
	*any = n > 1;
	if (!out->v)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(api_of(r)->store, &t, f));
	it = 0;
	while (req_named_next(r, "uuid[]", &it, &s))
		take_uuid(t, s, out);
	json_array_foreach(list, i, item)
		take_uuid(t, str_c(json_string_value(item)), out);
	s = rest_param(r, body, "uuid");
	if (s.p && n == 1) {
		*any = true;
		take_uuid(t, s, out);
	}
	qsort(out->v, out->n, sizeof(*out->v), ascending);
	for (n = 0, i = 0; i < out->n; i++)
		if (!i || out->v[i] != out->v[i - 1])
			out->v[n++] = out->v[i];
	out->n = n;
	return ERR_OK;
}

static enum err analyst_index(struct http_req *r, struct fail *f)
{
	enum analyst_kind k;
	struct ids ids;
	json_t *body;
	bool any;
	if (!kind_of_path(r, &k) || rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(ids_named(r, body, &ids, &any, f));
	struct analyst_query q = {.kinds = 1u << k, .ids = any ? ids.v : NULL, .n_ids = ids.n};
	return rest_analyst(r, &q, "index", 0, NULL, f);
}

#define ANALYST_BODY_MAX (64u << 20)

const struct endpoint ep_analyst_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/analyst_data/add/:type/:object_uuid/:object_type",
	.auth = perm_analyst_data,
	.body_cap = ANALYST_BODY_MAX,
	.run = analyst_add,
	.shape = "AnalystData",
	.takes = "AnalystIn",
	.doc = "Add a note, opinion or relationship about something",
};
const struct endpoint ep_analyst_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/analyst_data/edit/:type/:id",
	.auth = perm_analyst_data,
	.body_cap = ANALYST_BODY_MAX,
	.run = analyst_edit,
	.shape = "AnalystData",
	.takes = "AnalystIn",
	.doc = "Change one of one's own organisation",
};
const struct endpoint ep_analyst_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/analyst_data/delete/:type/:id",
	.auth = perm_analyst_data,
	.run = analyst_delete,
	.shape = "Saved",
	.doc = "Delete one of one's own organisation and enter it in the block list",
};
const struct endpoint ep_analyst_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/analyst_data/view/:type/:id",
	.run = analyst_view,
	.shape = "AnalystData",
	.doc = "One with the answers to it; type \"all\" with a UUID",
};
const struct endpoint ep_analyst_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/analyst_data/index/:type",
	.run = analyst_index,
	.shape = "AnalystDataList",
	.doc = "All of a kind that the caller may see, or those of uuid[]",
};
