/*
 * ep_acl.c - queryACL: which functions there are and which roles may call them, from the table of
 * endpoints. Names are those of paths, so nothing can be missing in the one that is in the other.
 */
#include "api/rest.h"

/* "/admin/users/add/:id" is `admin_add` of `users`. */
static bool name_of(struct http_req *r, const struct endpoint *ep, struct str *controller,
		    struct str *action)
{
	struct str path = str_sub(str_c(ep->path), 1, SIZE_MAX), folder = STR("");
	path = str_split(path, '/', controller);
	if (str_is(*controller, "admin") || str_is(*controller, "tocsin")) {
		folder = *controller;
		path = str_split(path, '/', controller);
	}
	path = str_split(path, '/', action);
	if (!action->n || action->p[0] == ':')
		*action = STR("index");
	if (str_is(folder, "admin"))
		*action = arena_printf(r->arena, "admin_%.*s", STR_ARG(*action));
	else if (folder.n)
		*controller = arena_printf(r->arena, "tocsin/%.*s", STR_ARG(*controller));
	return controller->n > 0;
}

static bool allowed(const struct endpoint *ep, uint32_t perms)
{
	return (perms & ep->auth) == ep->auth;
}

static bool holds(const json_t *list, struct str name)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
		if (str_is(name, json_string_value(v)))
			return true;
	return false;
}

/* {controller: [actions]} of what `perms` allow. */
static json_t *functions(struct http_req *r, uint32_t perms)
{
	json_t *all = json_object();
	for (size_t i = 0; i < api_rows_n; i++) {
		struct str controller, action;
		if ((api_rows[i]->flags & EP_EXACT) || !allowed(api_rows[i], perms) ||
		    !name_of(r, api_rows[i], &controller, &action))
			continue;
		const char *key = arena_cstr(r->arena, controller);
		json_t *list = json_object_get(all, key);
		if (!list) {
			list = json_array();
			if (json_object_set_new(all, key, list) != 0)
				break;
		}
		if (!holds(list, action))
			json_array_append_new(list, json_stringn(action.p, action.n));
	}
	return all;
}

static void put_json(struct jsonw *w, const json_t *j)
{
	char *s = json_dumps(j, JSON_COMPACT);
	jsonw_raw(w, s ? str_c(s) : STR("null"));
	free(s);
}

/* Each role: {"name":..,"actions":["controller/action"]} */
static enum err put_roles(struct http_req *r, struct jsonw *w, uint64_t only, bool *found,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_role role;
	uint64_t id = 0;
	TRY(store_read(api_of(r)->store, &t, f));
	jsonw_obj(w);
	while (store_next(t, T_ROLE, &id, NULL, &role) == ERR_OK) {
		if (only && id != only)
			continue;
		*found = true;
		const char *controller;
		json_t *list, *name, *all = functions(r, (uint32_t)role.perms);
		size_t i;
		jsonw_key(w, rest_id(r, id).p);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "name", role.name);
		jsonw_key(w, "actions");
		jsonw_arr(w);
		json_object_foreach(all, controller, list)
			json_array_foreach(list, i, name)
				jsonw_str(w, arena_printf(r->arena, "%s/%s", controller,
							  json_string_value(name)));
		jsonw_arr_end(w);
		jsonw_obj_end(w);
		json_decref(all);
	}
	jsonw_obj_end(w);
	return ERR_OK;
}

static enum err query_acl(struct http_req *r, struct fail *f)
{
	struct str what = req_arg(r, "what");
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	uint64_t role = 0;
	bool found = false;
	if (!what.n || str_is(what, "printAllFunctionNames")) {
		json_t *all = functions(r, UINT32_MAX);
		put_json(&w, all);
		json_decref(all);
	} else if (str_is(what, "findMissingFunctionNames")) {
		jsonw_arr(&w); /* one table makes both */
		jsonw_arr_end(&w);
	} else if (str_is(what, "printRoleAccess") &&
		   (!req_arg(r, "content").n || str_u64(req_arg(r, "content"), &role))) {
		enum err e = put_roles(r, &w, role, &found, f);
		if (e != ERR_OK || (role && !found)) {
			buf_free(&b);
			if (e == ERR_OK)
				reply_error(r, 404, "Invalid role.");
			return e;
		}
	} else {
		reply_error(r, 404, "Invalid request.");
		return ERR_OK;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_events_query_acl = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/queryACL/:what/:content",
	.auth = perm_site_admin,
	.run = query_acl,
	.shape = "Acl",
	.doc = "Which functions there are, and which roles may call them",
};
const struct endpoint ep_servers_query_acl = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/queryACL/:what/:content",
	.auth = perm_site_admin,
	.run = query_acl,
	.shape = "Acl",
	.doc = "The same",
};
