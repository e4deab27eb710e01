/*
 * ep_registrations.c - /users/register for who has no account yet, and what administrators do with the
 * requests: registrations/index, acceptRegistrations, discardRegistrations. Off unless switched on.
 *
 * Whoever asks learns nothing: the answer is the same whether the address has an account or not.
 */
#include "api/accounts.h"
#include "api/audit.h"
#include "api/client.h"
#include "api/crud.h"
#include "api/shapes.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"
#include "metrics/metrics.h"
#include "model/pack.h"

#define WAITING_MAX 1000u
#define TYPE "registration"

/* ---- asking ---- */

static const char text_failed[] =
	"Authentication failed. Please make sure you pass the API key of an API enabled user along in "
	"the Authorization header.";

/* Members that are kept, with the longest text of each; 0: a flag. */
static const struct {
	const char *key;
	size_t max;
} kept[] = {{"email", 254},    {"org_name", 255},   {"org_uuid", 36},	 {"message", 4096},
	    {"gpgkey", 32768}, {"custom_perms", 0}, {"perm_publish", 0}, {"perm_admin", 0},
	    {"perm_sync", 0}};

/* What is kept of the request, as JSON text; absent, and answered, when something does not do. */
static struct str taken(struct http_req *r, const json_t *body)
{
	struct uuid u;
	struct str uuid = rest_text(r, body, "org_uuid");
	struct buf b = BUF(65536);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct str s = rest_text(r, body, kept[i].key);
		jsonw_key(&w, kept[i].key);
		if (!kept[i].max)
			jsonw_bool(&w, rest_flag(body, kept[i].key, false));
		else
			jsonw_str(&w, s.p ? str_sub(s, 0, kept[i].max) : STR(""));
	}
	jsonw_obj_end(&w);
	struct str out = arena_str(r->arena, buf_str(&b));
	buf_free(&b);
	const char *field = NULL, *fault = NULL;
	if (!account_email_ok(rest_text(r, body, "email"))) {
		field = "email";
		fault = "Please enter a valid email address.";
	} else if (uuid.n && !uuid_parse(uuid, &u)) {
		field = "org_uuid";
		fault = "Please provide a valid RFC 4122 UUID";
	}
	if (!field)
		return out;
	rest_not_saved(r, "register", "User", STR_NONE, rest_field_error(r, field, fault));
	return STR_NONE;
}

/* False: answered. */
static bool may_ask(struct http_req *r)
{
	struct throttle *t = api_of(r)->throttle;
	int64_t now = clock_boot_ms();
	unsigned wait = throttle_take(t, THROTTLE_REGISTER_ADDRESS, throttle_address(r->peer.ip), now);
	if (!wait)
		wait = throttle_take(t, THROTTLE_REGISTER_ALL, STR("all"), now);
	if (!wait)
		return true;
	metric_add(M_AUTH_HELD, METRIC_BY_REGISTER, 0, 1);
	reply_header_u64(r, "Retry-After", wait);
	reply_error(r, 429, "Too many registrations. Try again in %u s.", wait);
	return false;
}

static enum err run_ask(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_inbox *row = arg;
	struct change ch = {.op = CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_INBOX),
			    .time = row->timestamp,
			    .uuid = row->uuid};
	if (store_count(store_view(w), T_INBOX) >= WAITING_MAX)
		return fail(f, ERR_BUSY, "too many registrations wait");
	ch.id = row->id = store_new_row_id(w, T_INBOX);
	TRY(store_put(w, T_INBOX, row->id, row, f));
	return store_change(w, &ch, f);
}

static enum err ask(struct http_req *r, struct fail *f)
{
	json_t *body;
	char hex[65];
	client_resolve(r);
	if (!api_of(r)->conf->registration_enabled) {
		reply_error(r, 403, "%s", text_failed);
		return ERR_OK;
	}
	if (!str_has_prefix(req_header(r, "Content-Type"), STR("application/json"))) {
		reply_error(r, 415, "Send JSON.");
		return ERR_OK;
	}
	if (rest_json(r, "User", &body, f) != ERR_OK)
		return ERR_OK;
	struct str data = taken(r, body), email = rest_text(r, body, "email");
	if (!data.p || !may_ask(r))
		return ERR_OK;
	struct str agent = str_sub(req_header(r, "User-Agent"), 0, 255);
	struct sha256 d = hash_sha256(agent);
	struct misp_inbox row = {
		.uuid = uuid_random(),
		.title = arena_printf(r->arena, "User registration for %.*s.", STR_ARG(email)),
		.type = STR(TYPE),
		.ip = str_c(r->peer.addr),
		.user_agent = agent,
		.user_agent_sha256 = arena_str(r->arena, str_c(hash_hex(d.b, sizeof(d.b), hex))),
		.comment = str_sub(rest_text(r, body, "message"), 0, 4096),
		.timestamp = clock_now(),
		.data = data,
	};
	enum err e = rest_write(r, run_ask, &row, f);
	if (e == ERR_BUSY) {
		reply_error(r, 503, "Too many registrations are waiting. Try again later.");
		return ERR_OK;
	}
	TRY(e);
	struct audit_entry x = {.action = AUDIT_account,
				.who = {.address = str_c(r->peer.addr)},
				.kind = "inbox",
				.id = row.id,
				.text = STR("registration asked for")};
	audit_later(api_of(r)->audit, &x);
	/* no word of e-mail: none is sent */
	rest_saved(r, STR_NONE, "Request sent. The administrators of this community will see it.");
	return ERR_OK;
}

/* ---- looking ---- */

static bool is_ours(const struct misp_inbox *row)
{
	return str_is(row->type, TYPE) && !row->deleted;
}

static bool is_shown(struct http_req *r, const void *row)
{
	(void)r;
	return is_ours(row);
}

static const struct crud_member inbox_members[] = {
	{"data", CRUD_JSON},
	{NULL, 0},
};

static const struct crud inbox_kind = {
	.table = T_INBOX,
	.desc = &desc_misp_inbox,
	.members = inbox_members,
	.visible = is_shown,
};

/* ---- deciding ---- */

/* The request of this number or UUID, in the arena. */
static enum err find(struct http_req *r, struct str key, struct misp_inbox *out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_inbox row;
	struct uuid u;
	uint64_t id = 0;
	TRY(store_read(api_of(r)->store, &t, f));
	if (uuid_parse(key, &u))
		TRY(store_find(t, IX_INBOX_UUID, (struct str){(const char *)&u, sizeof(u)}, &id));
	else if (!str_u64(key, &id))
		return ERR_NOENT;
	TRY(store_get(t, T_INBOX, id, r->arena, &row));
	if (!is_ours(&row))
		return ERR_NOENT;
	return entity_copy(r->arena, &desc_misp_inbox, &row, out);
}

/* What the path names, or the list `id` of the body. Walks them; false at the end. */
static bool next_key(struct http_req *r, const json_t *body, size_t *at, struct str *key)
{
	struct str arg = req_arg(r, "id");
	const json_t *ids = json_object_get(body, "id");
	if (arg.p || !json_is_array(ids)) {
		*key = arg.p ? arg : rest_text(r, body, "id");
		return (*at)++ == 0 && key->n;
	}
	const json_t *v = json_array_get(ids, (*at)++);
	char text[24];
	if (!v)
		return false;
	if (json_is_string(v)) {
		*key = str_c(json_string_value(v));
	} else {
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
		*key = arena_str(r->arena, str_c(text));
	}
	return true;
}

static enum err discard(struct http_req *r, struct fail *f)
{
	struct misp_inbox row;
	struct str key;
	size_t at = 0;
	unsigned n = 0;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK)
		return ERR_OK;
	while (next_key(r, body, &at, &key)) {
		enum err e = find(r, key, &row, f);
		if (e == ERR_OK)
			e = rest_row_del(r, T_INBOX, row.id, row.uuid, f);
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
		n += e == ERR_OK;
	}
	me(r)->url = STR("/users/discardRegistrations");
	rest_saved(r, STR_NONE, "%u registration(s) discarded.", n);
	return ERR_OK;
}

/* The account that is made of a request. */
static struct misp_user account_of(struct http_req *r, const struct misp_inbox *row, uint64_t org_id,
				   uint64_t role_id)
{
	int64_t now = clock_now();
	json_t *data = json_loadb(row->data.p, row->data.n, 0, NULL);
	struct misp_user u = {.org_id = org_id,
			      .role_id = role_id,
			      .invited_by = me(r)->user.id,
			      .change_pw = true,
			      .nids_sid = 1000000 + random_u64() % 9000000,
			      .date_created = now,
			      .date_modified = now,
			      .last_pw_change = now};
	u.email = arena_str(r->arena, rest_text(r, data, "email"));
	u.gpgkey = arena_str(r->arena, rest_text(r, data, "gpgkey"));
	json_decref(data);
	return u;
}

static void answer_accepted(struct http_req *r, const struct buf *made, unsigned n, unsigned failed)
{
	char text[120];
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	int k = snprintf(text, sizeof(text), "%u registration(s) accepted", n);
	snprintf(text + k, sizeof(text) - (size_t)k, failed ? ", %u failed." : ".", failed);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", n > 0);
	JSONW_KV(&w, jsonw_bool, "success", n > 0);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_c, "url", "/users/acceptRegistrations");
	if (failed)
		JSONW_KV(&w, jsonw_c, "errors",
			 "No such registration, or an account with this email address already exists.");
	jsonw_key(&w, "data");
	jsonw_raw(&w, buf_str(made));
	jsonw_obj_end(&w);
	reply_header(r, "Cache-Control", STR("no-store"));
	rest_answer(r, n ? 200 : 403, &b);
}

/* Nobody gets e-mail: the keys of the new accounts stand in the answer, for whoever accepts to hand on. */
static enum err accept(struct http_req *r, struct fail *f)
{
	uint64_t org_id = 0, role_id = 0;
	struct misp_inbox row;
	struct str key;
	size_t at = 0;
	unsigned n = 0, failed = 0;
	json_t *body;
	if (rest_json(r, "User", &body, f) != ERR_OK)
		return ERR_OK;
	me(r)->url = STR("/users/acceptRegistrations");
	if (!rest_take_u64(r, body, "org_id", &org_id) || !org_id) {
		reply_error(r, 405, "No organisation selected. Supply an Organisation ID");
		return ERR_OK;
	}
	rest_take_u64(r, body, "role_id", &role_id);
	if (!account_place_ok(r, org_id, &role_id, f))
		return ERR_OK;
	struct buf made = BUF(1 << 20);
	struct jsonw w = jsonw_on(&made);
	jsonw_arr(&w);
	while (next_key(r, body, &at, &key)) {
		char raw[41];
		enum err e = find(r, key, &row, f);
		struct misp_user u = {0};
		if (e == ERR_OK) {
			u = account_of(r, &row, org_id, role_id);
			api_key_new(raw);
			e = account_put(r, &u, raw, f);
		}
		if (e == ERR_OK) {
			jsonw_obj(&w);
			jsonw_key(&w, "User");
			shape_user(&w, &u, USER_SAVED, raw);
			jsonw_obj_end(&w);
			e = rest_row_del(r, T_INBOX, row.id, row.uuid, f);
		}
		secret_wipe(raw, sizeof(raw));
		n += e == ERR_OK;
		failed += e == ERR_NOENT || e == ERR_EXISTS;
		if (e != ERR_OK && e != ERR_NOENT && e != ERR_EXISTS) {
			buf_free(&made);
			return e;
		}
	}
	jsonw_arr_end(&w);
	answer_accepted(r, &made, n, failed);
	secret_wipe(made.p, made.n);
	buf_free(&made);
	return ERR_OK;
}

/* ---- what goes by e-mail elsewhere ---- */

static enum err no_mail(struct http_req *r, struct fail *f)
{
	(void)f;
	rest_not_saved(r, "send", "e-mail", STR_NONE,
		       STR("\"This node sends no e-mail. Set a password with admin/users/edit, make a key "
			   "with auth_keys/add, and hand it on.\""));
	return ERR_OK;
}

const struct endpoint ep_register = {
	.methods = HTTP_POST,
	.path = "/users/register",
	.flags = EP_NO_AUTH,
	.body_cap = 65536,
	.run = ask,
	.takes = "Registration",
	.shape = "Saved",
	.doc = "Ask for an account, where the node lets strangers do so",
};
const struct endpoint ep_registrations = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/users/registrations/:index",
	.auth = perm_site_admin,
	.run = crud_index,
	.arg = &inbox_kind,
	.shape = "Registrations",
	.doc = "Who has asked for an account",
};
const struct endpoint ep_registrations_accept = {
	.methods = HTTP_POST,
	.path = "/users/acceptRegistrations/:id",
	.auth = perm_site_admin,
	.run = accept,
	.takes = "RegistrationPlace",
	.shape = "Saved",
	.doc = "Make the account that was asked for; the answer has its API key",
};
const struct endpoint ep_registrations_discard = {
	.methods = HTTP_POST,
	.path = "/users/discardRegistrations/:id",
	.auth = perm_site_admin,
	.run = discard,
	.shape = "Saved",
	.doc = "Drop requests for accounts",
};
const struct endpoint ep_password_reset = {
	.methods = HTTP_POST,
	.path = "/users/initiatePasswordReset/:id",
	.auth = perm_admin,
	.run = no_mail,
	.shape = "Refusal",
	.doc = "Refused: this node sends no e-mail",
	.missing = "sends no e-mail",
};
const struct endpoint ep_quick_email = {
	.methods = HTTP_POST,
	.path = "/admin/users/quickEmail/:id",
	.auth = perm_admin,
	.run = no_mail,
	.shape = "Refusal",
	.doc = "Refused: this node sends no e-mail",
	.missing = "sends no e-mail",
};
