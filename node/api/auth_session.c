/*
 * auth_session.c - requests with the cookie of a log-in. What changes something must bring the
 * session's token in X-CSRF-Token (or, for forms, in the query), whatever its method.
 */
#include "api/audit.h"
#include "api/auth.h"
#include "api/page.h"
#include "api/rest.h"
#include "api/session.h"
#include "base/hash.h"
#include "metrics/metrics.h"

enum err auth_by_session(struct http_req *r, const struct store_rtxn *t, struct api_user *u,
			 struct fail *f)
{
	struct str token;
	struct session *s = ARENA_NEW(r->arena, struct session);
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	if (!session_cookie(r, &token) ||
	    session_find(api_of(r), t, token, r->arena, s) != ERR_OK) {
		metric_add(M_AUTH_REFUSED, METRIC_BY_SESSION, 0, 1);
		return auth_nobody(r, f, "Your session is over. Log in again.");
	}
	TRY(auth_load(r, t, s->row.user_id, u, f));
	const char *fault = auth_account_fault(&u->user);
	if (!fault && u->user.force_logout)
		fault = "Your session is over. Log in again.";
	if (fault) {
		metric_add(M_AUTH_REFUSED, METRIC_BY_SESSION, 0, 1);
		return auth_refuse(r, f, fault);
	}
	u->session = s;
	session_touch(api_of(r), s);
	return ERR_OK;
}

bool auth_is_foreign(const struct http_req *r)
{
	struct str site = req_header(r, "Sec-Fetch-Site"), origin = req_header(r, "Origin");
	struct str host = req_header(r, "Host"), scheme;
	if (site.p && !str_is(site, "same-origin") && !str_is(site, "none"))
		return true;
	if (!origin.p)
		return false;
	ptrdiff_t at = str_find(origin, STR("://"));
	scheme = at < 0 ? STR_NONE : str_sub(origin, 0, (size_t)at);
	if (!str_is(scheme, "http") && !str_is(scheme, "https"))
		return true;
	return !str_eq_nocase(str_sub(origin, (size_t)at + 3, SIZE_MAX), host);
}

static bool is_meant(const struct http_req *r, const struct api_user *u)
{
	char want[65];
	struct str given = req_header(r, "X-CSRF-Token");
	if (!given.p)
		given = req_query(r, "csrf_token");
	session_csrf(api_of(r), &u->session->digest, want);
	return given.n == 64 && ct_equal(given.p, want, 64) && !auth_is_foreign(r);
}

/* Where one gets in spite of having to do something first. */
static const char *const open_rows[] = {
	"/users/account",  "/users/change_pw", "/users/logout",	     "/users/view/:id",
	"/users/totp_new/:id", "/users/sessions/:id", "/users/endSessions/:id", "/servers/getVersion",
};

static const char *first_duty(const struct http_req *r, const struct api_user *u)
{
	for (size_t i = 0; i < ARRAY_LEN(open_rows); i++)
		if (strcmp(r->ep->path, open_rows[i]) == 0)
			return NULL;
	if (u->user.change_pw)
		return "Change your password first.";
	if (api_of(r)->conf->login_totp_required && !u->user.totp_set &&
	    !(u->role.perms & perm_skip_otp))
		return "Set up one-time codes for your log-in first.";
	return NULL;
}

enum err auth_session_may(struct http_req *r, const struct api_user *u, struct fail *f)
{
	if (!u->session)
		return ERR_OK;
	bool reads = (r->method & HTTP_READ) && !api_audit_class(r)->changes;
	if (!reads && !is_meant(r, u)) {
		metric_add(M_AUTH_REFUSED, METRIC_BY_SESSION, 0, 1);
		return auth_refuse(r, f, "The request does not bring the token of your session.");
	}
	const char *duty = first_duty(r, u);
	if (duty && reads && page_wanted(r)) {
		reply_header(r, "Location", STR("/users/account")); /* which says what */
		reply_empty(r, 302);
		return fail(f, ERR_AUTH, "the account has to do something first");
	}
	return duty ? auth_refuse(r, f, duty) : ERR_OK;
}
