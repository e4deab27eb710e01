/*
 * callers.c - who is behind an audience of the ledger: the peer, user or published thing of that name,
 * organisation and kind, as the policy in force sees it.
 */
#include <stdio.h>

#include "model/pack.h"
#include "model/perms.h"
#include "retract/retract.h"

#define LOOK_MAX 1000 /* rows that are looked at to see whether one is to be told */

static struct str native_key(uint64_t user_id, char out[48])
{
	int n = snprintf(out, 48, "retract/native/%llu", (unsigned long long)user_id);
	return (struct str){out, (size_t)n};
}

static bool is_him(const struct audience *aud, const struct ledger_audience *who)
{
	return aud->kind == who->kind && str_eq(str_c(aud->name), who->name) &&
	       uuid_eq(aud->org, who->org);
}

static struct uuid org_uuid(const struct store_rtxn *t, uint64_t id)
{
	struct misp_org o;
	return id && store_get(t, T_ORG, id, NULL, &o) == ERR_OK ? o.uuid : UUID_NIL;
}

static struct caller caller_of_peer(const struct egress_env *env, const struct store_rtxn *t,
				    const struct misp_peer *row)
{
	return (struct caller){.kind = AUD_PEER,
			       .org_id = row->remote_org_id,
			       .org = org_uuid(t, row->remote_org_id),
			       .name = row->name,
			       .url = row->url,
			       .perm_sync = true,
			       .internal = row->internal && env->host_org_id &&
					   row->remote_org_id == env->host_org_id,
			       .push = true,
			       .peer_id = row->id};
}

/* As in the authentication of a request. */
static bool caller_of_user(const struct store_rtxn *t, const struct misp_user *u,
			   struct caller *out)
{
	struct misp_role role;
	if (u->disabled || store_get(t, T_ROLE, u->role_id, NULL, &role) != ERR_OK ||
	    !(role.perms & perm_sync) || role.perms & perm_site_admin)
		return false;
	*out = (struct caller){.kind = AUD_PEER,
			       .user_id = u->id,
			       .org_id = u->org_id,
			       .org = org_uuid(t, u->org_id),
			       .name = u->email,
			       .perm_sync = true,
			       .perm_audit = role.perms & perm_audit,
			       .bound_id = u->server_id};
	return true;
}

struct search_for {
	const struct egress_env *env;
	const struct store_rtxn *t;
	const struct ledger_audience *who;
	const struct policy *p;
	struct arena *a;
	struct recipient *out;
};

static enum err take(struct search_for *s, enum retract_route route, const struct caller *c)
{
	struct audience aud;
	policy_audience(s->p, c, &aud);
	if (!is_him(&aud, s->who))
		return ERR_NOENT;
	s->out->route = route;
	s->out->aud = aud;
	s->out->caller = *c;
	s->out->caller.name = arena_str(s->a, c->name);
	s->out->caller.url = arena_str(s->a, c->url);
	return ERR_OK;
}

static enum err among_peers(struct search_for *s)
{
	struct misp_peer row;
	uint64_t id = 0;
	enum err e;
	while ((e = store_next(s->t, T_PEER, &id, NULL, &row)) == ERR_OK) {
		struct caller c = caller_of_peer(s->env, s->t, &row);
		e = row.push ? take(s, RETRACT_BY_PUSH, &c) : ERR_NOENT;
		if (e != ERR_NOENT)
			return e;
	}
	return e;
}

static enum err among_users(struct search_for *s)
{
	struct misp_user row;
	struct caller c;
	struct str v;
	char key[48];
	uint64_t id = 0;
	enum err e;
	while ((e = store_next(s->t, T_USER, &id, NULL, &row)) == ERR_OK) {
		e = caller_of_user(s->t, &row, &c) ? take(s, RETRACT_BY_PULL, &c) : ERR_NOENT;
		if (e == ERR_NOENT)
			continue;
		s->out->native = store_kv_get(s->t, native_key(id, key), &v) == ERR_OK;
		return e;
	}
	return e;
}

static enum err find(struct search_for *s, struct fail *f)
{
	const struct ledger_audience *who = s->who;
	enum err e;
	if (who->kind != AUD_PEER) {
		e = policy_audience_named(s->p, who->name, &s->out->aud);
		if (e == ERR_OK && s->out->aud.kind == who->kind)
			s->out->route = who->kind == AUD_FEED ? RETRACT_BY_FOLDER : RETRACT_BY_QUERY;
		return ERR_OK;
	}
	/* who pushes to a partner tells it there, even if the partner pulls as well */
	e = among_peers(s);
	if (e == ERR_NOENT)
		e = among_users(s);
	return e == ERR_NOENT || e == ERR_OK ? ERR_OK : fail(f, e, "looking for a recipient");
}

enum err recipient_find(const struct egress_env *env, const struct store_rtxn *t,
			const struct ledger_audience *who, struct arena *a, struct recipient *out,
			struct fail *f)
{
	struct policy *p = env->policy(env->user);
	struct search_for s = {env, t, who, p, a, out};
	*out = (struct recipient){.route = RETRACT_BY_NONE};
	enum err e = find(&s, f);
	policy_unref(p);
	return e;
}

/* ---- who asks ---- */

static enum err run_native(struct store_wtxn *w, void *arg, struct fail *f)
{
	char key[48];
	return store_kv_put(w, native_key(*(uint64_t *)arg, key), STR("1"), f);
}

enum err recipient_is_native(struct store *s, uint64_t user_id, struct fail *f)
{
	struct store_rtxn *t = NULL;
	char key[48];
	struct str v;
	TRY(store_read(s, &t, f));
	enum err e = store_kv_get(t, native_key(user_id, key), &v);
	store_read_end(t);
	return e == ERR_NOENT ? store_run(s, run_native, &user_id, f) : e;
}

enum err recipient_number(const struct store_rtxn *t, const struct audience *aud, uint32_t *number)
{
	struct ledger_audience who = {
		.kind = (uint8_t)aud->kind, .org = aud->org, .name = str_c(aud->name)};
	return ledger_audience_find(t, &who, number);
}

bool recipient_waits(const struct store_rtxn *t, const struct audience *aud)
{
	OWN(buf) struct buf key = BUF(64);
	struct retraction r;
	uint32_t number;
	if (!store_book_count(t, BOOK_RETRACTIONS) ||
	    recipient_number(t, aud, &number) != ERR_OK)
		return false;
	for (unsigned i = 0; i < LOOK_MAX; i++)
		if (retraction_next(t, false, number, &key, &r) != ERR_OK)
			return false;
		else if (!retraction_goes_along(&r))
			return true;
	return true;
}
