/*
 * session.h - log-ins of people: a random token in a cookie, of which the store holds the digest.
 *
 * A session ends when it has been idle, when it is old, when its account is disabled, deleted, sent
 * out (force_logout) or gets another password, and when somebody ends it.
 */
#pragma once

#include "api/api.h"

#define SESSION_TOKEN 64u /* hexadecimal digits */
#define SESSIONS_PER_USER 16u

struct session {
	struct misp_session row;
	struct sha256 digest; /* names it */
};

/* The token in the request's cookie; false: none, or two that differ. */
bool session_cookie(const struct http_req *r, struct str *token);
struct sha256 session_digest(const struct api *api, struct str token);
/* ERR_NOENT: there is none, or its time is over. Texts live as long as the arena. */
MUST_USE enum err session_find(const struct api *api, const struct store_rtxn *t, struct str token,
			       struct arena *a, struct session *out);
/* In a job: keep a new session. Those of the account that are over, or too many, go. */
MUST_USE enum err session_put(struct store_wtxn *w, const struct api *api, const struct session *s,
			      struct fail *f);
MUST_USE enum err session_end(struct store_wtxn *w, const struct sha256 *digest, struct fail *f);
/* In a job: end all of an account but `stays` (NULL: none stays). */
MUST_USE enum err session_end_all(struct store_wtxn *w, uint64_t user_id,
				  const struct sha256 *stays, struct fail *f);
/* Next session, in the order of digests (begin with a zeroed `*s`); ERR_NOENT at the end. */
MUST_USE enum err session_next(const struct store_rtxn *t, struct arena *a, struct session *s);
bool session_is_over(const struct api *api, const struct misp_session *row, int64_t now);
/* It was used: noted now and then, without waiting. */
void session_touch(const struct api *api, const struct session *s);

/* What a changing request has to bring: 64 hexadecimal digits and a NUL. */
void session_csrf(const struct api *api, const struct sha256 *digest, char out[65]);
/* Set-Cookie of a new session, or the end of it (token absent). */
void session_set_cookie(struct http_req *r, struct str token);

/*
 * A mark in the browser that its account has been logged in there: log-ins with it are counted apart,
 * so that strangers who try passwords cannot keep the people of the account out.
 */
void session_set_device(struct http_req *r, const struct misp_user *u);
/* The mark for this e-mail address: what identifies it; false: none that is ours. */
bool session_device(const struct http_req *r, struct str email, struct str *id);
