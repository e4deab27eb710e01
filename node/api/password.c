/*
 * password.c - passwords of accounts.
 *
 * A digest takes memory and a core for a while: only so many are made at a time, the rest is told to
 * come again, and longer passwords than anybody types are refused unread.
 */
#include "api/password.h"

#include "base/pwhash.h"

#define AT_A_TIME 4u
#define LONG 16u /* needs no mixture */
#define MOST 1024u

static struct pwhash_cost cost_of(const struct api *api)
{
	const struct conf *c = api->conf;
	return (struct pwhash_cost){.memory_kib = (uint32_t)(c->login_memory / 1024),
				    .passes = (uint32_t)c->login_passes,
				    .lanes = (uint32_t)c->login_lanes};
}

const char *password_fault(const struct api *api, struct str p, struct str email)
{
	bool lower = false, upper = false, other = false;
	struct str name;
	for (size_t i = 0; i < p.n; i++) {
		if (p.p[i] >= 'a' && p.p[i] <= 'z')
			lower = true;
		else if (p.p[i] >= 'A' && p.p[i] <= 'Z')
			upper = true;
		else
			other = true;
	}
	str_split(email, '@', &name);
	if (p.n < api->conf->login_password_length || p.n > MOST || memchr(p.p, 0, p.n))
		return "Password length requirement not met.";
	if (p.n < LONG && !(lower && upper && other))
		return "Password complexity requirement not met.";
	for (size_t i = 1; i < p.n; i++)
		if (p.p[i] != p.p[0])
			return name.n > 3 && p.n < 2 * name.n + 4 && str_find_nocase(p, name) >= 0
				       ? "Password complexity requirement not met."
				       : NULL;
	return "Password complexity requirement not met.";
}

static bool enter(struct api *api)
{
	if (atomic_fetch_add(&api->hashing, 1) < AT_A_TIME)
		return true;
	atomic_fetch_sub(&api->hashing, 1);
	return false;
}

static void leave(struct api *api)
{
	atomic_fetch_sub(&api->hashing, 1);
}

enum err password_hash(struct api *api, struct str password, struct arena *a, struct str *out,
		       struct fail *f)
{
	OWN(buf) struct buf b = BUF(512);
	struct pwhash_cost cost = cost_of(api);
	if (!enter(api))
		return fail(f, ERR_BUSY, "too many passwords at a time");
	enum err e = pwhash_make(password, api->key_secret, &cost, &b, f);
	leave(api);
	TRY(e);
	*out = arena_str(a, buf_str(&b));
	return out->p ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

enum err password_check(struct api *api, struct str password, struct str stored, bool *stale,
			struct fail *f)
{
	struct pwhash_cost cost = cost_of(api);
	enum err e;
	*stale = false;
	if (password.n > MOST)
		password = STR_NONE;
	if (!enter(api))
		return fail(f, ERR_BUSY, "too many passwords at a time");
	if (stored.n) {
		e = pwhash_check(password, api->key_secret, stored, f);
		*stale = pwhash_is_stale(stored, &cost);
	} else {
		OWN(buf) struct buf b = BUF(512);
		e = pwhash_make(password, api->key_secret, &cost, &b, f);
		e = e == ERR_OK ? ERR_AUTH : e;
	}
	leave(api);
	return e == ERR_OK && !password.n ? ERR_AUTH : e;
}
