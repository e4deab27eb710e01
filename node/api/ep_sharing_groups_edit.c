/*
 * ep_sharing_groups_edit.c - sharing groups added, changed and deleted. The texts are the recorded ones
 * (wire/client, sharing-groups).
 */
#include "api/sharing_groups.h"
#include "base/clock.h"
#include "base/hash.h"
#include "search/query.h"
#include "search/search.h"

#define NAME_MAX_BYTES 255

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
	if (given + n > GROUP_MEMBERS_MAX)
		return fail(f, ERR_LIMIT, "more than %u members", GROUP_MEMBERS_MAX);
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
	return group_answer_saved(r, &j.row, f);
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
		ARENA_ARRAY(r->arena, struct misp_sgserver, MIN(given, GROUP_MEMBERS_MAX) + 1);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (!list && !g->roaming)
		v[n++] = (struct misp_sgserver){0};
	json_array_foreach(list, i, item) {
		struct misp_sgserver s = {.all_orgs = rest_flag(item, "all_orgs", false)};
		rest_take_u64(r, item, "server_id", &s.server_id);
		if (i < GROUP_MEMBERS_MAX && (s.server_id || s.all_orgs))
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
	if (group_load(r, t, text, g) == ERR_OK)
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
	if ((known && !group_editable(r, &g)) || (!may(r, perm_site_admin) && !names_own_org(r, orgs))) {
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
	if (rest_json(r, "SharingGroup", &body, f) != ERR_OK || !group_of_path(r, req_arg(r, "id"), &g, f))
		return ERR_OK;
	if (!group_editable(r, &g)) {
		reply_error(r, 405, "Action not allowed.");
		return ERR_OK;
	}
	me(r)->url = STR("/sharing_groups/edit");
	json_t *orgs = part(r, body, "SharingGroupOrg");
	if (group_owned(r, &g)) {
		take_members(r, body, &g);
		if (json_is_array(part(r, body, "SharingGroupServer")))
			TRY(take_servers(r, body, &g, f));
	}
	if (!str_trim(g.name).n || g.name.n > NAME_MAX_BYTES) {
		not_saved(r, "edit");
		return ERR_OK;
	}
	return save(r, "edit", &g, orgs, group_owned(r, &g), f);
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
	enum err e = group_load(r, t, req_arg(r, "id"), &g);
	store_read_end(MOVE(t));
	if (e != ERR_OK || !group_owned(r, &g)) {
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

/* ---- rows ---- */

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
