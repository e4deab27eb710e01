/*
 * auth.c - who calls: API keys (stored as HMAC, so that the store gives none away), the local
 * socket, permissions. Texts as recorded; rest-api.md 1.5.
 */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>

#include "api/accounts.h"
#include "api/audit.h"
#include "api/auth.h"
#include "api/client.h"
#include "api/key_use.h"
#include "api/keyring.h"
#include "api/rates.h"
#include "api/rest.h"
#include "api/session.h"
#include "api/taxii.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/net.h"
#include "metrics/metrics.h"
#include "model/pack.h"

#define KEY_LEN API_KEY_LEN

static const char text_failed[] =
	"Authentication failed. Please make sure you pass the API key of an API enabled user along in "
	"the Authorization header.";

struct sha256 api_key_digest(const struct api *api, struct str key)
{
	return hash_hmac(api->key_secret, key);
}

void api_key_new(char out[KEY_LEN + 1])
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (unsigned i = 0; i < KEY_LEN;) {
		uint8_t b;
		random_bytes(&b, 1);
		if (b < 248) /* 4 * 62: no value is likelier than another */
			out[i++] = set[b % 62];
	}
	out[KEY_LEN] = 0;
}

static bool key_shaped(struct str s)
{
	if (s.n != KEY_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]))
			return false;
	return true;
}

/* ---- addresses a key may be used from ---- */

static bool address_allowed(const struct misp_authkey *k, const struct http_peer *p)
{
	struct net net;
	size_t i;
	json_t *v;
	bool ok = false;
	if (!k->allowed_ips.n)
		return true;
	json_t *list = json_loadb(k->allowed_ips.p, k->allowed_ips.n, 0, NULL);
	json_array_foreach(list, i, v)
		ok |= net_parse(str_c(json_string_value(v)), &net) && net_has(&net, p->ip);
	ok |= list && json_array_size(list) == 0;
	json_decref(list);
	return ok;
}

/* ---- the user ---- */

enum err auth_refuse(struct http_req *r, struct fail *f, const char *text)
{
	if (taxii_is(r)) /* 401: who it is, is not known */
		taxii_refuse(r, r->user ? 403 : 401, text);
	else
		reply_error(r, 403, "%s", text);
	return fail(f, ERR_AUTH, "%s", text);
}

struct caller account_caller(const struct misp_user *u, const struct misp_role *role,
			     const struct misp_org *org)
{
	bool admin = role->perms & perm_site_admin;
	bool sync = role->perms & perm_sync;
	return (struct caller){
		.kind = admin ? AUD_OPERATOR : sync ? AUD_PEER : AUD_MEMBER,
		.user_id = u->id,
		.org_id = u->org_id,
		.org = org->uuid,
		.name = u->email,
		.site_admin = admin,
		.perm_sync = sync,
		.perm_audit = role->perms & perm_audit,
		.bound_id = u->server_id,
	};
}

/* User, role and organisation, copied into the arena. */
static enum err account_load(struct arena *a, const struct store_rtxn *t, uint64_t user_id,
			     struct api_user *u)
{
	struct misp_user user;
	struct misp_role role;
	struct misp_org org;
	TRY(store_get(t, T_USER, user_id, a, &user));
	TRY(store_get(t, T_ROLE, user.role_id, a, &role));
	TRY(store_get(t, T_ORG, user.org_id, a, &org));
	TRY(entity_copy(a, &desc_misp_user, &user, &u->user));
	TRY(entity_copy(a, &desc_misp_role, &role, &u->role));
	TRY(entity_copy(a, &desc_misp_org, &org, &u->org));
	u->perms = (uint32_t)u->role.perms;
	if (u->key.read_only)
		u->perms &= perm_auth | perm_audit;
	u->caller = account_caller(&u->user, &u->role, &u->org);
	return ERR_OK;
}

enum err auth_load(struct http_req *r, const struct store_rtxn *t, uint64_t user_id,
		   struct api_user *u, struct fail *f)
{
	return account_load(r->arena, t, user_id, u) == ERR_OK ? ERR_OK :
								 auth_refuse(r, f, text_failed);
}

const char *auth_account_fault(const struct misp_user *u)
{
	if (u->disabled)
		return "Authentication failed. Your user account has been disabled.";
	if (u->expiration && u->expiration < clock_now())
		return "Authentication failed. Your user account has expired.";
	return NULL;
}

#define KEYS_MAX 8

/* Next key of a comma-separated list; what has not the form of one (Basic ...) is passed over. */
static bool next_key(struct str *header, unsigned *n, struct str *key)
{
	while (header->p && (*n)++ < KEYS_MAX) {
		*header = str_split(*header, ',', key);
		*key = str_trim(*key);
		if (key_shaped(*key))
			return true;
	}
	return false;
}

static enum err find_key(struct http_req *r, const struct store_rtxn *t, struct str key,
			 struct known_key *k)
{
	uint64_t id;
	struct misp_authkey row;
	struct sha256 d = api_key_digest(api_of(r), key);
	struct str digest = {(const char *)d.b, sizeof(d.b)};
	TRY(store_find(t, IX_AUTHKEY_DIGEST, digest, &id));
	TRY(store_get(t, T_AUTHKEY, id, k->arena, &row));
	/* the look-up is by a keyed digest; the comparison is constant-time all the same */
	if (row.digest.n != digest.n || !ct_equal(row.digest.p, digest.p, digest.n))
		return ERR_NOENT;
	return entity_copy(k->arena, &desc_misp_authkey, &row, &k->user.key);
}

/* Whose key it is, as the store has it now. ERR_NOENT: nobody's. */
static enum err know_key(struct http_req *r, struct str key, struct known_key **out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(known_key) struct known_key *k = NULL;
	struct api *api = api_of(r);
	*out = keyring_find(api->keys, key, store_version(api->store));
	if (*out)
		return ERR_OK;
	TRY(store_read(api->store, &t, f));
	k = known_key_new(key, store_read_version(t));
	if (!k)
		return fail(f, ERR_NOMEM, "no memory");
	if (find_key(r, t, key, k) != ERR_OK)
		return ERR_NOENT;
	k->whole = account_load(k->arena, t, k->user.key.user_id, &k->user) == ERR_OK;
	keyring_add(api->keys, k);
	*out = MOVE(k);
	return ERR_OK;
}

/* Why this key may not be used now, or NULL. */
static const char *key_fault(const struct misp_authkey *k, const struct http_peer *p)
{
	if (k->expiration && k->expiration < clock_now())
		return "Auth key is expired";
	if (!address_allowed(k, p))
		return "It is not possible to use this Auth key from your IP address";
	return NULL;
}

/* So that a peer's administrator hears of it in time (sync-protocol.md 2.3). */
static void tell_expiration(struct http_req *r, int64_t at)
{
	struct clock_civil c = clock_to_civil(at);
	char text[40];
	if (!at)
		return;
	int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d+00:00", c.year, c.month,
			 c.day, c.hour, c.minute, c.second);
	reply_header(r, "X-Auth-Key-Expiration", (struct str){text, (size_t)n});
}

/*
 * Nobody has this key. Who sends many such keys, and all who try keys that begin alike, are told to
 * wait; a key that is good is let in from anywhere at any time, for keys cannot be guessed and many
 * may share an address.
 */
static enum err key_unknown(struct http_req *r, struct str key, struct fail *f)
{
	struct throttle *t = api_of(r)->throttle;
	int64_t now = clock_boot_ms();
	unsigned wait = throttle_take(t, THROTTLE_KEY_ADDRESS, throttle_address(r->peer.ip), now);
	if (!wait && key.n)
		wait = throttle_take(t, THROTTLE_KEY_PREFIX, str_sub(key, 0, 4), now);
	metric_add(M_AUTH_REFUSED, METRIC_BY_KEY, 0, 1);
	if (!wait)
		return auth_refuse(r, f, text_failed);
	metric_add(M_AUTH_HELD, METRIC_BY_KEY, 0, 1);
	reply_header_u64(r, "Retry-After", wait);
	reply_error(r, 429, "Too many requests with unknown keys. Try again in %u s.", wait);
	return fail(f, ERR_AUTH, "held back: too many unknown keys");
}

/* A browser is shown where to log in (recorded, connect 32); who asks for JSON hears why not. */
enum err auth_nobody(struct http_req *r, struct fail *f, const char *text)
{
	struct str accept = req_header(r, "Accept");
	bool browser = !accept.p || str_find(accept, STR("text/html")) >= 0;
	bool api = r->ext.n || req_header(r, "Content-Type").p || (r->ep->flags & EP_EXACT) ||
		   str_has_suffix(str_c(r->ep->path), STR("/restSearch"));
	if (!browser || api || !(r->method & HTTP_READ) || !api_of(r)->conf->login_enabled)
		return auth_refuse(r, f, text);
	struct str base = api_of(r)->base_url;
	if (str_find(base, STR("://:::")) >= 0 || str_find(base, STR("://0.0.0.0")) >= 0)
		base = STR_NONE; /* made of an address to listen on that is no address to go to */
	reply_header(r, "Location", arena_printf(r->arena, "%.*s/users/login", STR_ARG(base)));
	reply_empty(r, 302);
	return fail(f, ERR_AUTH, "%s", text);
}

/* The first key of the list that is good counts; when none is, what is wrong with the first one
   that somebody has. */
static enum err by_key(struct http_req *r, struct api_user *u, struct fail *f)
{
	struct str header = req_header(r, "X-MISP-AUTH"), key, tried = STR_NONE;
	const char *fault = NULL;
	bool good = false;
	unsigned n = 0;
	if (!header.p)
		header = req_header(r, "Authorization");
	if (taxii_is(r))
		header = taxii_key(r, header);
	if (!str_trim(header).n)
		return auth_nobody(r, f, text_failed);
	while (!good && next_key(&header, &n, &key)) {
		OWN(known_key) struct known_key *k = NULL;
		tried = key;
		enum err e = know_key(r, key, &k, f);
		if (e == ERR_NOENT)
			continue;
		TRY(e);
		const char *why = key_fault(&k->user.key, &r->peer);
		good = !why;
		if (good || !fault) {
			known_key_unref(u->known);
			if (good)
				*u = k->user;
			else
				u->key = k->user.key;
			u->known = MOVE(k);
		}
		if (!fault)
			fault = why;
	}
	if (!good && !fault)
		return key_unknown(r, tried, f);
	if (!good) {
		metric_add(M_AUTH_REFUSED, METRIC_BY_KEY, 0, 1);
		return auth_refuse(r, f, fault);
	}
	if (!u->known->whole)
		return auth_refuse(r, f, text_failed);
	fault = auth_account_fault(&u->user);
	if (fault)
		return auth_refuse(r, f, fault);
	if (!(u->perms & perm_auth))
		return auth_refuse(r, f, text_failed);
	tell_expiration(r, u->key.expiration);
	key_use_note(r, &u->key, &u->user);
	return ERR_OK;
}

/* The local tool. The socket file's owner and group decide who can connect (http/listen.c). */
static enum err by_socket(struct http_req *r, const struct store_rtxn *t, struct api_user *u,
			  struct fail *f)
{
	return auth_load(r, t, 1, u, f);
}

/* By primary or further group. The daemon reads the system's lists at each request over the socket
   that is neither root's nor its own, so that a removed member is out at once. */
static bool in_group(uid_t uid, gid_t gid, const char *name)
{
	char room[16384], more[16384];
	struct group g, *found = NULL;
	struct passwd pw, *who = NULL;
	gid_t groups[256];
	int n = (int)ARRAY_LEN(groups);
	if (getgrnam_r(name, &g, room, sizeof(room), &found) != 0 || !found)
		return false;
	if (gid == g.gr_gid)
		return true;
	if (getpwuid_r(uid, &pw, more, sizeof(more), &who) != 0 || !who ||
	    getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == g.gr_gid)
			return true;
	return false;
}

/* Over the socket: root, the daemon's own user, and members of socket_group. The file's permissions
   say the same; this holds also when somebody has loosened those. */
static bool local_allowed(const struct http_req *r)
{
	const struct http_peer *p = &r->peer;
	const struct conf *c = api_of(r)->conf;
	if (!p->is_unix)
		return false;
	if (p->uid == 0 || p->uid == geteuid())
		return true;
	return c && c->socket_group && in_group(p->uid, p->gid, c->socket_group);
}

/* ---- how much ---- */

/* Searches of a role with a rate limit (rest-api.md 1.4). */
static enum err within_rate(struct http_req *r, const struct api_user *u, struct fail *f)
{
	uint64_t left;
	int64_t reset;
	if (!r->ep->rate || !u->role.enforce_rate_limit || !api_of(r)->rates)
		return ERR_OK;
	if (!u->role.rate_limit_count) {
		reply_error(r, 405, "API searches are not allowed for this user role.");
		return fail(f, ERR_PERM, "the role may not search");
	}
	bool good = rates_take(api_of(r)->rates, u->user.id, u->role.rate_limit_count, clock_now(),
			       &left, &reset);
	reply_header_u64(r, "X-Rate-Limit-Limit", u->role.rate_limit_count);
	reply_header_u64(r, "X-Rate-Limit-Remaining", left);
	reply_header_u64(r, "X-Rate-Limit-Reset", (uint64_t)reset);
	if (good)
		return ERR_OK;
	metric_add(M_AUTH_RATE, 0, 0, 1);
	reply_error(r, 429, "Rate limit exceeded.");
	return fail(f, ERR_BUSY, "rate limit of the role");
}

/* A key that only reads gets nowhere where something is changed, whatever the row says of
   permissions: rows that want none change one's own account, keys and settings. */
static bool permitted(const struct http_req *r, const struct api_user *u)
{
	return (u->perms & r->ep->auth) == r->ep->auth &&
	       !(u->key.read_only && api_audit_class(r)->changes);
}

enum err api_auth(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct api_user *u = ARENA_NEW(r->arena, struct api_user);
	bool keyed = req_header(r, "Authorization").p || req_header(r, "X-MISP-AUTH").p;
	struct str token;
	enum err e;
	if (!u)
		return fail(f, ERR_NOMEM, "no memory");
	client_resolve(r);
	bool local = !keyed && local_allowed(r), session = !keyed && !local && session_cookie(r, &token);
	if (local || session)
		TRY(store_read(api_of(r)->store, &t, f));
	if (local)
		e = by_socket(r, t, u, f);
	else if (session)
		e = auth_by_session(r, t, u, f);
	else
		e = by_key(r, u, f);
	if (e == ERR_AUTH)
		api_audit_refused(r, u, f->text);
	if (e != ERR_OK)
		known_key_unref(MOVE(u->known));
	TRY(e);
	r->user = u;
	if (!permitted(r, u))
		return auth_refuse(r, f, "You do not have permission to use this functionality.");
	TRY(auth_session_may(r, u, f));
	TRY(within_rate(r, u, f));
	api_audit_admitted(r);
	return ERR_OK;
}

void api_gone(struct http_req *r)
{
	struct api_user *u = r->user;
	api_audit_gone(r);
	if (u)
		known_key_unref(MOVE(u->known));
}
