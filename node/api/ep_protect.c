/*
 * ep_protect.c - protected mode of an event and the keys that may sign it (/events/protect,
 * /cryptographicKeys). Texts of protect and unprotect as recorded, the others as MISP's forms.
 */
#include "api/rest.h"

#define KEY_BODY_MAX (1u << 20)

/* Find an event that the caller may change; NULL text or answered. */
static bool own_event(struct http_req *r, struct str id, struct misp_event *e)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	enum err err = rest_view(r, &v, &why);
	if (err == ERR_OK)
		err = view_event(v, id, r->arena, e, &why);
	if (err == ERR_NOENT)
		reply_error(r, 404, "Invalid event.");
	else if (err != ERR_OK)
		reply_err(r, err);
	else if (!rest_may_modify(r, e))
		reply_error(r, 403, "You don't have permission to do that.");
	else
		return true;
	return false;
}

/* ---- protected mode ---- */

static enum err set_protected(struct http_req *r, bool protect, struct fail *f)
{
	struct misp_event e;
	struct origin o = rest_origin(r);
	if (!own_event(r, req_arg(r, "id"), &e))
		return ERR_OK;
	TRY(ingest_protect(&api_of(r)->ingest, e.id, protect, &o, f));
	struct str id = rest_id(r, e.id);
	me(r)->url = arena_printf(r->arena, "/events/%s/%.*s", protect ? "protect" : "unprotect",
				  STR_ARG(id));
	rest_saved(r, id, "Event switched to %s mode.", protect ? "protected" : "unprotected");
	return ERR_OK;
}

static enum err events_protect(struct http_req *r, struct fail *f)
{
	return set_protected(r, true, f);
}

static enum err events_unprotect(struct http_req *r, struct fail *f)
{
	return set_protected(r, false, f);
}

/* ---- keys ---- */

/* The only parent that MISP knows. */
static bool is_of_event(struct http_req *r)
{
	if (str_eq_nocase(req_arg(r, "type"), STR("Event")))
		return true;
	reply_error(r, 404, "Invalid parent type.");
	return false;
}

/* The keys of an event as the gate lets them go; with `key` only that one. */
static enum err send_keys(struct http_req *r, uint64_t event_id, struct str key, struct fail *f)
{
	const struct search_hit hit = {.event_id = event_id};
	const struct rest_pair params[] = {{"key", key}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = key.n ? ".key" : ".keys",
				.scope = EXPORT_ONE_EVENT,
				.hits = &hit,
				.n = 1,
				.params = params,
				.metadata = true};
	return rest_send_or(r, &x, 404, "Invalid CryptographicKey.", f);
}

static enum err key_not_saved(struct http_req *r, enum err e, const struct fail *why)
{
	if (e == ERR_INVAL || e == ERR_LIMIT)
		rest_not_saved(r, "add", "CryptographicKey", STR_NONE,
			       rest_field_error(r, "key_data", why->text));
	else if (e == ERR_EXISTS)
		reply_error(r, 405, "%s", why->text);
	else
		return e;
	return ERR_OK;
}

static enum err keys_add(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	json_t *body = NULL;
	struct fail why = {0};
	struct origin o = rest_origin(r);
	uint64_t id;
	if (rest_json(r, "CryptographicKey", &body, f) != ERR_OK || !is_of_event(r) ||
	    !own_event(r, req_arg(r, "id"), &e))
		return ERR_OK;
	struct str type = rest_text(r, body, "type");
	if (type.n && !str_is(type, "pgp")) {
		rest_not_saved(r, "add", "CryptographicKey", STR_NONE,
			       rest_field_error(r, "type", "Invalid key type."));
		return ERR_OK;
	}
	enum err err = ingest_key_add(&api_of(r)->ingest, e.id, rest_text(r, body, "key_data"), &o,
				      &id, &why);
	if (err != ERR_OK)
		return key_not_saved(r, err, &why);
	return send_keys(r, e.id, rest_id(r, id), f);
}

/* Number of a key in the path; 0: answered. */
static uint64_t key_asked(struct http_req *r)
{
	uint64_t id = 0;
	if (!str_u64(req_arg(r, "id"), &id) || !cryptokey_event(id))
		reply_error(r, 404, "Invalid CryptographicKey.");
	return cryptokey_event(id) ? id : 0;
}

static enum err keys_delete(struct http_req *r, struct fail *f)
{
	struct misp_event e;
	struct origin o = rest_origin(r);
	struct fail why = {0};
	uint64_t id = key_asked(r);
	if (!id || !own_event(r, rest_id(r, cryptokey_event(id)), &e))
		return ERR_OK;
	enum err err = ingest_key_delete(&api_of(r)->ingest, id, &o, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid CryptographicKey.");
		return ERR_OK;
	}
	if (err != ERR_OK)
		return fail(f, err, "%s", why.text);
	me(r)->url = arena_printf(r->arena, "/cryptographic_keys/delete/%llu",
				  (unsigned long long)id);
	rest_saved(r, rest_id(r, id), "CryptographicKey deleted.");
	return ERR_OK;
}

static enum err keys_view(struct http_req *r, struct fail *f)
{
	uint64_t id = key_asked(r);
	return id ? send_keys(r, cryptokey_event(id), rest_id(r, id), f) : ERR_OK;
}

static enum err keys_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	if (!is_of_event(r))
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), r->arena, &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid event.");
		return ERR_OK;
	}
	TRY(err);
	return send_keys(r, e.id, STR_NONE, f);
}

const struct endpoint ep_events_protect = {
	.methods = HTTP_POST,
	.path = "/events/protect/:id",
	.auth = perm_add,
	.run = events_protect,
	.shape = "Saved",
	.doc = "Switch an event to protected mode: peers take changes only when they are signed",
};
const struct endpoint ep_events_unprotect = {
	.methods = HTTP_POST,
	.path = "/events/unprotect/:id",
	.auth = perm_add,
	.run = events_unprotect,
	.shape = "Saved",
	.doc = "Switch protected mode off",
};
const struct endpoint ep_crypto_keys_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/cryptographicKeys/add/:type/:id",
	.auth = perm_add,
	.body_cap = KEY_BODY_MAX,
	.run = keys_add,
	.shape = "CryptographicKey",
	.doc = "Add a public key that may sign an event: type Event, id or UUID of the event",
};
const struct endpoint ep_crypto_keys_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/cryptographicKeys/delete/:id",
	.auth = perm_add,
	.run = keys_delete,
	.shape = "Saved",
	.doc = "Take a key from its event",
};
const struct endpoint ep_crypto_keys_view = {
	.methods = HTTP_GET,
	.path = "/cryptographicKeys/view/:id",
	.auth = API_ANY,
	.run = keys_view,
	.shape = "CryptographicKey",
	.doc = "One key of an event",
};
const struct endpoint ep_crypto_keys_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/cryptographicKeys/index/:type/:id",
	.auth = API_ANY,
	.run = keys_index,
	.shape = "CryptographicKeyList",
	.doc = "The keys of an event",
};
