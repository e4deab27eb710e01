/*
 * preview_who.c - who is meant by a name, and by which way such an audience gets events.
 */
#include "api/preview_who.h"

#include "api/accounts.h"
#include "model/pack.h"

const char *preview_way_name(enum preview_way w)
{
	static const char *const names[] = {"read", "push", "feed", "taxii", "export"};
	return names[w];
}

void preview_who_close(struct preview_who *who)
{
	push_look_close(who->look);
	who->look = NULL;
}

enum err preview_view(const struct preview_who *who, const struct egress_env *env, struct view **v,
		      struct fail *f)
{
	return who->is_caller ? view_open(env, &who->caller, v, f)
			      : view_open_as(env, &who->aud, v, f);
}

/* ---- users ------------------------------------------------------------------------------------- */

static enum err user_find(const struct store_rtxn *t, struct str name, struct arena *a,
			  struct misp_user *out)
{
	struct misp_user row;
	uint64_t id = 0, found;
	enum err e;
	if (str_u64(name, &found)) {
		TRY(store_get(t, T_USER, found, a, &row));
		return entity_copy(a, &desc_misp_user, &row, out);
	}
	while ((e = store_next(t, T_USER, &id, NULL, &row)) == ERR_OK)
		if (str_eq_nocase(row.email, name)) {
			TRY(store_get(t, T_USER, id, a, &row));
			return entity_copy(a, &desc_misp_user, &row, out);
		}
	return e;
}

static enum err take_user(const struct store_rtxn *t, struct str name, struct arena *a,
			  struct preview_who *who)
{
	struct misp_role role;
	struct misp_org org;
	TRY(user_find(t, name, a, &who->user));
	TRY(store_get(t, T_ROLE, who->user.role_id, a, &role));
	TRY(store_get(t, T_ORG, who->user.org_id, a, &org));
	who->way = WAY_READ;
	who->is_caller = true;
	who->caller = account_caller(&who->user, &role, &org);
	return ERR_OK;
}

/* ---- peers ------------------------------------------------------------------------------------- */

static enum err peer_find(const struct store_rtxn *t, struct str name, uint64_t *found)
{
	struct misp_peer row;
	uint64_t id = 0;
	enum err e;
	if (str_u64(name, found))
		return store_get(t, T_PEER, *found, NULL, &row);
	while ((e = store_next(t, T_PEER, &id, NULL, &row)) == ERR_OK)
		if (str_eq_nocase(row.name, name)) {
			*found = id;
			return ERR_OK;
		}
	return e;
}

static enum err take_peer(const struct api *api, uint64_t id, struct preview_who *who,
			  struct fail *f)
{
	who->link_env = (struct link_env){.store = api->store,
					  .key = api->peer_key,
					  .client = {.proxy = api->conf->proxy},
					  .node_version = PACKAGE_VERSION,
					  .host_org_id = api->ingest.host_org_id};
	TRY(push_look_open(&who->link_env, id, &who->look, f));
	who->way = WAY_PUSH;
	who->is_caller = true;
	who->caller = push_look_caller(who->look);
	return ERR_OK;
}

/* ---- rows of the policy ------------------------------------------------------------------------ */

/* A link that this row is about: then the row is what we push there. */
static uint64_t link_of_row(const struct api *api, const struct policy *p, struct str name,
			    const struct store_rtxn *t)
{
	struct misp_peer row;
	struct misp_org org = {0};
	struct audience aud;
	uint64_t id = 0;
	while (store_next(t, T_PEER, &id, NULL, &row) == ERR_OK) {
		uint64_t host = api->ingest.host_org_id;
		if (!row.push || store_get(t, T_ORG, row.remote_org_id, NULL, &org) != ERR_OK)
			continue;
		struct caller c = {.kind = AUD_PEER,
				   .org_id = row.remote_org_id,
				   .org = org.uuid,
				   .name = row.name,
				   .url = row.url,
				   .perm_sync = true,
				   .internal = row.internal && host && row.remote_org_id == host,
				   .push = true,
				   .peer_id = id};
		policy_audience(p, &c, &aud);
		if (str_eq(str_c(aud.name), name))
			return id;
	}
	return 0;
}

/* Rows name organisations by UUID, sharing groups and owners by the number here. */
static void number_org(const struct store_rtxn *t, struct audience *aud)
{
	struct misp_org row;
	uint64_t id = 0;
	if (uuid_is_nil(aud->org) || aud->org_id)
		return;
	while (store_next(t, T_ORG, &id, NULL, &row) == ERR_OK)
		if (uuid_eq(row.uuid, aud->org))
			aud->org_id = id;
}

static enum err take_row(const struct api *api, const struct store_rtxn *t, struct str name,
			 struct preview_who *who, struct fail *f)
{
	struct policy *p = api->egress.policy(api->egress.user);
	enum err e = policy_audience_named(p, name, &who->aud);
	uint64_t link = e == ERR_OK && who->aud.kind == AUD_PEER ? link_of_row(api, p, name, t) : 0;
	policy_unref(p);
	if (e != ERR_OK)
		return ERR_NOENT;
	if (link)
		return take_peer(api, link, who, f);
	number_org(t, &who->aud);
	who->aud.perm_sync = who->aud.kind == AUD_PEER;
	who->way = who->aud.kind == AUD_FEED ? WAY_FEED
		   : who->aud.kind == AUD_EXPORT || who->aud.kind == AUD_STREAM ? WAY_EXPORT
										: WAY_READ;
	return ERR_OK;
}

/* ---- TAXII servers ----------------------------------------------------------------------------- */

static enum err take_taxii(const struct api *api, const struct store_rtxn *t, struct str name,
			   struct arena *a, struct preview_who *who, struct fail *f)
{
	struct misp_taxii row;
	uint64_t id = 0, wanted;
	bool found = false, by_id = str_u64(name, &wanted);
	while (!found && store_next(t, T_TAXII, &id, a, &row) == ERR_OK)
		found = by_id ? id == wanted : str_eq_nocase(row.name, name);
	if (!found)
		return ERR_NOENT;
	TRY(take_row(api, t, arena_str(a, row.audience), who, f));
	who->way = WAY_TAXII;
	return ERR_OK;
}

/* ------------------------------------------------------------------------------------------------- */

static enum err find(const struct api *api, const struct store_rtxn *t, struct str name,
		     struct arena *a, struct preview_who *who, struct fail *f)
{
	struct str rest = str_sub(name, 5, name.n);
	uint64_t id;
	enum err e;
	if (str_has_prefix(name, STR("user:")))
		return take_user(t, rest, a, who);
	if (str_has_prefix(name, STR("peer:"))) {
		TRY(peer_find(t, rest, &id));
		return take_peer(api, id, who, f);
	}
	if (str_has_prefix(name, STR("taxii:")))
		return take_taxii(api, t, str_sub(name, 6, name.n), a, who, f);
	e = take_row(api, t, name, who, f);
	if (e != ERR_NOENT)
		return e;
	e = peer_find(t, name, &id);
	if (e == ERR_OK)
		return take_peer(api, id, who, f);
	return e == ERR_NOENT ? take_user(t, name, a, who) : e;
}

enum err preview_who(const struct api *api, struct str name, struct arena *a,
		     struct preview_who *who, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	*who = (struct preview_who){.way = WAY_READ};
	TRY(store_read(api->store, &t, f));
	enum err e = find(api, t, arena_str(a, name), a, who, f);
	if (e == ERR_NOENT)
		return fail(f, ERR_NOENT,
			    "There is no audience %.*s: neither in the policy, nor a peer, nor a user",
			    STR_ARG(name));
	if (e == ERR_OK && who->is_caller) {
		struct policy *p = api->egress.policy(api->egress.user);
		policy_audience(p, &who->caller, &who->aud);
		policy_unref(p);
	}
	return e;
}
