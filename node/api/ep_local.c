/*
 * ep_local.c - /tocsin/...: what the local tool asks besides MISP's own calls. Over the Unix socket
 * or by a site administrator's key.
 */
#include "api/preview_who.h"
#include "api/rest.h"
#include "base/clock.h"
#include "base/log.h"
#include "egress/openings.h"
#include "ingest/quarantine.h"

/* ---- status ---- */

static void status_store(struct http_req *r, struct jsonw *w)
{
	struct store_stats s;
	struct index_stats x;
	store_stats(api_of(r)->store, &s);
	index_stats(api_of(r)->index, &x);
	jsonw_key(w, "store");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "bytes", s.file_size);
	JSONW_KV(w, jsonw_uint, "used", s.map_used);
	JSONW_KV(w, jsonw_uint, "sequence", s.seq);
	JSONW_KV(w, jsonw_uint, "commits", s.commits);
	JSONW_KV(w, jsonw_uint, "events", s.rows[T_EVENT]);
	JSONW_KV(w, jsonw_uint, "attributes", s.elements[EL_ATTR]);
	JSONW_KV(w, jsonw_uint, "objects", s.elements[EL_OBJECT]);
	JSONW_KV(w, jsonw_uint, "organisations", s.rows[T_ORG]);
	JSONW_KV(w, jsonw_uint, "users", s.rows[T_USER]);
	JSONW_KV(w, jsonw_uint, "tags", s.rows[T_TAG]);
	JSONW_KV(w, jsonw_uint, "peers", s.rows[T_PEER]);
	JSONW_KV(w, jsonw_uint, "feeds", s.rows[T_FEED]);
	jsonw_obj_end(w);
	jsonw_key(w, "index");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "rows", x.rows);
	JSONW_KV(w, jsonw_uint, "live", x.live);
	JSONW_KV(w, jsonw_uint, "bytes", x.bytes);
	JSONW_KV(w, jsonw_uint, "sequence", x.seq);
	JSONW_KV(w, jsonw_uint, "rebuilds", x.rebuilds);
	jsonw_obj_end(w);
}

#define UNREADABLE_SHOWN 20

static void status_embargo(const struct api *api, struct jsonw *w)
{
	uint64_t ids[UNREADABLE_SHOWN], n = 0;
	if (!api->egress.openings)
		return;
	n = openings_unreadable(api->egress.openings, ids, ARRAY_LEN(ids));
	jsonw_key(w, "embargo");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "openings", openings_pending(api->egress.openings));
	JSONW_KV(w, jsonw_uint, "unreadable", n);
	jsonw_key(w, "unreadable_events");
	jsonw_arr(w);
	for (uint64_t i = 0; i < n && i < ARRAY_LEN(ids); i++)
		jsonw_uint(w, ids[i]);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

static enum err status(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct buf b = BUF(1 << 20);
	OWN(buf) struct buf why = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	char uuid[UUID_TEXT_LEN + 1];
	bool trusted = true;
	(void)f;
	int64_t now = api->egress.now(api->egress.user, &trusted);
	struct policy *p = api->egress.policy(api->egress.user);
	bool ready = !api->ready || api->ready(api->user, &why);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "version", PACKAGE_VERSION);
	JSONW_KV(&w, jsonw_str, "misp_version", api->misp_version);
	JSONW_KV(&w, jsonw_str, "url", api->base_url);
	JSONW_KV(&w, jsonw_c, "node", uuid_format(store_node_uuid(api->store), uuid));
	JSONW_KV(&w, jsonw_str, "organisation", api->egress.host_org_name);
	JSONW_KV(&w, jsonw_bool, "ready", ready);
	if (!ready)
		JSONW_KV(&w, jsonw_str, "not_ready", str_trim(buf_str(&why)));
	JSONW_KV(&w, jsonw_c, "policy", policy_version(p));
	JSONW_KV(&w, jsonw_bool, "policy_is_misp_compat", policy_is_misp_compat(p));
	JSONW_KV(&w, jsonw_int, "clock", now);
	JSONW_KV(&w, jsonw_bool, "clock_trusted", trusted);
	JSONW_KV(&w, jsonw_c, "clock_alarm", api->clock_alarm ? api->clock_alarm(api->user) : "fine");
	status_embargo(api, &w);
	status_store(r, &w);
	if (api->zones) {
		jsonw_key(&w, "zones");
		api->zones(api->user, &w);
	}
	jsonw_obj_end(&w);
	policy_unref(p);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- import: any number of events in one body, merged as they come ---- */

struct import {
	struct json_read *reader;
	struct ingest_stream *stream;
	struct http_req *r;
	struct fail why;
	enum err err;
	uint64_t added, updated, unchanged, failed, elements;
	struct str first_error;
};

static void import_free(void *ctx)
{
	struct import *i = ctx;
	json_read_free(i->reader);
	ingest_stream_free(i->stream);
	free(i);
}

/* What became of one event: a bad one does not hold up the others. */
static void import_done(void *user, enum err e, const struct ingest_result *res,
			const struct fail *why)
{
	struct import *i = user;
	if (e != ERR_OK) {
		i->failed++;
		if (!i->first_error.p)
			i->first_error = arena_str(i->r->arena, str_c(why->text));
	} else if (res->outcome == INGEST_ADDED) {
		i->added++;
	} else if (res->outcome == INGEST_UPDATED) {
		i->updated++;
	} else {
		i->unchanged++;
	}
	i->elements += res->added + res->updated;
}

static enum err import_event(void *user, struct raw_event *raw, struct fail *f)
{
	struct import *i = user;
	struct admit_facts facts = rest_facts(i->r);
	struct origin o = rest_origin(i->r);
	(void)f;
	ingest_stream_add(i->stream, raw, &o, &facts);
	return ERR_OK;
}

static enum err import_begin(struct http_req *r, struct fail *f)
{
	struct import *i = calloc(1, sizeof(*i));
	struct json_read_opts o = {.root = RAW_EVENT,
				   .spool_dir = api_of(r)->ingest.spool_dir,
				   .keep_source = ingest_keeps_source(&api_of(r)->ingest),
				   .many = true};
	if (!i)
		return fail(f, ERR_NOMEM, "no memory");
	i->r = r;
	r->ctx = i;
	r->ctx_free = import_free;
	i->reader = json_read_new(&o, import_event, i);
	i->stream = ingest_stream_new(&api_of(r)->ingest, import_done, i);
	return i->reader && i->stream ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err import_body(struct http_req *r, struct str bytes, struct fail *f)
{
	struct import *i = r->ctx;
	(void)f;
	if (i->err == ERR_OK)
		i->err = json_read_feed(i->reader, bytes.p, bytes.n, &i->why);
	return ERR_OK;
}

static enum err import_run(struct http_req *r, struct fail *f)
{
	struct import *i = r->ctx;
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	if (i->err == ERR_OK)
		i->err = json_read_end(i->reader, &i->why);
	ingest_stream_end(i->stream);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "added", i->added);
	JSONW_KV(&w, jsonw_uint, "updated", i->updated);
	JSONW_KV(&w, jsonw_uint, "unchanged", i->unchanged);
	JSONW_KV(&w, jsonw_uint, "failed", i->failed);
	JSONW_KV(&w, jsonw_uint, "elements", i->elements);
	if (i->first_error.p)
		JSONW_KV(&w, jsonw_str, "first_error", i->first_error);
	if (i->err != ERR_OK) {
		JSONW_KV(&w, jsonw_c, "error", i->why.text);
		JSONW_KV(&w, jsonw_uint, "line", i->why.line);
		JSONW_KV(&w, jsonw_uint, "column", i->why.column);
		JSONW_KV(&w, jsonw_uint, "offset", i->why.offset);
	}
	jsonw_obj_end(&w);
	rest_answer(r, i->err == ERR_OK ? 200 : 400, &b);
	return ERR_OK;
}

/* ---- policy ---- */

static enum err policy_reload_run(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct fail why = {0};
	(void)f;
	enum err e = api->reload ? api->reload(api->user, &why) : ERR_UNSUPPORTED;
	if (e != ERR_OK) {
		struct str at = why.line ? arena_printf(r->arena, " (line %u, column %u)", why.line, why.column)
					 : STR("");
		reply_error(r, 400, "%s%.*s; the old policy stays in force", why.text, STR_ARG(at));
		return ERR_OK;
	}
	struct policy *p = api->egress.policy(api->egress.user);
	rest_saved(r, STR_NONE, "Policy %s is in force.", policy_version(p));
	policy_unref(p);
	return ERR_OK;
}

/* ---- the clock that opens embargoes ---- */

static enum err clock_show(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	bool trusted = true;
	(void)f;
	int64_t now = api->egress.now(api->egress.user, &trusted);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_int, "now", now);
	JSONW_KV(&w, jsonw_int, "wall", clock_now());
	JSONW_KV(&w, jsonw_bool, "trusted", trusted);
	JSONW_KV(&w, jsonw_c, "alarm", api->clock_alarm(api->user));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err clock_accept_run(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	bool trusted;
	(void)f;
	if (api->clock_accept)
		api->clock_accept(api->user);
	api->egress.now(api->egress.user, &trusted);
	log_info("clock", "accepted user=%llu trusted=%d",
		 (unsigned long long)me(r)->user.id, trusted);
	rest_saved(r, STR_NONE, trusted ? "The clock is trusted." : "The clock is not trusted.");
	return ERR_OK;
}

/* ---- explain ---- */

static const char *outcome_name(enum gate_outcome o)
{
	static const char *const names[] = {"denied", "held", "released"};
	return names[o];
}

static void verdict(struct jsonw *w, const struct verdict *v)
{
	JSONW_KV(w, jsonw_c, "verdict", outcome_name(v->outcome));
	if (v->outcome != GATE_RELEASE)
		JSONW_KV(w, jsonw_c, "rule", gate_rule_name(v->rule));
	if (v->outcome == GATE_HOLD && v->until != INT64_MAX)
		JSONW_KV(w, jsonw_int, "until", v->until);
}

static enum err explain(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(view) struct view *mine = NULL;
	struct preview_who who;
	struct misp_event e;
	struct verdict decided;
	struct gate_step *steps = NULL;
	json_t *body;
	size_t n = 0;
	struct fail why = {0};
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str id = rest_param(r, body, "event"), to = rest_param(r, body, "to");
	TRY(rest_view(r, &mine, f));
	if (view_event(mine, id, r->arena, &e, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	if (preview_who(api_of(r), to, r->arena, &who, &why) != ERR_OK) {
		reply_error(r, 404, "%s", why.text);
		return ERR_OK;
	}
	enum err err = preview_view(&who, &api_of(r)->egress, &v, f);
	preview_who_close(&who);
	TRY(err);
	TRY(view_explain(v, e.id, r->arena, &steps, &n, &decided, f));
	struct buf b = BUF(4 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "event", e.id);
	JSONW_KV(&w, jsonw_uuid, "uuid", e.uuid);
	JSONW_KV(&w, jsonw_str, "audience", to);
	verdict(&w, &decided);
	jsonw_key(&w, "steps");
	jsonw_arr(&w);
	for (size_t i = 0; i < n; i++) {
		struct verdict one = {steps[i].outcome, steps[i].rule, steps[i].until};
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "rule", gate_rule_name(steps[i].rule));
		JSONW_KV(&w, jsonw_c, "outcome", outcome_name(one.outcome));
		JSONW_KV(&w, jsonw_str, "text", steps[i].text);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

#define IMPORT_MAX (1ull << 40)

const struct endpoint ep_tocsin_status = {
	.methods = HTTP_GET,
	.path = "/tocsin/status",
	.auth = perm_site_admin,
	.run = status,
	.shape = "Status",
	.doc = "State of the node",
};
const struct endpoint ep_tocsin_import = {
	.methods = HTTP_POST,
	.path = "/tocsin/import",
	.flags = EP_STREAM_BODY,
	.auth = perm_site_admin,
	.body_cap = IMPORT_MAX,
	.begin = import_begin,
	.body = import_body,
	.run = import_run,
	.shape = "Import",
	.takes = "EventStream",
	.doc = "Take in any number of MISP events: new ones added, newer ones merged",
};
const struct endpoint ep_tocsin_policy_reload = {
	.methods = HTTP_POST,
	.path = "/tocsin/policyReload",
	.auth = perm_site_admin,
	.run = policy_reload_run,
	.shape = "Saved",
	.doc = "Read the policy file again; one that does not parse changes nothing",
};
const struct endpoint ep_tocsin_clock = {
	.methods = HTTP_GET,
	.path = "/tocsin/clock",
	.auth = perm_site_admin,
	.run = clock_show,
	.shape = "Clock",
	.doc = "The clock that opens embargoes, and whether it is trusted",
};
const struct endpoint ep_tocsin_clock_accept = {
	.methods = HTTP_POST,
	.path = "/tocsin/clockAccept",
	.auth = perm_site_admin,
	.run = clock_accept_run,
	.shape = "Saved",
	.doc = "Trust the wall clock as it is, so that embargoes open by it",
};
const struct endpoint ep_tocsin_explain = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/explain",
	.auth = perm_site_admin,
	.run = explain,
	.shape = "Explanation",
	.doc = "Which rule lets an event go to an audience, or holds it",
};
