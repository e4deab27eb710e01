/*
 * ep_users.c - /users and /admin/users: finding, view, list, delete. Texts as recorded (wire/client, users).
 */
#include "api/accounts.h"
#include "api/rest.h"
#include "api/shapes.h"
#include "model/pack.h"

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

bool account_of_id(struct http_req *r, struct misp_user *u, struct fail *f)
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
	return !arg.p || str_is(arg, "me") || str_eq(arg, rest_id(r, u->id)) || account_of_id(r, u, f);
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

enum err account_answer(struct http_req *r, const struct misp_user *u, bool admin,
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
	return account_answer(r, &u, is_admin_path(r), f);
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

/* ---- deleting ---- */

static enum err users_delete(struct http_req *r, struct fail *f)
{
	struct misp_user u;
	if (!account_of_id(r, &u, f))
		return ERR_OK;
	TRY(account_delete(r, &u, f));
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
const struct endpoint ep_users_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/users/delete/:id",
	.auth = perm_admin,
	.run = users_delete,
	.shape = "Saved",
	.doc = "Delete an account and its keys",
};
