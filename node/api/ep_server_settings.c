/*
 * ep_server_settings.c - /servers: MISP's server settings (settings.inc) and the state of the node, in
 * MISP's forms. Nothing that this node does not have is pretended: there is no PHP, no Redis and no
 * queue, and their parts are empty. Texts as recorded (wire/client, connect, logs, others).
 */
#include <stdio.h>

#include "api/rest.h"
#include "api/settings.h"
#include "base/clock.h"

#define VALUE_MAX (16u << 10)

/* ---- reading ---- */

/* Organisations that may be the host: local ones by number. */
static void put_local_orgs(const struct store_rtxn *t, struct jsonw *w)
{
	struct misp_org o;
	uint64_t id = 0;
	char key[24];
	jsonw_key(w, "optionsSource");
	jsonw_obj(w);
	jsonw_obj_end(w);
	jsonw_key(w, "options");
	jsonw_obj(w);
	while (store_next(t, T_ORG, &id, NULL, &o) == ERR_OK) {
		if (!o.local)
			continue;
		snprintf(key, sizeof(key), "%llu", (unsigned long long)id);
		JSONW_KV(w, jsonw_str, key, o.name);
	}
	jsonw_obj_end(w);
}

static void put_members(const struct api *api, const struct store_rtxn *t, const struct setting *s,
			struct jsonw *w)
{
	JSONW_KV(w, jsonw_uint, "level", s->level);
	JSONW_KV(w, jsonw_c, "description", s->text);
	jsonw_key(w, "value");
	if (s->source == SETTING_SECRET)
		jsonw_c(w, "*****");
	else
		setting_value(api, t, s, w);
	JSONW_KV(w, jsonw_c, "test", s->test);
	JSONW_KV(w, jsonw_c, "type", setting_type_name(s->type));
	if (strcmp(s->name, "MISP.host_org_id") == 0)
		put_local_orgs(t, w);
}

static enum err get_setting(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct setting *s = setting_find(req_arg(r, "name"));
	if (!s || s->source == SETTING_SECRET) {
		if (s)
			reply_error(r, 403, "This setting is redacted.");
		else
			reply_error(r, 404, "Setting %.*s is invalid.", STR_ARG(req_arg(r, "name")));
		return ERR_OK;
	}
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	put_members(api_of(r), t, s, &w);
	JSONW_KV(&w, jsonw_c, "name", s->name);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static void put_settings(const struct api *api, const struct store_rtxn *t, struct jsonw *w)
{
	jsonw_key(w, "finalSettings");
	jsonw_arr(w);
	for (size_t i = 0; i < settings_n; i++) {
		const struct setting *s = &settings[i];
		jsonw_obj(w);
		put_members(api, t, s, w);
		JSONW_KV(w, jsonw_c, "errorMessage", NULL);
		if (s->source == SETTING_SECRET)
			JSONW_KV(w, jsonw_bool, "redacted", true);
		if (s->source == SETTING_OPTION) /* our own: where it is changed */
			JSONW_KV(w, jsonw_c, "option", s->arg);
		JSONW_KV(w, jsonw_bool, "editable", s->source == SETTING_STORED);
		JSONW_KV(w, jsonw_c, "tab", s->tab);
		JSONW_KV(w, jsonw_c, "setting", s->name);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

/* ---- the store, as MISP tells of its database ---- */

static void put_schema(struct jsonw *w)
{
	static const char *const none[] = {"checked_table_column", "diagnostic", "diagnostic_index"};
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "dataSource", "LMDB");
	JSONW_KV(w, jsonw_uint_str, "actual_db_version", store_format());
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		jsonw_key(w, none[i]);
		jsonw_arr(w);
		jsonw_arr_end(w);
	}
	JSONW_KV(w, jsonw_uint_str, "expected_db_version", store_format());
	JSONW_KV(w, jsonw_c, "error", "");
	JSONW_KV(w, jsonw_bool, "update_locked", false);
	JSONW_KV(w, jsonw_uint, "remaining_lock_time", 0);
	JSONW_KV(w, jsonw_bool, "update_fail_number_reached", false);
	jsonw_key(w, "indexes");
	jsonw_obj(w);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

/* Tables share one file: its size is told once. */
static void put_sizes(struct http_req *r, struct jsonw *w)
{
	struct store_stats n;
	store_stats(api_of(r)->store, &n);
	uint64_t spare = n.file_size > n.map_used ? n.file_size - n.map_used : 0;
	jsonw_obj(w);
	jsonw_key(w, "store");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "table", "store");
	JSONW_KV(w, jsonw_str, "used",
		 arena_printf(r->arena, "%.2f MB", (double)n.map_used / (1 << 20)));
	JSONW_KV(w, jsonw_str, "reclaimable",
		 arena_printf(r->arena, "%.2f MB", (double)spare / (1 << 20)));
	JSONW_KV(w, jsonw_uint, "data_in_bytes", n.map_used);
	JSONW_KV(w, jsonw_uint, "index_in_bytes", 0);
	JSONW_KV(w, jsonw_uint, "reclaimable_in_bytes", spare);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static const char *gpg_state(struct http_req *r)
{
	struct pgp_identity id;
	struct fail why = {0};
	if (!api_of(r)->conf->pgp_enabled)
		return "Not enabled (option pgp.enabled).";
	if (pgp_identity(api_of(r)->pgp, r->arena, &id, &why) == ERR_OK)
		return "OK";
	return "No usable key.";
}

static void put_empty(struct jsonw *w, const char *const *keys, size_t n, bool list)
{
	for (size_t i = 0; i < n; i++) {
		jsonw_key(w, keys[i]);
		(list ? jsonw_arr : jsonw_obj)(w);
		(list ? jsonw_arr_end : jsonw_obj_end)(w);
	}
}

static enum err server_settings(struct http_req *r, struct fail *f)
{
	static const char *const modules[] = {"Enrichment", "Import", "Export", "Cortex"};
	static const char *const objects[] = {"writeableDirs", "writeableFiles", "readableFiles"};
	static const char *const lists[] = {"dbConfiguration", "workers"};
	static const char *const php[] = {"phpSettings"}, *const rest[] = {"redisInfo", "extensions"};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct api *api = api_of(r);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	TRY(store_read(api->store, &t, f));
	jsonw_obj(&w);
	jsonw_key(&w, "version");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "current", arena_printf(r->arena, "v%.*s", STR_ARG(api->misp_version)));
	JSONW_KV(&w, jsonw_c, "newest", NULL);
	JSONW_KV(&w, jsonw_c, "upToDate", "disabled");
	JSONW_KV(&w, jsonw_c, "tocsin", PACKAGE_VERSION);
	jsonw_obj_end(&w);
	put_empty(&w, php, ARRAY_LEN(php), false);
	JSONW_KV(&w, jsonw_c, "gpgStatus", gpg_state(r));
	JSONW_KV(&w, jsonw_c, "proxyStatus",
		 api->conf->proxy ? "configured (not tested)" : "not configured (so not tested)");
	JSONW_KV(&w, jsonw_uint, "zmqStatus", 1); /* not enabled */
	jsonw_key(&w, "moduleStatus");
	jsonw_obj(&w);
	for (size_t i = 0; i < ARRAY_LEN(modules); i++)
		JSONW_KV(&w, jsonw_uint, modules[i], 1); /* not enabled */
	jsonw_obj_end(&w);
	put_empty(&w, objects, ARRAY_LEN(objects), false);
	jsonw_key(&w, "dbDiagnostics");
	put_sizes(r, &w);
	jsonw_key(&w, "dbSchemaDiagnostics");
	put_schema(&w);
	put_empty(&w, rest, ARRAY_LEN(rest), false);
	put_settings(api, t, &w);
	put_empty(&w, lists, ARRAY_LEN(lists), true);
	JSONW_KV(&w, jsonw_c, "backgroundJobsStatus", "Background jobs not enabled");
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err db_schema(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	put_schema(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- changing ---- */

static void refuse(struct http_req *r, const char *why)
{
	rest_not_saved(r, "serverSettingsEdit", "Server", STR_NONE, rest_quoted(r, why));
}

/* The value as JSON of the setting's type, in *out; NULL, or why it is none. */
static const char *cast(struct http_req *r, const struct setting *s, const json_t *body,
			struct str *out)
{
	const json_t *v = json_object_get(body, "value");
	struct str text = rest_text(r, body, "value");
	uint64_t n;
	if (!text.p && !json_is_null(v))
		return v ? "The value is a text, number or boolean." : "No value given.";
	switch (s->type) {
	case SETTING_boolean:
		if (!str_is(text, "1") && !str_is(text, "0") && !str_eq_nocase(text, STR("true")) &&
		    !str_eq_nocase(text, STR("false")) && text.n)
			return "Value is not a boolean, make sure that you convert 'true' to true for "
			       "example.";
		*out = json_truthy(v) && !str_eq_nocase(text, STR("false")) ? STR("true")
									     : STR("false");
		return NULL;
	case SETTING_numeric:
		if (!str_u64(text, &n))
			return "This setting has to be a number.";
		*out = rest_id(r, n);
		return NULL;
	case SETTING_string:
		if (text.n > VALUE_MAX)
			return "The value is too long.";
		*out = rest_quoted(r, text.n ? arena_cstr(r->arena, text) : "");
		return NULL;
	}
	return NULL;
}

/* What MISP says first about a host organisation that is none. */
static const char *fault_of(const struct store_rtxn *t, const struct setting *s, struct str value)
{
	struct misp_org o;
	uint64_t id;
	if (strcmp(s->name, "MISP.host_org_id") != 0)
		return NULL;
	if (!str_u64(value, &id) || store_get(t, T_ORG, id, NULL, &o) != ERR_OK || !o.local)
		return "No organisation selected";
	return NULL;
}

static void refuse_fixed(struct http_req *r, const struct setting *s)
{
	if (s->source == SETTING_OPTION)
		reply_error(r, 405,
			    "%s is the option %s of tocsin.yaml. It is changed there, by whoever runs this "
			    "node, and holds from the next start on.",
			    s->name, s->arg);
	else
		reply_error(r, 405, "%s cannot be changed on this node: %s.", s->name, s->text);
}

static enum err keep(struct http_req *r, const struct setting *s, struct str value, struct fail *f)
{
	struct misp_setting row = {.name = setting_row_name(r->arena, s),
				   .value = value,
				   .timestamp = clock_now()};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(api_of(r)->store, &t, f));
	enum err e = store_find(t, IX_SETTING_NAME, row.name, &row.id);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	store_read_end(MOVE(t));
	return rest_row_put(r, T_SETTING, &row.id, &row, UUID_NIL, f);
}

static enum err edit_setting(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf now = BUF(1 << 16);
	const struct setting *s = setting_find(req_arg(r, "name"));
	struct jsonw w = jsonw_on(&now);
	struct str value = STR("");
	json_t *body;
	if (rest_json(r, "Server", &body, f) != ERR_OK)
		return ERR_OK;
	if (!s) {
		reply_error(r, 404, "Setting %.*s is invalid.", STR_ARG(req_arg(r, "name")));
		return ERR_OK;
	}
	me(r)->url = STR("/servers/serverSettingsEdit");
	TRY(store_read(api_of(r)->store, &t, f));
	const char *fault = fault_of(t, s, rest_text(r, body, "value"));
	if (!fault)
		fault = cast(r, s, body, &value);
	if (fault) {
		refuse(r, fault);
		return ERR_OK;
	}
	if (s->source == SETTING_STORED) {
		store_read_end(MOVE(t));
		TRY(keep(r, s, value, f));
	} else {
		if (s->source != SETTING_SECRET)
			setting_value(api_of(r), t, s, &w);
		/* who sets what is so already gets what he wants */
		if (!str_eq(buf_str(&now), value)) {
			refuse_fixed(r, s);
			return ERR_OK;
		}
	}
	rest_saved(r, STR_NONE, "Field updated");
	return ERR_OK;
}

const struct endpoint ep_servers_settings = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/serverSettings/:tab",
	.auth = perm_site_admin,
	.run = server_settings,
	.shape = "ServerSettings",
	.doc = "MISP's server settings as far as this node has them, and its state",
	.missing = "settings that are not this node's; workers, PHP and database tell that there are none",
};
const struct endpoint ep_servers_get_setting = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/getSetting/:name",
	.auth = perm_site_admin,
	.run = get_setting,
	.shape = "ServerSetting",
	.doc = "One server setting",
};
const struct endpoint ep_servers_settings_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/servers/serverSettingsEdit/:name",
	.auth = perm_site_admin,
	.run = edit_setting,
	.shape = "Saved",
	.takes = "NodeSettingIn",
	.doc = "Change a server setting that is kept in the store; options of tocsin.yaml are changed there",
	.missing = "options of tocsin.yaml, which are changed there",
};
const struct endpoint ep_servers_db_schema = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/dbSchemaDiagnostic",
	.auth = perm_site_admin,
	.run = db_schema,
	.shape = "DbSchema",
	.doc = "Format of the store, as MISP tells of its database",
};
