/*
 * ep_user_settings.c - /userSettings: what clients keep for an account. Two count here, in searches
 * (ep_search.c) and in scores (search/decay.c); the others this node stores and gives back. Texts as
 * recorded (wire/client, users).
 */
#include "api/accounts.h"
#include "api/rest.h"
#include "base/clock.h"
#include "model/pack.h"

#define VALUE_MAX (64u << 10)

static const char *const known[] = {
	"publish_alert_filter",	 "dashboard_access", "dashboard",
	"homepage",		 "default_restsearch_parameters",
	"tag_numerical_value_override", "event_index_hide_columns",
	"periodic_notification_filters",
};

static bool is_known(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_is(name, known[i]))
			return true;
	return false;
}

/* Rows are named "user/<id>/<setting>". */
static struct str row_name(struct http_req *r, uint64_t user_id, struct str setting)
{
	return arena_printf(r->arena, "user/%llu/%.*s", (unsigned long long)user_id,
			    STR_ARG(setting));
}

static struct str setting_of(const struct misp_setting *s)
{
	struct str head, rest = str_split(s->name, '/', &head);
	return str_split(rest, '/', &head);
}

static void put_members(struct jsonw *w, const struct misp_setting *s)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", s->id);
	JSONW_KV(w, jsonw_str, "setting", setting_of(s));
	JSONW_KV(w, jsonw_raw, "value", s->value.n ? s->value : STR("null"));
	JSONW_KV(w, jsonw_uint_str, "user_id", s->user_id);
	JSONW_KV(w, jsonw_int_str, "timestamp", s->timestamp);
	jsonw_obj_end(w);
}

static void answer(struct http_req *r, const struct misp_setting *s, bool wrapped)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	if (wrapped) {
		jsonw_obj(&w);
		jsonw_key(&w, "UserSetting");
	}
	put_members(&w, s);
	if (wrapped)
		jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* Whose settings: the account named, if the caller administers it, else the caller's own. */
static uint64_t account(struct http_req *r, const json_t *body)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user u;
	struct fail f = {0};
	uint64_t id = me(r)->user.id;
	if (!str_u64(req_arg(r, "user"), &id))
		rest_take_u64(r, body, "user_id", &id);
	if (id == me(r)->user.id || store_read(api_of(r)->store, &t, &f) != ERR_OK ||
	    store_get(t, T_USER, id, NULL, &u) != ERR_OK)
		return me(r)->user.id;
	bool admin = may(r, perm_site_admin) ||
		     (may(r, perm_admin) && u.org_id == me(r)->user.org_id);
	return admin ? id : me(r)->user.id;
}

static enum err find(struct http_req *r, struct str name, struct misp_setting *out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_setting row;
	uint64_t id;
	TRY(store_read(api_of(r)->store, &t, f));
	TRY(store_find(t, IX_SETTING_NAME, name, &id));
	TRY(store_get(t, T_SETTING, id, r->arena, &row));
	return entity_copy(r->arena, &desc_misp_setting, &row, out);
}

/* Name of the setting by path or body; false and answered when there is no such. */
static bool name_of(struct http_req *r, const json_t *body, struct str *name)
{
	*name = req_arg(r, "setting");
	if (!name->p)
		*name = rest_text(r, body, "setting");
	if (is_known(*name))
		return true;
	reply_error(r, 405, "Invalid setting.");
	return false;
}

static enum err store_value(struct http_req *r, uint64_t user_id, struct str name,
			    const json_t *value, struct misp_setting *s, struct fail *f)
{
	struct fail why = {0};
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	*s = (struct misp_setting){0};
	enum err e = find(r, row_name(r, user_id, name), s, &why);
	s->name = row_name(r, user_id, name);
	s->value = arena_str(r->arena, text ? str_c(text) : STR("null"));
	s->user_id = user_id;
	s->timestamp = clock_now();
	free(text);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	if (s->value.n > VALUE_MAX)
		return fail(f, ERR_LIMIT, "setting of %zu bytes", s->value.n);
	return rest_row_put(r, T_SETTING, &s->id, s, UUID_NIL, f);
}

static enum err settings_set(struct http_req *r, struct fail *f)
{
	struct misp_setting s;
	struct str name;
	json_t *body;
	if (rest_json(r, "UserSetting", &body, f) != ERR_OK || !account_key_writes(r) ||
	    !name_of(r, body, &name))
		return ERR_OK;
	TRY(store_value(r, account(r, body), name, json_object_get(body, "value"), &s, f));
	answer(r, &s, true);
	return ERR_OK;
}

static enum err settings_homepage(struct http_req *r, struct fail *f)
{
	struct misp_setting s;
	json_t *body;
	if (rest_json(r, "UserSetting", &body, f) != ERR_OK || !account_key_writes(r))
		return ERR_OK;
	struct str path = rest_text(r, body, "path");
	if (!path.n) {
		reply_error(r, 405, "No path POSTed.");
		return ERR_OK;
	}
	json_t *value = json_pack("{ss%}", "path", path.p, path.n);
	enum err e = store_value(r, me(r)->user.id, STR("homepage"), value, &s, f);
	json_decref(value);
	TRY(e);
	me(r)->url = STR("/user_settings/setHomePage");
	char *c = arena_cstr(r->arena, path);
	rest_saved(r, STR_NONE, "Homepage set to %s", c ? c : "");
	return ERR_OK;
}

static enum err settings_get(struct http_req *r, struct fail *f)
{
	struct misp_setting s;
	struct str name;
	json_t *body;
	if (rest_json(r, "UserSetting", &body, f) != ERR_OK || !name_of(r, body, &name))
		return ERR_OK;
	enum err e = find(r, row_name(r, account(r, body), name), &s, f);
	if (e == ERR_NOENT) {
		reply_error(r, 404, "Invalid setting.");
		return ERR_OK;
	}
	TRY(e);
	answer(r, &s, false);
	return ERR_OK;
}

static enum err settings_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_setting row;
	uint64_t id = 0;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while (store_next(t, T_SETTING, &id, NULL, &row) == ERR_OK) {
		if (!str_has_prefix(row.name, STR("user/")) ||
		    (row.user_id != me(r)->user.id && !may(r, perm_site_admin)))
			continue;
		jsonw_obj(&w);
		jsonw_key(&w, "UserSetting");
		put_members(&w, &row);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* By id, one's own (site admins: any). */
static bool setting_by_id(struct http_req *r, struct str arg, struct misp_setting *s, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_setting row;
	uint64_t id;
	return str_u64(arg, &id) && store_read(api_of(r)->store, &t, f) == ERR_OK &&
	       store_get(t, T_SETTING, id, r->arena, &row) == ERR_OK &&
	       str_has_prefix(row.name, STR("user/")) &&
	       (row.user_id == me(r)->user.id || may(r, perm_site_admin)) &&
	       entity_copy(r->arena, &desc_misp_setting, &row, s) == ERR_OK;
}

static enum err settings_view(struct http_req *r, struct fail *f)
{
	struct misp_setting s;
	if (setting_by_id(r, req_arg(r, "id"), &s, f))
		answer(r, &s, true);
	else
		reply_error(r, 404, "Invalid setting.");
	return ERR_OK;
}

static enum err settings_delete(struct http_req *r, struct fail *f)
{
	struct misp_setting s;
	struct fail why = {0};
	struct str arg = req_arg(r, "id"), name;
	json_t *body;
	if (rest_json(r, "UserSetting", &body, f) != ERR_OK || !account_key_writes(r))
		return ERR_OK;
	bool found;
	if (arg.p) {
		found = setting_by_id(r, arg, &s, &why);
	} else {
		name = rest_text(r, body, "setting");
		found = find(r, row_name(r, account(r, body), name), &s, &why) == ERR_OK;
	}
	if (!found) {
		reply_error(r, 404, "Invalid setting.");
		return ERR_OK;
	}
	TRY(rest_row_del(r, T_SETTING, s.id, UUID_NIL, f));
	struct str id = rest_id(r, s.id);
	me(r)->url = arena_printf(r->arena, "/user_settings/delete/%.*s", STR_ARG(id));
	rest_saved(r, id, "Setting deleted.");
	return ERR_OK;
}

const struct endpoint ep_settings_set = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/userSettings/setSetting/:user/:setting",
	.run = settings_set,
	.shape = "UserSetting",
	.takes = "SettingIn",
	.doc = "Keep a setting for an account",
};
const struct endpoint ep_settings_homepage = {
	.methods = HTTP_POST,
	.path = "/userSettings/setHomePage",
	.run = settings_homepage,
	.shape = "Saved",
	.takes = "SettingIn",
	.doc = "Keep where the account's web pages begin",
};
const struct endpoint ep_settings_get = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/userSettings/getSetting/:user/:setting",
	.run = settings_get,
	.shape = "UserSetting",
	.takes = "SettingIn",
	.doc = "A setting of an account",
};
const struct endpoint ep_settings_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/userSettings/index",
	.run = settings_index,
	.shape = "UserSettings",
	.doc = "All settings of the caller's account",
};
const struct endpoint ep_settings_view = {
	.methods = HTTP_GET,
	.path = "/userSettings/view/:id",
	.run = settings_view,
	.shape = "UserSetting",
	.doc = "A setting by id",
};
const struct endpoint ep_settings_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/userSettings/delete/:id",
	.run = settings_delete,
	.shape = "Saved",
	.takes = "SettingIn",
	.doc = "Forget a setting",
};
