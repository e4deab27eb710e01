/*
 * ep_preview.c - /tocsin/preview: what an audience would be sent, event by event, with verdict, counts,
 * bytes and what is cut out; and the document itself. Made by the code that sends.
 */
#include <stdlib.h>

#include "api/long_job.h"
#include "api/preview_who.h"
#include "base/clock.h"
#include "base/hash.h"
#include "egress/preview.h"

#define EVENT_ARENA (64u << 20)
#define SNAPSHOT_EVENTS 256
#define TRIES 3 /* when an event changes while it is looked at */

struct look {
	struct api *api;
	struct arena *a; /* of all of it */
	struct arena *event; /* of one event */
	struct preview_who who;
	uint64_t only; /* an event; 0: all */
	struct event_opts opts; /* of events/view */
	struct str format; /* of an export; absent: json */
	uint64_t nids_sid;
	bool diff;
	struct egress_env env; /* of a document */
	json_t *params; /* of an export */
	struct long_job *job;
	uint64_t done, total, n[GATE_RELEASE + 1], bytes, fields, kept;
};

static void look_free(void *arg)
{
	struct look *x = arg;
	preview_who_close(&x->who);
	json_decref(x->params);
	arena_free(x->event);
	arena_free(x->a);
	free(x);
}

/* ---- what would be sent ------------------------------------------------------------------------ */

static enum err export_make(struct look *x, const struct egress_env *env, uint64_t event_id,
			    struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct str format = x->format.n ? x->format : STR("json");
	bool events = str_is(format, "json");
	struct search_way *w = ARENA_NEW(x->event, struct search_way);
	json_decref(x->params); /* of the event before */
	x->params = json_pack("{s:s%}", "returnFormat", format.p, format.n);
	if (!w || !x->params)
		return fail(f, ERR_NOMEM, "no memory");
	if (event_id)
		json_object_set_new(x->params, "eventid", json_integer((json_int_t)event_id));
	*w = (struct search_way){.scope = events ? SCOPE_EVENTS : SCOPE_ATTRIBUTES,
				 .params = x->params,
				 .a = x->event,
				 .base = rest_opts_of(x->api, 0, x->nids_sid)};
	enum err e = rest_search_way(w, f);
	if (e == ERR_OK)
		e = preview_view(&x->who, env, &v, f);
	return e == ERR_OK ? egress_search(&v, &w->eq, NULL, NULL, out, f) : e;
}

static enum err read_make(struct look *x, const struct egress_env *env, uint64_t event_id,
			  struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct export_opts base = rest_opts_of(x->api, EXPORT_ONE_EVENT, x->who.user.nids_sid);
	TRY(preview_view(&x->who, env, &v, f));
	return rest_event_sealed(&v, event_id, &x->opts, &base, out, f);
}

/* A preview_make_fn. */
static enum err make(void *user, const struct egress_env *env, uint64_t event_id,
		     struct sealed **out, struct fail *f)
{
	struct look *x = user;
	struct search_hit hit = {.event_id = event_id};
	switch (x->who.way) {
	case WAY_PUSH:
		return push_look_document(x->who.look, env, event_id, out, f);
	case WAY_FEED:
		return egress_feed(env, &x->who.aud, &export_misp_json, EXPORT_ONE_EVENT, &hit, 1,
				   out, f);
	case WAY_TAXII:
		return egress_taxii_event(env, &(struct egress_taxii_event){&x->who.aud, event_id, NULL, NULL}, out, f);
	case WAY_EXPORT:
		return export_make(x, env, event_id, out, f);
	case WAY_READ:
	default:
		return read_make(x, env, event_id, out, f);
	}
}

/* ---- lines ------------------------------------------------------------------------------------- */

static void on_line(void *user, const struct preview_line *l)
{
	struct look *x = user;
	OWN(buf) struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "item");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "diff", l->what);
	JSONW_KV(&w, jsonw_uuid, "uuid", l->uuid);
	JSONW_KV(&w, jsonw_str, "label", l->label);
	if (l->withheld != RULE_NONE) {
		JSONW_KV(&w, jsonw_c, "withheld", gate_rule_name(l->withheld));
	} else {
		JSONW_KV(&w, jsonw_c, "field", l->field);
		JSONW_KV(&w, jsonw_raw, "was", l->was);
		if (l->now.p)
			JSONW_KV(&w, jsonw_raw, "now", l->now);
	}
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void counts(struct jsonw *w, const struct preview *p)
{
	char hex[65];
	JSONW_KV(w, jsonw_uint, "bytes", p->bytes);
	hash_hex(p->digest, sizeof(p->digest), hex);
	JSONW_KV(w, jsonw_c, "sha256", hex);
	JSONW_KV(w, jsonw_uint, "elements", p->n.elements);
	JSONW_KV(w, jsonw_uint, "withheld", p->n.withheld);
	JSONW_KV(w, jsonw_uint, "changed", p->n.changed);
	JSONW_KV(w, jsonw_uint, "fields", p->n.fields);
	jsonw_key(w, "by");
	jsonw_obj(w);
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (p->n.by[i])
			JSONW_KV(w, jsonw_uint, gate_rule_name((enum gate_rule)i), p->n.by[i]);
	jsonw_obj_end(w);
}

static void verdict_line(struct look *x, const struct misp_event *e, const struct verdict *v,
			 const struct preview *p, const char *why)
{
	static const char *const names[] = {"denied", "held", "released"};
	char id[24];
	OWN(buf) struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)e->id);
	jsonw_obj(&w);
	jsonw_key(&w, "item");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "event", id);
	JSONW_KV(&w, jsonw_uuid, "uuid", e->uuid);
	JSONW_KV(&w, jsonw_str, "info", str_sub(e->info, 0, 200));
	JSONW_KV(&w, jsonw_c, "verdict", names[v->outcome]);
	if (v->outcome != GATE_RELEASE)
		JSONW_KV(&w, jsonw_c, "rule", gate_rule_name(v->rule));
	if (v->outcome == GATE_HOLD && v->until != INT64_MAX)
		JSONW_KV(&w, jsonw_int, "until", v->until);
	JSONW_KV(&w, jsonw_bool, "sent", v->outcome == GATE_RELEASE && !why[0]);
	if (why[0])
		JSONW_KV(&w, jsonw_c, "text", why);
	if (v->outcome == GATE_RELEASE)
		counts(&w, p);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void progress_line(struct look *x)
{
	OWN(buf) struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	if (!long_job_due(x->job))
		return;
	jsonw_obj(&w);
	jsonw_key(&w, "progress");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "total", x->total);
	JSONW_KV(&w, jsonw_uint, "done", x->done);
	JSONW_KV(&w, jsonw_uint, "bytes", x->bytes);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), true);
}

static void result_line(struct look *x)
{
	OWN(buf) struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "audience", x->who.aud.name);
	JSONW_KV(&w, jsonw_c, "way", preview_way_name(x->who.way));
	JSONW_KV(&w, jsonw_uint, "events", x->done);
	JSONW_KV(&w, jsonw_uint, "sent", x->n[GATE_RELEASE] - x->kept);
	JSONW_KV(&w, jsonw_uint, "kept", x->kept);
	JSONW_KV(&w, jsonw_uint, "held", x->n[GATE_HOLD]);
	JSONW_KV(&w, jsonw_uint, "denied", x->n[GATE_DENY]);
	JSONW_KV(&w, jsonw_uint, "fields", x->fields);
	JSONW_KV(&w, jsonw_uint, "bytes", x->bytes);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

/* ---- the job ----------------------------------------------------------------------------------- */

/* Nothing that a released event is kept for here: what the ways themselves leave out. */
static void kept_why(struct look *x, const struct store_rtxn *t, const struct misp_event *e,
		     const struct preview *p, char *why, size_t n)
{
	why[0] = '\0';
	if (x->who.way == WAY_PUSH)
		push_look_keeps(x->who.look, t, e, p->attributes, why, n);
	else if (!p->bytes)
		snprintf(why, n, "nothing of it would be sent");
}

static enum err one_event(struct look *x, struct view *v, uint64_t id, struct fail *f)
{
	struct misp_event e;
	struct verdict verdict;
	char why[240] = "";
	struct preview p = {.line = x->diff ? on_line : NULL,
			    .user = x,
			    .cancelled = long_job_cancelled(x->job)};
	arena_reset(x->event);
	enum err err = view_verdict(v, id, x->event, &e, &verdict, f);
	if (err != ERR_OK)
		return err == ERR_NOENT ? ERR_OK : err; /* deleted meanwhile */
	if (verdict.outcome == GATE_RELEASE) {
		err = ERR_AGAIN;
		for (unsigned i = 0; i < TRIES && err == ERR_AGAIN; i++)
			err = preview_event(&x->api->egress, make, x, id, &p, f);
		TRY(err);
		kept_why(x, view_txn(v), &e, &p, why, sizeof(why));
	} else {
		view_why(&verdict, why, sizeof(why));
	}
	verdict_line(x, &e, &verdict, &p, why);
	x->n[verdict.outcome]++;
	x->done++;
	if (verdict.outcome == GATE_RELEASE && !why[0]) {
		x->bytes += p.bytes;
		x->fields += p.n.fields;
	} else if (verdict.outcome == GATE_RELEASE) {
		x->kept++;
	}
	progress_line(x);
	return ERR_OK;
}

static enum err all_events(struct look *x, struct view **v, struct fail *f)
{
	uint64_t id = 0;
	enum err e;
	for (uint64_t n = 1;; n++) {
		if (atomic_load(long_job_cancelled(x->job)))
			return fail(f, ERR_CANCELLED, "cancelled");
		if (n % SNAPSHOT_EVENTS == 0) {
			view_close(MOVE(*v));
			TRY(preview_view(&x->who, &x->api->egress, v, f));
		}
		e = store_next(view_txn(*v), T_EVENT, &id, NULL, NULL);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading events");
		TRY(one_event(x, *v, id, f));
	}
}

static void run(struct long_job *j, void *arg)
{
	struct look *x = arg;
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	x->job = j;
	enum err e = preview_view(&x->who, &x->api->egress, &v, &why);
	if (e == ERR_OK) {
		x->total = x->only ? 1 : store_count(view_txn(v), T_EVENT);
		e = x->only ? one_event(x, v, x->only, &why) : all_events(x, &v, &why);
	}
	if (e == ERR_OK)
		result_line(x);
	else
		long_job_error(j, e, why.text);
}

/* ---- the requests ------------------------------------------------------------------------------ */

/* NULL: answered. */
static struct look *look_new(struct http_req *r, struct fail *f)
{
	struct look *x = calloc(1, sizeof(*x));
	struct misp_event e;
	OWN(view) struct view *mine = NULL;
	struct fail why = {0};
	json_t *body;
	if (!x || !(x->a = arena_new(4u << 20)) || !(x->event = arena_new(EVENT_ARENA)) ||
	    rest_json(r, NULL, &body, f) != ERR_OK)
		goto none;
	x->api = api_of(r);
	struct str event = rest_param(r, body, "event"), who = rest_param(r, body, "audience");
	x->opts = rest_event_opts(r, body);
	x->diff = str_is(rest_param(r, body, "diff"), "1");
	x->format = arena_str(x->a, rest_param(r, body, "format"));
	x->nids_sid = me(r)->user.nids_sid;
	if (x->format.n && !export_find(x->format)) {
		reply_error(r, 404, "Invalid output format.");
		goto none;
	}
	if (preview_who(x->api, who, x->a, &x->who, &why) != ERR_OK) {
		reply_error(r, 404, "%s", why.text);
		goto none;
	}
	if (event.n) {
		if (rest_view(r, &mine, f) != ERR_OK ||
		    view_event(mine, event, r->arena, &e, &why) != ERR_OK) {
			reply_error(r, 404, "Invalid event");
			goto none;
		}
		x->only = e.id;
	}
	return x;
none:
	if (x)
		look_free(x);
	return NULL;
}

static enum err preview(struct http_req *r, struct fail *f)
{
	struct look *x = look_new(r, f);
	if (!x)
		return ERR_OK;
	enum err e = long_job_stream(&api_of(r)->jobs, r, "preview", me(r)->user.id, run, x,
				     look_free, f);
	if (e != ERR_BUSY)
		return e;
	reply_error(r, 409, "A preview of yours is going on.");
	return ERR_OK;
}

static void ignore_event(void *user, const struct misp_event *full, const struct rel_event *cut)
{
	(void)user, (void)full, (void)cut;
}

static void ignore_element(void *user, const struct rel_element *full, const struct rel_element *cut,
			   enum gate_rule by)
{
	(void)user, (void)full, (void)cut, (void)by;
}

/* The bytes themselves, to the operator. */
static enum err preview_document(struct http_req *r, struct fail *f)
{
	static const struct egress_tap nobody = {ignore_event, ignore_element, NULL};
	OWN(sealed) struct sealed *s = NULL;
	struct look *x = look_new(r, f);
	if (!x)
		return ERR_OK;
	if (!x->only && x->who.way != WAY_EXPORT) {
		look_free(x);
		reply_error(r, 400, "event wants an id or UUID");
		return ERR_OK;
	}
	x->env = api_of(r)->egress;
	x->env.tap = &nobody;
	enum err e = make(x, &x->env, x->only, &s, f);
	if (e != ERR_OK) {
		look_free(x);
		return e;
	}
	reply_header(r, "X-Tocsin-Media", str_c(sealed_media(s)));
	/* as bytes, so that nothing indents them on the way */
	rest_sealed_then(r, &s, "application/octet-stream", look_free, x);
	return ERR_OK;
}

const struct endpoint ep_tocsin_preview = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/preview",
	.auth = perm_site_admin,
	.run = preview,
	.shape = "Lines",
	.doc = "What an audience would be sent, event by event (audience, event, diff, format)",
};
const struct endpoint ep_tocsin_preview_document = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/previewDocument",
	.auth = perm_site_admin,
	.run = preview_document,
	.shape = "Export",
	.doc = "The document that an audience would be sent of an event (audience, event, format)",
};
