/*
 * ep_servers_ask.c - /servers: the test of a connection, and who we are at a peer. Status numbers and
 * members are those of sync-protocol.md 2 and 13.1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/peer_ask.h"
#include "base/cert.h"
#include "base/clock.h"

enum status { /* of testConnection */
	ST_OK = 1,
	ST_UNREACHED = 2,
	ST_UNEXPECTED = 3,
	ST_KEY = 4,
	ST_PASSWORD = 5,
	ST_TERMS = 6,
	ST_NO_SYNC = 7,
	ST_SIGHTINGS_ONLY = 8,
};
enum post { POST_OK = 1, POST_INVALID = 8, POST_TEXT = 9, POST_HEADER = 10 };

/* ---- the test ---- */

/* A thousand bytes and more in several lines, so that it goes compressed and a proxy that mends
   texts is found out. */
static struct str test_text(struct http_req *r)
{
	struct buf b = BUF(16384);
	for (unsigned i = 1; i <= 40; i++)
		buf_printf(&b, "%u\tHäfen, 港, порт \xf0\x9f\x9a\xa2 \"quoted\" back\\slash <b>&amp;</b>\n",
			   i);
	struct str s = arena_str(r->arena, buf_str(&b));
	buf_free(&b);
	return s;
}

static bool is_json_type(const json_t *headers, const char *name)
{
	const char *s = json_string_value(json_object_get(headers, name));
	return s && strcmp(s, "application/json") == 0;
}

/* POST what the peer has to give back unchanged. Its answer's encoding goes to `encoding`. */
static enum post post_test(struct http_req *r, struct link *l, char encoding[40])
{
	struct str text = test_text(r), got;
	struct ask_heads heads = {.encoding = ""};
	struct fail ignored = {0};
	OWN(json_ref) json_t *answer = NULL;
	OWN(json_ref) json_t *body = json_object();
	json_object_set_new(body, "testString", json_stringn(text.p, text.n));
	enum err e = ask_json(l, "/servers/postTest", body, &heads, &answer, &ignored);
	snprintf(encoding, 40, "%s", heads.encoding);
	if (e != ERR_OK)
		return POST_INVALID;
	const json_t *back = json_object_get(json_object_get(answer, "body"), "testString");
	const json_t *headers = json_object_get(answer, "headers");
	if (!json_is_object(headers) || !back)
		return POST_INVALID;
	got = (struct str){json_string_value(back), json_string_length(back)};
	if (!json_is_string(back) || !str_eq(got, text))
		return POST_TEXT;
	return is_json_type(headers, "Accept") && is_json_type(headers, "Content-type") ? POST_OK
											 : POST_HEADER;
}

/* Which part of the version differs; "proposal" for a hotfix below 111, as MISP tells it. */
static const char *mismatch(const struct link_hello *h, struct str ours, const char **newer)
{
	unsigned theirs[3] = {h->major, h->minor, h->hotfix}, mine[3] = {0};
	static const char *const parts[] = {"major", "minor", "hotfix"};
	char text[40];
	*newer = NULL;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(ours));
	if (sscanf(text, "%9u.%9u.%9u", &mine[0], &mine[1], &mine[2]) != 3)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (theirs[i] != mine[i]) {
			*newer = theirs[i] > mine[i] ? "remote" : "local";
			return parts[i];
		}
	return h->hotfix < 111 ? "proposal" : NULL;
}

static void text_or_false(struct jsonw *w, const char *key, const char *s)
{
	if (s)
		JSONW_KV(w, jsonw_c, key, s);
	else
		JSONW_KV(w, jsonw_bool, key, false);
}

static void civil(struct jsonw *w, const char *key, int64_t t)
{
	struct clock_civil c = clock_to_civil(t);
	char s[40];
	snprintf(s, sizeof(s), "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour,
		 c.minute, c.second);
	JSONW_KV(w, jsonw_c, key, s);
}

static void client_certificate(struct http_req *r, struct jsonw *w, const struct misp_peer *p)
{
	struct cert_info c;
	struct fail why = {0};
	jsonw_key(w, "client_certificate");
	if (!p->client_cert_file.n) {
		jsonw_null(w);
		return;
	}
	jsonw_obj(w);
	if (cert_read(arena_cstr(r->arena, p->client_cert_file), &c, &why) != ERR_OK) {
		JSONW_KV(w, jsonw_c, "error", why.text);
	} else {
		JSONW_KV(w, jsonw_c, "serial_number", c.serial);
		civil(w, "valid_from", c.from);
		civil(w, "valid_to", c.to);
		JSONW_KV(w, jsonw_c, "issuer", c.issuer);
		JSONW_KV(w, jsonw_c, "subject", c.subject);
		JSONW_KV(w, jsonw_uint, "public_key_size", c.bits);
		JSONW_KV(w, jsonw_c, "public_key_type", c.type);
	}
	jsonw_obj_end(w);
}

static enum status status_of(enum err e, const struct ask_heads *heads, const struct link_hello *h)
{
	if (e == ERR_OK)
		return h->perm_sync ? ST_OK : h->perm_sighting ? ST_SIGHTINGS_ONLY : ST_NO_SYNC;
	if (e == ERR_AUTH)
		return ST_KEY;
	if (heads->status == 405 && strstr(heads->text, "password"))
		return ST_PASSWORD;
	if (heads->status == 405 && strstr(heads->text, "terms"))
		return ST_TERMS;
	return heads->status || e == ERR_PEER ? ST_UNEXPECTED : ST_UNREACHED;
}

static void answered(struct http_req *r, struct jsonw *w, struct link *l)
{
	const struct link_hello *h = &l->hello;
	struct str ours = api_of(r)->misp_version;
	const char *newer, *differs = mismatch(h, ours, &newer);
	char encoding[40];
	enum post post = post_test(r, l, encoding);
	JSONW_KV(w, jsonw_str, "local_version", ours);
	JSONW_KV(w, jsonw_c, "version", h->version);
	text_or_false(w, "mismatch", differs);
	text_or_false(w, "newer", newer);
	JSONW_KV(w, jsonw_int, "post", post);
	JSONW_KV(w, jsonw_str, "response_encoding", encoding[0] ? str_c(encoding) : STR_NONE);
	jsonw_key(w, "request_encoding");
	jsonw_arr(w);
	if (h->gzip)
		jsonw_c(w, "gzip");
	if (h->br)
		jsonw_c(w, "br");
	jsonw_arr_end(w);
	client_certificate(r, w, &l->row);
	if (uuid_is_nil(h->uuid))
		JSONW_KV(w, jsonw_str, "uuid", STR_NONE);
	else
		JSONW_KV(w, jsonw_uuid, "uuid", h->uuid);
}

/* Our own members, for the tool: why, and what the answers told by the way. */
static void remarks(struct jsonw *w, const struct link *l, const struct ask_heads *heads, enum err e,
		    const struct fail *why)
{
	jsonw_key(w, "tocsin");
	jsonw_obj(w);
	if (e != ERR_OK)
		JSONW_KV(w, jsonw_c, "error", why->text[0] ? why->text : err_text(e));
	if (heads->date)
		JSONW_KV(w, jsonw_int, "clock_skew", heads->date - clock_now());
	if (heads->key_expires)
		JSONW_KV(w, jsonw_int, "key_expires", heads->key_expires);
	if (l->hello.tocsin[0])
		JSONW_KV(w, jsonw_c, "version", l->hello.tocsin);
	JSONW_KV(w, jsonw_bool, "verified",
		 str_has_prefix(l->row.url, STR("https:")) && !l->client.insecure);
	jsonw_obj_end(w);
}

static enum err test_connection(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct fail why = {0};
	struct ask_heads heads = {.status = 0};
	if (!ask_peer(r, f))
		return ERR_OK;
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_hello(&a.link, &heads, &why);
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_int, "status", status_of(e, &heads, &a.link.hello));
	if (e == ERR_OK)
		answered(r, &w, &a.link);
	else
		client_certificate(r, &w, &a.link.row);
	if (req_query(r, "tocsin").n)
		remarks(&w, &a.link, &heads, e, &why);
	jsonw_obj_end(&w);
	ask_close(&a);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- who we are there ---- */

static const char *text_of(const json_t *o, const char *wrapper, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(o, wrapper), key));
	return s ? s : "";
}

static enum err remote_user(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct fail why = {0};
	struct ask_heads heads = {.status = 0};
	OWN(json_ref) json_t *j = NULL;
	if (!ask_peer(r, f))
		return ERR_OK;
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_json(&a.link, "/users/view/me.json", NULL, &heads, &j, &why);
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	if (e == ERR_OK) {
		const json_t *sync = json_object_get(json_object_get(j, "Role"), "perm_sync");
		JSONW_KV(&w, jsonw_c, "User", text_of(j, "User", "email"));
		JSONW_KV(&w, jsonw_c, "Role name", text_of(j, "Role", "name"));
		JSONW_KV(&w, jsonw_c, "Sync flag", json_truthy(sync) ? "Yes" : "No");
		if (heads.key_expires)
			civil(&w, "Auth key expiration", heads.key_expires);
	} else {
		JSONW_KV(&w, jsonw_c, "error", why.text[0] ? why.text : err_text(e));
	}
	jsonw_obj_end(&w);
	ask_close(&a);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- a new key there ---- */

/* {"message":"Authkey updated: <40 characters>"}: the last word. */
static struct str key_told(const json_t *j)
{
	const char *s = json_string_value(json_object_get(j, "message"));
	struct str text = s ? str_trim(str_c(s)) : STR("");
	return text.n > 40 ? str_sub(text, text.n - 40, text.n) : STR("");
}

static enum err reset_remote_key(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct misp_peer p;
	struct fail why = {0};
	struct ask_heads heads = {.status = 0};
	OWN(json_ref) json_t *j = NULL;
	OWN(json_ref) json_t *body = json_array();
	if (!peer_of_path(r, &p, f))
		return ERR_OK;
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_json(&a.link, "/users/resetauthkey/me", body, &heads, &j, &why);
	ask_close(&a);
	struct str key = key_told(j);
	if (e == ERR_OK && peer_row_fault(r, &p, key, true).p)
		e = fail(&why, ERR_PEER, "the peer gave no new key");
	me(r)->url = STR("/servers/resetRemoteAuthKey");
	if (e != ERR_OK) {
		rest_not_saved(r, "resetRemoteAuthKey", "Server", rest_id(r, p.id),
			       rest_quoted(r, why.text[0] ? why.text : err_text(e)));
		return ERR_OK;
	}
	TRY(peer_row_save(r, &p, key, f));
	rest_saved(r, rest_id(r, p.id), "API key updated.");
	return ERR_OK;
}

const struct endpoint ep_servers_test = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/testConnection/:id",
	.auth = perm_site_admin,
	.run = test_connection,
	.shape = "Connection",
	.doc = "Is a peer there, does it accept our key, and does a body arrive as it was sent?",
};
const struct endpoint ep_servers_remote_user = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/getRemoteUser/:id",
	.auth = perm_site_admin,
	.run = remote_user,
	.shape = "RemoteUser",
	.doc = "Who we are at a peer",
};
const struct endpoint ep_servers_reset_remote_key = {
	.methods = HTTP_POST,
	.path = "/servers/resetRemoteAuthKey/:id",
	.auth = perm_site_admin,
	.run = reset_remote_key,
	.shape = "Saved",
	.doc = "Let the peer make us a new key, and use it from now on",
};
