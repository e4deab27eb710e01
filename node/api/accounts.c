/*
 * accounts.c - accounts written and deleted with what belongs to them: keys, sessions, saved searches. A key
 * is shown once, when it is made; the store has its digest.
 */
#include "api/accounts.h"

#include "api/otp.h"
#include "api/rest.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/hash.h"

/* The next row after *id that the index holds for this account. */
static enum err next_of(struct store_wtxn *w, enum store_index ix, uint64_t user_id, uint64_t *id)
{
	uint8_t be[8];
	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(user_id >> (56 - 8 * i));
	return store_find_next(store_view(w), ix, (struct str){(char *)be, sizeof(be)}, id);
}

static enum err drop_keys(struct store_wtxn *w, uint64_t user_id, bool plain_only, struct fail *f)
{
	struct misp_authkey k;
	uint64_t id = 0;
	enum err e;
	while ((e = next_of(w, IX_AUTHKEY_USER, user_id, &id)) == ERR_OK) {
		TRY(store_get(store_view(w), T_AUTHKEY, id, NULL, &k));
		if (k.plain || !plain_only)
			TRY(store_del(w, T_AUTHKEY, id, f));
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* What an account kept for itself goes with it; what it shared stays with the organisation. */
static enum err drop_searches(struct store_wtxn *w, uint64_t user_id, struct fail *f)
{
	struct misp_saved s;
	uint64_t id = 0;
	enum err e;
	while ((e = next_of(w, IX_SAVED_USER, user_id, &id)) == ERR_OK) {
		TRY(store_get(store_view(w), T_SAVED, id, NULL, &s));
		if (!s.shared)
			TRY(store_del(w, T_SAVED, id, f));
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

struct user_job {
	const struct api *api;
	struct misp_user *user;
	const char *key; /* a new one, or NULL */
	struct origin origin;
	bool add;
	const struct sha256 *stays; /* session that outlives a new password */
};

static enum err user_change(struct user_job *j, struct store_wtxn *w, enum change_op op,
			    struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(T_USER),
			    .id = j->user->id,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
}

void account_key_limit(const struct api *api, struct misp_authkey *k)
{
	int64_t most = api->conf ? (int64_t)(api->conf->key_validity / 1000) : 0;
	if (most && (!k->expiration || k->expiration > k->created + most))
		k->expiration = k->created + most;
}

enum err account_key_put(struct store_wtxn *w, const struct api *api, struct misp_authkey *k,
			 const char *key, struct fail *f)
{
	struct sha256 d = api_key_digest(api, str_c(key));
	k->id = store_new_row_id(w, T_AUTHKEY);
	k->digest = (struct str){(char *)d.b, sizeof(d.b)};
	k->key_start = (struct str){key, 4};
	k->key_end = (struct str){key + 36, 4};
	enum err e = store_put(w, T_AUTHKEY, k->id, k, f);
	k->digest = STR_NONE;
	return e;
}

/* What others than administrators write meanwhile stays as it is now. */
static enum err keep_noted(struct store_wtxn *w, struct misp_user *u)
{
	struct misp_user now;
	TRY(store_get(store_view(w), T_USER, u->id, NULL, &now));
	u->last_api_access = now.last_api_access;
	u->current_login = now.current_login;
	u->last_login = now.last_login;
	u->totp_set = now.totp_set;
	return ERR_OK;
}

/* Sessions end with the password they began with, and when the account is to be out. */
static enum err end_sessions(struct user_job *j, struct store_wtxn *w, struct fail *f)
{
	struct misp_user now;
	TRY(store_get(store_view(w), T_USER, j->user->id, NULL, &now));
	if (j->user->disabled || j->user->force_logout)
		return session_end_all(w, j->user->id, NULL, f);
	if (!str_eq(now.password_hash, j->user->password_hash))
		return session_end_all(w, j->user->id, j->stays, f);
	return ERR_OK;
}

static enum err run_user(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct user_job *j = arg;
	if (!j->add) {
		TRY(end_sessions(j, w, f));
		TRY(keep_noted(w, j->user));
	}
	if (j->add)
		j->user->id = store_new_row_id(w, T_USER);
	if (j->add || !j->key)
		TRY(store_put(w, T_USER, j->user->id, j->user, f));
	if (j->key) {
		struct misp_authkey k = {.uuid = uuid_random(),
					 .user_id = j->user->id,
					 .created = clock_now(),
					 .plain = true};
		account_key_limit(j->api, &k);
		TRY(drop_keys(w, j->user->id, true, f));
		TRY(account_key_put(w, j->api, &k, j->key, f));
	}
	return user_change(j, w, j->add ? CHANGE_ADD : CHANGE_EDIT, f);
}

enum err account_put(struct http_req *r, struct misp_user *u, const char *key, struct fail *f)
{
	struct user_job j = {
		.api = api_of(r),
		.user = u,
		.key = key,
		.origin = rest_origin(r),
		.add = u->id == 0,
		.stays = me(r)->session ? &me(r)->session->digest : NULL,
	};
	return rest_write(r, run_user, &j, f);
}

static enum err run_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct user_job *j = arg;
	TRY(drop_keys(w, j->user->id, false, f));
	TRY(drop_searches(w, j->user->id, f));
	TRY(session_end_all(w, j->user->id, NULL, f));
	TRY(otp_remove(w, j->user->id, f));
	TRY(store_del(w, T_USER, j->user->id, f));
	return user_change(j, w, CHANGE_DELETE, f);
}

enum err account_delete(struct http_req *r, struct misp_user *u, struct fail *f)
{
	struct user_job j = {.api = api_of(r), .user = u, .origin = rest_origin(r)};
	return rest_write(r, run_delete, &j, f);
}
