/*
 * otp.c - the second factor of an account, under "otp/ID" in the book KV. Codes are taken inside the
 * job that writes the last one down, so that none is good twice, however many come at once.
 */
#include "api/otp.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/totp.h"
#include "model/pack.h"

#define RECORD_MAX 4096u
#define DIGEST 32u

static struct str record_key(uint64_t user_id, char out[32])
{
	int n = snprintf(out, 32, "otp/%llu", (unsigned long long)user_id);
	return (struct str){out, (size_t)n};
}

enum err otp_get(const struct store_rtxn *t, uint64_t user_id, struct arena *a, struct misp_otp *out)
{
	char key[32];
	struct str value;
	struct misp_otp row;
	TRY(store_kv_get(t, record_key(user_id, key), &value));
	TRY(unpack_entity(value, &desc_misp_otp, a, &row));
	return entity_copy(a, &desc_misp_otp, &row, out);
}

static enum err put(struct store_wtxn *w, uint64_t user_id, const struct misp_otp *o, struct fail *f)
{
	char key[32];
	OWN(buf) struct buf b = BUF(RECORD_MAX);
	pack_entity(&b, &desc_misp_otp, o, PACK_STORE);
	TRY(buf_err(&b));
	return store_kv_put(w, record_key(user_id, key), buf_str(&b), f);
}

/* The account says in lists whether it has one. */
static enum err mark_user(struct store_wtxn *w, uint64_t user_id, bool on, struct arena *a,
			  struct fail *f)
{
	struct misp_user row, u;
	TRY(store_get(store_view(w), T_USER, user_id, a, &row));
	TRY(entity_copy(a, &desc_misp_user, &row, &u));
	u.totp_set = on;
	return store_put(w, T_USER, user_id, &u, f);
}

/* What the secret is bound to: it cannot be moved to another account. */
static enum err open_secret(const struct api *api, uint64_t user_id, const struct misp_otp *o,
			    struct buf *out, struct fail *f)
{
	char key[32];
	return secret_open(api->peer_key, o->sealed, record_key(user_id, key), out, f);
}

/* ---- recovery codes ---- */

static struct sha256 recovery_digest(const struct api *api, uint64_t user_id, struct str code)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "recovery:%llu:%.*s", (unsigned long long)user_id,
			 STR_ARG(str_sub(code, 0, 40)));
	return hash_hmac(api->key_secret, (struct str){text, (size_t)n});
}

/* 80 bits, in letters that cannot be taken for each other. */
static void recovery_new(char out[OTP_RECOVERY_LEN + 1])
{
	static const char set[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* 31 */
	unsigned n = 0;
	while (n < OTP_RECOVERY_LEN) {
		uint8_t b;
		if (n % 5 == 4) {
			out[n++] = '-';
			continue;
		}
		random_bytes(&b, 1);
		if (b < 248) /* 8 * 31 */
			out[n++] = set[b % 31];
	}
	out[n] = 0;
}

/* The digests without this code's; false: it is none of them. */
static bool recovery_take(const struct api *api, uint64_t user_id, struct str code, struct str digests,
			  char left[OTP_RECOVERY * DIGEST], size_t *n)
{
	struct sha256 d = recovery_digest(api, user_id, code);
	bool found = false;
	*n = 0;
	for (size_t i = 0; i + DIGEST <= digests.n && *n + DIGEST <= OTP_RECOVERY * DIGEST; i += DIGEST) {
		if (!found && ct_equal(digests.p + i, d.b, DIGEST)) {
			found = true;
			continue;
		}
		memcpy(left + *n, digests.p + i, DIGEST);
		*n += DIGEST;
	}
	return found;
}

/* ---- jobs ---- */

enum err otp_make(struct store_wtxn *w, const struct api *api, uint64_t user_id,
		  struct otp_shown *shown, struct fail *f)
{
	char key[32];
	uint8_t secret[TOTP_SECRET];
	struct misp_otp o = {.created = clock_now()}, before;
	OWN(arena) struct arena *a = arena_new(1 << 16);
	OWN(buf) struct buf sealed = BUF(RECORD_MAX), text = BUF(64);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = otp_get(store_view(w), user_id, a, &before);
	if (e == ERR_OK && before.confirmed)
		return fail(f, ERR_EXISTS, "one-time codes are set up");
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	random_bytes(secret, sizeof(secret));
	struct str s = {(const char *)secret, sizeof(secret)};
	base32_encode(&text, s);
	snprintf(shown->secret, sizeof(shown->secret), "%.*s", STR_ARG(buf_str(&text)));
	e = secret_seal(api->peer_key, s, record_key(user_id, key), &sealed, f);
	secret_wipe(secret, sizeof(secret));
	TRY(e);
	o.sealed = buf_str(&sealed);
	return put(w, user_id, &o, f);
}

enum err otp_confirm(struct store_wtxn *w, const struct api *api, uint64_t user_id, struct str code,
		     struct otp_shown *shown, struct fail *f)
{
	char digests[OTP_RECOVERY * DIGEST];
	struct misp_otp o;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(buf) struct buf secret = BUF(64);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(otp_get(store_view(w), user_id, a, &o));
	if (o.confirmed)
		return fail(f, ERR_NOENT, "nothing to confirm");
	if (code.p) {
		TRY(open_secret(api, user_id, &o, &secret, f));
		bool good = totp_match(buf_str(&secret), code, clock_now(), 0, &o.last_step);
		secret_wipe(secret.p, secret.n);
		if (!good)
			return fail(f, ERR_AUTH, "wrong code");
	}
	for (size_t i = 0; i < OTP_RECOVERY; i++) {
		recovery_new(shown->recovery[i]);
		struct sha256 d = recovery_digest(api, user_id, str_c(shown->recovery[i]));
		memcpy(digests + i * DIGEST, d.b, DIGEST);
	}
	o.recovery = (struct str){digests, sizeof(digests)};
	o.confirmed = true;
	TRY(mark_user(w, user_id, true, a, f));
	return put(w, user_id, &o, f);
}

enum err otp_use(struct store_wtxn *w, const struct api *api, uint64_t user_id, struct str code,
		 struct fail *f)
{
	char left[OTP_RECOVERY * DIGEST];
	size_t n = 0;
	struct misp_otp o;
	OWN(arena) struct arena *a = arena_new(1 << 16);
	OWN(buf) struct buf secret = BUF(64);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(otp_get(store_view(w), user_id, a, &o));
	if (!o.confirmed)
		return fail(f, ERR_AUTH, "not confirmed");
	code = str_trim(code);
	if (code.n == OTP_RECOVERY_LEN && recovery_take(api, user_id, code, o.recovery, left, &n)) {
		o.recovery = (struct str){left, n};
		return put(w, user_id, &o, f);
	}
	TRY(open_secret(api, user_id, &o, &secret, f));
	bool good = totp_match(buf_str(&secret), code, clock_now(), o.last_step, &o.last_step);
	secret_wipe(secret.p, secret.n);
	return good ? put(w, user_id, &o, f) : fail(f, ERR_AUTH, "wrong code");
}

enum err otp_remove(struct store_wtxn *w, uint64_t user_id, struct fail *f)
{
	char key[32];
	OWN(arena) struct arena *a = arena_new(1 << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_kv_del(w, record_key(user_id, key), f);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	e = mark_user(w, user_id, false, a, f);
	return e == ERR_NOENT ? ERR_OK : e;
}

struct str otp_uri(struct arena *a, struct str issuer, struct str account, const char *secret)
{
	OWN(buf) struct buf b = BUF(4096);
	const struct str parts[] = {issuer, account, issuer};
	static const char *const before[] = {"otpauth://totp/", ":", "?issuer="};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_puts(&b, before[i]);
		for (size_t k = 0; k < parts[i].n; k++) {
			unsigned char c = (unsigned char)parts[i].p[k];
			bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				     (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '@';
			if (plain)
				buf_putc(&b, (char)c);
			else
				buf_printf(&b, "%%%02X", c);
		}
	}
	buf_printf(&b, "&secret=%s&algorithm=SHA1&digits=6&period=30", secret);
	return arena_str(a, buf_str(&b));
}
