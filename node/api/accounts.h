/*
 * accounts.h - what the endpoints of accounts share (inside node/api only).
 */
#pragma once

#include <jansson.h>

#include "api/api.h"

/* Store a new key (id, digest and ends are filled in from `key`, 40 letters and digits), in a job. */
MUST_USE enum err account_key_put(struct store_wtxn *w, const struct api *api,
				  struct misp_authkey *k, const char *key, struct fail *f);
/* The account of the path's `id`: one's own when it is "me" or not there, else one that the caller
   administers. False: answered. */
bool account_of_path(struct http_req *r, struct misp_user *u, struct fail *f);
/* The account of the path's `id` that the caller may administer. False: answered. */
bool account_of_id(struct http_req *r, struct misp_user *u, struct fail *f);
/* One @ with something before it, a dot behind it, no blanks or controls. */
bool account_email_ok(struct str s);
/* May the caller put an account there? A role of 0 becomes the default one. False: answered. */
bool account_place_ok(struct http_req *r, uint64_t org_id, uint64_t *role_id, struct fail *f);
/* Write the account, a new one (u->id 0) with its number; `key`: a new key in place of the plain ones, or NULL.
   Its sessions end with the password they began with. ERR_EXISTS: the address has an account. */
MUST_USE enum err account_put(struct http_req *r, struct misp_user *u, const char *key, struct fail *f);
/* The same for a call named `action`; false: refused, and answered. */
bool account_saved(struct http_req *r, const char *action, struct misp_user *u, const char *key,
		   struct fail *f);
/* Delete it with its keys, sessions and the searches it kept for itself. */
MUST_USE enum err account_delete(struct http_req *r, struct misp_user *u, struct fail *f);
/* Answer with the account, its role and organisation. */
MUST_USE enum err account_answer(struct http_req *r, const struct misp_user *u, bool admin, struct fail *f);
/* A read-only key changes nothing, not even of its own account. False: it is one, and answered. */
bool account_key_writes(struct http_req *r);
/* `expiration` of the body: null, empty or 0 for none, seconds, or a date. False: none of these. */
bool account_take_end(struct http_req *r, const json_t *body, int64_t *to);
/* Bring the end of a key within keys.validity of its beginning. */
void account_key_limit(const struct api *api, struct misp_authkey *k);
/* Who a user is for the gate. Text is borrowed from `u`. */
struct caller account_caller(const struct misp_user *u, const struct misp_role *role,
			     const struct misp_org *org);
