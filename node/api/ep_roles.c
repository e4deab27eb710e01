/*
 * ep_roles.c - /roles and /admin/roles. Texts as recorded (wire/client, roles).
 */
#include "api/crud.h"
#include "api/shapes.h"
#include "model/pack.h"

/* What `permission` (number or name) stands for. */
static const struct {
	const char *name, *number;
	uint32_t perms;
} levels[] = {
	{"read_only", "0", 0},
	{"manage_own", "1", perm_add | perm_modify},
	{"manage_org", "2", perm_add | perm_modify | perm_modify_org},
	{"publish", "3", perm_add | perm_modify | perm_modify_org | perm_publish},
};
#define LEVEL_BITS (perm_add | perm_modify | perm_modify_org | perm_publish)

static const struct crud role_kind = {.table = T_ROLE, .desc = &desc_misp_role};

static bool role_of_path(struct http_req *r, const char *text, struct misp_role *role, struct fail *f)
{
	return crud_of_path(r, &role_kind, text, role, f);
}

static void answer_role(struct http_req *r, const struct misp_role *role)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Role");
	shape_role(&w, role);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static void put_row(struct http_req *r, struct jsonw *w, const struct store_rtxn *t, const void *row)
{
	(void)r, (void)t;
	jsonw_obj(w);
	jsonw_key(w, "Role");
	shape_role_default(w, row);
	jsonw_obj_end(w);
}

static enum err roles_index(struct http_req *r, struct fail *f)
{
	return crud_list(r, &(struct crud_rows){T_ROLE, &desc_misp_role, .item = put_row}, f);
}

static enum err roles_view(struct http_req *r, struct fail *f)
{
	struct misp_role role;
	if (!role_of_path(r, "Invalid Role.", &role, f))
		return ERR_OK;
	if (r->method == HTTP_HEAD)
		reply_empty(r, 200);
	else
		answer_role(r, &role);
	return ERR_OK;
}

/* An edit without `permission` takes the level's flags away, unless they are given one by one
   (recorded, roles 2398). */
static void take_members(struct http_req *r, const json_t *body, struct misp_role *role)
{
	struct str level = rest_text(r, body, "permission");
	role->perms &= ~(uint64_t)LEVEL_BITS;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (str_is(level, levels[i].name) || str_is(level, levels[i].number))
			role->perms |= levels[i].perms;
	for (unsigned i = 0; i < PERM_COUNT; i++) {
		bool on = role->perms & perm_rows[i].bit;
		if (rest_take_flag(body, perm_rows[i].name, &on))
			role->perms = (role->perms & ~(uint64_t)perm_rows[i].bit) |
				      (on ? perm_rows[i].bit : 0);
	}
	rest_take_text(r, body, "name", &role->name);
	rest_take_text(r, body, "memory_limit", &role->memory_limit);
	rest_take_text(r, body, "max_execution_time", &role->max_execution_time);
	rest_take_flag(body, "restricted_to_site_admin", &role->restricted_to_site_admin);
	rest_take_flag(body, "enforce_rate_limit", &role->enforce_rate_limit);
	rest_take_u64(r, body, "rate_limit_count", &role->rate_limit_count);
}

static enum err name_taken(struct http_req *r, const struct misp_role *role, bool *taken,
			   struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_role other;
	uint64_t id = 0;
	enum err e;
	*taken = false;
	TRY(store_read(api_of(r)->store, &t, f));
	while ((e = store_next(t, T_ROLE, &id, NULL, &other)) == ERR_OK)
		*taken |= other.id != role->id && str_eq_nocase(other.name, role->name);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err save(struct http_req *r, const char *action, struct misp_role *role, struct fail *f)
{
	bool taken;
	const char *fault = NULL;
	TRY(name_taken(r, role, &taken, f));
	if (taken)
		fault = "A role with this name already exists.";
	if (!str_trim(role->name).n)
		fault = "valueNotEmpty";
	if (fault) {
		rest_not_saved(r, action, "role", STR_NONE, rest_field_error(r, "name", fault));
		return ERR_OK;
	}
	role->modified = rest_now_text(r);
	TRY(rest_row_put(r, T_ROLE, &role->id, role, UUID_NIL, f));
	answer_role(r, role);
	return ERR_OK;
}

static enum err roles_add(struct http_req *r, struct fail *f)
{
	struct misp_role role = {.memory_limit = STR(""), .max_execution_time = STR("")};
	json_t *body;
	if (rest_json(r, "Role", &body, f) != ERR_OK)
		return ERR_OK;
	me(r)->url = STR("/admin/roles/add");
	take_members(r, body, &role);
	role.created = rest_now_text(r);
	return save(r, "add", &role, f);
}

static enum err roles_edit(struct http_req *r, struct fail *f)
{
	struct misp_role role;
	json_t *body;
	if (rest_json(r, "Role", &body, f) != ERR_OK || !role_of_path(r, "Invalid Role", &role, f))
		return ERR_OK;
	take_members(r, body, &role);
	return save(r, "edit", &role, f);
}

static enum err is_used(struct http_req *r, uint64_t role_id, bool *used, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user u;
	uint64_t id = 0;
	enum err e;
	*used = false;
	TRY(store_read(api_of(r)->store, &t, f));
	while ((e = store_next(t, T_USER, &id, NULL, &u)) == ERR_OK)
		*used |= u.role_id == role_id;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* `id` is a number in these answers, other than everywhere else (recorded). */
static void answer_deleted(struct http_req *r, uint64_t id, bool used)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	const char *text = used ? "Could not delete Role" : "Role deleted.";
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", !used);
	if (!used)
		JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "/roles/delete/%llu", (unsigned long long)id));
	if (used)
		JSONW_KV(&w, jsonw_c, "errors",
			 "It is not possible to delete role that is assigned to users.");
	JSONW_KV(&w, jsonw_uint, "id", id);
	jsonw_obj_end(&w);
	rest_answer(r, used ? 403 : 200, &b);
}

static enum err roles_delete(struct http_req *r, struct fail *f)
{
	struct misp_role role;
	bool used;
	if (!role_of_path(r, "Invalid Role.", &role, f))
		return ERR_OK;
	TRY(is_used(r, role.id, &used, f));
	if (!used)
		TRY(rest_row_del(r, T_ROLE, role.id, UUID_NIL, f));
	answer_deleted(r, role.id, used);
	return ERR_OK;
}

/* ---- the default ---- */

static enum err run_default(struct store_wtxn *w, void *arg, struct fail *f)
{
	const uint64_t *wanted = arg;
	struct misp_role role;
	uint64_t id = 0;
	enum err e;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	while ((e = store_next(store_view(w), T_ROLE, &id, a, &role)) == ERR_OK) {
		bool is = role.id == *wanted;
		if (role.default_role == is)
			continue;
		struct misp_role copy;
		TRY(entity_copy(a, &desc_misp_role, &role, &copy));
		copy.default_role = is;
		TRY(store_put(w, T_ROLE, id, &copy, f));
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err roles_set_default(struct http_req *r, struct fail *f)
{
	struct misp_role role;
	if (!role_of_path(r, "Invalid Role.", &role, f))
		return ERR_OK;
	TRY(rest_write(r, run_default, &role.id, f));
	struct str id = rest_id(r, role.id);
	me(r)->url = arena_printf(r->arena, "/admin/roles/set_default/%.*s", STR_ARG(id));
	rest_saved(r, id, "Default role set.");
	return ERR_OK;
}

const struct endpoint ep_roles_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/roles/index",
	.run = roles_index,
	.shape = "Roles",
	.doc = "All roles with their permissions",
};
const struct endpoint ep_roles_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/roles/view/:id",
	.run = roles_view,
	.shape = "Role",
	.doc = "One role",
};
const struct endpoint ep_roles_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/roles/add",
	.auth = perm_site_admin,
	.run = roles_add,
	.shape = "Role",
	.takes = "RoleIn",
	.doc = "Add a role",
};
const struct endpoint ep_roles_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/roles/edit/:id",
	.auth = perm_site_admin,
	.run = roles_edit,
	.shape = "Role",
	.takes = "RoleIn",
	.doc = "Change a role",
};
const struct endpoint ep_roles_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/roles/delete/:id",
	.auth = perm_site_admin,
	.run = roles_delete,
	.shape = "Saved",
	.doc = "Delete a role that nobody has",
};
const struct endpoint ep_roles_set_default = {
	.methods = HTTP_POST,
	.path = "/admin/roles/set_default/:id",
	.auth = perm_site_admin,
	.run = roles_set_default,
	.shape = "Saved",
	.doc = "Which role new accounts get",
};
