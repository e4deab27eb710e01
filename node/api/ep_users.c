/*
 * ep_users.c - /users and /admin/users: view, list, add, edit, delete, passwords, keys. Texts as
 * recorded (wire/client, users). A key is shown once, when it is made; the store has its digest.
 */
#include "api/accounts.h"

#include "api/otp.h"
#include "api/page.h"
#include "api/password.h"
#include "api/rest.h"
#include "api/session.h"
#include "api/shapes.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"
#include "http/url.h"
#include "model/pack.h"
#include "search/query.h"

static bool is_admin_path(const struct http_req *r)
{
	return str_has_prefix(r->url, STR("/admin/"));
}

/* ---- finding ---- */

static enum err load_user(struct http_req *r, const struct store_rtxn *t, uint64_t id,
			  struct misp_user *u)
{
	struct misp_user row;
	TRY(store_get(t, T_USER, id, r->arena, &row));
	return entity_copy(r->arena, &desc_misp_user, &row, u);
}

static enum err role_of(struct http_req *r, const struct store_rtxn *t, uint64_t id,
			struct misp_role *role)
{
	struct misp_role row = {0};
	enum err e = store_get(t, T_ROLE, id, r->arena, &row);
	if (e == ERR_NOENT)
		*role = (struct misp_role){.id = id}; /* an account without a role may nothing */
	else if (e == ERR_OK)
		e = entity_copy(r->arena, &desc_misp_role, &row, role);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* May the caller administer this account? */
static bool administers(struct http_req *r, const struct misp_user *u)
{
	return may(r, perm_site_admin) || (may(r, perm_admin) && u->org_id == me(r)->user.org_id);
}

/* The account of the path that the caller may administer, or answered. */
static bool user_of_path(struct http_req *r, struct misp_user *u, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_role role;
	uint64_t id;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK && str_u64(req_arg(r, "id"), &id) &&
	    load_user(r, t, id, u) == ERR_OK && administers(r, u) &&
	    role_of(r, t, u->role_id, &role) == ERR_OK &&
	    (may(r, perm_site_admin) || !(role.perms & perm_site_admin)))
		return true;
	reply_error(r, 404, "Invalid user");
	return false;
}

bool account_of_path(struct http_req *r, struct misp_user *u, struct fail *f)
{
	struct str arg = req_arg(r, "id");
	*u = me(r)->user;
	return !arg.p || str_is(arg, "me") || str_eq(arg, rest_id(r, u->id)) || user_of_path(r, u, f);
}

/* ---- view ---- */

/* {"<id>":"<email>"} of the administrators of the organisation, the account itself left out. */
static enum err org_admins(struct jsonw *w, const struct store_rtxn *t, const struct misp_user *of)
{
	struct misp_user u;
	struct misp_role role;
	uint64_t id = 0;
	bool any = false;
	char key[24];
	enum err e;
	jsonw_key(w, "orgAdmins");
	while ((e = store_next(t, T_USER, &id, NULL, &u)) == ERR_OK) {
		if (u.org_id != of->org_id || u.id == of->id ||
		    store_get(t, T_ROLE, u.role_id, NULL, &role) != ERR_OK ||
		    !(role.perms & perm_admin))
			continue;
		if (!any)
			jsonw_obj(w);
		any = true;
		snprintf(key, sizeof(key), "%llu", (unsigned long long)u.id);
		JSONW_KV(w, jsonw_str, key, u.email);
	}
	if (any) {
		jsonw_obj_end(w);
	} else {
		jsonw_arr(w);
		jsonw_arr_end(w);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err answer_user(struct http_req *r, const struct misp_user *u, bool admin,
			    struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_role role;
	struct misp_org org = {0};
	TRY(store_read(api_of(r)->store, &t, f));
	TRY(role_of(r, t, u->role_id, &role));
	enum err e = store_get(t, T_ORG, u->org_id, r->arena, &org);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "User");
	shape_user(&w, u, admin ? USER_VIEW_ADMIN : USER_VIEW, NULL);
	e = ERR_OK;
	if (admin) {
		e = org_admins(&w, t, u);
		jsonw_obj_end(&w);
	}
	jsonw_key(&w, "Role");
	shape_role(&w, &role);
	jsonw_key(&w, "UserSetting");
	jsonw_arr(&w);
	jsonw_arr_end(&w);
	jsonw_key(&w, "Organisation");
	shape_org(&w, &org);
	jsonw_obj_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err users_view(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str id = req_arg(r, "id");
	struct misp_user u = me(r)->user;
	uint64_t n;
	if (!str_is(id, "me") && !(str_u64(id, &n) && n == u.id)) {
		TRY(store_read(api_of(r)->store, &t, f));
		if (!str_u64(id, &n) || load_user(r, t, n, &u) != ERR_OK || !administers(r, &u)) {
			reply_error(r, 404, "%s",
				    may(r, perm_admin) ? "Invalid user"
						       : "Invalid user or not authorised.");
			return ERR_OK;
		}
	}
	return answer_user(r, &u, is_admin_path(r), f);
}

/* ---- list ---- */

static bool listed(struct http_req *r, const json_t *body, const struct misp_user *u)
{
	struct str value = rest_param(r, body, "value"), org = rest_param(r, body, "searchorg"),
		   role = rest_param(r, body, "searchrole");
	uint64_t n;
	if (!administers(r, u))
		return false;
	if (value.n && str_find_nocase(u->email, value) < 0)
		return false;
	if (org.n && (!str_u64(org, &n) || u->org_id != n))
		return false;
	return !role.n || (str_u64(role, &n) && u->role_id == n);
}

static enum err index_row(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
			  const struct misp_user *u)
{
	struct misp_role role;
	struct misp_org org = {.id = u->org_id};
	struct arena_mark m = arena_mark(r->arena);
	TRY(role_of(r, t, u->role_id, &role));
	enum err e = store_get(t, T_ORG, u->org_id, r->arena, &org);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	jsonw_obj(w);
	jsonw_key(w, "User");
	shape_user(w, u, USER_INDEX, NULL);
	jsonw_key(w, "Role");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", role.id);
	JSONW_KV(w, jsonw_str, "name", role.name);
	JSONW_KV(w, jsonw_bool, "perm_auth", role.perms & perm_auth);
	JSONW_KV(w, jsonw_bool, "perm_site_admin", role.perms & perm_site_admin);
	JSONW_KV(w, jsonw_bool, "perm_admin", role.perms & perm_admin);
	jsonw_obj_end(w);
	jsonw_key(w, "Organisation");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", org.id);
	JSONW_KV(w, jsonw_str, "name", org.name);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
	arena_rewind(r->arena, m);
	return ERR_OK;
}

static enum err users_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user u;
	uint64_t id = 0;
	json_t *body;
	enum err e;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_USER, &id, NULL, &u)) == ERR_OK)
		if (listed(r, body, &u) && (e = index_row(r, &w, t, &u)) != ERR_OK)
			break;
	jsonw_arr_end(&w);
	if (e != ERR_NOENT) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- checks ---- */

/* One @ with something before it, a dot behind it, no blanks or controls. */
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

/* ---- keys of accounts ---- */

static enum err drop_keys(struct store_wtxn *w, uint64_t user_id, bool plain_only, struct fail *f)
{
	struct misp_authkey k;
	uint8_t be[8];
	uint64_t id = 0;
	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(user_id >> (56 - 8 * i));
	for (;;) {
		enum err e = store_find_next(store_view(w), IX_AUTHKEY_USER,
					     (struct str){(char *)be, sizeof(be)}, &id);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		TRY(store_get(store_view(w), T_AUTHKEY, id, NULL, &k));
		if (k.plain || !plain_only)
			TRY(store_del(w, T_AUTHKEY, id, f));
	}
}

/* What an account kept for itself goes with it; what it shared stays with the organisation. */
static enum err drop_searches(struct store_wtxn *w, uint64_t user_id, struct fail *f)
{
	struct misp_saved s;
	uint8_t be[8];
	uint64_t id = 0;
	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(user_id >> (56 - 8 * i));
	for (;;) {
		enum err e = store_find_next(store_view(w), IX_SAVED_USER,
					     (struct str){(char *)be, sizeof(be)}, &id);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		TRY(store_get(store_view(w), T_SAVED, id, NULL, &s));
		if (!s.shared)
			TRY(store_del(w, T_SAVED, id, f));
	}
}

struct user_job {
	const struct api *api;
	struct misp_user *user;
	const char *key; /* a new one, or NULL */
	struct origin origin;
	bool add;
	const struct sha256 *stays; /* session that outlives a new password */
};

static enum err user_change(struct user_job *j, struct store_wtxn *w, enum change_op op,
			    struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(T_USER),
			    .id = j->user->id,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
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

void account_key_limit(const struct api *api, struct misp_authkey *k)
{
	int64_t most = api->conf ? (int64_t)(api->conf->key_validity / 1000) : 0;
	if (most && (!k->expiration || k->expiration > k->created + most))
		k->expiration = k->created + most;
}

enum err account_key_put(struct store_wtxn *w, const struct api *api, struct misp_authkey *k,
			 const char *key, struct fail *f)
{
	struct sha256 d = api_key_digest(api, str_c(key));
	k->id = store_new_row_id(w, T_AUTHKEY);
	k->digest = (struct str){(char *)d.b, sizeof(d.b)};
	k->key_start = (struct str){key, 4};
	k->key_end = (struct str){key + 36, 4};
	enum err e = store_put(w, T_AUTHKEY, k->id, k, f);
	k->digest = STR_NONE;
	return e;
}

/* What others than administrators write meanwhile stays as it is now. */
static enum err keep_noted(struct store_wtxn *w, struct misp_user *u)
{
	struct misp_user now;
	TRY(store_get(store_view(w), T_USER, u->id, NULL, &now));
	u->last_api_access = now.last_api_access;
	u->current_login = now.current_login;
	u->last_login = now.last_login;
	u->totp_set = now.totp_set;
	return ERR_OK;
}

/* Sessions end with the password they began with, and when the account is to be out. */
static enum err end_sessions(struct user_job *j, struct store_wtxn *w, struct fail *f)
{
	struct misp_user now;
	TRY(store_get(store_view(w), T_USER, j->user->id, NULL, &now));
	if (j->user->disabled || j->user->force_logout)
		return session_end_all(w, j->user->id, NULL, f);
	if (!str_eq(now.password_hash, j->user->password_hash))
		return session_end_all(w, j->user->id, j->stays, f);
	return ERR_OK;
}

static enum err run_user(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct user_job *j = arg;
	if (!j->add) {
		TRY(end_sessions(j, w, f));
		TRY(keep_noted(w, j->user));
	}
	if (j->add)
		j->user->id = store_new_row_id(w, T_USER);
	if (j->add || !j->key)
		TRY(store_put(w, T_USER, j->user->id, j->user, f));
	if (j->key) {
		struct misp_authkey k = {.uuid = uuid_random(),
					 .user_id = j->user->id,
					 .created = clock_now(),
					 .plain = true};
		account_key_limit(j->api, &k);
		TRY(drop_keys(w, j->user->id, true, f));
		TRY(account_key_put(w, j->api, &k, j->key, f));
	}
	return user_change(j, w, j->add ? CHANGE_ADD : CHANGE_EDIT, f);
}

/* Write the account; answered when the address is somebody else's. */
static bool put_user(struct http_req *r, const char *action, struct misp_user *u, const char *key,
		     struct fail *f)
{
	struct user_job j = {
		.api = api_of(r),
		.user = u,
		.key = key,
		.origin = rest_origin(r),
		.add = u->id == 0,
		.stays = me(r)->session ? &me(r)->session->digest : NULL,
	};
	enum err e = rest_write(r, run_user, &j, f);
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

/* The same for who was asked for by a registration. */
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

enum err account_add(struct http_req *r, struct misp_user *u, const char *key, struct fail *f)
{
	struct user_job j = {.api = api_of(r), .user = u, .key = key, .origin = rest_origin(r),
			     .add = true};
	return rest_write(r, run_user, &j, f);
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
	if (put_user(r, "add", &u, key, f))
		answer_saved(r, &u, key);
	secret_wipe(key, sizeof(key));
	return ERR_OK;
}

/* ---- editing ---- */

static void free_json(void *j)
{
	json_decref(j);
}

static enum err admin_edit(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK || !user_of_path(r, &u, f))
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
	if (put_user(r, "edit", &u, NULL, f))
		answer_saved(r, &u, NULL);
	return ERR_OK;
}

/* A read-only key changes nothing, not even of its own account. */
static bool writable_key(struct http_req *r)
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
	if (rest_json(r, "User", &body, f) != ERR_OK || !writable_key(r))
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
	return put_user(r, "edit", &u, NULL, f) ? answer_user(r, &u, false, f) : ERR_OK;
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
	if (!put_user(r, "edit", &u, NULL, f))
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
	struct misp_user u = me(r)->user;
	struct str arg = req_arg(r, "id");
	char key[41];
	if (!writable_key(r))
		return ERR_OK;
	if (arg.p && !str_is(arg, "me") && !str_eq(arg, rest_id(r, u.id)) && !user_of_path(r, &u, f))
		return ERR_OK;
	struct str id = rest_id(r, u.id);
	me(r)->url = arena_printf(r->arena, "/users/resetauthkey/%.*s", STR_ARG(id));
	api_key_new(key);
	if (put_user(r, "edit", &u, key, f))
		rest_saved(r, id, "Authkey updated: %s", key);
	secret_wipe(key, sizeof(key));
	return ERR_OK;
}

/* ---- deleting ---- */

static enum err run_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct user_job *j = arg;
	TRY(drop_keys(w, j->user->id, false, f));
	TRY(drop_searches(w, j->user->id, f));
	TRY(session_end_all(w, j->user->id, NULL, f));
	TRY(otp_remove(w, j->user->id, f));
	TRY(store_del(w, T_USER, j->user->id, f));
	return user_change(j, w, CHANGE_DELETE, f);
}

static enum err users_delete(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	if (!user_of_path(r, &u, f))
		return ERR_OK;
	struct user_job j = {.api = api_of(r), .user = &u, .origin = rest_origin(r)};
	TRY(rest_write(r, run_delete, &j, f));
	struct str id = rest_id(r, u.id);
	me(r)->url = arena_printf(r->arena, "/admin/users/delete/%.*s", STR_ARG(id));
	rest_saved(r, id, "User deleted.");
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_users_view = {
	.methods = HTTP_ANY,
	.path = "/users/view/:id",
	.run = users_view,
	.shape = "User",
	.doc = "A user with role and organisation; `me` for the caller",
};
const struct endpoint ep_users_admin_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/admin/users/view/:id",
	.auth = perm_admin,
	.run = users_view,
	.shape = "User",
	.doc = "The same with the administrators of the organisation",
};
const struct endpoint ep_users_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/admin/users/index",
	.auth = perm_admin,
	.run = users_index,
	.shape = "Users",
	.doc = "The accounts that the caller administers",
};
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
const struct endpoint ep_users_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/users/delete/:id",
	.auth = perm_admin,
	.run = users_delete,
	.shape = "Saved",
	.doc = "Delete an account and its keys",
};
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
