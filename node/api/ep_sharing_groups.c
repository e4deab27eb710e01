/*
 * ep_sharing_groups.c - /sharing_groups: list, view, add, edit, delete, members. Who may: members
 * read, the owner's and extending organisations' group managers edit, the owner deletes. Texts and
 * shapes as recorded (wire/client, sharing-groups).
 */
#include <ctype.h>

#include "api/rest.h"
#include "api/shapes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/pack.h"
#include "search/query.h"
#include "search/search.h"

#define MEMBERS_MAX 10000u
#define NAME_MAX_BYTES 255

static const char no_group[] =
	"Sharing group doesn't exist or you do not have permission to access it.";

/* ---- rights ---- */

static const struct misp_sgorg *member(const struct misp_sg *g, uint64_t org_id)
{
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		if (o->org_id == org_id && org_id)
			return o;
	return NULL;
}

static bool may_see(struct http_req *r, const struct misp_sg *g)
{
	if (may(r, perm_site_admin) || member(g, me(r)->user.org_id))
		return true;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id == 0 && s->all_orgs)
			return true;
	return false;
}

static bool owns(struct http_req *r, const struct misp_sg *g)
{
	return may(r, perm_site_admin) ||
	       (may(r, perm_sharing_group) && g->org_id == me(r)->user.org_id);
}

static bool may_edit(struct http_req *r, const struct misp_sg *g)
{
	const struct misp_sgorg *m = member(g, me(r)->user.org_id);
	return owns(r, g) || (may(r, perm_sharing_group) && m && m->extend);
}

/* ---- finding ---- */

static enum err load_group(struct http_req *r, const struct store_rtxn *t, struct str s,
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

/* The group, if the caller may see it; or answered. */
static bool group_of(struct http_req *r, struct str id, struct misp_sg *g, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK && load_group(r, t, id, g) == ERR_OK &&
	    may_see(r, g))
		return true;
	reply_error(r, r->method == HTTP_HEAD ? 404 : 405, "%s", no_group);
	return false;
}

static enum err find_org(const struct store_rtxn *t, struct str s, uint64_t *id)
{
	struct misp_org row;
	struct uuid u;
	if (!str_u64(s, id)) {
		if (!uuid_parse(s, &u))
			return ERR_NOENT;
		TRY(store_find(t, IX_ORG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, id));
	}
	return store_get(t, T_ORG, *id, NULL, &row);
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

static enum err answer_saved(struct http_req *r, const struct misp_sg *g, struct fail *f)
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
	if (!group_of(r, req_arg(r, "id"), &g, f))
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
	JSONW_KV(w, jsonw_bool, "editable", may_edit(r, g));
	JSONW_KV(w, jsonw_bool, "deletable", owns(r, g));
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

/* ---- adding and editing ---- */

/* Members of a document that stand beside or in the group. */
static json_t *part(struct http_req *r, const json_t *body, const char *key)
{
	json_t *v = json_object_get(body, key), *outer = r->ctx;
	if (!v)
		v = json_object_get(outer, key);
	return v;
}

struct save_job {
	struct http_req *r;
	struct misp_sg *g, row; /* as given; as written */
	json_t *orgs;
	bool replace_orgs;
	struct origin origin;
	bool add;
};

/* Id of a member named by org_id, uuid or Organisation. Unknown ones need a name. */
static enum err member_id(struct store_wtxn *w, struct http_req *r, const json_t *item, uint64_t *id,
			  struct fail *f)
{
	const json_t *named = json_object_get(item, "Organisation");
	struct misp_org o = {0}, row;
	if (!json_is_object(named))
		named = item;
	(void)!uuid_parse(rest_text(r, named, "uuid"), &o.uuid);
	o.name = rest_text(r, named, "name");
	if (rest_take_u64(r, item, "org_id", id) && uuid_is_nil(o.uuid))
		return store_get(store_view(w), T_ORG, *id, NULL, &row);
	if (!uuid_is_nil(o.uuid) &&
	    store_find(store_view(w), IX_ORG_UUID, (struct str){(char *)o.uuid.b, 16}, id) == ERR_OK)
		return ERR_OK;
	if (!o.name.n)
		return fail(f, ERR_INVAL, "unknown organisation without a name");
	return ingest_org_capture(w, &o, false, id, f);
}

static enum err take_orgs(struct save_job *j, struct store_wtxn *w, struct fail *f)
{
	struct misp_sg *g = &j->row;
	size_t given = json_array_size(j->orgs), i;
	uint32_t n = j->replace_orgs ? 0 : g->orgs.n;
	json_t *item;
	if (!given)
		return ERR_OK;
	if (given + n > MEMBERS_MAX)
		return fail(f, ERR_LIMIT, "more than %u members", MEMBERS_MAX);
	struct misp_sgorg *v = ARENA_ARRAY(j->r->arena, struct misp_sgorg, given + n);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (n)
		memcpy(v, g->orgs.v, n * sizeof(*v));
	json_array_foreach(j->orgs, i, item) {
		uint64_t id;
		uint32_t k = 0;
		TRY(member_id(w, j->r, item, &id, f));
		while (k < n && v[k].org_id != id)
			k++;
		v[k] = (struct misp_sgorg){.org_id = id, .extend = rest_flag(item, "extend", false)};
		n = MAX(n, k + 1);
	}
	g->orgs = (struct entity_list){v, n};
	return ERR_OK;
}

/* Is the name another group's? */
static enum err name_taken(struct store_wtxn *w, const struct misp_sg *g, bool *taken)
{
	struct misp_sg other;
	uint64_t id = 0;
	enum err e;
	*taken = false;
	while ((e = store_next(store_view(w), T_SG, &id, NULL, &other)) == ERR_OK)
		*taken |= other.id != g->id && str_eq_nocase(other.name, g->name);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err run_save(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct save_job *j = arg;
	struct misp_sg *g = &j->row;
	bool taken;
	*g = *j->g;
	if (j->add)
		g->id = store_new_row_id(w, T_SG);
	TRY(name_taken(w, g, &taken));
	if (taken && j->add)
		g->name = arena_printf(j->r->arena, "%.*s_%u", STR_ARG(g->name),
				       (unsigned)(random_u64() % 9000 + 1000));
	else if (taken)
		return fail(f, ERR_INVAL, "name taken");
	TRY(take_orgs(j, w, f));
	TRY(store_put(w, T_SG, g->id, g, f));
	struct change ch = {.op = j->add ? CHANGE_ADD : CHANGE_EDIT,
			    .kind = CHANGE_TABLE(T_SG),
			    .id = g->id,
			    .uuid = g->uuid,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
}

static void not_saved(struct http_req *r, const char *action)
{
	rest_not_saved(r, action, "SharingGroup", STR_NONE, STR("\"Could not save sharing group.\""));
}

static enum err save(struct http_req *r, const char *action, struct misp_sg *g, json_t *orgs,
		     bool replace_orgs, struct fail *f)
{
	struct save_job j = {.r = r,
			     .g = g,
			     .orgs = orgs,
			     .replace_orgs = replace_orgs,
			     .origin = rest_origin(r),
			     .add = g->id == 0};
	struct fail why = {0};
	g->modified = rest_now_text(r);
	enum err e = rest_write(r, run_save, &j, &why);
	if (e == ERR_INVAL || e == ERR_NOENT || e == ERR_EXISTS || e == ERR_LIMIT) {
		not_saved(r, action);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	return answer_saved(r, &j.row, f);
}

static void take_members(struct http_req *r, const json_t *body, struct misp_sg *g)
{
	rest_take_text(r, body, "name", &g->name);
	rest_take_text(r, body, "releasability", &g->releasability);
	rest_take_text(r, body, "description", &g->description);
	rest_take_flag(body, "active", &g->active);
	rest_take_flag(body, "roaming", &g->roaming);
}

/* Servers of a document: linked ones, and this one if all of it is meant. A group that says nothing
   is of this node. */
static enum err take_servers(struct http_req *r, const json_t *body, struct misp_sg *g,
			     struct fail *f)
{
	json_t *list = part(r, body, "SharingGroupServer"), *item;
	size_t given = json_array_size(list), i;
	uint32_t n = 0;
	if (list && !given)
		return ERR_OK;
	struct misp_sgserver *v =
		ARENA_ARRAY(r->arena, struct misp_sgserver, MIN(given, MEMBERS_MAX) + 1);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (!list && !g->roaming)
		v[n++] = (struct misp_sgserver){0};
	json_array_foreach(list, i, item) {
		struct misp_sgserver s = {.all_orgs = rest_flag(item, "all_orgs", false)};
		rest_take_u64(r, item, "server_id", &s.server_id);
		if (i < MEMBERS_MAX && (s.server_id || s.all_orgs))
			v[n++] = s;
	}
	g->servers = (struct entity_list){v, n};
	return ERR_OK;
}

/* Others than site admins must be among the members, named in full (corrections 46). */
static bool names_own_org(struct http_req *r, const json_t *orgs)
{
	json_t *item;
	size_t i;
	struct uuid u;
	json_array_foreach(orgs, i, item) {
		const json_t *o = json_object_get(item, "Organisation");
		if (json_is_object(o) && uuid_parse(rest_text(r, o, "uuid"), &u) &&
		    uuid_eq(u, me(r)->org.uuid) &&
		    (rest_flag(item, "extend", false) || may(r, perm_sync)))
			return true;
	}
	return false;
}

static bool known_uuid(struct http_req *r, const json_t *body, struct misp_sg *g, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct uuid u;
	struct str text = rest_text(r, body, "uuid");
	if (!uuid_parse(text, &u) || store_read(api_of(r)->store, &t, f) != ERR_OK)
		return false;
	if (load_group(r, t, text, g) == ERR_OK)
		return true;
	g->uuid = u;
	return false;
}

static enum err groups_add(struct http_req *r, struct fail *f)
{
	struct misp_sg g = {.active = true,
			    .org_id = me(r)->user.org_id,
			    .organisation_uuid = me(r)->org.uuid,
			    .sync_user_id = me(r)->user.id,
			    .created = rest_now_text(r)};
	json_t *body;
	if (rest_json(r, "SharingGroup", &body, f) != ERR_OK)
		return ERR_OK;
	json_t *orgs = part(r, body, "SharingGroupOrg");
	me(r)->url = STR("/sharing_groups/add");
	bool known = known_uuid(r, body, &g, f);
	if ((known && !may_edit(r, &g)) || (!may(r, perm_site_admin) && !names_own_org(r, orgs))) {
		not_saved(r, "add");
		return ERR_OK;
	}
	take_members(r, body, &g);
	if (!str_trim(g.name).n || g.name.n > NAME_MAX_BYTES) {
		not_saved(r, "add");
		return ERR_OK;
	}
	if (uuid_is_nil(g.uuid))
		g.uuid = uuid_random();
	if (!known || !g.servers.n)
		TRY(take_servers(r, body, &g, f));
	return save(r, "add", &g, orgs, false, f);
}

/* An extending member changes who else is in, not what the group is (recorded, 2415). */
static enum err groups_edit(struct http_req *r, struct fail *f)
{
	struct misp_sg g;
	json_t *body;
	if (rest_json(r, "SharingGroup", &body, f) != ERR_OK || !group_of(r, req_arg(r, "id"), &g, f))
		return ERR_OK;
	if (!may_edit(r, &g)) {
		reply_error(r, 405, "Action not allowed.");
		return ERR_OK;
	}
	me(r)->url = STR("/sharing_groups/edit");
	json_t *orgs = part(r, body, "SharingGroupOrg");
	if (owns(r, &g)) {
		take_members(r, body, &g);
		if (json_is_array(part(r, body, "SharingGroupServer")))
			TRY(take_servers(r, body, &g, f));
	}
	if (!str_trim(g.name).n || g.name.n > NAME_MAX_BYTES) {
		not_saved(r, "edit");
		return ERR_OK;
	}
	return save(r, "edit", &g, orgs, owns(r, &g), f);
}

/* ---- deleting ---- */

static bool any_event(void *user, const struct misp_event *e)
{
	(void)user;
	(void)e;
	return true;
}

static bool any_attr(void *user, const struct misp_event *e, const struct misp_object *o,
		     const struct misp_attr *a)
{
	(void)user;
	(void)e;
	(void)o;
	(void)a;
	return true;
}

/* Does an event or attribute, seen or not, name the group? */
static enum err in_use(struct http_req *r, const struct misp_sg *g, bool *used, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct search_visible vis = {NULL, any_event, any_attr};
	struct str id = rest_id(r, g->id);
	struct misp_event e;
	uint64_t at = 0;
	enum err err;
	*used = false;
	TRY(store_read(api_of(r)->store, &t, f));
	while (!*used && (err = store_next(t, T_EVENT, &at, NULL, &e)) == ERR_OK)
		*used = e.distribution == DIST_GROUP && e.sharing_group_id == g->id;
	if (*used)
		return ERR_OK;
	struct query *q = ARENA_NEW(r->arena, struct query);
	struct search_result res = {0};
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	q->scope = SCOPE_ATTRIBUTES;
	q->sharinggroup = (struct query_filter){.any = {&id, 1}, .set = true};
	q->limit = 1;
	q->page = 1;
	TRY(search_run(api_of(r)->index, t, q, &vis, NULL, r->arena, &res, f));
	*used = res.n > 0;
	return ERR_OK;
}

static enum err groups_delete(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_sg g;
	bool used;
	TRY(store_read(api_of(r)->store, &t, f));
	enum err e = load_group(r, t, req_arg(r, "id"), &g);
	store_read_end(MOVE(t));
	if (e != ERR_OK || !owns(r, &g)) {
		reply_error(r, 405, "Action not allowed.");
		return ERR_OK;
	}
	TRY(in_use(r, &g, &used, f));
	struct str id = rest_id(r, g.id);
	me(r)->url = arena_printf(r->arena, "/sharing_groups/delete/%.*s", STR_ARG(id));
	if (used) {
		rest_not_saved(r, "delete", "SharingGroup", id,
			       STR("\"The sharing group could not be deleted.\""));
		return ERR_OK;
	}
	TRY(rest_row_del(r, T_SG, g.id, g.uuid, f));
	rest_saved(r, id, "SharingGroup deleted");
	return ERR_OK;
}

/* ---- one member at a time ---- */

struct quick {
	struct misp_sg g;
	uint64_t id; /* of the organisation or server */
	json_t *body;
	struct str flag; /* extend or all_orgs, by path or body */
};

static struct str by_path_or_body(struct http_req *r, const json_t *body, const char *arg,
				  const char *key)
{
	struct str s = req_arg(r, arg);
	return s.p ? s : rest_text(r, body, key);
}

/* Group and other party of a call; false and answered when one is not there. */
static bool quick_begin(struct http_req *r, bool of_org, struct quick *q, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer peer;
	if (rest_json(r, "SharingGroup", &q->body, f) != ERR_OK)
		return false;
	if (!group_of(r, by_path_or_body(r, q->body, "group", "sg_id"), &q->g, f))
		return false;
	if (!may_edit(r, &q->g)) {
		reply_error(r, 405, "Invalid sharing group or no editing rights.");
		return false;
	}
	struct str party = by_path_or_body(r, q->body, "party", of_org ? "org_id" : "server_id");
	q->flag = by_path_or_body(r, q->body, "flag", of_org ? "extend" : "all_orgs");
	bool ok = store_read(api_of(r)->store, &t, f) == ERR_OK;
	if (of_org)
		ok = ok && find_org(t, party, &q->id) == ERR_OK;
	else
		ok = ok && str_u64(party, &q->id) && q->id &&
		     store_get(t, T_PEER, q->id, NULL, &peer) == ERR_OK;
	if (!ok)
		reply_error(r, 405, "%s", of_org ? "Invalid organisation." : "Invalid Server.");
	return ok;
}

static bool is_set(struct str flag)
{
	return flag.n && !str_is(flag, "0") && !str_is(flag, "false");
}

/* Done, or the reason why not. */
static enum err quick_end(struct http_req *r, struct quick *q, const char *url, const char *action,
			  const char *done, const char *fault, struct fail *f)
{
	me(r)->url = str_c(url);
	if (fault) {
		struct buf b = BUF(1 << 16);
		struct jsonw w = jsonw_on(&b);
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_bool, "saved", false);
		JSONW_KV(&w, jsonw_c, "name", action);
		JSONW_KV(&w, jsonw_c, "message", action);
		JSONW_KV(&w, jsonw_c, "url", url);
		JSONW_KV(&w, jsonw_c, "errors", fault);
		jsonw_obj_end(&w);
		rest_answer(r, 403, &b);
		return ERR_OK;
	}
	q->g.modified = rest_now_text(r);
	TRY(rest_row_put(r, T_SG, &q->g.id, &q->g, q->g.uuid, f));
	rest_saved(r, STR_NONE, "%s", done);
	return ERR_OK;
}

static enum err add_org(struct http_req *r, struct fail *f)
{
	struct quick q;
	if (!quick_begin(r, true, &q, f))
		return ERR_OK;
	const char *fault =
		member(&q.g, q.id) ? "Organisation is already in the sharing group." : NULL;
	struct misp_sgorg *v = ARENA_ARRAY(r->arena, struct misp_sgorg, q.g.orgs.n + 1);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (q.g.orgs.n)
		memcpy(v, q.g.orgs.v, q.g.orgs.n * sizeof(*v));
	v[q.g.orgs.n] = (struct misp_sgorg){.org_id = q.id, .extend = is_set(q.flag)};
	q.g.orgs = (struct entity_list){v, q.g.orgs.n + 1};
	return quick_end(r, &q, "/sharing_groups/addOrg",
			 "Could not add Organisation to SharingGroup",
			 "Organisation added to the sharing group.", fault, f);
}

static enum err remove_org(struct http_req *r, struct fail *f)
{
	struct quick q;
	if (!quick_begin(r, true, &q, f))
		return ERR_OK;
	struct misp_sgorg *m = (struct misp_sgorg *)(uintptr_t)member(&q.g, q.id);
	if (m) {
		struct misp_sgorg *v = q.g.orgs.v;
		memmove(m, m + 1, (size_t)(v + q.g.orgs.n - (m + 1)) * sizeof(*v));
		q.g.orgs.n--;
	}
	return quick_end(r, &q, "/sharing_groups/removeOrg",
			 "Could not remove Organisation from SharingGroup",
			 "Organisation removed from the sharing group.",
			 m ? NULL : "Organisation is not in the sharing group.", f);
}

static struct misp_sgserver *server(const struct misp_sg *g, uint64_t id)
{
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id == id)
			return s;
	return NULL;
}

static enum err add_server(struct http_req *r, struct fail *f)
{
	struct quick q;
	if (!quick_begin(r, false, &q, f))
		return ERR_OK;
	const char *fault = server(&q.g, q.id) ? "Server is already in the sharing group." : NULL;
	struct misp_sgserver *v = ARENA_ARRAY(r->arena, struct misp_sgserver, q.g.servers.n + 1);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (q.g.servers.n)
		memcpy(v, q.g.servers.v, q.g.servers.n * sizeof(*v));
	v[q.g.servers.n] = (struct misp_sgserver){.server_id = q.id, .all_orgs = is_set(q.flag)};
	q.g.servers = (struct entity_list){v, q.g.servers.n + 1};
	return quick_end(r, &q, "/sharing_groups/addServer",
			 "Could not add Server to SharingGroup",
			 "Server added to the sharing group.", fault, f);
}

static enum err remove_server(struct http_req *r, struct fail *f)
{
	struct quick q;
	if (!quick_begin(r, false, &q, f))
		return ERR_OK;
	struct misp_sgserver *s = server(&q.g, q.id);
	if (s) {
		struct misp_sgserver *v = q.g.servers.v;
		memmove(s, s + 1, (size_t)(v + q.g.servers.n - (s + 1)) * sizeof(*v));
		q.g.servers.n--;
	}
	return quick_end(r, &q, "/sharing_groups/removeServer",
			 "Could not remove Server from SharingGroup",
			 "Server removed from the sharing group.",
			 s ? NULL : "Server is not in the sharing group.", f);
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
const struct endpoint ep_groups_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/sharing_groups/add",
	.auth = perm_sharing_group,
	.run = groups_add,
	.shape = "SharingGroup",
	.takes = "GroupIn",
	.doc = "Add a sharing group, or update the one with this UUID",
};
const struct endpoint ep_groups_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/sharing_groups/edit/:id",
	.auth = perm_sharing_group,
	.run = groups_edit,
	.shape = "SharingGroup",
	.takes = "GroupIn",
	.doc = "Change a sharing group",
};
const struct endpoint ep_groups_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/sharing_groups/delete/:id",
	.auth = perm_sharing_group,
	.run = groups_delete,
	.shape = "Saved",
	.doc = "Delete a sharing group that nothing is shared with",
};
const struct endpoint ep_groups_add_org = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/addOrg/:group/:party/:flag",
	.auth = perm_sharing_group,
	.run = add_org,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Add an organisation to a sharing group",
};
const struct endpoint ep_groups_remove_org = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/removeOrg/:group/:party",
	.auth = perm_sharing_group,
	.run = remove_org,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Take an organisation out of a sharing group",
};
const struct endpoint ep_groups_add_server = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/addServer/:group/:party/:flag",
	.auth = perm_sharing_group,
	.run = add_server,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Add a link to a sharing group",
};
const struct endpoint ep_groups_remove_server = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/removeServer/:group/:party",
	.auth = perm_sharing_group,
	.run = remove_server,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Take a link out of a sharing group",
};
