/*
 * ep_users.c - /users and /admin/users.
 */
#include "api/rest.h"
#include "api/shapes.h"

static enum err users_view(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str id = req_arg(r, "id");
	const struct api_user *u = me(r);
	struct misp_user user = u->user;
	struct misp_role role = u->role;
	struct misp_org org = u->org;
	uint64_t n;
	TRY(store_read(api_of(r)->store, &t, f));
	if (!str_is(id, "me") && !(str_u64(id, &n) && n == u->user.id)) {
		bool admin = may(r, perm_site_admin);
		enum err e = str_u64(id, &n) ? store_get(t, T_USER, n, r->arena, &user) : ERR_NOENT;
		if (e == ERR_OK && !admin && !(may(r, perm_admin) && user.org_id == u->user.org_id))
			e = ERR_NOENT;
		if (e == ERR_OK)
			e = store_get(t, T_ROLE, user.role_id, r->arena, &role);
		if (e == ERR_OK)
			e = store_get(t, T_ORG, user.org_id, r->arena, &org);
		if (e == ERR_NOENT) {
			reply_error(r, 404, "Invalid user");
			return ERR_OK;
		}
		TRY(e);
	}
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "User");
	shape_user(&w, &user, NULL);
	jsonw_key(&w, "Role");
	shape_role(&w, &role);
	jsonw_key(&w, "UserSetting");
	jsonw_arr(&w);
	jsonw_arr_end(&w);
	jsonw_key(&w, "Organisation");
	shape_org(&w, &org);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_users_view = {
	.methods = HTTP_ANY,
	.path = "/users/view/:id",
	.run = users_view,
	.shape = "User",
	.doc = "A user with role and organisation; `me` for the caller",
};
