/*
 * session.c - sessions in the store, cookies, tokens against forged requests.
 *
 * Records lie under "session/DIGEST" in the book KV. When a session was seen last is written at most
 * each tenth of its idle time, so that reading costs no commit.
 */
#include "api/session.h"

#include <stdlib.h>

#include "api/client.h"
#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/pack.h"

#define PREFIX "session/"
#define RECORD_MAX 4096u
#define DEVICE_S (INT64_C(180) * 86400)
#define DEVICE_NONCE 32u /* hexadecimal digits */

/* ---- digests ---- */

static struct sha256 keyed(const struct api *api, const char *what, struct str s)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%.*s", what, STR_ARG(str_sub(s, 0, 400)));
	struct sha256 d = hash_hmac(api->key_secret, (struct str){text, (size_t)n});
	secret_wipe(text, sizeof(text));
	return d;
}

struct sha256 session_digest(const struct api *api, struct str token)
{
	return keyed(api, "session", token);
}

void session_csrf(const struct api *api, const struct sha256 *digest, char out[65])
{
	char hex[65];
	struct sha256 d = keyed(api, "csrf", str_c(hash_hex(digest->b, sizeof(digest->b), hex)));
	hash_hex(d.b, sizeof(d.b), out);
}

/* ---- cookies ---- */

/* With TLS no other host, port or path can set or read them. */
static const char *cookie_name(const struct http_req *r, bool device)
{
	if (client_secure(r))
		return device ? "__Host-tocsin-device" : "__Host-tocsin";
	return device ? "tocsin-device" : "tocsin";
}

/* Value of a cookie; absent when there is none, or when two of that name differ. */
static struct str cookie(const struct http_req *r, const char *name)
{
	struct str found = STR_NONE;
	for (size_t i = 0; i < r->headers.n; i++) {
		struct str rest = r->headers.v[i].value, one, key;
		if (!str_eq_nocase(r->headers.v[i].name, STR("Cookie")))
			continue;
		while (rest.p) {
			rest = str_split(rest, ';', &one);
			struct str value = str_split(str_trim(one), '=', &key);
			if (!value.p || !str_is(key, name))
				continue;
			if (found.p && !str_eq(found, value))
				return STR_NONE;
			found = value;
		}
	}
	return found;
}

static bool is_hex(struct str s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdef", s.p[i]) || !s.p[i])
			return false;
	return s.n == n;
}

bool session_cookie(const struct http_req *r, struct str *token)
{
	*token = cookie(r, cookie_name(r, false));
	return token->p && is_hex(*token, SESSION_TOKEN);
}

static void set_cookie(struct http_req *r, bool device, struct str value, int64_t age_s)
{
	char text[400];
	int n = snprintf(text, sizeof(text), "%s=%.*s; Path=/; HttpOnly; SameSite=Lax%s",
			 cookie_name(r, device), STR_ARG(value), client_secure(r) ? "; Secure" : "");
	if (age_s >= 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "; Max-Age=%lld", (long long)age_s);
	reply_header(r, "Set-Cookie", (struct str){text, (size_t)n});
	secret_wipe(text, sizeof(text));
}

void session_set_cookie(struct http_req *r, struct str token)
{
	set_cookie(r, false, token.p ? token : STR(""), token.p ? -1 : 0);
}

/* ---- the mark of a browser: end, nonce, and a digest of both with the account ---- */

static struct sha256 device_digest(const struct api *api, struct str email, struct str begin)
{
	char text[400];
	struct str e = str_sub(email, 0, 254);
	size_t n = 0;
	for (; n < e.n; n++)
		text[n] = (char)(e.p[n] >= 'A' && e.p[n] <= 'Z' ? e.p[n] + 32 : e.p[n]);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "|%.*s", STR_ARG(begin));
	return keyed(api, "device", (struct str){text, n});
}

void session_set_device(struct http_req *r, const struct misp_user *u)
{
	char nonce[DEVICE_NONCE + 1], begin[80], value[160], hex[65];
	uint8_t b[DEVICE_NONCE / 2];
	random_bytes(b, sizeof(b));
	int n = snprintf(begin, sizeof(begin), "%lld.%s", (long long)(clock_now() + DEVICE_S),
			 hash_hex(b, sizeof(b), nonce));
	struct sha256 d = device_digest(api_of(r), u->email, (struct str){begin, (size_t)n});
	snprintf(value, sizeof(value), "%s.%s", begin, hash_hex(d.b, sizeof(d.b), hex));
	set_cookie(r, true, str_c(value), DEVICE_S);
}

bool session_device(const struct http_req *r, struct str email, struct str *id)
{
	struct str value = cookie(r, cookie_name(r, true)), end, nonce;
	struct str rest = str_split(value, '.', &end), mac = str_split(rest, '.', &nonce);
	uint8_t given[32];
	uint64_t until;
	if (!mac.p || !str_u64(end, &until) || !is_hex(nonce, DEVICE_NONCE) || !is_hex(mac, 64) ||
	    !hash_unhex(mac, given, sizeof(given)))
		return false;
	struct str begin = {value.p, end.n + 1 + nonce.n};
	struct sha256 d = device_digest(api_of(r), email, begin);
	*id = nonce;
	return ct_equal(d.b, given, sizeof(given)) && (int64_t)until > clock_now();
}

/* ---- the store ---- */

static struct str record_key(const struct sha256 *digest, char out[48])
{
	memcpy(out, PREFIX, sizeof(PREFIX) - 1);
	memcpy(out + sizeof(PREFIX) - 1, digest->b, sizeof(digest->b));
	return (struct str){out, sizeof(PREFIX) - 1 + sizeof(digest->b)};
}

bool session_is_over(const struct api *api, const struct misp_session *row, int64_t now)
{
	int64_t idle = (int64_t)api->conf->login_idle / 1000, end = (int64_t)api->conf->login_end / 1000;
	return now - row->seen > idle || now - row->begun > end || row->begun > now + 60;
}

enum err session_find(const struct api *api, const struct store_rtxn *t, struct str token,
		      struct arena *a, struct session *out)
{
	char key[48];
	struct str value;
	struct misp_session row;
	out->digest = session_digest(api, token);
	TRY(store_kv_get(t, record_key(&out->digest, key), &value));
	TRY(unpack_entity(value, &desc_misp_session, a, &row));
	if (session_is_over(api, &row, clock_now()))
		return ERR_NOENT;
	return entity_copy(a, &desc_misp_session, &row, &out->row);
}

enum err session_next(const struct store_rtxn *t, struct arena *a, struct session *s)
{
	static const struct sha256 none;
	char from[48];
	struct misp_session row;
	struct str value;
	OWN(buf) struct buf key = BUF(512);
	if (memcmp(s->digest.b, none.b, sizeof(none.b)) != 0)
		buf_str_add(&key, record_key(&s->digest, from));
	TRY(store_kv_next(t, STR(PREFIX), &key, &value));
	if (key.n != sizeof(PREFIX) - 1 + sizeof(s->digest.b))
		return ERR_CORRUPT;
	memcpy(s->digest.b, key.p + sizeof(PREFIX) - 1, sizeof(s->digest.b));
	TRY(unpack_entity(value, &desc_misp_session, a, &row));
	return entity_copy(a, &desc_misp_session, &row, &s->row);
}

static enum err write_record(struct store_wtxn *w, const struct session *s, struct fail *f)
{
	char key[48];
	OWN(buf) struct buf b = BUF(RECORD_MAX);
	pack_entity(&b, &desc_misp_session, &s->row, PACK_STORE);
	TRY(buf_err(&b));
	return store_kv_put(w, record_key(&s->digest, key), buf_str(&b), f);
}

enum err session_end(struct store_wtxn *w, const struct sha256 *digest, struct fail *f)
{
	char key[48];
	enum err e = store_kv_del(w, record_key(digest, key), f);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* Those of one account that are not to stay; *oldest: the one seen longest ago of those that do. */
static enum err prune(struct store_wtxn *w, const struct api *api, uint64_t user_id,
		      const struct sha256 *stays, unsigned *left, struct sha256 *oldest,
		      struct fail *f)
{
	struct session s = {0};
	int64_t now = clock_now(), least = INT64_MAX;
	enum err e;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	*left = 0;
	for (;;) {
		arena_reset(a);
		e = session_next(store_view(w), a, &s);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		bool mine = s.row.user_id == user_id;
		bool goes = api ? session_is_over(api, &s.row, now)
				: mine && !(stays && ct_equal(stays->b, s.digest.b, 32));
		if (goes)
			TRY(session_end(w, &s.digest, f));
		else if (mine && ++*left && s.row.seen < least) {
			least = s.row.seen;
			*oldest = s.digest;
		}
	}
}

enum err session_end_all(struct store_wtxn *w, uint64_t user_id, const struct sha256 *stays,
			 struct fail *f)
{
	unsigned left;
	struct sha256 oldest;
	return prune(w, NULL, user_id, stays, &left, &oldest, f);
}

enum err session_put(struct store_wtxn *w, const struct api *api, const struct session *s,
		     struct fail *f)
{
	struct sha256 oldest;
	unsigned left;
	TRY(prune(w, api, s->row.user_id, NULL, &left, &oldest, f));
	while (left >= SESSIONS_PER_USER) {
		TRY(session_end(w, &oldest, f));
		TRY(prune(w, api, s->row.user_id, NULL, &left, &oldest, f));
	}
	return write_record(w, s, f);
}

/* ---- when it was seen ---- */

struct touch {
	struct sha256 digest;
	int64_t now;
};

static enum err run_touch(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct touch *j = arg;
	struct session s = {.digest = j->digest};
	char key[48];
	struct str value;
	OWN(arena) struct arena *a = arena_new(1 << 16);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_kv_get(store_view(w), record_key(&j->digest, key), &value);
	if (e == ERR_NOENT)
		return ERR_OK; /* ended meanwhile */
	TRY(e);
	struct misp_session row;
	TRY(unpack_entity(value, &desc_misp_session, a, &row));
	TRY(entity_copy(a, &desc_misp_session, &row, &s.row));
	s.row.seen = MAX(s.row.seen, j->now);
	return write_record(w, &s, f);
}

static void touch_done(void *arg, enum err e, const struct fail *f)
{
	(void)e;
	(void)f;
	free(arg);
}

void session_touch(const struct api *api, const struct session *s)
{
	int64_t now = clock_now();
	if (now - s->row.seen < MAX((int64_t)api->conf->login_idle / 10000, 1))
		return;
	struct touch *j = malloc(sizeof(*j));
	if (!j)
		return;
	*j = (struct touch){.digest = s->digest, .now = now};
	if (store_submit(api->store, run_touch, touch_done, j) != ERR_OK)
		free(j);
}
