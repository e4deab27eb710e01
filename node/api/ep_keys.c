/*
 * ep_keys.c - /auth_keys: API keys with an end, addresses and rights of their own. The store holds
 * digests; a key is shown once. Texts as recorded (wire/client, auth-keys).
 */
#include "api/accounts.h"

#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/net.h"
#include "model/pack.h"

/* ---- shapes ---- */

/* Beginning, end and limits of a key; `edited` as MISP answers edits, with numbers and nulls. */
static void put_key(struct jsonw *w, const struct misp_authkey *k, bool edited, const char *raw)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", k->id);
	JSONW_KV(w, jsonw_uuid, "uuid", k->uuid);
	JSONW_KV(w, jsonw_str, "authkey_start", k->key_start);
	JSONW_KV(w, jsonw_str, "authkey_end", k->key_end);
	JSONW_KV(w, jsonw_int_str, "created", k->created);
	jsonw_key(w, "expiration");
	if (edited)
		jsonw_int(w, k->expiration);
	else
		jsonw_int_str(w, k->expiration);
	JSONW_KV(w, jsonw_bool, "read_only", k->read_only);
	JSONW_KV(w, jsonw_uint_str, "user_id", k->user_id);
	JSONW_KV(w, jsonw_str, "comment", k->comment.n ? k->comment : STR_NONE);
	jsonw_key(w, "allowed_ips");
	if (k->allowed_ips.n)
		jsonw_raw(w, k->allowed_ips);
	else
		jsonw_null(w);
	jsonw_key(w, "unique_ips");
	if (edited) {
		jsonw_null(w);
	} else {
		jsonw_raw(w, k->unique_ips.n ? k->unique_ips : STR("[]"));
	}
	if (raw)
		JSONW_KV(w, jsonw_c, "authkey_raw", raw);
	jsonw_obj_end(w);
}

/* ---- whose keys ---- */

static bool manages(struct http_req *r, const struct misp_user *u)
{
	return u->id == me(r)->user.id || may(r, perm_site_admin) ||
	       (may(r, perm_admin) && u->org_id == me(r)->user.org_id);
}

/* An org admin may not make keys for somebody who may more than itself. */
static bool outranks(struct http_req *r, const struct store_rtxn *t, const struct misp_user *u)
{
	struct misp_role role;
	return u->id != me(r)->user.id && !may(r, perm_site_admin) &&
	       (store_get(t, T_ROLE, u->role_id, NULL, &role) != ERR_OK ||
		(role.perms & perm_site_admin));
}

/* The key of the path, of an account that the caller manages. */
static bool key_of_path(struct http_req *r, struct misp_authkey *k, struct misp_user *u,
			struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_authkey row;
	struct misp_user user;
	uint64_t id;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK && str_u64(req_arg(r, "id"), &id) &&
	    store_get(t, T_AUTHKEY, id, r->arena, &row) == ERR_OK &&
	    store_get(t, T_USER, row.user_id, r->arena, &user) == ERR_OK && manages(r, &user) &&
	    !outranks(r, t, &user) && entity_copy(r->arena, &desc_misp_authkey, &row, k) == ERR_OK &&
	    entity_copy(r->arena, &desc_misp_user, &user, u) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid AuthKey.");
	return false;
}

/* ---- members ---- */

#define RANGES_MAX 100 /* they are looked at in each request */

/* A list, or a text with lines or commas, to a JSON list; NULL with *bad set when one is none. */
static json_t *ranges(struct http_req *r, const json_t *v, const char **bad)
{
	json_t *list = json_array(), *item;
	struct net net;
	size_t i;
	*bad = NULL;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			json_array_append(list, item);
	} else {
		struct str rest = str_c(json_string_value(v)), one;
		while (rest.p) {
			size_t n = 0;
			while (n < rest.n && !strchr(",\n \t", rest.p[n]))
				n++;
			one = str_trim(str_sub(rest, 0, n));
			if (one.n)
				json_array_append_new(list, json_stringn(one.p, one.n));
			rest = n < rest.n ? str_sub(rest, n + 1, SIZE_MAX) : STR_NONE;
		}
	}
	if (json_array_size(list) > RANGES_MAX)
		*bad = "A list of more than 100 networks";
	json_array_foreach(list, i, item)
		if (!*bad && !net_parse(str_c(json_string_value(item)), &net)) {
			const char *s = json_string_value(item);
			*bad = arena_cstr(r->arena, str_c(s ? s : ""));
			break;
		}
	return list;
}

static void refused(struct http_req *r, const char *action, const char *field, const char *why)
{
	rest_not_saved(r, action, "auth_key", STR_NONE, rest_field_error(r, field, why));
}

static bool take_expiration(struct http_req *r, const json_t *body, const char *action,
			    struct misp_authkey *k)
{
	if (account_take_end(r, body, &k->expiration))
		return true;
	refused(r, action, "expiration", "Expiration must be in YYYY-MM-DD format.");
	return false;
}

static bool take_members(struct http_req *r, const json_t *body, const char *action,
			 struct misp_authkey *k)
{
	const json_t *ips = json_object_get(body, "allowed_ips");
	const char *bad = NULL;
	rest_take_text(r, body, "comment", &k->comment);
	rest_take_flag(body, "read_only", &k->read_only);
	if (!take_expiration(r, body, action, k))
		return false;
	account_key_limit(api_of(r), k);
	if (!ips || json_is_null(ips))
		return true;
	json_t *list = ranges(r, ips, &bad);
	if (!bad) {
		char *text = json_dumps(list, JSON_COMPACT);
		k->allowed_ips =
			json_array_size(list) ? arena_str(r->arena, str_c(text)) : STR_NONE;
		free(text);
	}
	json_decref(list);
	if (!bad)
		return true;
	struct str why = arena_printf(r->arena, "%s is not valid IP range", bad);
	/* one message, not a list of them */
	rest_not_saved(r, action, "auth_key", STR_NONE,
		       rest_field_error(r, "allowed_ips", why.p ? why.p : ""));
	return false;
}

/* ---- calls ---- */

struct key_job {
	const struct api *api;
	struct misp_authkey *k;
	const char *raw;
};

static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct key_job *j = arg;
	return account_key_put(w, j->api, j->k, j->raw, f);
}

static enum err keys_add(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_authkey k = {.uuid = uuid_random(), .created = clock_now()};
	struct misp_user u = {0};
	struct str arg = req_arg(r, "user");
	char raw[41];
	json_t *body;
	if (!account_key_writes(r) || rest_json(r, "AuthKey", &body, f) != ERR_OK)
		return ERR_OK;
	me(r)->url = STR("/auth_keys/add");
	k.user_id = me(r)->user.id;
	if (arg.p && !str_is(arg, "me") && !str_u64(arg, &k.user_id))
		k.user_id = 0; /* nobody */
	if (!arg.p)
		rest_take_u64(r, body, "user_id", &k.user_id);
	TRY(store_read(api_of(r)->store, &t, f));
	if (store_get(t, T_USER, k.user_id, r->arena, &u) != ERR_OK || !manages(r, &u) ||
	    outranks(r, t, &u)) {
		refused(r, "add", "user_id", "User doesn't exists");
		return ERR_OK;
	}
	store_read_end(MOVE(t));
	if (!take_members(r, body, "add", &k))
		return ERR_OK;
	api_key_new(raw);
	struct key_job j = {api_of(r), &k, raw};
	TRY(rest_write(r, run_add, &j, f));
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "AuthKey");
	put_key(&w, &k, false, raw);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	secret_wipe(raw, sizeof(raw));
	return ERR_OK;
}

static enum err keys_view(struct http_req *r, struct fail *f)
{
	struct misp_authkey k;
	struct misp_user u;
	if (!key_of_path(r, &k, &u, f))
		return ERR_OK;
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "AuthKey");
	put_key(&w, &k, false, NULL);
	jsonw_key(&w, "User");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "id", u.id);
	JSONW_KV(&w, jsonw_str, "email", u.email);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* Keys made here; an account's plain key is not among them, as in MISP. */
static enum err keys_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_authkey k;
	struct misp_user u;
	uint64_t id = 0, only = 0;
	enum err e;
	(void)!str_u64(req_arg(r, "user"), &only);
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_AUTHKEY, &id, NULL, &k)) == ERR_OK) {
		if (k.plain || (only && k.user_id != only) ||
		    store_get(t, T_USER, k.user_id, NULL, &u) != ERR_OK || !manages(r, &u))
			continue;
		jsonw_obj(&w);
		jsonw_key(&w, "AuthKey");
		put_key(&w, &k, false, NULL);
		jsonw_key(&w, "User");
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_uint_str, "id", u.id);
		JSONW_KV(&w, jsonw_str, "email", u.email);
		jsonw_obj_end(&w);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err keys_edit(struct http_req *r, struct fail *f)
{
	struct misp_authkey k;
	struct misp_user u;
	json_t *body;
	if (!account_key_writes(r) || rest_json(r, "AuthKey", &body, f) != ERR_OK ||
	    !key_of_path(r, &k, &u, f) || !take_members(r, body, "edit", &k))
		return ERR_OK;
	TRY(rest_row_put(r, T_AUTHKEY, &k.id, &k, k.uuid, f));
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "AuthKey");
	put_key(&w, &k, true, NULL);
	jsonw_key(&w, "User");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "id", u.id);
	JSONW_KV(&w, jsonw_uint_str, "org_id", u.org_id);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err keys_delete(struct http_req *r, struct fail *f)
{
	struct misp_authkey k;
	struct misp_user u;
	if (!account_key_writes(r) || !key_of_path(r, &k, &u, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_AUTHKEY, k.id, k.uuid, f));
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_c, "name", "AuthKey deleted.");
	JSONW_KV(&w, jsonw_c, "message", "AuthKey deleted.");
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "/auth_keys/delete/%llu", (unsigned long long)k.id));
	JSONW_KV(&w, jsonw_uint, "id", k.id); /* a number, as recorded */
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_keys_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/auth_keys/add/:user",
	.run = keys_add,
	.shape = "AuthKey",
	.takes = "AuthKeyIn",
	.doc = "Make a key; the answer shows it this once",
};
const struct endpoint ep_keys_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/auth_keys/view/:id",
	.run = keys_view,
	.shape = "AuthKey",
	.doc = "A key's limits, without the key",
};
const struct endpoint ep_keys_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/auth_keys/index/:user",
	.run = keys_index,
	.shape = "AuthKeys",
	.doc = "Keys of the accounts that the caller manages",
};
const struct endpoint ep_keys_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/auth_keys/edit/:id",
	.run = keys_edit,
	.shape = "AuthKey",
	.takes = "AuthKeyIn",
	.doc = "Change a key's limits",
};
const struct endpoint ep_keys_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/auth_keys/delete/:id",
	.run = keys_delete,
	.shape = "Saved",
	.doc = "Take a key back",
};
