/*
 * ep_audit.c - /tocsin/audit/...: the audit log as it was written; and MISP's view of it, /admin/logs
 * and /logs (rest-api.md section 8, as recorded).
 *
 * Who sees what is MISP's rule for its logs: site administrators all, organisation administrators
 * their organisation, others what they did themselves.
 */
#include "api/audit.h"
#include "api/rest.h"
#include "audit/search.h"
#include "base/clock.h"

#define LINES_MAX 10000u
#define MISP_LIMIT 60u
#define MISP_LIMIT_MAX 5000u

static void scope(struct http_req *r, struct audit_filter *q)
{
	const struct api_user *u = me(r);
	if (u->perms & perm_site_admin)
		return;
	if (u->perms & perm_admin)
		q->only_org = u->org.uuid;
	else
		q->only_user = u->user.id;
}

/* Seconds, "7d" (so long ago), a date, or a date and time (UTC). */
static bool time_param(struct http_req *r, const json_t *body, const char *key, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct str s = str_trim(rest_param(r, body, key)), whole;
	uint64_t n;
	if (!s.n)
		return true;
	str_split(s, '.', &whole); /* programs give fractions of seconds */
	if (str_u64(whole, &n) && str_find(s, STR("-")) < 0)
		s = whole;
	if (str_u64(s, &n)) {
		*out = (int64_t)MIN(n, (uint64_t)INT64_MAX / 2);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (s.p[s.n - 1] == units[i].unit && str_u64(str_sub(s, 0, s.n - 1), &n)) {
			*out = clock_now() - (int64_t)MIN(n, 1000000u) * units[i].seconds;
			return true;
		}
	if (s.n == 10)
		s = arena_printf(r->arena, "%.*sT00:00:00", STR_ARG(s));
	else if (s.n > 10 && s.p[10] == ' ')
		s = arena_printf(r->arena, "%.10sT%.*s", s.p, (int)s.n - 11, s.p + 11);
	*out = clock_from_iso(s);
	return *out != 0;
}

static uint64_t number_param(struct http_req *r, const json_t *body, const char *key,
			     uint64_t otherwise, uint64_t most)
{
	uint64_t n;
	return str_u64(rest_param(r, body, key), &n) ? MIN(n, most) : otherwise;
}

/* ---- the log itself ---- */

static bool add_line(void *user, struct str line)
{
	struct jsonw *w = user;
	jsonw_raw(w, line);
	return buf_err(w->out) == ERR_OK;
}

/* For who does not see all: numbers would count what others do. */
static bool add_own_line(void *user, struct str line)
{
	static const struct str cut[] = {{"\"seq\":", 6}, {"\"prev\":", 7}};
	struct jsonw *w = user;
	jsonw_raw(w, STR(""));
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		ptrdiff_t at = str_find(line, cut[i]);
		ptrdiff_t end = at < 0 ? -1 : str_chr(str_sub(line, (size_t)at, line.n), ',');
		if (end < 0)
			continue;
		buf_str_add(w->out, str_sub(line, 0, (size_t)at));
		line = str_sub(line, (size_t)(at + end) + 1, line.n);
	}
	buf_str_add(w->out, line);
	return buf_err(w->out) == ERR_OK;
}

static enum err search(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	json_t *body;
	bool more = false;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct audit_filter q = {.chain = rest_param(r, body, "chain"),
				 .action = rest_param(r, body, "action"),
				 .outcome = rest_param(r, body, "outcome"),
				 .actor = rest_param(r, body, "actor"),
				 .object = rest_param(r, body, "object"),
				 .address = rest_param(r, body, "address"),
				 .oldest_first = str_is(rest_param(r, body, "order"), "oldest"),
				 .limit = number_param(r, body, "limit", 100, LINES_MAX)};
	q.skip = (MAX(number_param(r, body, "page", 1, 1000000), 1) - 1) * q.limit;
	if (!time_param(r, body, "from", &q.from) || !time_param(r, body, "until", &q.until) ||
	    !q.limit) {
		reply_error(r, 400, "from and until are dates, times, seconds, or as 7d; limit is above 0");
		return ERR_OK;
	}
	if (q.action.n && audit_action_find(q.action) == AUDIT_ACTIONS) {
		reply_error(r, 400, "There is no action of this name.");
		return ERR_OK;
	}
	scope(r, &q);
	TRY(audit_queue_flush(api_of(r)->audit, f));
	TRY(store_read(api_of(r)->store, &t, f));
	jsonw_obj(&w);
	jsonw_key(&w, "records");
	jsonw_arr(&w);
	bool all = may(r, perm_site_admin);
	enum err e = audit_search(t, &q, all ? add_line : add_own_line, &w, &more, f);
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_bool, "more", more);
	jsonw_obj_end(&w);
	if (e == ERR_OK)
		rest_answer(r, 200, &b);
	buf_free(&b);
	return e;
}

static enum err verify(struct http_req *r, struct fail *f)
{
	struct audit_report rep[AUDIT_CHAINS];
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	bool intact = true;
	char hex[65];
	TRY(audit_queue_flush(api_of(r)->audit, f));
	TRY(audit_verify(api_of(r)->store, rep, f));
	jsonw_obj(&w);
	jsonw_key(&w, "chains");
	jsonw_arr(&w);
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		intact &= !rep[c].broken;
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "chain", audit_chain_name((enum audit_chain)c));
		JSONW_KV(&w, jsonw_bool, "intact", !rep[c].broken);
		JSONW_KV(&w, jsonw_uint, "records", rep[c].records);
		JSONW_KV(&w, jsonw_uint, "first", rep[c].first);
		JSONW_KV(&w, jsonw_uint, "last", rep[c].last);
		JSONW_KV(&w, jsonw_uint, "trimmed", rep[c].trimmed);
		JSONW_KV(&w, jsonw_c, "oldest", rep[c].oldest);
		JSONW_KV(&w, jsonw_c, "newest", rep[c].newest);
		JSONW_KV(&w, jsonw_c, "digest", hash_hex(rep[c].tip.b, sizeof(rep[c].tip.b), hex));
		if (rep[c].anchor) { /* a record that the ledger vouches for */
			JSONW_KV(&w, jsonw_uint, "anchored", rep[c].anchor);
			JSONW_KV(&w, jsonw_c, "anchored_at", rep[c].anchor_time);
			JSONW_KV(&w, jsonw_uint, "ledger_leaf", rep[c].anchor_leaf);
		}
		if (rep[c].broken) {
			JSONW_KV(&w, jsonw_uint, "at", rep[c].at);
			JSONW_KV(&w, jsonw_c, "why", rep[c].why);
		}
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_bool, "intact", intact);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err list_actions(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	jsonw_key(&w, "actions");
	jsonw_arr(&w);
	for (unsigned a = 0; a < AUDIT_ACTIONS; a++) {
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "action", audit_action_name(a));
		JSONW_KV(&w, jsonw_c, "chain", audit_chain_name(audit_action_chain(a)));
		JSONW_KV(&w, jsonw_c, "text", audit_action_text(a));
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* All of it as lines, in pieces: no transaction is held for a slow reader. */
struct export {
	struct reply_source source; /* first */
	struct store *store;
	struct audit_place at;
	struct buf left; /* of a line that did not fit */
};

static enum err export_fill(struct export *x, size_t max)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct sha256 digest;
	struct str line;
	enum err e = store_read(x->store, &t, &f);
	while (e == ERR_OK && x->left.n < max) {
		e = audit_next(t, &x->at, &line, &digest);
		if (e != ERR_OK)
			break;
		buf_str_add(&x->left, line);
		buf_putc(&x->left, '\n');
		e = buf_err(&x->left);
	}
	return e;
}

static enum produce export_produce(struct reply_source *s, char *to, size_t max, size_t *made)
{
	struct export *x = (struct export *)s;
	enum err e = x->left.n < max ? export_fill(x, max) : ERR_OK;
	*made = MIN(max, x->left.n);
	memcpy(to, x->left.p, *made);
	buf_consume(&x->left, *made);
	if (e != ERR_OK && e != ERR_NOENT)
		return PRODUCE_ABORT;
	return e == ERR_NOENT && !x->left.n ? PRODUCE_END : PRODUCE_MORE;
}

static void export_free(struct reply_source *s)
{
	struct export *x = (struct export *)s;
	buf_free(&x->left);
	free(x);
}

static const struct reply_source_ops export_ops = {.produce = export_produce,
						     .free = export_free};

static enum err export(struct http_req *r, struct fail *f)
{
	TRY(audit_queue_flush(api_of(r)->audit, f));
	struct export *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->source.ops = &export_ops;
	x->source.length = -1;
	x->store = api_of(r)->store;
	buf_init(&x->left, 8u << 20);
	reply_stream(r, 200, "application/x-ndjson", &x->source);
	return ERR_OK;
}

/* ---- MISP's form ---- */

/* Kinds of objects by the names of MISP's models. */
static const struct {
	const char *kind, *model;
} models[] = {
	{"event", "Event"},	      {"attribute", "Attribute"},     {"object", "MispObject"},
	{"reference", "ObjectReference"}, {"report", "EventReport"},  {"proposal", "ShadowAttribute"},
	{"sighting", "Sighting"},     {"analyst", "AnalystData"},     {"galaxy", "Galaxy"},
	{"cluster", "GalaxyCluster"}, {"tag", "Tag"},		      {"user", "User"},
	{"key", "AuthKey"},	      {"role", "Role"},		      {"organisation", "Organisation"},
	{"sharing_group", "SharingGroup"}, {"peer", "Server"},	      {"feed", "Feed"},
	{"blocklist", "EventBlocklist"}, {"setting", "Server"},
};

static const char *model_of(struct str kind)
{
	for (size_t i = 0; i < ARRAY_LEN(models); i++)
		if (str_is(kind, models[i].kind))
			return models[i].model;
	return "Server";
}

/* The endpoint's action, or the log's own name for what the node did. */
static struct str misp_action(struct str line)
{
	struct str path = audit_line_get(line, "text"), part, action = audit_line_get(line, "action");
	if (str_is(action, "key_refused"))
		return STR("auth_fail");
	if (!path.n || path.p[0] != '/')
		return action;
	for (unsigned i = 0; path.p && i < 4; i++) {
		path = str_split(path, '/', &part);
		if (i >= 2 && part.n && part.p[0] != ':' && !str_is(part, "admin"))
			action = part;
	}
	return action;
}

struct misp_list {
	struct http_req *r;
	const struct store_rtxn *t;
	struct jsonw w;
	struct str model, action, title, ip, org, id, model_id, email, change, description;
	uint64_t skip, left, number; /* of the row, for those who do not see all */
	bool all; /* names of users and organisations too */
};

/* MISP's filters: % stands for anything, letters have no case. */
static bool like(struct str s, struct str want)
{
	struct str piece;
	bool first = true;
	if (!want.n)
		return true;
	while (want.p) {
		want = str_split(want, '%', &piece);
		ptrdiff_t at = str_find_nocase(s, piece);
		if (!want.p && piece.n && !first) /* the last piece stands at the end */
			at = s.n >= piece.n ? (ptrdiff_t)(s.n - piece.n) : -1;
		if (at < 0 || (first && at > 0) ||
		    !str_eq_nocase(str_sub(s, (size_t)at, piece.n), piece))
			return false;
		s = str_sub(s, (size_t)at + piece.n, s.n);
		if (!want.p)
			return !s.n || !piece.n;
		first = false;
	}
	return true;
}

/* Name of the organisation of a line. */
static struct str org_name(const struct misp_list *l, struct str line)
{
	struct misp_org o;
	struct uuid u;
	uint64_t id;
	if (!uuid_parse(audit_line_get(line, "org"), &u))
		return STR("SYSTEM");
	enum err e = store_find(l->t, IX_ORG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id);
	if (e == ERR_OK)
		e = store_get(l->t, T_ORG, id, NULL, &o);
	return e == ERR_OK ? o.name : STR("SYSTEM");
}

/* A text of a line is JSON's already. */
static void line_text(struct jsonw *w, const char *key, struct str escaped)
{
	jsonw_key(w, key);
	jsonw_raw(w, STR("\""));
	buf_str_add(w->out, escaped);
	buf_putc(w->out, '"');
}

/* As in add_own_line(). */
static uint64_t row_id(const struct misp_list *l, struct str line)
{
	return may(l->r, perm_site_admin) ? audit_line_u64(line, "seq") : l->number;
}

static void misp_row(struct misp_list *l, struct str line, const char *model, struct str action,
		     struct str title)
{
	struct jsonw *w = &l->w;
	struct str time = audit_line_get(line, "time"), name = audit_line_get(line, "name");
	bool user = str_is(audit_line_get(line, "actor"), "user");
	char created[20] = "";
	if (time.n == 20) {
		memcpy(created, time.p, 19);
		created[10] = ' ';
	}
	jsonw_obj(w);
	jsonw_key(w, "Log");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", row_id(l, line));
	JSONW_KV(w, jsonw_str, "title", title);
	JSONW_KV(w, jsonw_c, "created", created);
	JSONW_KV(w, jsonw_c, "model", model);
	JSONW_KV(w, jsonw_uint_str, "model_id", audit_line_u64(line, "id"));
	JSONW_KV(w, jsonw_str, "action", action);
	JSONW_KV(w, jsonw_uint_str, "user_id", user ? audit_line_u64(line, "actor_id") : 0);
	JSONW_KV(w, jsonw_c, "change", "");
	line_text(w, "email", l->all && name.n ? name : STR("SYSTEM"));
	JSONW_KV(w, jsonw_str, "org", l->all ? org_name(l, line) : STR("SYSTEM"));
	JSONW_KV(w, jsonw_c, "description", "");
	line_text(w, "ip", l->all && user ? audit_line_get(line, "address") : STR(""));
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static bool misp_line(void *user, struct str line)
{
	struct misp_list *l = user;
	struct str kind = audit_line_get(line, "kind"), action = misp_action(line);
	const char *model = model_of(kind);
	l->number++;
	struct arena_mark m = arena_mark(l->r->arena);
	struct str what = audit_line_get(line, "action"), outcome = audit_line_get(line, "outcome");
	struct str title = arena_printf(l->r->arena, "%s %llu: %s%s%.*s", model,
					(unsigned long long)audit_line_u64(line, "id"),
					audit_action_text(audit_action_find(what)),
					str_is(outcome, "ok") ? "" : ", ",
					str_is(outcome, "ok") ? 0 : (int)outcome.n, outcome.p);
	if (like(str_c(model), l->model) && like(action, l->action) && like(title, l->title) &&
	    like(audit_line_get(line, "address"), l->ip) && like(org_name(l, line), l->org) &&
	    like(audit_line_get(line, "name"), l->email) && like(STR(""), l->change) &&
	    like(STR(""), l->description) &&
	    (!l->id.n || str_eq(l->id, rest_id(l->r, row_id(l, line)))) &&
	    (!l->model_id.n || str_eq(l->model_id, rest_id(l->r, audit_line_u64(line, "id"))))) {
		if (l->skip)
			l->skip--;
		else if (l->left) {
			misp_row(l, line, model, action, title);
			l->left--;
		}
	}
	arena_rewind(l->r->arena, m);
	return l->left && buf_err(l->w.out) == ERR_OK && !req_cancelled(l->r);
}

/* A time, or a list of two: from and until. */
static bool created_param(struct http_req *r, const json_t *body, struct audit_filter *q)
{
	const json_t *v = json_object_get(body, "created");
	if (!json_is_array(v) || json_array_size(v) != 2)
		return time_param(r, body, "created", &q->from);
	json_t *two = json_pack("{s:O,s:O}", "from", json_array_get(v, 0), "until", json_array_get(v, 1));
	bool good = two && time_param(r, two, "from", &q->from) && time_param(r, two, "until", &q->until);
	/* the texts of what was borrowed are not kept */
	json_decref(two);
	return good;
}

static enum err misp_logs(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct buf b = BUF(ANSWER_MAX);
	json_t *body;
	bool more;
	if (rest_json(r, "Log", &body, f) != ERR_OK)
		return ERR_OK;
	struct misp_list l = {.r = r,
			      .w = jsonw_on(&b),
			      .model = rest_param(r, body, "model"),
			      .action = rest_param(r, body, "action"),
			      .title = rest_param(r, body, "title"),
			      .ip = rest_param(r, body, "ip"),
			      .org = rest_param(r, body, "org"),
			      .id = rest_param(r, body, "id"),
			      .model_id = rest_param(r, body, "model_id"),
			      .change = rest_param(r, body, "change"),
			      .description = rest_param(r, body, "description"),
			      .left = number_param(r, body, "limit", MISP_LIMIT, MISP_LIMIT_MAX),
			      .all = true};
	struct str user = rest_param(r, body, "user_id"), email = rest_param(r, body, "email");
	bool pattern = str_chr(email, '%') >= 0 || user.n;
	struct audit_filter q = {.chain = STR("log"),
				 .changes_only = true,
				 .oldest_first = true,
				 .actor = pattern ? STR_NONE : email,
				 .limit = UINT64_MAX};
	l.email = pattern ? email : STR_NONE;
	if (user.n)
		q.actor = arena_printf(r->arena, "user:%.*s", STR_ARG(user));
	l.skip = (MAX(number_param(r, body, "page", 1, 1000000), 1) - 1) * l.left;
	if (!created_param(r, body, &q))
		q.from = INT64_MAX / 1000000; /* nothing is that new */
	scope(r, &q);
	TRY(store_read(api_of(r)->store, &t, f));
	l.t = t;
	jsonw_arr(&l.w);
	enum err e = l.left ? audit_search(t, &q, misp_line, &l, &more, f) : ERR_OK;
	jsonw_arr_end(&l.w);
	if (e == ERR_OK)
		rest_answer(r, 200, &b);
	buf_free(&b);
	return e;
}

/* What was done to an event, for who may see it; who did it only for administrators of all. */
static enum err misp_event_log(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct misp_event seen;
	struct fail why = {0};
	char uuid[UUID_TEXT_LEN + 1];
	bool more;
	TRY(rest_view(r, &v, f));
	if (view_event(v, req_arg(r, "id"), r->arena, &seen, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	struct misp_list l = {.r = r,
			      .t = view_txn(v),
			      .w = jsonw_on(&b),
			      .left = MISP_LIMIT,
			      .all = me(r)->perms & perm_site_admin};
	struct audit_filter q = {.chain = STR("log"),
				 .changes_only = true,
				 .object = str_c(uuid_format(seen.uuid, uuid)),
				 .limit = UINT64_MAX};
	scope(r, &q);
	jsonw_obj(&l.w);
	jsonw_key(&l.w, "Log");
	jsonw_arr(&l.w);
	enum err e = audit_search(l.t, &q, misp_line, &l, &more, f);
	jsonw_arr_end(&l.w);
	jsonw_obj_end(&l.w);
	if (e == ERR_OK)
		rest_answer(r, 200, &b);
	buf_free(&b);
	return e;
}

const struct endpoint ep_audit_search = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/audit/search",
	.auth = perm_audit,
	.run = search,
	.shape = "AuditRecords",
	.doc = "Records of the audit log: who did what when",
};
const struct endpoint ep_audit_verify = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/audit/verify",
	.auth = perm_site_admin,
	.run = verify,
	.shape = "AuditReport",
	.doc = "Is the audit log intact? Reads all of it",
};
const struct endpoint ep_audit_actions = {
	.methods = HTTP_GET,
	.path = "/tocsin/audit/actions",
	.auth = perm_audit,
	.run = list_actions,
	.shape = "AuditActions",
	.doc = "What the audit log records",
};
const struct endpoint ep_audit_export = {
	.methods = HTTP_GET,
	.path = "/tocsin/audit/export",
	.auth = perm_site_admin,
	.run = export,
	.shape = "AuditLines",
	.doc = "The whole audit log as lines of JSON, as it is chained",
};
const struct endpoint ep_logs_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/admin/logs/index",
	.auth = perm_audit,
	.run = misp_logs,
	.shape = "Logs",
	.takes = "LogSearch",
	.doc = "The log in MISP's form",
	.missing = "rows are made of the audit log: titles and changes are in its own words",
};
const struct endpoint ep_logs_event_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/logs/event_index/:id",
	.auth = API_ANY,
	.run = misp_event_log,
	.shape = "EventLogs",
	.doc = "What was done to an event",
};
