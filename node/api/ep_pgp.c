/*
 * ep_pgp.c - the node's own OpenPGP key: public for everybody, made and changed by site
 * administrators. Secret keys come in and never go out.
 */
#include "api/signed.h"
#include "base/log.h"

#define BLOB_MAX (16u << 20)
#define KEY_BODY_MAX (1u << 20)

static enum err gpg_asc(struct http_req *r, struct fail *f)
{
	struct pgp_identity id;
	struct fail why = {0};
	struct buf b = BUF(1u << 20);
	(void)f;
	if (pgp_identity(api_of(r)->pgp, r->arena, &id, &why) != ERR_OK) {
		reply_error(r, 404, "Not Found");
		return ERR_OK;
	}
	buf_str_add(&b, id.armored);
	reply_body(r, 200, "application/pgp-keys", &b);
	return ERR_OK;
}

/* Sign the body as it is (without white space, as all that is signed here): text. */
static enum err server_sign(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1u << 20);
	struct fail why = {0};
	enum err e = rest_sign(r, r->body, &b, &why);
	(void)f;
	if (e != ERR_OK) {
		buf_free(&b);
		log_warn("api", "nothing signed detail=%s", log_val(str_c(why.text)));
		reply_error(r, e == ERR_NOENT ? 404 : 500, "Could not sign: %s", why.text);
		return ERR_OK;
	}
	reply_body(r, 200, "text/plain; charset=UTF-8", &b);
	return ERR_OK;
}

/* ---- for the operator ---- */

static void answer_identity(struct http_req *r, const struct pgp_identity *id, enum err e,
			    const struct fail *why)
{
	struct buf b = BUF(1u << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "usable", e == ERR_OK);
	if (e == ERR_OK) {
		JSONW_KV(&w, jsonw_c, "fingerprint", id->fingerprint);
		JSONW_KV(&w, jsonw_str, "user_id", id->user_id);
		JSONW_KV(&w, jsonw_str, "public_key", id->armored);
	} else {
		JSONW_KV(&w, jsonw_c, "reason", why->text);
	}
	JSONW_KV(&w, jsonw_str, "home", str_c(conf_pgp_home(api_of(r)->conf)));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err tocsin_pgp(struct http_req *r, struct fail *f)
{
	struct pgp_identity id;
	struct fail why = {0};
	(void)f;
	enum err e = pgp_identity(api_of(r)->pgp, r->arena, &id, &why);
	answer_identity(r, &id, e, &why);
	return ERR_OK;
}

static void changed(struct http_req *r, const struct pgp_identity *id, enum err e,
		    const struct fail *why)
{
	if (e == ERR_OK) {
		log_info("api", "pgp key=%s user=%llu", id->fingerprint,
			 (unsigned long long)me(r)->user.id);
		answer_identity(r, id, e, why);
	} else {
		reply_error(r, err_http(e), "%s", why->text);
	}
}

/* Without a name: the organisation and the host of the node's URL. */
static struct str default_user_id(struct http_req *r)
{
	const struct api *api = api_of(r);
	struct str host = api->base_url;
	ptrdiff_t at = str_find(host, STR("://"));
	if (at >= 0)
		host = str_sub(host, (size_t)at + 3, host.n);
	str_split(host, '/', &host);
	str_split(host, ':', &host);
	return arena_printf(r->arena, "%.*s <tocsin@%.*s>", STR_ARG(api->egress.host_org_name),
			    STR_ARG(host));
}

static enum err tocsin_pgp_make(struct http_req *r, struct fail *f)
{
	struct pgp_identity id;
	json_t *body = NULL;
	struct fail why = {0};
	if (rest_json(r, "Key", &body, f) != ERR_OK)
		return ERR_OK;
	struct str name = rest_text(r, body, "user_id");
	enum err e = pgp_make(api_of(r)->pgp, name.n ? name : default_user_id(r), &id, r->arena,
			      &why);
	changed(r, &id, e, &why);
	return ERR_OK;
}

static enum err tocsin_pgp_import(struct http_req *r, struct fail *f)
{
	struct pgp_identity id;
	json_t *body = NULL;
	struct fail why = {0};
	if (rest_json(r, "Key", &body, f) != ERR_OK)
		return ERR_OK;
	enum err e = pgp_import(api_of(r)->pgp, rest_text(r, body, "secret_key"), &id, r->arena,
				&why);
	changed(r, &id, e, &why);
	return ERR_OK;
}

const struct endpoint ep_gpg_asc = {
	.methods = HTTP_GET,
	.path = "/gpg.asc",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = gpg_asc,
	.shape = "PublicKey",
	.doc = "The public key that this node signs protected events with",
};
const struct endpoint ep_crypto_keys_server_sign = {
	.methods = HTTP_POST,
	.path = "/cryptographicKeys/serverSign",
	.auth = perm_site_admin,
	.body_cap = BLOB_MAX,
	.run = server_sign,
	.shape = "Text",
	.takes = "Plain",
	.doc = "Sign bytes with the node's key: a detached signature in base64",
};
const struct endpoint ep_tocsin_pgp = {
	.methods = HTTP_GET,
	.path = "/tocsin/pgp",
	.auth = perm_site_admin,
	.run = tocsin_pgp,
	.shape = "PgpKey",
	.doc = "The node's OpenPGP key, or why there is none",
};
const struct endpoint ep_tocsin_pgp_make = {
	.methods = HTTP_POST,
	.path = "/tocsin/pgpMake",
	.auth = perm_site_admin,
	.run = tocsin_pgp_make,
	.shape = "PgpKey",
	.doc = "Make the node's OpenPGP key (user_id: name and e-mail)",
};
const struct endpoint ep_tocsin_pgp_import = {
	.methods = HTTP_POST,
	.path = "/tocsin/pgpImport",
	.auth = perm_site_admin,
	.body_cap = KEY_BODY_MAX,
	.run = tocsin_pgp_import,
	.shape = "PgpKey",
	.doc = "Take over an OpenPGP key pair: secret_key, armored, without a passphrase",
};
