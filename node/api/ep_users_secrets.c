/*
 * ep_users_secrets.c - one's password changed, and API keys made anew. Texts as recorded (wire/client, users).
 */
#include "api/accounts.h"
#include "api/page.h"
#include "api/password.h"
#include "api/rest.h"
#include "api/session.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"
#include "http/url.h"

static void free_json(void *j)
{
	json_decref(j);
}

/* Members of the body, JSON or a form; NULL: answered. */
static json_t *form_or_json(struct http_req *r, struct fail *f)
{
	struct http_pairs p;
	json_t *body = NULL;
	if (!str_has_prefix(req_header(r, "Content-Type"), STR("application/x-www-form-urlencoded")))
		return rest_json(r, "User", &body, f) == ERR_OK ? body : NULL;
	if (url_query(r->arena, r->body, &p) != ERR_OK) {
		reply_error(r, 400, "The form is malformed.");
		return NULL;
	}
	body = json_object();
	for (size_t i = 0; i < p.n; i++) {
		const char *name = arena_cstr(r->arena, p.v[i].name);
		if (name)
			json_object_set_new(body, name, json_stringn(p.v[i].value.p, p.v[i].value.n));
	}
	r->ctx = body;
	r->ctx_free = free_json;
	return body;
}

static void pw_refused(struct http_req *r, const char *text)
{
	if (me(r)->session && page_wanted(r))
		page_account(r, 403, text);
	else
		rest_not_saved(r, "change_pw", "User", STR_NONE, rest_quoted(r, text));
}

/* Whoever found an open browser does not know the password. */
static bool knows_password(struct http_req *r, const json_t *body, struct fail *f)
{
	struct str now = rest_text(r, body, "current_password"), id = rest_id(r, me(r)->user.id);
	struct throttle *t = api_of(r)->throttle;
	bool stale;
	if (!me(r)->session)
		return true;
	if (!now.p)
		now = rest_text(r, body, "confirm_password");
	if (throttle_take(t, THROTTLE_LOGIN_DEVICE, id, clock_boot_ms())) {
		pw_refused(r, "Too many wrong passwords. Try again later.");
		return false;
	}
	enum err e = password_check(api_of(r), now, me(r)->user.password_hash, &stale, f);
	if (e == ERR_OK)
		throttle_success(t, THROTTLE_LOGIN_DEVICE, id);
	else
		pw_refused(r, e == ERR_BUSY ? "Too many at the moment. Try again."
					    : "The password now (current_password) is wrong.");
	return e == ERR_OK;
}

static enum err change_pw(struct http_req *r, struct fail *f)
{
	struct misp_user u = me(r)->user;
	json_t *body = form_or_json(r, f);
	if (!body)
		return ERR_OK;
	struct str p = rest_text(r, body, "password");
	me(r)->url = STR("/users/change_pw");
	if (!knows_password(r, body, f))
		return ERR_OK;
	if (password_fault(api_of(r), p, u.email)) {
		pw_refused(r, "The password could not be updated. Make sure you meet the minimum "
			      "password length / complexity requirements.");
		return ERR_OK;
	}
	TRY(password_hash(api_of(r), p, r->arena, &u.password_hash, f));
	u.change_pw = false;
	u.last_pw_change = u.date_modified = clock_now();
	if (!account_saved(r, "edit", &u, NULL, f))
		return ERR_OK;
	if (me(r)->session && page_wanted(r)) {
		me(r)->user.change_pw = false;
		page_account(r, 200, "The password is changed.");
	} else {
		rest_saved(r, STR_NONE, "Password Changed.");
	}
	return ERR_OK;
}

static enum err reset_key(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	char key[41];
	if (!account_key_writes(r))
		return ERR_OK;
	if (!account_of_path(r, &u, f))
		return ERR_OK;
	struct str id = rest_id(r, u.id);
	me(r)->url = arena_printf(r->arena, "/users/resetauthkey/%.*s", STR_ARG(id));
	api_key_new(key);
	if (account_saved(r, "edit", &u, key, f))
		rest_saved(r, id, "Authkey updated: %s", key);
	secret_wipe(key, sizeof(key));
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_users_change_pw = {
	.methods = HTTP_POST,
	.path = "/users/change_pw",
	.run = change_pw,
	.shape = "Saved",
	.takes = "PasswordIn",
	.doc = "Change one's own password",
};
const struct endpoint ep_users_resetauthkey = {
	.methods = HTTP_POST,
	.path = "/users/resetauthkey/:id",
	.run = reset_key,
	.shape = "Saved",
	.doc = "Make a new API key in place of the old one; shown this once",
};
