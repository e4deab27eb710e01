/*
 * ep_events.c - /events: add, edit, view, delete, publish. Documents are parsed as they arrive.
 * Texts and status codes as recorded (wire/client, events).
 */
#include "api/rest.h"
#include "api/signed.h"
#include "api/upload.h"
#include "base/log.h"
#include "ingest/approvals.h"

static void url_with_id(struct http_req *r, const char *action, struct str id)
{
	me(r)->url = arena_printf(r->arena, "/events/%s/%.*s", action, STR_ARG(id));
}

/* ---- adding ---- */

static bool metadata_asked(struct http_req *r)
{
	struct str s = req_param(r, "metadata");
	return s.n && !str_is(s, "0");
}

/* Up to so many elements the head alone is answered with what it correlates with; a peer that
   pushes more reads nothing of it and should not wait. */
#define RELATED_MAX 10000

static enum err answer_event(struct http_req *r, uint64_t id, uint64_t elements, struct fail *f)
{
	bool metadata = metadata_asked(r);
	struct event_opts o = {.metadata = metadata,
			       .correlations = !metadata || elements <= RELATED_MAX,
			       .no_analyst = metadata};
	return rest_event(r, id, &o, f);
}

static void answer_refused(struct http_req *r, const char *action, enum err e,
			   const struct ingest_result *res, const struct fail *why, struct str id)
{
	const struct api *api = api_of(r);
	switch ((int)e) {
	case ERR_EXISTS:
		reply_header(r, "Location",
			     arena_printf(r->arena, "%.*s/events/%llu", STR_ARG(api->base_url),
					  (unsigned long long)res->event_id));
		reply_error(r, 404,
			    "Event already exists, if you would like to edit it, use the url in the "
			    "location header.");
		break;
	case ERR_BLOCKED:
		reply_error(r, 403, "%s", why->text);
		break;
	case ERR_PERM:
		/* MISP's answer, but for what it does not know */
		reply_error(r, approval_was_asked(why) ? 403 : 405, "%s", why->text);
		break;
	case ERR_NOENT:
		reply_error(r, 404, "Invalid event");
		break;
	case ERR_INVAL:
	case ERR_STALE: {
		struct str errors = upload_errors(r, why);
		if (!id.p && errors.p[0] == '{' && !str_has_prefix(errors, STR("{\"Event\"")))
			errors = arena_printf(r->arena, "{\"Event\":%.*s}", STR_ARG(errors));
		if (!id.p)
			me(r)->url = STR("/events/add");
		rest_not_saved(r, action, "Event", id, errors);
		break;
	}
	default:
		log_warn("api", "event %s failed err=%s detail=%s", action, err_name(e),
			 log_val(str_c(why->text)));
		reply_err(r, e);
	}
}

/* May the document touch what these keys protect? False: answered. */
static bool signature_ok(struct http_req *r, const struct entity_list *keys,
			 struct admit_facts *facts)
{
	struct fail why = {0};
	enum err e = upload_verify(r, keys, facts, &why);
	if (e == ERR_PERM)
		reply_error(r, 405, "%s", why.text);
	else if (e != ERR_OK)
		reply_error(r, err_http(e), "%s", why.text);
	return e == ERR_OK;
}

static enum err begin_event(struct http_req *r, struct fail *f)
{
	return upload_begin(r, RAW_EVENT, f);
}

static enum err events_add(struct http_req *r, struct fail *f)
{
	OWN(raw) struct raw_event *raw = upload_take(r);
	struct ingest_result res;
	struct fail why = {0};
	if (!raw)
		return ERR_OK;
	if (upload_is_foreign(r)) {
		/* MISP unwraps neither lists nor "response" here: it sees an event without info */
		rest_not_saved(r, "add", "Event", STR_NONE,
			       STR("{\"Event\":{\"info\":[\"valueNotEmpty\"]}}"));
		return ERR_OK;
	}
	if (upload_is_empty(raw)) {
		reply_error(r, 405, "No valid event data received.");
		return ERR_OK;
	}
	struct admit_facts facts = rest_facts(r);
	struct origin o = upload_origin(r);
	if (raw_head(raw)->is_protected) {
		if (!cryptokeys_regular(&raw_head(raw)->crypto_keys, raw_arena(raw)))
			return fail(f, ERR_NOMEM, "no memory");
		if (!signature_ok(r, &raw_head(raw)->crypto_keys, &facts))
			return ERR_OK;
	}
	enum err e = ingest_event_add(&api_of(r)->ingest, &raw, &o, &facts, r->arena, &res, &why);
	if (e == ERR_OK)
		return answer_event(r, res.event_id, res.added, f);
	answer_refused(r, "add", e, &res, &why, STR_NONE);
	return ERR_OK;
}

/* ---- permission ---- */

static enum err find_event(struct http_req *r, struct str id, struct misp_event *e, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	TRY(rest_view(r, &v, f));
	return view_event(v, id, r->arena, e, f);
}

/* ---- editing ---- */

static const struct described events_edit_call = {
	.call = "/events/edit",
	.text = "POST a MISP Event JSON to this API to update an Event. Contained objects can also be included "
		"(such as attributes, objects, tags, etc). If the timestamp is set, it has to be newer than the "
		"existing Attribute.",
	.needed = (const char *const[]){NULL},
	.optional = (const char *const[]){"info", "threat_level_id", "analysis", "distribution", "sharing_group_id",
					  "uuid", "published", "timestamp", "date", "Attribute", "Object",
					  "Shadow_Attribute", "EventTag", NULL},
	.url = "/events/edit/[event_id]",
};

static enum err events_edit(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct ingest_result res;
	struct fail why = {0};
	if (r->method == HTTP_GET || r->method == HTTP_HEAD) {
		rest_describe(r, &events_edit_call);
		return ERR_OK;
	}
	enum err err = find_event(r, req_arg(r, "id"), &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	TRY(err);
	OWN(raw) struct raw_event *raw = upload_take(r);
	if (!raw)
		return ERR_OK;
	if (!rest_is_editor(r, &e) && !may(r, perm_sync)) {
		reply_error(r, 403, "You are not authorised to do that.");
		return ERR_OK;
	}
	struct str id = rest_id(r, e.id);
	url_with_id(r, "edit", id);
	struct admit_facts facts = rest_facts(r);
	if (e.is_protected && !signature_ok(r, &e.crypto_keys, &facts))
		return ERR_OK;
	struct uuid given = raw_head(raw)->uuid;
	if (!uuid_is_nil(given) && !uuid_eq(given, e.uuid)) {
		rest_not_saved(r, "edit", "Event", id,
			       STR("\"Event could not be saved: Could not find the local event.\""));
		return ERR_OK;
	}
	if (!rest_is_editor(r, &e) && !e.locked) {
		rest_not_saved(r, "edit", "Event", id,
			       STR("\"Event could not be saved: The user used to edit the event is not "
				   "authorised to do so. This can be caused by the user not being of "
				   "the same organisation as the original creator of the event whilst "
				   "also not being a site administrator.\""));
		return ERR_OK;
	}
	struct origin o = upload_origin(r);
	facts.existing_local = !e.locked;
	err = ingest_event_edit(&api_of(r)->ingest, e.id, &raw, &o, &facts, r->arena, &res, &why);
	if (err == ERR_OK)
		return answer_event(r, e.id, e.attribute_total + res.added, f);
	answer_refused(r, "edit", err, &res, &why, id);
	return ERR_OK;
}

/* ---- viewing ---- */

/* `deleted` in its forms: 1 both, 2 or "only" the deleted, a list what it names. */
static void deleted_option(struct http_req *r, const json_t *body, struct event_opts *o)
{
	const json_t *list = json_object_get(body, "deleted");
	bool zero = false, one = false;
	struct str v;
	size_t it = 0;
	while (req_named_next(r, "deleted[]", &it, &v)) {
		zero |= str_is(v, "0");
		one |= str_is(v, "1");
	}
	if (json_is_array(list)) {
		size_t i;
		json_t *item;
		json_array_foreach(list, i, item)
			*(json_truthy(item) ? &one : &zero) = true;
	}
	v = rest_param(r, body, "deleted");
	if (str_is(v, "2") || str_is(v, "only") || (one && !zero))
		o->deleted_only = true;
	else if (one || str_is(v, "1") || str_is(v, "true"))
		o->deleted_too = true;
}

static bool asked(struct http_req *r, const json_t *body, const char *key, bool otherwise)
{
	struct str s = rest_param(r, body, key);
	return s.p ? s.n && !str_is(s, "0") && !str_is(s, "false") : otherwise;
}

/* Does this caller get a protected event as one? Peers get it so or not at all. */
static bool stays_protected(struct http_req *r)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return me(r)->caller.kind == AUD_PEER ||
	       (rest_view(r, &v, &why) == ERR_OK && view_is_whole(v));
}

struct event_opts rest_event_opts(struct http_req *r, const json_t *body)
{
	struct event_opts o = {
		.attachments = asked(r, body, "includeAttachments", true),
		.no_sightings = asked(r, body, "noSightings", false),
		.correlations = asked(r, body, "includeEventCorrelations", true),
		.granular = asked(r, body, "includeGranularCorrelations", false),
		.all_tags = may(r, perm_site_admin) && asked(r, body, "includeAllTags", false),
		.no_local_tags = asked(r, body, "excludeLocalTags", false),
		.no_reports = asked(r, body, "noEventReports", false),
		.no_proposals = asked(r, body, "noShadowAttributes", false),
		.public_only = asked(r, body, "public", false),
		.no_galaxies = asked(r, body, "excludeGalaxy", false),
		.no_analyst = !asked(r, body, "includeAnalystData", true),
		.feeds = asked(r, body, "includeFeedCorrelations", false),
		.servers = asked(r, body, "includeServerCorrelations", false),
		.caches_dir = rest_caches_dir(r),
		.extended = asked(r, body, "extended", false),
		.search_for = rest_param(r, body, "searchFor"),
		.scores = asked(r, body, "includeDecayScore", false),
		.event_scores = asked(r, body, "includeScoresOnEvent", false),
		.full_models = asked(r, body, "includeFullModel", false),
		.related_inbound = true,
	};
	o.no_related = !o.correlations;
	o.to_ids = str_is(rest_param(r, body, "toIDS"), "1") ? 2 : 0;
	deleted_option(r, body, &o);
	return o;
}

static enum err events_view(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	json_t *body = NULL;
	struct fail why = {0};
	if (rest_json(r, "Event", &body, f) != ERR_OK)
		return ERR_OK;
	enum err err = find_event(r, req_arg(r, "id"), &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	TRY(err);
	struct event_opts o = rest_event_opts(r, body);
	o.warnings = !(me(r)->perms & perm_sync) || may(r, perm_site_admin); /* for people, not peers */
	o.xml = rest_wants_xml(r);
	o.sign = !o.xml && r->is_auto && e.is_protected && stays_protected(r);
	if (o.public_only && e.distribution != DIST_ALL) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	if (r->method == HTTP_HEAD) {
		reply_empty(r, 200);
		return ERR_OK;
	}
	return rest_event(r, e.id, &o, f);
}

/* ---- deleting ---- */

static bool delete_one(struct http_req *r, struct str id, struct fail *f)
{
	struct misp_event e;
	struct origin o = rest_origin(r);
	return find_event(r, id, &e, f) == ERR_OK && rest_may_modify(r, &e) &&
	       ingest_event_delete(&api_of(r)->ingest, e.id, true, &o, f) == ERR_OK;
}

static enum err events_delete(struct http_req *r, struct fail *f)
{
	struct str id = req_arg(r, "id");
	json_t *body = NULL, *item;
	size_t i, failed = 0, n;
	struct fail why = {0};
	if (rest_json(r, "Event", &body, f) != ERR_OK)
		return ERR_OK;
	if (id.p) {
		if (delete_one(r, id, &why)) {
			url_with_id(r, "delete", id);
			rest_saved(r, id, "Event deleted.");
		} else {
			me(r)->url = STR("/events/delete");
			rest_not_saved(r, "delete", "Event", STR_NONE,
				       STR("\"Event was not deleted.\""));
		}
		return ERR_OK;
	}
	json_t *list = json_object_get(body, "id");
	n = json_array_size(list);
	json_array_foreach(list, i, item) {
		json_t *wrapped = json_pack("{sO}", "id", item);
		failed += !delete_one(r, rest_text(r, wrapped, "id"), &why);
		json_decref(wrapped);
	}
	me(r)->url = STR("/events/delete");
	if (n && failed == 0)
		rest_saved(r, STR_NONE, "%zu event%s deleted.", n, n == 1 ? "" : "s");
	else
		rest_not_saved(r, "delete", "Event", STR_NONE,
			       arena_printf(r->arena,
					    "\"%zu event(s) could not be deleted due to insufficient "
					    "privileges or the event not being found.\"",
					    failed));
	return ERR_OK;
}

/* ---- publishing ---- */

static enum err set_published(struct http_req *r, bool publish, const char *action,
			      const char *unknown, const char *done, struct fail *f)
{
	struct misp_event e;
	struct origin o = rest_origin(r);
	struct fail why = {0};
	enum err err = find_event(r, req_arg(r, "id"), &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "%s", unknown);
		return ERR_OK;
	}
	TRY(err);
	if (!may(r, perm_site_admin) && e.orgc_id != me(r)->user.org_id) {
		reply_error(r, 405, "You do not have the permission to do that.");
		return ERR_OK;
	}
	TRY(ingest_publish(&api_of(r)->ingest, e.id, publish, &o, f));
	struct str id = rest_id(r, e.id);
	url_with_id(r, action, id);
	rest_saved(r, id, "%s", done);
	return ERR_OK;
}

static enum err events_publish(struct http_req *r, struct fail *f)
{
	return set_published(r, true, "publish", "Invalid event.", "Event published without alerts",
			     f);
}

static enum err events_alert(struct http_req *r, struct fail *f)
{
	return set_published(r, true, "alert", "Invalid event.", "Email sent to all participants.",
			     f);
}

static enum err events_unpublish(struct http_req *r, struct fail *f)
{
	return set_published(r, false, "unpublish", "Invalid Event.", "Event unpublished.", f);
}

#define EVENT_BODY_MAX (4ull << 30)

const struct endpoint ep_events_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/events/add",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = EVENT_BODY_MAX,
	.begin = begin_event,
	.body = upload_body,
	.run = events_add,
	.shape = "Event",
	.takes = "EventIn",
	.doc = "Add an event with everything in it",
};
const struct endpoint ep_events_edit = {
	.methods = HTTP_GET | HTTP_POST | HTTP_PUT,
	.path = "/events/edit/:id",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = EVENT_BODY_MAX,
	.begin = begin_event,
	.body = upload_body,
	.run = events_edit,
	.shape = "EventEdited",
	.takes = "EventIn",
	.doc = "Merge a document into an event: newer elements replace, nothing is removed; GET describes the call",
};
const struct endpoint ep_events_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/view/:id",
	.auth = API_ANY,
	.run = events_view,
	.shape = "Event",
	.takes = "EventOptions",
	.doc = "One event as this caller may see it",
};
const struct endpoint ep_events_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/events/delete/:id",
	.auth = perm_add,
	.run = events_delete,
	.shape = "Saved",
	.takes = "EventId",
	.doc = "Delete an event and enter it in the block list",
};
const struct endpoint ep_events_publish = {
	.methods = HTTP_POST,
	.path = "/events/publish/:id",
	.auth = perm_publish,
	.run = events_publish,
	.shape = "Saved",
	.doc = "Publish an event",
};
const struct endpoint ep_events_alert = {
	.methods = HTTP_POST,
	.path = "/events/alert/:id",
	.auth = perm_publish,
	.run = events_alert,
	.shape = "Saved",
	.doc = "Publish an event (mail is not sent)",
	.missing = "sends no e-mail",
};
const struct endpoint ep_events_unpublish = {
	.methods = HTTP_POST,
	.path = "/events/unpublish/:id",
	.auth = perm_publish,
	.run = events_unpublish,
	.shape = "Saved",
	.doc = "Take back the published mark",
};
