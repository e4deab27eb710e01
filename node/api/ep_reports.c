/*
 * ep_reports.c - /eventReports: reports on their own. Their texts travel inside events. Texts as
 * recorded (wire/client, event-reports); a deletion or restoring is newer than what was, so that
 * peers take it over (sync-protocol.md 12.2, 11).
 */
#include "api/parts.h"
#include "api/rest.h"

#define LIST_ARENA (64u << 20)
#define REPORT_MAX (64u << 20)
#define NO_REPORT "Invalid report"

/* ---- adding ---- */

/* What a peer asks before it sends any report (sync-protocol.md 12.1, 12). */
static const struct described reports_add_call = {
	.call = "/event_reports/add",
	.text = "POST a report in JSON format to create a report for the provided event",
	.needed = (const char *const[]){"name", NULL},
	.optional = (const char *const[]){"distribution", "content", NULL},
	.url = "/event_reports/add",
};

/* The first message alone, as MISP tells it here. */
static void answer_refused(struct http_req *r, const char *action, struct str errors)
{
	json_t *map = json_loadb(errors.p, errors.n, 0, NULL), *texts;
	const char *field, *first = NULL;
	json_object_foreach(map, field, texts)
		if (!first)
			first = json_string_value(json_array_get(texts, 0));
	me(r)->url = arena_printf(r->arena, "/event_reports/%s", action);
	rest_not_saved(r, action, "EventReport", STR_NONE,
		       first ? rest_quoted(r, first) : STR("\"Invalid report\""));
	json_decref(map);
}

/* The body as the only element of a document. False: answered, or an error in *err. */
static bool read_report(struct http_req *r, struct element *el, struct raw_event **raw,
			enum err *err, struct fail *f)
{
	struct fail why = {0};
	json_t *body;
	*err = ERR_OK;
	if (str_trim(r->body).n &&
	    json_read_entity(r->body, &desc_misp_report, r->arena, &el->report, &why) != ERR_OK) {
		if (rest_json(r, NULL, &body, f) == ERR_OK) /* answers when it is no JSON */
			reply_error(r, 405, "Invalid input.");
		return false;
	}
	*raw = raw_new(RAW_ELEMENTS, NULL, api_of(r)->ingest.spool_dir);
	*err = *raw ? raw_add(*raw, el, f) : fail(f, ERR_NOMEM, "no memory");
	return *err == ERR_OK;
}

static bool find_event(struct http_req *r, struct misp_event *e, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return rest_view(r, &v, f) == ERR_OK &&
	       view_event(v, req_arg(r, "event"), r->arena, e, &why) == ERR_OK;
}

static enum err refused(struct http_req *r, const char *action, enum err e, const struct fail *why,
			struct fail *f)
{
	if (e == ERR_INVAL)
		answer_refused(r, action, str_c(why->text));
	else if (e == ERR_PERM)
		reply_error(r, 405, "%s", why->text);
	else
		return fail(f, e, "%s", why->text);
	return ERR_OK;
}

static enum err reports_add(struct http_req *r, struct fail *f)
{
	OWN(raw) struct raw_event *raw = NULL;
	struct element el = {.kind = EL_REPORT};
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	enum err err;
	if (r->method == HTTP_GET || r->method == HTTP_HEAD) {
		rest_describe(r, &reports_add_call);
		return ERR_OK;
	}
	if (!find_event(r, &e, f)) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	if (!read_report(r, &el, &raw, &err, f))
		return err;
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	err = ingest_elements_add(&api_of(r)->ingest, e.id, &raw, &o, &facts, true, r->arena, &res,
				  &why);
	if (err != ERR_OK)
		return refused(r, "add", err, &why, f);
	if (res.n_problems || !res.n_ids) {
		answer_refused(r, "add", res.n_problems ? res.problems[0].errors : STR("{}"));
		return ERR_OK;
	}
	return parts_one(r, ".reports", "saved", e.id, 0, res.ids[0].id, 404, NO_REPORT, f);
}

/* ---- one by id or UUID ---- */

struct found {
	struct misp_event e;
	uint64_t id;
	struct uuid uuid;
};

/* A report that the caller may see. False: answered. */
static bool find(struct http_req *r, struct found *x, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct str arg = req_arg(r, "id");
	struct misp_report row;
	struct fail why = {0};
	struct index_uuid at = {.kind = CHANGE_EL(EL_REPORT)};
	struct uuid u;
	enum err e = ERR_NOENT;
	if (str_u64(arg, &at.id))
		e = index_el_find(api_of(r)->index, EL_REPORT, at.id, &at.event_id, &at.parent);
	else if (uuid_parse(arg, &u))
		e = index_uuid_find(api_of(r)->index, u, &at);
	if (e == ERR_OK && at.kind != CHANGE_EL(EL_REPORT))
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = rest_view(r, &v, f);
	if (e == ERR_OK)
		e = view_event(v, rest_id(r, at.event_id), r->arena, &x->e, &why);
	if (e == ERR_OK)
		e = store_el_get(view_txn(v), EL_REPORT, (struct el_key){x->e.body, 0, at.id},
				 r->arena, &row);
	if (e == ERR_OK) {
		x->id = at.id;
		x->uuid = row.uuid;
		view_close(MOVE(v));
	}
	if (e == ERR_OK && parts_shows(r, ".reports", x->e.id, 0, x->id))
		return true;
	reply_error(r, 404, NO_REPORT);
	return false;
}

static enum err reports_view(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	if (!find(r, &x, f))
		return ERR_OK;
	return parts_one(r, ".reports", "view", x.e.id, 0, x.id, 404, NO_REPORT, f);
}

static bool may_change(struct http_req *r, const struct found *x)
{
	if (rest_may_modify(r, &x->e))
		return true;
	reply_error(r, 401, "Unauthorized");
	return false;
}

static enum err reports_edit(struct http_req *r, struct fail *f)
{
	OWN(raw) struct raw_event *raw = NULL;
	struct element el = {.kind = EL_REPORT};
	struct found x = {.id = 0};
	struct ingest_result res;
	struct fail why = {0};
	enum err err;
	if (!find(r, &x, f) || !may_change(r, &x))
		return ERR_OK;
	el.report.uuid = x.uuid; /* which says that members may be missing */
	if (!read_report(r, &el, &raw, &err, f))
		return err;
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	err = ingest_report_edit(&api_of(r)->ingest, x.e.id, x.id, &raw, &o, &facts, r->arena, &res,
				 &why);
	if (err != ERR_OK)
		return refused(r, "edit", err, &why, f);
	if (res.n_problems) {
		answer_refused(r, "edit", res.problems[0].errors);
		return ERR_OK;
	}
	return parts_one(r, ".reports", "saved", x.e.id, 0, x.id, 404, NO_REPORT, f);
}

static void answer_done(struct http_req *r, const char *action, const char *done)
{
	struct str id = req_arg(r, "id");
	me(r)->url = arena_printf(r->arena, "/event_reports/%s/%.*s", action, STR_ARG(id));
	rest_saved(r, id, "Event Report %.*s %s", STR_ARG(id), done);
}

static enum err reports_delete(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	json_t *body;
	if (rest_json(r, "EventReport", &body, f) != ERR_OK || !find(r, &x, f) || !may_change(r, &x))
		return ERR_OK;
	struct str named = req_param(r, "hard");
	bool hard = rest_flag(body, "hard", false) || (named.n && !str_is(named, "0"));
	struct origin o = rest_origin(r);
	TRY(ingest_el_delete(&api_of(r)->ingest, EL_REPORT, x.id, hard, &o, f));
	answer_done(r, "delete", hard ? "hard deleted" : "soft deleted");
	return ERR_OK;
}

static enum err reports_restore(struct http_req *r, struct fail *f)
{
	struct found x = {.id = 0};
	if (!find(r, &x, f) || !may_change(r, &x))
		return ERR_OK;
	struct origin o = rest_origin(r);
	TRY(ingest_report_restore(&api_of(r)->ingest, x.id, &o, f));
	answer_done(r, "restore", "restored");
	return ERR_OK;
}

/* ---- lists ---- */

/* event_id, deleted (0, 1, 2: both) or context (default, deleted, all), value; by path, query or body. */
static enum err reports_index(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct part_filter *filter = ARENA_NEW(r->arena, struct part_filter);
	struct search_hit one = {0}, *hits = &one;
	uint64_t n = 1;
	json_t *body;
	if (!a || !filter)
		return fail(f, ERR_NOMEM, "no memory");
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str event = rest_param(r, body, "event_id"), s = rest_param(r, body, "deleted");
	struct str context = rest_param(r, body, "context");
	bool gone = str_is(s, "1") || str_is(context, "deleted");
	filter->deleted = gone || str_is(s, "2") || str_is(context, "all");
	filter->live = !gone;
	filter->text = rest_param(r, body, "value");
	if (event.n) {
		OWN(view) struct view *v = NULL;
		struct misp_event e;
		struct fail why = {0};
		TRY(rest_view(r, &v, f));
		n = view_event(v, event, r->arena, &e, &why) == ERR_OK;
		one.event_id = n ? e.id : 0;
	} else {
		TRY(parts_events(r, EL_REPORT, false, a, &hits, &n, f));
	}
	struct parts_send x = {".reports", "index", hits, n, filter, false};
	return parts_list(r, &x, f);
}

const struct endpoint ep_reports_add = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/event_reports/add/:event",
	.auth = perm_add,
	.body_cap = REPORT_MAX,
	.run = reports_add,
	.shape = "EventReport",
	.takes = "ReportIn",
	.doc = "Add a report to an event; GET describes the call, which peers ask before they push",
};
const struct endpoint ep_reports_view = {
	.methods = HTTP_GET,
	.path = "/event_reports/view/:id",
	.run = reports_view,
	.shape = "EventReport",
	.doc = "One report",
};
const struct endpoint ep_reports_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/event_reports/edit/:id",
	.auth = perm_add,
	.body_cap = REPORT_MAX,
	.run = reports_edit,
	.shape = "EventReport",
	.takes = "ReportIn",
	.doc = "Edit a report",
};
const struct endpoint ep_reports_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/event_reports/delete/:id",
	.auth = perm_add,
	.run = reports_delete,
	.shape = "Saved",
	.takes = "Hard",
	.doc = "Delete a report, for good with hard",
};
const struct endpoint ep_reports_restore = {
	.methods = HTTP_POST,
	.path = "/event_reports/restore/:id",
	.auth = perm_add,
	.run = reports_restore,
	.shape = "Saved",
	.doc = "Bring a deleted report back",
};
const struct endpoint ep_reports_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/event_reports/index",
	.run = reports_index,
	.shape = "EventReports",
	.doc = "Visible reports: of one event (event_id), with a text (value), deleted ones (context)",
};
