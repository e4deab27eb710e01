/*
 * ep_sharing_groups.c - /sharing_groups: who may what, finding, list and view. Members read, the owner's and
 * extending organisations' group managers edit, the owner deletes. Texts and shapes as recorded
 * (wire/client, sharing-groups).
 */
#include "api/sharing_groups.h"

#include <ctype.h>

#include "api/shapes.h"
#include "model/pack.h"

static const char no_group[] =
	"Sharing group doesn't exist or you do not have permission to access it.";

/* ---- rights ---- */

const struct misp_sgorg *group_org(const struct misp_sg *g, uint64_t org_id)
{
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		if (o->org_id == org_id && org_id)
			return o;
	return NULL;
}

static bool may_see(struct http_req *r, const struct misp_sg *g)
{
	if (may(r, perm_site_admin) || group_org(g, me(r)->user.org_id))
		return true;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id == 0 && s->all_orgs)
			return true;
	return false;
}

bool group_owned(struct http_req *r, const struct misp_sg *g)
{
	return may(r, perm_site_admin) ||
	       (may(r, perm_sharing_group) && g->org_id == me(r)->user.org_id);
}

bool group_editable(struct http_req *r, const struct misp_sg *g)
{
	const struct misp_sgorg *m = group_org(g, me(r)->user.org_id);
	return group_owned(r, g) || (may(r, perm_sharing_group) && m && m->extend);
}

/* ---- finding ---- */

enum err group_load(struct http_req *r, const struct store_rtxn *t, struct str s,
			   struct misp_sg *g)
{
	struct misp_sg row;
	struct uuid u;
	uint64_t id;
	enum err e = ERR_OK;
	if (!str_u64(s, &id))
		e = uuid_parse(s, &u)
			    ? store_find(t, IX_SG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, &id)
			    : ERR_NOENT;
	TRY(e);
	TRY(store_get(t, T_SG, id, r->arena, &row));
	return entity_copy(r->arena, &desc_misp_sg, &row, g);
}

bool group_of_path(struct http_req *r, struct str id, struct misp_sg *g, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK && group_load(r, t, id, g) == ERR_OK &&
	    may_see(r, g))
		return true;
	reply_error(r, r->method == HTTP_HEAD ? 404 : 405, "%s", no_group);
	return false;
}

/* ---- shapes ---- */

static void put_org(struct jsonw *w, const struct store_rtxn *t, uint64_t id, bool local)
{
	struct misp_org o = {.id = id, .name = STR("")};
	if (store_get(t, T_ORG, id, NULL, &o) != ERR_OK)
		o = (struct misp_org){.id = id, .name = STR("")};
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", o.id);
	JSONW_KV(w, jsonw_str, "name", o.name);
	JSONW_KV(w, jsonw_uuid, "uuid", o.uuid);
	if (local)
		JSONW_KV(w, jsonw_bool, "local", o.local);
	jsonw_obj_end(w);
}

static void put_members(struct jsonw *w, const struct store_rtxn *t, const struct misp_sg *g,
			bool local)
{
	uint64_t n = 0;
	jsonw_key(w, "SharingGroupOrg");
	jsonw_arr(w);
	LIST_EACH(o, g->orgs, struct misp_sgorg) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", ++n);
		JSONW_KV(w, jsonw_uint_str, "sharing_group_id", g->id);
		JSONW_KV(w, jsonw_uint_str, "org_id", o->org_id);
		JSONW_KV(w, jsonw_bool, "extend", o->extend);
		jsonw_key(w, "Organisation");
		put_org(w, t, o->org_id, local);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

enum server_form { SERVER_SAVED, SERVER_VIEW, SERVER_INDEX };

static void put_server(struct http_req *r, struct jsonw *w, const struct store_rtxn *t, uint64_t id,
		       enum server_form form)
{
	struct misp_peer p = {0};
	if (form == SERVER_SAVED)
		return;
	jsonw_key(w, "Server");
	if (form == SERVER_INDEX && id == 0) {
		jsonw_arr(w);
		jsonw_arr_end(w);
		return;
	}
	if (id == 0)
		p = (struct misp_peer){.name = STR("Local instance"), .url = api_of(r)->base_url};
	else if (store_get(t, T_PEER, id, NULL, &p) != ERR_OK)
		p = (struct misp_peer){.id = id, .name = STR(""), .url = STR("")};
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", id);
	JSONW_KV(w, jsonw_str, "name", p.name);
	JSONW_KV(w, jsonw_str, "url", p.url);
	jsonw_obj_end(w);
}

static void put_servers(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
			const struct misp_sg *g, enum server_form form)
{
	uint64_t n = 0;
	jsonw_key(w, "SharingGroupServer");
	jsonw_arr(w);
	LIST_EACH(s, g->servers, struct misp_sgserver) {
		jsonw_obj(w);
		if (form != SERVER_INDEX)
			JSONW_KV(w, jsonw_uint_str, "id", ++n);
		JSONW_KV(w, jsonw_uint_str, "sharing_group_id", g->id);
		JSONW_KV(w, jsonw_uint_str, "server_id", s->server_id);
		JSONW_KV(w, jsonw_bool, "all_orgs", s->all_orgs);
		put_server(r, w, t, s->server_id, form);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static void put_head(struct jsonw *w, const struct misp_sg *g)
{
	JSONW_KV(w, jsonw_uint_str, "id", g->id);
	JSONW_KV(w, jsonw_str, "name", g->name);
	JSONW_KV(w, jsonw_str, "releasability", g->releasability.p ? g->releasability : STR(""));
	JSONW_KV(w, jsonw_str, "description", g->description.p ? g->description : STR(""));
	JSONW_KV(w, jsonw_uuid, "uuid", g->uuid);
	JSONW_KV(w, jsonw_uuid, "organisation_uuid", g->organisation_uuid);
	JSONW_KV(w, jsonw_uint_str, "org_id", g->org_id);
	JSONW_KV(w, jsonw_uint_str, "sync_user_id", g->sync_user_id);
	JSONW_KV(w, jsonw_bool, "active", g->active);
	JSONW_KV(w, jsonw_str, "created", g->created);
	JSONW_KV(w, jsonw_str, "modified", g->modified);
	JSONW_KV(w, jsonw_bool, "local", g->local);
	JSONW_KV(w, jsonw_bool, "roaming", g->roaming);
}

enum err group_answer_saved(struct http_req *r, const struct misp_sg *g, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "SharingGroup");
	jsonw_obj(&w);
	put_head(&w, g);
	jsonw_obj_end(&w);
	put_members(&w, t, g, false);
	put_servers(r, &w, t, g, SERVER_SAVED);
	jsonw_key(&w, "Organisation");
	put_org(&w, t, g->org_id, false);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- view and list ---- */

static enum err groups_view(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_sg g;
	struct misp_user sync = {0};
	struct misp_org owner = {0}, sync_org = {0};
	if (!group_of_path(r, req_arg(r, "id"), &g, f))
		return ERR_OK;
	if (r->method == HTTP_HEAD) {
		reply_empty(r, 200);
		return ERR_OK;
	}
	TRY(store_read(api_of(r)->store, &t, f));
	bool synced = store_get(t, T_USER, g.sync_user_id, NULL, &sync) == ERR_OK &&
		      store_get(t, T_ORG, sync.org_id, NULL, &sync_org) == ERR_OK;
	(void)!store_get(t, T_ORG, g.org_id, r->arena, &owner);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "SharingGroup");
	jsonw_obj(&w);
	put_head(&w, &g);
	if (synced) {
		JSONW_KV(&w, jsonw_str, "sync_org_name", sync_org.name);
		jsonw_key(&w, "sync_org");
		put_org(&w, t, sync_org.id, false);
	}
	jsonw_obj_end(&w);
	jsonw_key(&w, "Organisation");
	shape_org(&w, &owner);
	put_members(&w, t, &g, true);
	put_servers(r, &w, t, &g, SERVER_VIEW);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static void put_row(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
		    const struct misp_sg *g)
{
	jsonw_obj(w);
	jsonw_key(w, "SharingGroup");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", g->id);
	JSONW_KV(w, jsonw_uuid, "uuid", g->uuid);
	JSONW_KV(w, jsonw_str, "name", g->name);
	JSONW_KV(w, jsonw_str, "description", g->description.p ? g->description : STR(""));
	JSONW_KV(w, jsonw_str, "releasability", g->releasability.p ? g->releasability : STR(""));
	JSONW_KV(w, jsonw_bool, "local", g->local);
	JSONW_KV(w, jsonw_bool, "active", g->active);
	JSONW_KV(w, jsonw_bool, "roaming", g->roaming);
	JSONW_KV(w, jsonw_uint_str, "org_count", g->orgs.n);
	jsonw_obj_end(w);
	jsonw_key(w, "Organisation");
	put_org(w, t, g->org_id, false);
	put_members(w, t, g, false);
	put_servers(r, w, t, g, SERVER_INDEX);
	JSONW_KV(w, jsonw_bool, "editable", group_editable(r, g));
	JSONW_KV(w, jsonw_bool, "deletable", group_owned(r, g));
	jsonw_obj_end(w);
}

static int by_name(const void *a, const void *b)
{
	const struct misp_sg *x = *(const struct misp_sg *const *)a;
	const struct misp_sg *y = *(const struct misp_sg *const *)b;
	for (size_t i = 0; i < x->name.n && i < y->name.n; i++) {
		int c = tolower((unsigned char)x->name.p[i]) - tolower((unsigned char)y->name.p[i]);
		if (c)
			return c;
	}
	if (x->name.n != y->name.n)
		return x->name.n < y->name.n ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static enum err groups_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_sg row;
	uint64_t id = 0;
	size_t n = 0;
	enum err e = ERR_NOENT;
	TRY(store_read(api_of(r)->store, &t, f));
	uint64_t max = store_count(t, T_SG);
	const struct misp_sg **v = ARENA_ARRAY(r->arena, const struct misp_sg *, max + 1);
	if (!v)
		return fail(f, ERR_LIMIT, "too many sharing groups");
	while (n < max && (e = store_next(t, T_SG, &id, r->arena, &row)) == ERR_OK) {
		struct misp_sg *copy = may_see(r, &row) ? ARENA_NEW(r->arena, struct misp_sg) : NULL;
		if (!copy)
			continue;
		*copy = row; /* texts live as long as the snapshot, lists in the arena */
		v[n++] = copy;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "response");
	jsonw_arr(&w);
	for (size_t i = 0; i < n; i++)
		put_row(r, &w, t, v[i]);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_groups_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/sharing_groups/index",
	.run = groups_index,
	.shape = "SharingGroups",
	.doc = "The sharing groups that the caller belongs to",
};
const struct endpoint ep_groups_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/sharing_groups/view/:id",
	.run = groups_view,
	.shape = "SharingGroup",
	.doc = "One sharing group with members and servers",
};
