/*
 * ep_login.c - /users/login, /users/logout and the sessions of accounts. Who fails learns nothing but
 * that: not whether there is such an account, not which of password and code was wrong.
 */
#include "api/accounts.h"
#include "api/audit.h"
#include "api/auth.h"
#include "api/client.h"
#include "api/otp.h"
#include "api/page.h"
#include "api/password.h"
#include "api/rest.h"
#include "api/session.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"
#include "http/url.h"
#include "metrics/metrics.h"
#include "model/pack.h"

static const char text_wrong[] = "E-mail address, password or one-time code is wrong.";

struct attempt {
	struct str email, password, otp;
	bool form; /* a browser's: answered with pages */
	/* how it is counted */
	enum throttle_kind kind;
	struct str id; /* of the account or of the browser */
	bool known_browser;
	/* what became of it */
	struct misp_user user;
	bool stale; /* the digest is to be made anew */
};

/* ---- what was sent ---- */

static bool is_form(const struct http_req *r)
{
	return str_has_prefix(req_header(r, "Content-Type"),
			      STR("application/x-www-form-urlencoded"));
}

static struct str form_value(const struct http_pairs *p, const char *name, const char *misp)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(p->v[i].name, name) || str_is(p->v[i].name, misp))
			return p->v[i].value;
	return STR_NONE;
}

/* False: answered. */
static bool read_attempt(struct http_req *r, struct attempt *a, struct fail *f)
{
	struct http_pairs p = {0};
	json_t *body;
	a->form = is_form(r);
	if (!a->form) {
		if (!str_has_prefix(req_header(r, "Content-Type"), STR("application/json"))) {
			reply_error(r, 415, "Send JSON or a form.");
			return false;
		}
		if (rest_json(r, "User", &body, f) != ERR_OK)
			return false;
		a->email = rest_text(r, body, "email");
		a->password = rest_text(r, body, "password");
		a->otp = rest_text(r, body, "otp");
	} else if (url_query(r->arena, r->body, &p) == ERR_OK) {
		a->email = form_value(&p, "email", "data[User][email]");
		a->password = form_value(&p, "password", "data[User][password]");
		a->otp = form_value(&p, "otp", "data[User][otp]");
	}
	a->email = str_trim(a->email);
	a->otp = str_trim(a->otp);
	return true;
}

/* ---- counting ---- */

static struct str lower(struct arena *a, struct str s)
{
	char *t = arena_cstr(a, str_sub(s, 0, 254));
	for (size_t i = 0; t && t[i]; i++)
		t[i] = (char)(t[i] >= 'A' && t[i] <= 'Z' ? t[i] + 32 : t[i]);
	return str_c(t);
}

/*
 * A browser that was in the account before is counted by itself. Others are counted by account, so
 * that many addresses do not help, and by address, so that many accounts do not; neither keeps out
 * the browsers that are known.
 */
static unsigned hold_back(struct http_req *r, struct attempt *a)
{
	struct throttle *t = api_of(r)->throttle;
	int64_t now = clock_boot_ms();
	a->known_browser = session_device(r, a->email, &a->id);
	a->kind = a->known_browser ? THROTTLE_LOGIN_DEVICE : THROTTLE_LOGIN_ACCOUNT;
	if (!a->known_browser)
		a->id = lower(r->arena, a->email);
	unsigned wait = throttle_take(t, a->kind, a->id, now);
	if (wait || a->known_browser)
		return wait;
	wait = throttle_take(t, THROTTLE_LOGIN_ADDRESS, throttle_address(r->peer.ip), now);
	if (wait)
		throttle_undo(t, a->kind, a->id, now);
	return wait;
}

static void was_no_failure(struct http_req *r, const struct attempt *a, bool success)
{
	struct throttle *t = api_of(r)->throttle;
	int64_t now = clock_boot_ms();
	if (success)
		throttle_success(t, a->kind, a->id);
	else
		throttle_undo(t, a->kind, a->id, now);
	if (!a->known_browser)
		throttle_undo(t, THROTTLE_LOGIN_ADDRESS, throttle_address(r->peer.ip), now);
}

/* ---- telling ---- */

static void record(struct http_req *r, enum audit_action action, enum audit_outcome outcome,
		   const struct misp_user *u, const char *text)
{
	struct audit_entry e = {.action = action,
				.outcome = outcome,
				.who = {.address = str_c(r->peer.addr)},
				.kind = "session",
				.text = str_c(text)};
	if (u && u->id) {
		e.who.kind = AUDIT_BY_USER;
		e.who.id = u->id;
		e.who.name = u->email;
	}
	audit_later(api_of(r)->audit, &e);
}

static void refuse(struct http_req *r, const struct attempt *a, int status, const char *text)
{
	reply_header(r, "Cache-Control", STR("no-store"));
	if (a->form)
		page_login(r, status, text, a->email);
	else
		reply_error(r, status, "%s", text);
}

static void failed(struct http_req *r, const struct attempt *a, const struct misp_user *u,
		   const char *text)
{
	metric_add(M_AUTH_REFUSED, METRIC_BY_PASSWORD, 0, 1);
	record(r, AUDIT_login_failed, AUDIT_REFUSED, u, "password");
	refuse(r, a, 403, text);
}

static void held_back(struct http_req *r, const struct attempt *a, unsigned wait)
{
	char text[120];
	metric_add(M_AUTH_REFUSED, METRIC_BY_PASSWORD, 0, 1);
	metric_add(M_AUTH_HELD, METRIC_BY_PASSWORD, 0, 1);
	record(r, AUDIT_login_failed, AUDIT_REFUSED, NULL, "held back: too many failed log-ins");
	reply_header_u64(r, "Retry-After", wait);
	snprintf(text, sizeof(text), "Too many failed log-ins. Try again in %u s.", wait);
	refuse(r, a, 429, text);
}

/* ---- the log-in ---- */

static enum err find_account(struct http_req *r, struct attempt *a, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user row;
	uint64_t id;
	TRY(store_read(api_of(r)->store, &t, f));
	enum err e = store_find(t, IX_USER_EMAIL, a->email, &id);
	if (e == ERR_OK)
		e = store_get(t, T_USER, id, r->arena, &row);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	return entity_copy(r->arena, &desc_misp_user, &row, &a->user);
}

struct login_job {
	const struct api *api;
	const struct attempt *a;
	struct session s;
	struct str fresh_hash; /* absent: the stored one stays */
	struct misp_user user; /* as it is now */
};

static enum err run_login(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct login_job *j = arg;
	struct misp_user row, u;
	OWN(arena) struct arena *mem = arena_new(1 << 20);
	if (!mem)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_get(store_view(w), T_USER, j->a->user.id, mem, &row));
	if (!str_eq(row.password_hash, j->a->user.password_hash))
		return fail(f, ERR_AUTH, "the password was changed meanwhile");
	if (row.totp_set)
		TRY(otp_use(w, j->api, row.id, j->a->otp, f));
	TRY(store_get(store_view(w), T_USER, j->a->user.id, mem, &row));
	TRY(entity_copy(mem, &desc_misp_user, &row, &u));
	u.last_login = u.current_login;
	u.current_login = j->s.row.begun;
	u.force_logout = false;
	if (j->fresh_hash.p)
		u.password_hash = j->fresh_hash;
	TRY(store_put(w, T_USER, u.id, &u, f));
	return session_put(w, j->api, &j->s, f);
}

static void answer(struct http_req *r, const struct attempt *a, const struct session *s)
{
	char csrf[65];
	if (a->form) {
		reply_header(r, "Location", STR("/users/account"));
		reply_empty(r, 303);
		return;
	}
	session_csrf(api_of(r), &s->digest, csrf);
	struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_c, "name", "Logged in.");
	JSONW_KV(&w, jsonw_c, "message", "Logged in.");
	JSONW_KV(&w, jsonw_c, "url", "/users/login");
	JSONW_KV(&w, jsonw_uint_str, "id", a->user.id);
	JSONW_KV(&w, jsonw_c, "csrf_token", csrf);
	JSONW_KV(&w, jsonw_bool, "change_pw", a->user.change_pw);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err let_in(struct http_req *r, struct attempt *a, struct fail *f)
{
	char token[SESSION_TOKEN + 1];
	uint8_t bytes[SESSION_TOKEN / 2];
	int64_t now = clock_now();
	struct login_job j = {.api = api_of(r), .a = a};
	random_bytes(bytes, sizeof(bytes));
	hash_hex(bytes, sizeof(bytes), token);
	j.s.digest = session_digest(api_of(r), str_c(token));
	j.s.row = (struct misp_session){.user_id = a->user.id,
					.begun = now,
					.seen = now,
					.address = str_c(r->peer.addr),
					.agent = str_sub(req_header(r, "User-Agent"), 0, 200)};
	if (a->stale && password_hash(api_of(r), a->password, r->arena, &j.fresh_hash, f) != ERR_OK)
		j.fresh_hash = STR_NONE; /* at the next log-in, then */
	enum err e = rest_write(r, run_login, &j, f);
	if (e == ERR_OK) {
		was_no_failure(r, a, true);
		record(r, AUDIT_session, AUDIT_OK, &a->user, "began");
		reply_header(r, "Cache-Control", STR("no-store"));
		session_set_cookie(r, str_c(token));
		session_set_device(r, &a->user);
		answer(r, a, &j.s);
	}
	secret_wipe(token, sizeof(token));
	secret_wipe(bytes, sizeof(bytes));
	return e;
}

static enum err login(struct http_req *r, struct fail *f)
{
	struct attempt a = {0};
	client_resolve(r);
	if (!api_of(r)->conf->login_enabled) {
		reply_error(r, 404, "Log-in by password is switched off here.");
		return ERR_OK;
	}
	if (r->method & HTTP_READ) {
		page_login(r, 200, NULL, STR_NONE);
		return ERR_OK;
	}
	if (!read_attempt(r, &a, f))
		return ERR_OK;
	if (auth_is_foreign(r)) {
		refuse(r, &a, 403, "The request comes from a page of another site.");
		return ERR_OK;
	}
	if (!a.email.n || !a.password.n) {
		refuse(r, &a, 403, text_wrong);
		return ERR_OK;
	}
	unsigned wait = hold_back(r, &a);
	if (wait) {
		held_back(r, &a, wait);
		return ERR_OK;
	}
	TRY(find_account(r, &a, f));
	enum err e = password_check(api_of(r), a.password, a.user.password_hash, &a.stale, f);
	const char *fault = e == ERR_OK ? auth_account_fault(&a.user) : NULL;
	if (e == ERR_OK && !fault)
		e = let_in(r, &a, f);
	if (e == ERR_OK && !fault)
		return ERR_OK;
	if (e == ERR_BUSY) {
		was_no_failure(r, &a, false);
		reply_header_u64(r, "Retry-After", 1);
		refuse(r, &a, 503, "Too many log-ins at the moment. Try again.");
		return ERR_OK;
	}
	if (fault || e == ERR_AUTH || e == ERR_NOENT) {
		failed(r, &a, a.user.id ? &a.user : NULL, fault ? fault : text_wrong);
		return ERR_OK;
	}
	was_no_failure(r, &a, false);
	return e;
}

/* ---- the end of it ---- */

struct end_job {
	const struct sha256 *one; /* or */
	uint64_t all_of;
};

static enum err run_end(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct end_job *j = arg;
	return j->one ? session_end(w, j->one, f) : session_end_all(w, j->all_of, NULL, f);
}

static enum err logout(struct http_req *r, struct fail *f)
{
	const struct session *s = me(r)->session;
	if (!s) {
		reply_error(r, 405, "There is no session: the request came with a key.");
		return ERR_OK;
	}
	struct end_job j = {.one = &s->digest};
	TRY(rest_write(r, run_end, &j, f));
	record(r, AUDIT_session, AUDIT_OK, &me(r)->user, "ended");
	session_set_cookie(r, STR_NONE);
	if (page_wanted(r)) {
		reply_header(r, "Location", STR("/users/login"));
		reply_empty(r, 303);
	} else {
		rest_saved(r, STR_NONE, "Logged out.");
	}
	return ERR_OK;
}

/* ---- sessions of an account ---- */

static enum err sessions_list(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user u;
	struct session s = {0};
	enum err e;
	if (!account_of_path(r, &u, f))
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	struct arena_mark m = arena_mark(r->arena);
	while ((e = session_next(t, r->arena, &s)) == ERR_OK) {
		if (s.row.user_id == u.id && !session_is_over(api_of(r), &s.row, clock_now())) {
			jsonw_obj(&w);
			jsonw_key(&w, "Session");
			jsonw_obj(&w);
			JSONW_KV(&w, jsonw_uint_str, "user_id", u.id);
			JSONW_KV(&w, jsonw_int_str, "created", s.row.begun);
			JSONW_KV(&w, jsonw_int_str, "last_seen", s.row.seen);
			JSONW_KV(&w, jsonw_str, "ip", s.row.address);
			JSONW_KV(&w, jsonw_str, "user_agent", s.row.agent);
			JSONW_KV(&w, jsonw_bool, "current",
				 me(r)->session &&
					 ct_equal(me(r)->session->digest.b, s.digest.b, 32));
			jsonw_obj_end(&w);
			jsonw_obj_end(&w);
		}
		arena_rewind(r->arena, m);
	}
	jsonw_arr_end(&w);
	if (e != ERR_NOENT) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err sessions_end(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	if (!account_of_path(r, &u, f))
		return ERR_OK;
	struct end_job j = {.all_of = u.id};
	TRY(rest_write(r, run_end, &j, f));
	record(r, AUDIT_session, AUDIT_OK, &me(r)->user, "all ended");
	struct str id = rest_id(r, u.id);
	me(r)->url = arena_printf(r->arena, "/users/endSessions/%.*s", STR_ARG(id));
	rest_saved(r, id, "Sessions ended.");
	return ERR_OK;
}

/* ---- the node is up ---- */

static enum err heartbeat(struct http_req *r, struct fail *f)
{
	(void)f;
	rest_message(r, "Additional supply depots required."); /* MISP's word for it (recorded) */
	return ERR_OK;
}

/* ---- the page of one's account ---- */

static enum err account_page(struct http_req *r, struct fail *f)
{
	(void)f;
	if (me(r)->session)
		page_account(r, 200, NULL);
	else
		reply_error(r, 405, "This page is for browsers that have logged in.");
	return ERR_OK;
}

const struct endpoint ep_login = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/users/login",
	.flags = EP_NO_AUTH,
	.body_cap = 16384,
	.run = login,
	.takes = "Credentials",
	.shape = "Login",
	.doc = "Log in with e-mail, password and, where it is set up, a one-time code; begins a session. "
	       "GET answers the page for browsers",
};
const struct endpoint ep_account_page = {
	.methods = HTTP_GET,
	.path = "/users/account",
	.run = account_page,
	.shape = "Page",
	.doc = "The page of one's own account: password and log-out",
};
const struct endpoint ep_logout = {
	.methods = HTTP_POST,
	.path = "/users/logout",
	.run = logout,
	.shape = "Saved",
	.doc = "End this session",
};
const struct endpoint ep_sessions = {
	.methods = HTTP_GET,
	.path = "/users/sessions/:id",
	.run = sessions_list,
	.shape = "Sessions",
	.doc = "Sessions of an account (one's own without id)",
};
const struct endpoint ep_sessions_end = {
	.methods = HTTP_POST,
	.path = "/users/endSessions/:id",
	.run = sessions_end,
	.shape = "Saved",
	.doc = "End all sessions of an account (one's own without id)",
};
const struct endpoint ep_heartbeat = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/users/heartbeat",
	.flags = EP_INLINE | EP_NO_AUTH,
	.run = heartbeat,
	.shape = "Message",
	.doc = "The node answers",
};
