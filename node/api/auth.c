/*
 * auth.c - who calls: API keys (stored as HMAC, so that the store gives none away), the local
 * socket, permissions. Texts as recorded; rest-api.md 1.5.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <grp.h>
#include <pwd.h>

#include "api/accounts.h"
#include "api/audit.h"
#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/pack.h"

#define KEY_LEN 40

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

static bool in_cidr(const uint8_t ip[16], const char *cidr)
{
	char text[64];
	uint8_t net[16] = {[10] = 0xff, [11] = 0xff};
	uint64_t bits = 128;
	struct str host, rest = str_split(str_c(cidr), '/', &host);
	if (host.n >= sizeof(text))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = 0;
	bool v4 = inet_pton(AF_INET, text, net + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, text, net) != 1)
		return false;
	if (rest.p && !str_u64(rest, &bits))
		return false;
	if (v4)
		bits = rest.p ? bits + 96 : 128;
	if (bits > 128)
		return false;
	for (unsigned i = 0; i < bits; i++)
		if ((ip[i / 8] ^ net[i / 8]) & (0x80 >> (i % 8)))
			return false;
	return true;
}

static bool address_allowed(const struct misp_authkey *k, const struct http_peer *p)
{
	size_t i;
	json_t *v;
	bool ok = false;
	if (!k->allowed_ips.n)
		return true;
	json_t *list = json_loadb(k->allowed_ips.p, k->allowed_ips.n, 0, NULL);
	json_array_foreach(list, i, v)
		ok |= json_is_string(v) && in_cidr(p->ip, json_string_value(v));
	ok |= list && json_array_size(list) == 0;
	json_decref(list);
	return ok;
}

/* ---- the user ---- */

static enum err refuse(struct http_req *r, struct fail *f, const char *text)
{
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

static enum err load(struct http_req *r, const struct store_rtxn *t, uint64_t user_id,
		     struct api_user *u, struct fail *f)
{
	struct misp_user user;
	struct misp_role role;
	struct misp_org org;
	enum err e = store_get(t, T_USER, user_id, r->arena, &user);
	if (e == ERR_OK)
		e = store_get(t, T_ROLE, user.role_id, r->arena, &role);
	if (e == ERR_OK)
		e = store_get(t, T_ORG, user.org_id, r->arena, &org);
	if (e == ERR_OK)
		e = entity_copy(r->arena, &desc_misp_user, &user, &u->user);
	if (e == ERR_OK)
		e = entity_copy(r->arena, &desc_misp_role, &role, &u->role);
	if (e == ERR_OK)
		e = entity_copy(r->arena, &desc_misp_org, &org, &u->org);
	if (e != ERR_OK)
		return refuse(r, f, text_failed);
	u->perms = (uint32_t)u->role.perms;
	if (u->key.read_only)
		u->perms &= perm_auth | perm_audit;
	u->caller = account_caller(&u->user, &u->role, &u->org);
	return ERR_OK;
}

#define KEYS_MAX 8

/* The row of the first key in a comma-separated list that is known. */
static enum err find_key(struct http_req *r, const struct store_rtxn *t, struct str header,
			 struct misp_authkey *row)
{
	struct str item;
	for (unsigned n = 0; header.p && n < KEYS_MAX; n++) {
		uint64_t id;
		header = str_split(header, ',', &item);
		item = str_trim(item);
		if (!key_shaped(item))
			continue;
		struct sha256 d = api_key_digest(api_of(r), item);
		struct str digest = {(const char *)d.b, sizeof(d.b)};
		enum err e = store_find(t, IX_AUTHKEY_DIGEST, digest, &id);
		if (e == ERR_OK)
			e = store_get(t, T_AUTHKEY, id, r->arena, row);
		/* the look-up is by a keyed digest; the comparison is constant-time all the same */
		if (e == ERR_OK && row->digest.n == digest.n &&
		    ct_equal(row->digest.p, digest.p, digest.n))
			return ERR_OK;
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return ERR_AUTH;
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

static enum err by_key(struct http_req *r, const struct store_rtxn *t, struct api_user *u,
		       struct fail *f)
{
	struct str header = req_header(r, "X-MISP-AUTH");
	struct misp_authkey row;
	if (!header.p)
		header = req_header(r, "Authorization");
	if (find_key(r, t, header, &row) != ERR_OK)
		return refuse(r, f, text_failed);
	TRY(entity_copy(r->arena, &desc_misp_authkey, &row, &u->key));
	if (row.expiration && row.expiration < clock_now())
		return refuse(r, f, "Auth key is expired");
	if (!address_allowed(&row, &r->peer))
		return refuse(r, f,
			      "It is not possible to use this Auth key from your IP address");
	TRY(load(r, t, row.user_id, u, f));
	if (u->user.disabled)
		return refuse(r, f, "Authentication failed. Your user account has been disabled.");
	if (!(u->perms & perm_auth))
		return refuse(r, f, text_failed);
	tell_expiration(r, row.expiration);
	return ERR_OK;
}

/* The local tool. The socket file's owner and group decide who can connect (http/listen.c). */
static enum err by_socket(struct http_req *r, const struct store_rtxn *t, struct api_user *u,
			  struct fail *f)
{
	return load(r, t, 1, u, f);
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

enum err api_auth(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct api_user *u = ARENA_NEW(r->arena, struct api_user);
	bool keyed = req_header(r, "Authorization").p || req_header(r, "X-MISP-AUTH").p;
	if (!u)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(api_of(r)->store, &t, f));
	enum err e = local_allowed(r) && !keyed ? by_socket(r, t, u, f) : by_key(r, t, u, f);
	if (e == ERR_AUTH)
		api_audit_refused(r, u, f->text);
	TRY(e);
	r->user = u;
	if ((u->perms & r->ep->auth) != r->ep->auth)
		return refuse(r, f, "You do not have permission to use this functionality.");
	api_audit_admitted(r);
	return ERR_OK;
}
