/*
 * ep_otp.c - one-time codes of log-ins: /users/totp_new and /users/totp_delete. Who sets them up for
 * himself proves by his password that it is him; a stolen key or session does not do.
 */
#include "api/accounts.h"
#include "api/otp.h"
#include "api/password.h"
#include "api/rest.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"

struct otp_job {
	const struct api *api;
	uint64_t user_id;
	struct str code;
	struct otp_shown shown;
	enum { OTP_MAKE, OTP_CONFIRM, OTP_MAKE_AT_ONCE, OTP_REMOVE } what;
	struct origin origin;
};

static enum err run_otp(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct otp_job *j = arg;
	struct change ch = {.op = CHANGE_EDIT,
			    .kind = CHANGE_TABLE(T_USER),
			    .id = j->user_id,
			    .time = clock_now(),
			    .origin = j->origin};
	if (j->what == OTP_REMOVE)
		TRY(otp_remove(w, j->user_id, f));
	if (j->what == OTP_MAKE || j->what == OTP_MAKE_AT_ONCE)
		TRY(otp_make(w, j->api, j->user_id, &j->shown, f));
	if (j->what == OTP_CONFIRM || j->what == OTP_MAKE_AT_ONCE)
		TRY(otp_confirm(w, j->api, j->user_id, j->code, &j->shown, f));
	return store_change(w, &ch, f);
}

/* Of somebody else: by those who administer the account. */
static bool is_other(const struct http_req *r, const struct misp_user *u)
{
	return u->id != me(r)->user.id || (r->peer.is_unix && !me(r)->key.id);
}

/* False: answered. */
static bool is_himself(struct http_req *r, const json_t *body, const struct misp_user *u,
		       struct fail *f)
{
	struct throttle *t = api_of(r)->throttle;
	struct str id = rest_id(r, u->id);
	bool stale;
	unsigned wait = throttle_take(t, THROTTLE_LOGIN_DEVICE, id, clock_boot_ms());
	if (wait) {
		reply_header_u64(r, "Retry-After", wait);
		reply_error(r, 429, "Too many wrong passwords. Try again in %u s.", wait);
		return false;
	}
	enum err e = password_check(api_of(r), rest_text(r, body, "password"), u->password_hash,
				    &stale, f);
	if (e == ERR_OK)
		throttle_success(t, THROTTLE_LOGIN_DEVICE, id);
	else if (e == ERR_AUTH)
		reply_error(r, 403, "Give your password with it (member password).");
	else
		reply_err(r, e);
	return e == ERR_OK;
}

static void put_recovery(struct jsonw *w, const struct otp_shown *s)
{
	jsonw_key(w, "recovery_codes");
	jsonw_arr(w);
	for (size_t i = 0; i < OTP_RECOVERY; i++)
		jsonw_c(w, s->recovery[i]);
	jsonw_arr_end(w);
}

static void answer(struct http_req *r, const struct misp_user *u, const struct otp_job *j)
{
	struct buf b = BUF(16384);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Totp");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "user_id", u->id);
	JSONW_KV(&w, jsonw_bool, "confirmed", j->what != OTP_MAKE);
	if (j->what != OTP_CONFIRM) {
		struct str uri = otp_uri(r->arena, api_of(r)->egress.host_org_name, u->email,
					 j->shown.secret);
		JSONW_KV(&w, jsonw_c, "secret", j->shown.secret);
		JSONW_KV(&w, jsonw_str, "uri", uri);
	}
	if (j->what != OTP_MAKE)
		put_recovery(&w, &j->shown);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	reply_header(r, "Cache-Control", STR("no-store"));
	rest_answer(r, 200, &b);
}

static enum err totp_new(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK || !account_of_path(r, &u, f))
		return ERR_OK;
	me(r)->url = arena_printf(r->arena, "/users/totp_new/%llu", (unsigned long long)u.id);
	struct otp_job j = {.api = api_of(r),
			    .user_id = u.id,
			    .code = rest_text(r, body, "otp"),
			    .origin = rest_origin(r)};
	if (is_other(r, &u))
		j.what = OTP_MAKE_AT_ONCE;
	else if (!is_himself(r, body, &u, f))
		return ERR_OK;
	else
		j.what = j.code.n ? OTP_CONFIRM : OTP_MAKE;
	if (j.what != OTP_CONFIRM)
		j.code = STR_NONE;
	enum err e = rest_write(r, run_otp, &j, f);
	if (e == ERR_OK)
		answer(r, &u, &j);
	else if (e == ERR_EXISTS)
		reply_error(r, 403, "One-time codes are set up. Remove them first (users/totp_delete).");
	else if (e == ERR_NOENT)
		reply_error(r, 403, "There is nothing to confirm.");
	else if (e == ERR_AUTH)
		reply_error(r, 403, "The one-time code is wrong.");
	secret_wipe(&j.shown, sizeof(j.shown));
	return e == ERR_EXISTS || e == ERR_NOENT || e == ERR_AUTH ? ERR_OK : e;
}

static enum err totp_delete(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK || !account_of_path(r, &u, f) ||
	    (!is_other(r, &u) && !is_himself(r, body, &u, f)))
		return ERR_OK;
	struct otp_job j = {.api = api_of(r), .user_id = u.id, .what = OTP_REMOVE,
			    .origin = rest_origin(r)};
	TRY(rest_write(r, run_otp, &j, f));
	struct str id = rest_id(r, u.id);
	me(r)->url = arena_printf(r->arena, "/users/totp_delete/%.*s", STR_ARG(id));
	rest_saved(r, id, "TOTP deleted.");
	return ERR_OK;
}

const struct endpoint ep_totp_new = {
	.methods = HTTP_POST,
	.path = "/users/totp_new/:id",
	.run = totp_new,
	.takes = "TotpAsk",
	.shape = "Totp",
	.doc = "Set up one-time codes: with `password` a secret, then with `otp` besides it is confirmed; "
	       "for another account, by those who administer it, at once",
};
const struct endpoint ep_totp_delete = {
	.methods = HTTP_POST,
	.path = "/users/totp_delete/:id",
	.run = totp_delete,
	.takes = "TotpAsk",
	.shape = "Saved",
	.doc = "Log in without one-time codes again",
};
