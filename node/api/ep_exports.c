/*
 * ep_exports.c - export subscriptions: the rows behind /tocsin/subscriptions, and what consumers are given
 * under /exports/NAME: the whole set, its digests, and what has changed since a serial, at once or
 * when something does.
 *
 * An export whose audience is the public (TLP clear, class public) is open to everybody. Any other is for site
 * administrators, users of the host organisation, and those of the organisation that the policy names for the
 * audience; to others it looks like one that is not there.
 */
#include <stdlib.h>
#include <string.h>

#include "api/crud.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "loop/offload.h"
#include "subs/subs.h"
#include "taxonomies/taxo.h"

#define DELTA_MAX (64u << 20)
#define WAIT_MAX 60 /* seconds */

/* ---- rows ---- */

static bool subscr_visible(struct http_req *r, const void *row)
{
	(void)row;
	return may(r, perm_site_admin);
}

static void subscr_fresh(struct http_req *r, void *row)
{
	(void)r;
	*(struct misp_subscr *)row =
		(struct misp_subscr){.uuid = uuid_random(), .enabled = true, .created = clock_now()};
}

/* Is there such an export in the policy? It may be named later, but hardly anybody means that. */
static struct str audience_fault(struct http_req *r, struct str name)
{
	struct policy *p = api_of(r)->egress.policy(api_of(r)->egress.user);
	OWN(buf) struct buf b = BUF(4096);
	struct audience aud;
	bool is = policy_audience_named(p, name, &aud) == ERR_OK && aud.kind == AUD_EXPORT;
	buf_puts(&b, "The policy names no such export");
	for (unsigned n = 0; !is && policy_audience_nth(p, AUD_EXPORT, n, &aud) == ERR_OK; n++)
		buf_printf(&b, "%s %s", n ? "," : "; it names", aud.name);
	buf_putc(&b, '.');
	policy_unref(p);
	return is ? STR_NONE : rest_field_error(r, "audience", arena_cstr(r->arena, buf_str(&b)));
}

/* Two that write the same file would take it from each other. */
static struct str path_fault(struct http_req *r, const struct misp_subscr *row)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_subscr other;
	struct fail f = {0};
	uint64_t id = 0;
	if (!row->path.n || store_read(api_of(r)->store, &t, &f) != ERR_OK)
		return STR_NONE;
	while (store_next(t, T_SUBSCR, &id, r->arena, &other) == ERR_OK)
		if (other.id != row->id && str_eq(other.path, row->path))
			return rest_field_error(r, "path", "Another subscription has this file.");
	return STR_NONE;
}

static struct str subscr_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_subscr *s = row;
	OWN(sub_conf) struct sub_conf *c = NULL;
	struct fail f = {0};
	const char *member = "name";
	(void)body;
	s->name = str_trim(s->name);
	if (sub_conf_read(s, api_of(r)->base_url, api_of(r)->egress.host_org_name, &c, &member, &f) !=
	    ERR_OK)
		return rest_field_error(r, member, arena_cstr(r->arena, str_c(f.text)));
	if (s->push.n)
		return rest_field_error(r, "push", "Nothing is pushed from here: see tocsin follow.");
	struct str fault = path_fault(r, s);
	return fault.p ? fault : audience_fault(r, s->audience);
}

static enum err subscr_changed(struct http_req *r, const void *row, struct fail *f)
{
	(void)row;
	(void)f;
	subs_look(api_of(r)->subs);
	return ERR_OK;
}

/* Does the subscription know the row as it is? It is told of changes, and takes them up when its turn comes. */
static bool is_taken_up(struct http_req *r, const struct misp_subscr *row, struct sub *sub)
{
	OWN(sub_conf) struct sub_conf *now = sub_conf(sub);
	OWN(sub_conf) struct sub_conf *c = NULL;
	struct fail f = {0};
	return sub_conf_read(row, api_of(r)->base_url, api_of(r)->egress.host_org_name, &c, NULL, &f) ==
		       ERR_OK &&
	       c->id == now->id && strcmp(c->digest, now->digest) == 0;
}

/* How it stands. */
static void subscr_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	const struct misp_subscr *s = row;
	OWN(sub) struct sub *sub = s->enabled ? subs_get(api_of(r)->subs, s->name) : NULL;
	struct sub_status st;
	(void)act;
	if (!sub || !is_taken_up(r, s, sub)) {
		JSONW_KV(w, jsonw_c, "state", s->enabled ? "filling" : "disabled");
		return;
	}
	sub_status(sub, &st);
	JSONW_KV(w, jsonw_c, "state", sub_state_name(st.state));
	if (st.error[0])
		JSONW_KV(w, jsonw_c, "error", st.error);
	JSONW_KV(w, jsonw_uint, "serial", st.set.serial);
	JSONW_KV(w, jsonw_int, "changed", st.set.changed);
	JSONW_KV(w, jsonw_uint, "entries", st.set.shown);
	JSONW_KV(w, jsonw_uint, "eligible", st.set.eligible);
	JSONW_KV(w, jsonw_uint, "events", st.set.events);
	JSONW_KV(w, jsonw_uint, "changes_since", st.set.oldest);
	if (st.state == SUB_FILLING || st.set.refilling) {
		JSONW_KV(w, jsonw_uint, "done", st.done);
		JSONW_KV(w, jsonw_uint, "total", st.total);
	}
}

static const struct crud_member subscr_members[] = {
	{"options", CRUD_JSON}, {"filter", CRUD_JSON}, {"push", CRUD_HIDE}, {NULL, 0}};

static const struct crud subscr_kind = {
	.table = T_SUBSCR,
	.desc = &desc_misp_subscr,
	.members = subscr_members,
	.what = "subscription",
	.absent = "There is no such subscription.",
	.deleted = "Subscription deleted.",
	.unique = "name",
	.taken = "There is a subscription of this name.",
	.visible = subscr_visible,
	.fresh = subscr_fresh,
	.fault = subscr_fault,
	.changed = subscr_changed,
	.more = subscr_more,
};

/* Rows are named by number or name. */
static void name_to_number(struct http_req *r)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct str given = req_arg(r, "id");
	uint64_t n;
	if (str_u64(given, &n) || store_read(api_of(r)->store, &t, &f) != ERR_OK ||
	    store_find(t, IX_SUBSCR_NAME, given, &n) != ERR_OK)
		return;
	for (size_t i = 0; i < r->args_n; i++)
		if (r->args[i].p == given.p)
			r->args[i] = arena_printf(r->arena, "%llu", (unsigned long long)n);
}

static enum err subscr_view(struct http_req *r, struct fail *f)
{
	name_to_number(r);
	return crud_view(r, f);
}

static enum err subscr_edit(struct http_req *r, struct fail *f)
{
	name_to_number(r);
	return crud_edit(r, f);
}

static enum err subscr_delete(struct http_req *r, struct fail *f)
{
	name_to_number(r);
	return crud_delete(r, f);
}

const struct endpoint ep_subscriptions_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/subscriptions/index",
	.auth = perm_site_admin,
	.run = crud_index,
	.arg = &subscr_kind,
	.shape = "Subscriptions",
	.doc = "Export subscriptions, each with how it stands",
};
const struct endpoint ep_subscriptions_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/subscriptions/view/:id",
	.auth = perm_site_admin,
	.run = subscr_view,
	.arg = &subscr_kind,
	.shape = "Subscription",
	.doc = "One export subscription, by number or name",
};
const struct endpoint ep_subscriptions_add = {
	.methods = HTTP_POST,
	.path = "/tocsin/subscriptions/add",
	.auth = perm_site_admin,
	.run = crud_add,
	.arg = &subscr_kind,
	.shape = "Subscription",
	.takes = "SubscriptionIn",
	.doc = "Keep a set of indicators current for an audience, in one format",
};
const struct endpoint ep_subscriptions_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tocsin/subscriptions/edit/:id",
	.auth = perm_site_admin,
	.run = subscr_edit,
	.arg = &subscr_kind,
	.shape = "Subscription",
	.takes = "SubscriptionIn",
	.doc = "Change an export subscription; the set is filled anew where that is needed",
};
const struct endpoint ep_subscriptions_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/tocsin/subscriptions/delete/:id",
	.auth = perm_site_admin,
	.run = subscr_delete,
	.arg = &subscr_kind,
	.shape = "Saved",
	.doc = "Delete an export subscription, with its set",
};

/* ---- consumers ---- */

static bool is_public(const struct audience *a)
{
	return a->tlp == TLP_UPTO_CLEAR && a->release_class == CLASS_PUBLIC;
}

static bool may_have(struct http_req *r, const struct audience *a)
{
	const struct misp_user *u = &me(r)->user;
	return may(r, perm_site_admin) || u->org_id == api_of(r)->egress.host_org_id ||
	       (!uuid_is_nil(a->org) && uuid_eq(me(r)->org.uuid, a->org));
}

static void not_ready(struct http_req *r)
{
	reply_header_u64(r, "Retry-After", 2);
	reply_error(r, 503, "The export is being filled; ask again in a moment.");
}

/* The row of this name as it is now; false: there is none that is enabled. */
static bool row_named(struct http_req *r, struct str name, struct misp_subscr *row, uint64_t *version)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	uint64_t id;
	if (store_read(api_of(r)->store, &t, &f) != ERR_OK)
		return false;
	*version = store_read_version(t);
	return store_find(t, IX_SUBSCR_NAME, name, &id) == ERR_OK &&
	       store_get(t, T_SUBSCR, id, r->arena, row) == ERR_OK && row->enabled;
}

/* May it be had by who asks? False: answered. */
static bool is_allowed(struct http_req *r, struct str audience, struct fail *f)
{
	struct audience aud = {0};
	struct policy *p = api_of(r)->egress.policy(api_of(r)->egress.user);
	bool known = policy_audience_named(p, audience, &aud) == ERR_OK && aud.kind == AUD_EXPORT;
	policy_unref(p);
	if (known && is_public(&aud))
		return true;
	if (!me(r) && api_auth(r, f) != ERR_OK)
		return false;
	if (known && may_have(r, &aud))
		return true;
	reply_error(r, 404, "There is no such export.");
	return false;
}

/* The subscription that may be had, by the row as it stands in the table; NULL: answered. The caller's
   reference. */
static struct sub *sub_of(struct http_req *r, struct str name, struct fail *f)
{
	OWN(sub) struct sub *s = NULL;
	struct misp_subscr row = {0};
	uint64_t version = 0;
	bool there = row_named(r, name, &row, &version);
	if (!is_allowed(r, there ? row.audience : STR(""), f))
		return NULL;
	s = subs_get(api_of(r)->subs, name);
	if (s && is_taken_up(r, &row, s)) {
		sub_note_taken(s, version);
		return MOVE(s);
	}
	not_ready(r);
	return NULL;
}

static const char *media_of(const struct sub_conf *c)
{
	return c->format->media;
}

/* The file, whose reference is taken over. */
static void file_send(struct http_req *r, struct sub *s, const struct sub_file *file, bool gz)
{
	OWN(sub_conf) struct sub_conf *c = sub_conf(s);
	char tag[64];
	snprintf(tag, sizeof(tag), "\"%llu-%.16s%s\"", (unsigned long long)file->serial, file->sha256,
		 gz ? "-gz" : "");
	reply_header_u64(r, "X-Tocsin-Serial", file->serial);
	reply_header_u64(r, "X-Tocsin-Entries", file->entries);
	reply_header(r, "Cache-Control", STR("no-cache"));
	reply_file(r, 200, &(struct reply_file){.fd = -1,
						.hot = file->file,
						.length = file->file->size,
						.type = media_of(c),
						.encoding = gz ? "gzip" : NULL,
						.etag = arena_str(r->arena, str_c(tag)),
						.mtime = file->changed});
}

/* The whole file. `change`: it stands in for a change that cannot be told. */
static enum err whole_answer(struct http_req *r, struct sub *s, bool change, struct fail *f)
{
	struct sub_file file;
	bool gz = req_accepts_gzip(r);
	enum err e = sub_file(s, gz, &file, f);
	if (e == ERR_AGAIN) {
		not_ready(r);
		return ERR_OK;
	}
	TRY(e);
	if (change)
		reply_header(r, "X-Tocsin-Change", STR("whole"));
	file_send(r, s, &file, gz);
	return ERR_OK;
}

static enum err digest_answer(struct http_req *r, struct sub *s, struct str name, bool md5,
			      struct fail *f)
{
	struct sub_file file;
	OWN(buf) struct buf b = BUF(512);
	enum err e = sub_file(s, false, &file, f);
	if (e == ERR_AGAIN) {
		not_ready(r);
		return ERR_OK;
	}
	TRY(e);
	hotfile_unref(file.file);
	reply_header_u64(r, "X-Tocsin-Serial", file.serial);
	buf_printf(&b, "%s  %.*s\n", md5 ? file.md5 : file.sha256, STR_ARG(name));
	reply_body(r, 200, "text/plain", &b);
	return ERR_OK;
}

static enum err delta_answer(struct http_req *r, struct sub *s, uint64_t since, struct fail *f)
{
	OWN(sub_conf) struct sub_conf *c = sub_conf(s);
	OWN(buf) struct buf b = BUF(DELTA_MAX);
	struct sub_delta d;
	enum err e = sub_delta(s, since, &b, &d, f);
	if (e == ERR_AGAIN) {
		not_ready(r);
		return ERR_OK;
	}
	TRY(e);
	if (d.kind == SUB_WHOLE)
		return whole_answer(r, s, true, f);
	reply_header_u64(r, "X-Tocsin-Serial", d.serial);
	reply_header(r, "Cache-Control", STR("no-store"));
	if (d.kind == SUB_NOTHING) {
		reply_empty(r, 204);
		return ERR_OK;
	}
	reply_header(r, "X-Tocsin-Change", d.kind == SUB_OWN ? STR("own") : STR("lines"));
	/* Lines with a sign before each are no longer the format's own type. */
	reply_body(r, 200, d.kind == SUB_OWN ? media_of(c) : "text/plain", &b);
	return ERR_OK;
}

/* ---- waiting for a change ---- */

struct waiting {
	struct sub_waiter w;
	struct task task;
	struct http_req *r;
	struct str name;
};

/* As when it began: a row, an audience or a policy may have changed while it waited. */
static bool is_still_allowed(const struct waiting *x)
{
	struct misp_subscr row = {0};
	struct audience aud;
	uint64_t version;
	if (!row_named(x->r, x->name, &row, &version) || !is_taken_up(x->r, &row, x->w.sub))
		return false;
	struct policy *p = api_of(x->r)->egress.policy(api_of(x->r)->egress.user);
	bool known = policy_audience_named(p, row.audience, &aud) == ERR_OK && aud.kind == AUD_EXPORT;
	policy_unref(p);
	return known && (is_public(&aud) || (me(x->r) && may_have(x->r, &aud)));
}

/* On a worker: where a change is the whole set its file is written, and that may take long. */
static void wait_answer(struct task *t, bool dropped)
{
	struct waiting *x = (struct waiting *)((char *)t - offsetof(struct waiting, task));
	struct http_req *r = x->r;
	struct fail f = {0};
	if (dropped || req_cancelled(r)) {
		/* nobody waits any more */
	} else if (!is_still_allowed(x)) {
		not_ready(r);
	} else {
		enum err e = delta_answer(r, x->w.sub, x->w.since, &f);
		if (e != ERR_OK)
			reply_err(r, e);
	}
	sub_unref(x->w.sub);
	req_release(r);
}

static void wait_over(struct sub_waiter *w)
{
	struct waiting *x = (struct waiting *)w;
	x->task = (struct task){.run = wait_answer};
	offload_post(api_of(x->r)->workers, &x->task);
}

/* False: there is nothing to wait for. The reference goes to the waiter. */
static bool wait_for_change(struct http_req *r, struct sub **s, struct str name, uint64_t since,
			    uint64_t seconds)
{
	struct waiting *x = ARENA_NEW(r->arena, struct waiting);
	struct sub_status st;
	sub_status(*s, &st);
	if (!x || st.state != SUB_READY || st.set.serial != since || !seconds)
		return false;
	*x = (struct waiting){.w = {.sub = *s,
				    .since = since,
				    .until_ms = clock_boot_ms() + (int64_t)MIN(seconds, WAIT_MAX) * 1000,
				    .fn = wait_over},
			      .r = r,
			      .name = name};
	req_hold(r);
	if (subs_wait(api_of(r)->subs, &x->w) != ERR_OK) {
		req_release(r);
		return false;
	}
	(void)MOVE(*s); /* the waiter's by now */
	return true;
}

static enum err export_make(struct http_req *r, struct fail *f)
{
	struct str name = r->tail, since = req_param(r, "since"), wait = req_param(r, "wait");
	uint64_t from, seconds = 0;
	bool md5 = str_has_suffix(name, STR(".md5")), sha256 = str_has_suffix(name, STR(".sha256"));
	struct str bare = md5 ? str_sub(name, 0, name.n - 4) : sha256 ? str_sub(name, 0, name.n - 7) : name;
	OWN(sub) struct sub *s = sub_of(r, bare, f);
	if (!s)
		return ERR_OK;
	if (md5 || sha256)
		return digest_answer(r, s, bare, md5, f);
	if (!since.p)
		return whole_answer(r, s, false, f);
	if (!str_u64(since, &from) || (wait.p && !str_u64(wait, &seconds))) {
		reply_error(r, 400, "since is the serial that you have, wait is seconds.");
		return ERR_OK;
	}
	return wait_for_change(r, &s, bare, from, seconds) ? ERR_OK : delta_answer(r, s, from, f);
}

/* ---- on the I/O thread, what takes no time ---- */

struct export_job {
	struct task task;
	struct http_req *r;
};

static void export_job(struct task *t, bool dropped)
{
	struct export_job *j = CONTAINER_OF(t, struct export_job, task);
	struct http_req *r = j->r;
	struct fail f = {0};
	enum err e = dropped || req_cancelled(r) ? ERR_CANCELLED : export_make(r, &f);
	if (e != ERR_OK && !req_answered(r)) {
		log_info("api", "event=export-failed err=%s detail=%s", err_name(e), log_val(str_c(f.text)));
		reply_err(r, e);
	}
	req_release(r);
}

static enum err export_later(struct http_req *r, struct fail *f)
{
	struct export_job *j = ARENA_NEW(r->arena, struct export_job);
	if (!j)
		return fail(f, ERR_NOMEM, "no memory");
	j->r = r;
	j->task.run = export_job;
	req_hold(r);
	enum err e = offload_try(api_of(r)->workers, &j->task);
	if (e != ERR_OK) {
		reply_err(r, ERR_BUSY);
		req_release(r);
	}
	return ERR_OK;
}

/* A file that is there, of a row that nobody can have changed since it was last looked at. */
static enum err export_get(struct http_req *r, struct fail *f)
{
	struct api *api = api_of(r);
	OWN(sub) struct sub *s = subs_get(api->subs, r->tail);
	OWN(sub_conf) struct sub_conf *c = s ? sub_conf(s) : NULL;
	bool gz = req_accepts_gzip(r);
	struct sub_file file;
	if (!s || r->query.n || r->named.n || !sub_was_taken(s, store_version(api->store)))
		return export_later(r, f);
	if (!is_allowed(r, str_c(c->audience), f))
		return ERR_OK;
	if (!sub_file_now(s, gz, &file))
		return export_later(r, f);
	file_send(r, s, &file, gz);
	return ERR_OK;
}

const struct endpoint ep_exports = {
	.methods = HTTP_GET,
	.path = "/exports/*",
	.flags = EP_NO_AUTH | EP_EXACT | EP_INLINE,
	.run = export_get,
	.shape = "Exported",
	.doc = "What a subscription keeps: /exports/NAME, NAME.sha256 and NAME.md5; `since` asks for what has changed "
	       "since a serial, `wait` for how many seconds to wait for a change",
};
