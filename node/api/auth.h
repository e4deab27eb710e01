/* auth.h - what the ways to be let in share (inside node/api only). */
#pragma once

#include "api/api.h"

/* Answer 403 with this text; ERR_AUTH with it. */
enum err auth_refuse(struct http_req *r, struct fail *f, const char *text);
/* There is no key or session: a browser is sent to the log-in, others hear 403 with this text. */
enum err auth_nobody(struct http_req *r, struct fail *f, const char *text);
/* User, role and organisation of an account, with what its key leaves of its rights. */
MUST_USE enum err auth_load(struct http_req *r, const struct store_rtxn *t, uint64_t user_id,
			    struct api_user *u, struct fail *f);
/* Why this account may not come in, or NULL. */
const char *auth_account_fault(const struct misp_user *u);
/* By the cookie of a session. auth_session.c */
MUST_USE enum err auth_by_session(struct http_req *r, const struct store_rtxn *t,
				  struct api_user *u, struct fail *f);
/* What a session may and an API key need not ask for: the proof that the request is meant, and what
   the account has to do first. Answered when it returns an error. */
MUST_USE enum err auth_session_may(struct http_req *r, const struct api_user *u, struct fail *f);
/* Comes this request, by what the browser says of it, from a page of another site? */
bool auth_is_foreign(const struct http_req *r);
