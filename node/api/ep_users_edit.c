/*
 * ep_users_edit.c - accounts added and changed: what a request may give one, each part checked. Texts as
 * recorded (wire/client, users).
 */
#include "api/accounts.h"
#include "api/password.h"
#include "api/rest.h"
#include "api/shapes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "search/query.h"

/* ---- checks ---- */

bool account_email_ok(struct str s)
{
	ptrdiff_t at = str_chr(s, '@');
	if (at < 1 || s.n > 254)
		return false;
	struct str host = str_sub(s, (size_t)at + 1, SIZE_MAX);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("\"<>(),;:\\", s.p[i]))
			return false;
	ptrdiff_t dot = str_chr(host, '.');
	return dot > 0 && str_chr(host, '@') < 0 && host.p[host.n - 1] != '.';
}

bool account_take_end(struct http_req *r, const json_t *body, int64_t *to)
{
	const json_t *v = json_object_get(body, "expiration");
	struct str s = rest_text(r, body, "expiration");
	int64_t t;
	if (!v)
		return true;
	if (!s.n || str_is(s, "0"))
		t = 0;
	else if (!str_i64(s, &t) && !(s.n >= 10 && s.p[0] >= '0' && s.p[0] <= '9' &&
				      query_time(s, clock_now(), &t)))
		return false;
	*to = t;
	return true;
}

static void refused(struct http_req *r, const char *action, struct str errors)
{
	rest_not_saved(r, action, "User", STR_NONE, errors);
}

/* ---- members that can be given ---- */

struct flag_member {
	const char *key;
	size_t at;
	bool self; /* may one change it of oneself? */
};
static const struct flag_member flags[] = {
	{"autoalert", offsetof(struct misp_user, autoalert), true},
	{"contactalert", offsetof(struct misp_user, contactalert), true},
	{"disabled", offsetof(struct misp_user, disabled), true},
	{"notification_daily", offsetof(struct misp_user, notification_daily), true},
	{"notification_weekly", offsetof(struct misp_user, notification_weekly), true},
	{"notification_monthly", offsetof(struct misp_user, notification_monthly), true},
	{"change_pw", offsetof(struct misp_user, change_pw), false},
	{"termsaccepted", offsetof(struct misp_user, termsaccepted), false},
	{"force_logout", offsetof(struct misp_user, force_logout), false},
};

static bool take_members(struct http_req *r, const json_t *body, const char *action, bool self,
			 struct misp_user *u)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (!self || flags[i].self)
			rest_take_flag(body, flags[i].key, (bool *)((char *)u + flags[i].at));
	rest_take_text(r, body, "gpgkey", &u->gpgkey);
	rest_take_text(r, body, "certif_public", &u->certif_public);
	rest_take_u64(r, body, "nids_sid", &u->nids_sid);
	/* of a new account it is not looked at (recorded, users 2344) */
	if (self || !u->id || account_take_end(r, body, &u->expiration))
		return true;
	refused(r, action, rest_field_error(r, "expiration",
					    "Expiration must be in YYYY-MM-DD format."));
	return false;
}

/* The peer that the account stands for: what it reads is cut by that peer's push rules
   (sync-protocol.md 1.3). False and answered when there is no such peer. */
static bool take_peer(struct http_req *r, const json_t *body, const char *action,
		      struct misp_user *u, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer p;
	uint64_t id;
	if (!may(r, perm_site_admin) || !rest_take_u64(r, body, "server_id", &id))
		return true;
	if (!id || (store_read(api_of(r)->store, &t, f) == ERR_OK &&
		    store_get(t, T_PEER, id, NULL, &p) == ERR_OK)) {
		u->server_id = id;
		return true;
	}
	refused(r, action, rest_field_error(r, "server_id", "Invalid server"));
	return false;
}

/* Password of the body, checked and hashed; false and answered when it is not good enough. */
static bool take_password(struct http_req *r, const json_t *body, const char *action,
			  struct misp_user *u)
{
	struct str p = rest_text(r, body, "password");
	if (!p.n)
		return true;
	const char *fault = password_fault(api_of(r), p, u->email);
	struct fail f = {0};
	if (fault) {
		refused(r, action, rest_field_error(r, "password", fault));
		return false;
	}
	enum err e = password_hash(api_of(r), p, r->arena, &u->password_hash, &f);
	if (e != ERR_OK) {
		reply_err(r, e);
		return false;
	}
	u->last_pw_change = clock_now();
	return true;
}

static bool take_email(struct http_req *r, const json_t *body, const char *action,
		       struct misp_user *u)
{
	if (!rest_take_text(r, body, "email", &u->email) || account_email_ok(u->email))
		return true;
	refused(r, action, rest_field_error(r, "email", "Please enter a valid email address."));
	return false;
}

static void answer_saved(struct http_req *r, const struct misp_user *u, const char *key)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "User");
	shape_user(&w, u, USER_SAVED, key);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

bool account_saved(struct http_req *r, const char *action, struct misp_user *u, const char *key,
		   struct fail *f)
{
	enum err e = account_put(r, u, key, f);
	if (e == ERR_OK)
		return true;
	if (e == ERR_EXISTS)
		refused(r, action,
			rest_field_error(r, "email",
					 "An account with this email address already exists."));
	else
		reply_err(r, e);
	return false;
}

/* ---- organisation and role ---- */

/* May the caller give this role? *known: is there such a role? */
static enum err role_allowed(struct http_req *r, const struct store_rtxn *t, uint64_t id,
			     bool *known, bool *allowed)
{
	struct misp_role role;
	enum err e = store_get(t, T_ROLE, id, NULL, &role);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	*known = e == ERR_OK;
	*allowed = may(r, perm_site_admin) ||
		   (*known && !(role.perms & perm_site_admin) && !role.restricted_to_site_admin);
	return ERR_OK;
}

static enum err default_role(const struct store_rtxn *t, uint64_t *id)
{
	struct misp_role role;
	uint64_t at = 0;
	enum err e;
	*id = 3;
	while ((e = store_next(t, T_ROLE, &at, NULL, &role)) == ERR_OK)
		if (role.default_role) {
			*id = role.id;
			return ERR_OK;
		}
	return e == ERR_NOENT ? ERR_OK : e;
}

bool account_place_ok(struct http_req *r, uint64_t org_id, uint64_t *role_id, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org org;
	bool known = false, allowed = false;
	if (store_read(api_of(r)->store, &t, f) != ERR_OK ||
	    store_get(t, T_ORG, org_id, NULL, &org) != ERR_OK) {
		reply_error(r, 404, "Invalid organisation");
		return false;
	}
	if ((*role_id || default_role(t, role_id) == ERR_OK) &&
	    role_allowed(r, t, *role_id, &known, &allowed) == ERR_OK && known && allowed)
		return true;
	reply_error(r, 405, "Invalid role");
	return false;
}

/* ---- adding ---- */

/* Organisation and role of a new account; false and answered when they do not hold. */
static bool placed(struct http_req *r, const json_t *body, struct misp_user *u, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org org;
	bool known = false, allowed = false;
	u->org_id = me(r)->user.org_id;
	if (may(r, perm_site_admin))
		rest_take_u64(r, body, "org_id", &u->org_id);
	if (store_read(api_of(r)->store, &t, f) != ERR_OK ||
	    store_get(t, T_ORG, u->org_id, NULL, &org) != ERR_OK) {
		refused(r, "add", STR("[\"Invalid organisation\"]"));
		return false;
	}
	if (!rest_take_u64(r, body, "role_id", &u->role_id) && default_role(t, &u->role_id) != ERR_OK)
		return false;
	if (role_allowed(r, t, u->role_id, &known, &allowed) == ERR_OK && known && allowed)
		return true;
	reply_error(r, 405, "Invalid role");
	return false;
}

static enum err users_add(struct http_req *r, struct fail *f)
{
	int64_t now = clock_now();
	struct misp_user u = {.invited_by = me(r)->user.id,
			      .change_pw = true,
			      .nids_sid = 1000000 + random_u64() % 9000000,
			      .date_created = now,
			      .date_modified = now,
			      .last_pw_change = now};
	char key[41];
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK)
		return ERR_OK;
	me(r)->url = STR("/admin/users/add");
	if (!rest_text(r, body, "email").n) {
		refused(r, "add", STR("{\"email\":\"Mandatory field not set.\"}"));
		return ERR_OK;
	}
	if (!placed(r, body, &u, f) || !take_email(r, body, "add", &u))
		return ERR_OK;
	if (!take_members(r, body, "add", false, &u) || !take_peer(r, body, "add", &u, f) ||
	    !take_password(r, body, "add", &u))
		return ERR_OK;
	api_key_new(key);
	if (account_saved(r, "add", &u, key, f))
		answer_saved(r, &u, key);
	secret_wipe(key, sizeof(key));
	return ERR_OK;
}

/* ---- editing ---- */

static enum err admin_edit(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK || !account_of_id(r, &u, f))
		return ERR_OK;
	me(r)->url = STR("/admin/users/edit");
	uint64_t role = u.role_id;
	if (rest_take_u64(r, body, "role_id", &role) && role != u.role_id) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		bool known, allowed;
		TRY(store_read(api_of(r)->store, &t, f));
		TRY(role_allowed(r, t, role, &known, &allowed));
		if (!allowed) {
			reply_error(r, 405, "Invalid role");
			return ERR_OK;
		}
		u.role_id = role;
	}
	if (may(r, perm_site_admin)) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		struct misp_org org;
		uint64_t id;
		TRY(store_read(api_of(r)->store, &t, f));
		if (rest_take_u64(r, body, "org_id", &id) &&
		    store_get(t, T_ORG, id, NULL, &org) == ERR_OK)
			u.org_id = id;
	}
	if (!take_members(r, body, "edit", false, &u) || !take_email(r, body, "edit", &u) ||
	    !take_peer(r, body, "edit", &u, f) || !take_password(r, body, "edit", &u))
		return ERR_OK;
	u.date_modified = clock_now();
	if (account_saved(r, "edit", &u, NULL, f))
		answer_saved(r, &u, NULL);
	return ERR_OK;
}

bool account_key_writes(struct http_req *r)
{
	if (!me(r)->key.read_only)
		return true;
	reply_error(r, 403, "You do not have permission to use this functionality.");
	return false;
}

static enum err self_edit(struct http_req *r, struct fail *f)
{
	struct misp_user u = me(r)->user;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK || !account_key_writes(r))
		return ERR_OK;
	struct str id = rest_id(r, u.id), email = rest_text(r, body, "email");
	me(r)->url = arena_printf(r->arena, "/users/edit/%.*s", STR_ARG(id));
	if (email.p && !account_email_ok(email)) {
		rest_not_saved(r, "edit", "User", id,
			       STR("\"The profile could not be updated. Please, try again.\""));
		return ERR_OK;
	}
	if (email.p)
		u.email = email;
	if (!take_members(r, body, "edit", true, &u))
		return ERR_OK;
	u.date_modified = clock_now();
	return account_saved(r, "edit", &u, NULL, f) ? account_answer(r, &u, false, f) : ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_users_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/users/add",
	.auth = perm_admin,
	.run = users_add,
	.shape = "User",
	.takes = "UserIn",
	.doc = "Add an account; the answer shows its API key this once",
};
const struct endpoint ep_users_admin_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/users/edit/:id",
	.auth = perm_admin,
	.run = admin_edit,
	.shape = "User",
	.takes = "UserIn",
	.doc = "Change the given members of an account",
};
const struct endpoint ep_users_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/users/edit",
	.run = self_edit,
	.shape = "User",
	.takes = "UserIn",
	.doc = "Change one's own account; role and organisation stay",
};
